"""The sweep's own run: the ranking and the visits as tables, the facts as its summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from foldgrid.tracking import privacy as outbound
from foldgrid.tracking.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class SummaryContent:
    """What the summary run holds, already made safe to leave the machine.

    Attributes:
        tables: By key, the columns and the rows.
        facts: Scalars by key.
        images: Mosaics, height x width x 3.
    """

    tables: dict[str, tuple[list[str], list[list[Any]]]]
    facts: dict[str, Any]
    images: tuple[np.ndarray[Any, np.dtype[np.uint8]], ...] = ()


def make_content(
    rows: Sequence[Mapping[str, Any]],
    visit_predictions: pd.DataFrame | None,
    facts: Mapping[str, Any] | None,
    sample_images: Sequence[np.ndarray[Any, np.dtype[np.uint8]]],
    pseudonyms: Pseudonyms | None,
    table: str = "ranking",
) -> SummaryContent:
    """What the summary run holds, of what is known at home; see ``RunProjector.summarise``.

    Raises:
        TypeError: A cell is not a scalar, or holds a path; visits without pseudonyms.
    """
    tables = {table: outbound.rows_table(rows)}
    if visit_predictions is not None:
        if pseudonyms is None:
            raise TypeError("visit-level predictions need pseudonyms before they are uploaded")
        key = "visits" if "visit" in visit_predictions else "photographs"
        tables[key] = outbound.visit_table(visit_predictions, pseudonyms)
    return SummaryContent(tables, outbound.plain_facts(facts or {}), tuple(sample_images))
