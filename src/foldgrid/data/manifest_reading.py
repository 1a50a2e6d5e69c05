"""What reading either kind of manifest takes: the header, the rows, and which kind it is.

Knows columns and row models; never looks at more than one row at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import pandas as pd
from pydantic import ValidationError

from foldgrid.data.manifest_cells import cell_text
from foldgrid.data.manifest_rows import (
    GRADE_PREFIX,
    LABELLED_COLUMNS,
    REQUIRED_COLUMNS,
    SCORES,
    PhotoRow,
    SinglePhotoRow,
)
from foldgrid.data.manifest_table import RawTable
from foldgrid.specs.errors import InputError, Problem, nearest

ManifestKind = Literal["scored", "labelled"]


def manifest_kind(columns: Sequence[str]) -> ManifestKind:
    """Which kind a manifest is, by its header alone.

    Scored as soon as it has a region or a score; else labelled where it has a label, or a column
    that only makes sense beside one.
    """
    if {"region", *SCORES} & set(columns):
        return "scored"
    tell = {"label", "case", "taxonomy"} & set(columns) or any(
        name.startswith(GRADE_PREFIX) or nearest("label", [name], most=1) for name in columns
    )
    return "labelled" if tell else "scored"


def check_header(
    source: str,
    columns: Sequence[str],
    required: Sequence[str],
    whole: Sequence[str] = REQUIRED_COLUMNS,
) -> None:
    """Check that a header has what is needed.

    Args:
        source: The manifest, for the message.
        columns: Its header.
        required: What is needed now.
        whole: What a manifest of this kind has, for the message.

    Raises:
        InputError: Columns are missing.
    """
    missing = [name for name in required if name not in columns]
    spare = {name.lower(): name for name in columns if name not in whole}
    problems = []
    for name in missing:
        close = nearest(name, spare, most=1)
        hint = f'Found "{spare[close[0]]}": rename it.' if close else "Add it."
        problems.append(Problem("header", name, f"this column is missing. {hint}"))
    if problems:
        kind = "labelled manifest" if tuple(whole) == LABELLED_COLUMNS else "manifest"
        raise InputError(source, problems, f"A {kind} has the columns {', '.join(whole)}.")


def header_warnings(
    columns: Iterable[str], known: Iterable[str], optional: Sequence[str]
) -> list[Problem]:
    """Find columns that are passed over although they look like an optional one."""
    columns, passed = list(columns), set(known)
    absent = [name for name in optional if name not in columns]
    return [
        Problem("header", name, f'this column is ignored. Did you mean "{close[0]}"?')
        for name in columns
        if name not in passed and (close := nearest(name, absent, most=1))
    ]


def parse_rows(
    table: RawTable,
    row_model: type[PhotoRow] | type[SinglePhotoRow],
    text_columns: Sequence[str] = (),
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read the rows of a table.

    Args:
        table: The cells.
        row_model: What a row may say.
        text_columns: Columns of the table that are taken as they are, as text.

    Returns:
        The rows that read well, ``row`` first, and all problems of the table.
    """
    parsed: list[dict[str, Any]] = []
    problems = list(table.problems)
    for number, row_cells in zip(table.row_numbers, table.rows, strict=True):
        cells = dict(zip(table.columns, row_cells, strict=True))
        try:
            row = row_model.model_validate(cells)
        except ValidationError as error:
            for each in error.errors():
                problems.append(Problem(f"row {number}", str(each["loc"][0]), each["msg"]))
        else:
            texts = {name: cell_text(cells[name]) for name in text_columns}
            parsed.append({"row": number, **row.model_dump(), **texts})
    frame = pd.DataFrame(parsed)
    if not frame.empty:
        frame["day"] = frame["day"].astype("float64")
    if frame.empty and not problems:
        problems = [Problem("file", "", "found no rows. List the photos, one a row.")]
    return frame, problems


def too_few_subjects(photos: pd.DataFrame, problems: Sequence[Problem]) -> list[Problem]:
    """Find that there is but one subject, which training cannot split."""
    # While other mistakes stand, rows are missing here and the count would mislead.
    if problems or photos["subject"].nunique() > 1:
        return []
    only = photos["subject"].iloc[0]
    message = f'found only "{only}". At least 2 subjects are needed: nobody is on both sides.'
    return [Problem("all rows", "subject", message)]
