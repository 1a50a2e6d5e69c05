"""The flow table of a study: what came in, what was left out in which step, what is left.

Knows counts only; whether an exclusion takes more of one class is asked next door.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.data.audit.exclusions import REASONS
from foldgrid.data.audit.group_comparison import (
    LEFT,
    Comparison,
    compare_exclusions,
    find_subgroups,
    fraction,
)
from foldgrid.tables.table import Column, Table
from foldgrid.tables.text import as_csv, as_latex, as_markdown, as_plain

COMING_IN = "in the manifest"
UNEVEN = (
    "What is left is another mix than what came in. Look at these photographs: a rule may see the "
    "class and not the flaw."
)


@dataclass(frozen=True)
class FlowStep:
    """One line of the table.

    Attributes:
        step: What it is: `COMING_IN`, a reason of exclusion, or `LEFT`.
        is_exclusion: Whether the numbers are of what this step takes away.
        num_photos: Photographs.
        num_cases: Cases; an exclusion takes a case away with its last photograph.
        num_subjects: Subjects, likewise.
        photos_by_label: Photographs of each class.
        comparisons: Of an exclusion that took something, and of all together in the line `LEFT`:
            across the classes, and across the values of each describing column.
    """

    step: str
    is_exclusion: bool
    num_photos: int
    num_cases: int
    num_subjects: int
    photos_by_label: dict[str, int]
    comparisons: tuple[Comparison, ...] = ()


UNASKED = ("uploaded_on", "review_status", "reviewed_by", "remarks")
"""Describing columns that say nothing of a person or a picture."""


def labelled_flow(
    photos: pd.DataFrame,
    described: Sequence[str],
    reasons: NDArray[np.str_],
    looked_for: Sequence[str] = REASONS,
) -> list[FlowStep]:
    """`study_flow`, compared across all describing columns.

    Args:
        photos: Rows of `LabelledManifest.photos`.
        described: Its describing columns.
        reasons: Why each row is left out.
        looked_for: The reasons that were looked for.
    """
    groups = find_subgroups(photos, [name for name in described if name not in UNASKED])
    return study_flow(photos.assign(**groups), reasons, list(groups), looked_for)


def study_flow(
    photos: pd.DataFrame,
    reasons: NDArray[np.str_],
    subgroups: Sequence[str] = (),
    looked_for: Sequence[str] = REASONS,
) -> list[FlowStep]:
    """Count the steps, those that take nothing away included: looked for, and not found.

    Args:
        photos: `LabelledManifest.photos`.
        reasons: `find_reasons`.
        subgroups: Columns of ``photos``, text, across whose values each step is compared as it is
            across the classes, those of `find_subgroups`.
        looked_for: The reasons, in their order.
    """
    labels = sorted(photos["label"].unique())
    left = np.ones(len(photos), dtype=bool)
    steps = [_count(COMING_IN, photos, labels)]
    for reason in looked_for:
        before = _count("", photos[left], labels)
        left &= reasons != reason
        after = _count("", photos[left], labels)
        steps.append(_difference(reason, before, after))
    steps.append(_count(LEFT, photos[left], labels))
    compared = compare_exclusions(photos, reasons, ("label", *subgroups))
    return [replace(step, comparisons=compared.get(step.step, ())) for step in steps]


def _count(step: str, photos: pd.DataFrame, labels: Sequence[str]) -> FlowStep:
    by_label = photos["label"].value_counts()
    cases = photos.loc[photos["case"] != "", "case"]
    return FlowStep(
        step=step,
        is_exclusion=False,
        num_photos=len(photos),
        num_cases=int(cases.nunique()),
        num_subjects=int(photos["subject"].nunique()),
        photos_by_label={label: int(by_label.get(label, 0)) for label in labels},
    )


def _difference(step: str, before: FlowStep, after: FlowStep) -> FlowStep:
    return FlowStep(
        step=step,
        is_exclusion=True,
        num_photos=before.num_photos - after.num_photos,
        num_cases=before.num_cases - after.num_cases,
        num_subjects=before.num_subjects - after.num_subjects,
        photos_by_label={
            label: number - after.photos_by_label[label]
            for label, number in before.photos_by_label.items()
        },
    )


def flow_rows(steps: Sequence[FlowStep]) -> list[dict[str, str | int]]:
    """The table as rows with one column a class, for every format alike."""
    return [
        {
            "step": f"excluded: {step.step}" if step.is_exclusion else step.step,
            "subjects": step.num_subjects,
            "cases": step.num_cases,
            "photographs": step.num_photos,
            **step.photos_by_label,
        }
        for step in steps
    ]


def uneven_exclusions(steps: Sequence[FlowStep]) -> list[str]:
    """What each exclusion took more of from one class or subgroup than chance would."""
    return [
        comparison.describe("excluded in all" if step.step == LEFT else f"excluded: {step.step}")
        for step in steps
        for comparison in step.comparisons
        if comparison.is_uneven
    ]


def group_rows(steps: Sequence[FlowStep]) -> list[dict[str, str | int]]:
    """How many photographs of each class and subgroup were excluded, for which reason."""
    taken = {step.step: step.comparisons for step in steps if step.comparisons}
    rows: list[dict[str, str | int]] = []
    for place, comparison in enumerate(taken.get(LEFT, ())):
        for group, (num_excluded, num_photos) in comparison.photos.items():
            reasons = {
                reason: compared[place].photos[group][0]
                for reason, compared in taken.items()
                if reason != LEFT
            }
            rows.append(
                {
                    "column": comparison.column,
                    "group": group,
                    "photographs": num_photos,
                    "excluded": num_excluded,
                    "percent": f"{fraction((num_excluded, num_photos)):.1%}",
                    **reasons,
                }
            )
    return rows


def flow_record(steps: Sequence[FlowStep]) -> list[dict[str, object]]:
    """The table for machines: the fields as they are."""
    return [asdict(step) for step in steps]


def render_terminal(steps: Sequence[FlowStep]) -> str:
    """Columns lined up; an exclusion's numbers carry a minus."""
    return _with_groups(steps, as_plain, "! {}")


