"""What may leave the machine, and nothing else: the files to read before trusting the upload.

Here is what fits and trials share; `fits` and `trials` say what leaves of each.
Everything is named there and copied key by key, so a field added to a record stays at home until it
is listed. Subjects leave as pseudonyms, visits as ordinal numbers; paths, hosts and free text do
not leave.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from foldgrid.specs.fits import content_digest
from foldgrid.specs.sweep import Sweep
from foldgrid.tracking.pseudonyms import SUBJECT, Pseudonyms, pseudonymise
from foldgrid.tracking.runs import RunHeader, run_id_of

if TYPE_CHECKING:
    import pandas as pd

WORDS_ALLOWED_IN_VISITS = (SUBJECT, "region", "partition", "backbone", "model")
LONGEST_TAG = 64


@dataclass(frozen=True)
class ProjectContext:
    """What every run of a sweep is tagged with.

    Attributes:
        data_fingerprint: Hash of the samples.
        split_fingerprint: Hash of every sample's partition and fold.
        git_commit: The code's commit, where it is known.
        tags: Further tags.
    """

    data_fingerprint: str
    split_fingerprint: str
    git_commit: str | None = None
    tags: tuple[str, ...] = ()


def sweep_tags(sweep: Sweep, context: ProjectContext, *more: str) -> tuple[str, ...]:
    """The tags of a sweep's run: the sweep, ``more``, the data, the budget, the code."""
    tags = [sweep.name, *more, f"data-{context.data_fingerprint[:10]}", f"budget-{sweep.budget}"]
    if context.git_commit:
        tags.append(f"git-{context.git_commit[:7]}")
    return tuple(tag[:LONGEST_TAG] for tag in dict.fromkeys([*tags, *context.tags]) if tag)


def summary_header(
    sweep: Sweep, context: ProjectContext, identity: Sequence[str], more: Mapping[str, Any]
) -> RunHeader:
    """How the run of a whole sweep is filed.

    Args:
        sweep: What was run.
        context: The tags of every run.
        identity: What tells it from the sweep's other summaries.
        more: Further settings.
    """
    settings = sweep.model_dump(mode="json", include={"name", "backbones", "seed"})
    settings |= {
        "split": sweep.split.model_dump(mode="json"),
        "budget": sweep.budget,
        "data_fingerprint": context.data_fingerprint,
        "split_fingerprint": context.split_fingerprint,
    }
    return RunHeader(
        run_id=run_id_of(sweep.name, f"summary-{content_digest(list(identity))}"),
        name=f"{sweep.name} summary",
        group=sweep.name,
        job_type="summary",
        tags=sweep_tags(sweep, context),
        config=settings | dict(more),
    )


def rows_table(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Rows as columns and cells; a row that lacks a column gets null there."""
    columns = list(dict.fromkeys(str(name) for row in rows for name in row))
    return columns, [[_cell(row.get(name)) for name in columns] for row in rows]


def visit_table(frame: pd.DataFrame, pseudonyms: Pseudonyms) -> tuple[list[str], list[list[Any]]]:
    """Predictions of visits or photographs without anything that names a person.

    Args:
        frame: One row a unit and model, with ``subject`` and ``visit`` or ``photograph``.
        pseudonyms: Turns subjects into pseudonyms.

    Returns:
        Columns and rows: the pseudonym, the unit's number, and of the other columns the numeric
        ones and the known words. Identifiers such as ``sample`` or ``photo`` stay at home.
    """
    safe = pseudonymise(frame, pseudonyms)
    kept = [
        name
        for name in safe.columns
        if name in WORDS_ALLOWED_IN_VISITS
        or (safe[name].dtype.kind in "iufb" and name not in ("sample", "photo", "label"))
    ]
    # The table reads from left to right: who, when, then the numbers.
    kept.sort(key=lambda name: (name != SUBJECT, not name.endswith("_number")))
    return [str(name) for name in kept], [
        [_cell(value) for value in row] for row in safe[kept].itertuples(index=False, name=None)
    ]


def plain_facts(facts: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested facts as one level, ``part/name``; only numbers, words and truth values."""
    flat: dict[str, Any] = {}
    for name, value in facts.items():
        key = f"{prefix}{plain_key(str(name))}"
        if isinstance(value, Mapping):
            flat |= plain_facts(value, f"{key}/")
        else:
            flat[key] = _cell(value)
    return flat


def plain_key(name: str) -> str:
    """A key without dots, which trackers take for a path into a nested value."""
    return name.replace(".", "_")


def plain_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings whose keys are plain at every depth: a class may be called ``v1.0``."""
    return {
        plain_key(str(name)): plain_settings(value) if isinstance(value, Mapping) else value
        for name, value in settings.items()
    }


def _cell(value: Any) -> Any:
    """A scalar as trackers store it: NumPy's as Python's, what is not a number as null.

    Raises:
        TypeError: Not a scalar, or a path: those stay at home, as ``Path`` and as text.
    """
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, str) and any(
        kind(value).is_absolute() for kind in (PurePosixPath, PureWindowsPath)
    ):
        raise TypeError(f"{value!r} is a path; paths are not uploaded")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{value!r} is a {type(value).__name__}; only scalars are uploaded")
