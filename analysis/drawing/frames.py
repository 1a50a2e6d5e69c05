"""Facts as a table of numbers: a row a fact, a column a field, nested ones beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import pandas as pd
from pydantic import BaseModel

_OF_INTERVALS = {"reason", "num_undefined"}
"""What an interval says of itself beside its ends."""


def frame_of(facts: Iterable[Any], **beside: Any) -> pd.DataFrame:
    """A table of facts.

    Args:
        facts: Dataclasses, models of pydantic or mappings, all with the same fields. A figure
            with an interval, whatever it is called, becomes three columns: ``auc``, ``auc_low``
            and ``auc_high``.
        **beside: Columns before theirs, the same in every row.

    Example:
        >>> frame_of([{"auc": {"value": 0.9, "low": 0.8, "high": 0.95}}], model="resnet18")
              model  auc  auc_low  auc_high
        0  resnet18  0.9      0.8      0.95
    """
    return pd.DataFrame([{**beside, **_flat("", each)} for each in facts])


def beside_each_other(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Several tables of the same columns, one below the other."""
    return pd.concat(list(frames), ignore_index=True)


def _flat(prefix: str, fact: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in _items(fact):
        stem = name.removesuffix("interval").rstrip("_") if name.endswith("interval") else name
        stem = "" if prefix and stem == "value" else stem
        whole = "_".join(filter(None, (prefix, stem)))
        if not _is_nested(value):
            found[whole] = value
        elif name.endswith("interval"):
            ends = {key: each for key, each in _items(value) if key not in _OF_INTERVALS}
            found |= {f"{whole}_{key}" if whole else key: each for key, each in ends.items()}
        else:
            found |= _flat(whole, value)
    return found


def _is_nested(value: Any) -> bool:
    return isinstance(value, BaseModel | Mapping) or is_dataclass(value)


def _items(fact: Any) -> list[tuple[str, Any]]:
    if isinstance(fact, Mapping):
        return [(str(name), value) for name, value in fact.items()]
    if isinstance(fact, BaseModel):
        return [(name, getattr(fact, name)) for name in type(fact).model_fields]
    return [(each.name, getattr(fact, each.name)) for each in fields(fact)]