def render_markdown(steps: Sequence[FlowStep]) -> str:
    """A table for a README or an issue."""
    return _with_groups(steps, as_markdown, "- {}")


def render_csv(steps: Sequence[FlowStep]) -> str:
    """Comma-separated; an exclusion's numbers are those taken away, without a sign."""
    return as_csv(Table.of_records(flow_rows(steps)))


def render_latex(steps: Sequence[FlowStep]) -> str:
    """A ``booktabs`` table."""
    return _with_groups(steps, as_latex, "% {}")


def render_json(steps: Sequence[FlowStep]) -> str:
    """The fields as they are."""
    return json.dumps(flow_record(steps), indent=2, ensure_ascii=False) + "\n"


FLOW_FORMATS: dict[str, Callable[[Sequence[FlowStep]], str]] = {
    "terminal": render_terminal,
    "csv": render_csv,
    "md": render_markdown,
    "latex": render_latex,
    "json": render_json,
}


def _with_groups(steps: Sequence[FlowStep], render: Callable[[Table], str], item: str) -> str:
    """The flow, below it who was excluded where anybody was, and what is uneven."""
    rows, uneven = group_rows(steps), uneven_exclusions(steps)
    parts = [render(_signed(steps))]
    if rows:
        columns = tuple(Column(name, is_number=place > 1) for place, name in enumerate(rows[0]))
        parts.append(render(Table("groups", "", columns, tuple(tuple(r.values()) for r in rows))))
    if uneven:
        parts.append("".join(f"{item.format(sentence)}\n" for sentence in (*uneven, UNEVEN)))
    return "\n".join(parts)


def _signed(steps: Sequence[FlowStep]) -> Table:
    """What each exclusion takes away with a minus."""
    rows = flow_rows(steps)
    columns = tuple(Column(name, is_number=place > 0) for place, name in enumerate(rows[0]))
    signed = [
        [
            -value if step.is_exclusion and isinstance(value, int) else value
            for value in row.values()
        ]
        for step, row in zip(steps, rows, strict=True)
    ]
    return Table("flow", "", columns, tuple(map(tuple, signed)))
