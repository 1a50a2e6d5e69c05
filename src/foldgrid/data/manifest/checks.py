"""What reading any kind of manifest takes: the header, the rows, and which kind it is.

Knows columns and row models; never looks at more than one row at a time.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from foldgrid.data.manifest.rows import (
    ANNOTATION_PREFIX,
    LABELLED_COLUMNS,
    MEASURED_COLUMNS,
    NUMBERS,
    REQUIRED_COLUMNS,
    SCORES,
    PhotoRow,
    SinglePhotoRow,
    cell_text,
)
from foldgrid.data.manifest.table import RawTable
from foldgrid.specs.errors import InputError, Problem, nearest
from foldgrid.specs.samples import SampleKind


def manifest_kind(columns: Sequence[str]) -> SampleKind:
    """Which samples a manifest is for, by its header alone.

    Mosaics as soon as it has a region or a score; else labelled photographs where it has a
    label, measured ones where it has a value, and labelled ones again where it has a column that
    only makes sense beside a label.
    """
    if {"region", *SCORES} & set(columns):
        return "mosaics"
    if "value" in columns and "label" not in columns:
        return "measured"
    tell = {"label", "case", "taxonomy"} & set(columns) or any(
        name.startswith(ANNOTATION_PREFIX) or nearest("label", [name], most=1) for name in columns
    )
    return "single" if tell else "mosaics"


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
        kinds: dict[tuple[str, ...], str] = {
            LABELLED_COLUMNS: "labelled manifest",
            MEASURED_COLUMNS: "measured manifest",
        }
        kind = kinds.get(tuple(whole), "manifest")
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
        if table.has_decimal_commas:
            for name in NUMBERS & cells.keys():
                cells[name] = cells[name].replace(",", ".")
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


MAX_ROWS_NAMED = 8


def rows_by_file(photos: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of each file that several rows name, by whatever spelling or link."""
    places: dict[tuple[int, int], list[int]] = {}
    for place, path in enumerate(photos["path"]):
        if path:
            status = Path(path).stat()
            places.setdefault((status.st_dev, status.st_ino), []).append(place)
    return [photos.iloc[same] for same in places.values() if len(same) > 1]


def find_repeated_photos(photos: pd.DataFrame) -> list[Problem]:
    """Find files that several rows name."""
    return [
        Problem(
            rows_text(rows["row"]),
            "photo",
            f'found "{rows["photo"].iloc[0]}" {len(rows)} times. A photo is listed once: keep one '
            "row.",
        )
        for rows in rows_by_file(photos)
    ]


def find_disagreements(
    photos: pd.DataFrame, keys: list[str], columns: Sequence[str], rule: str
) -> list[Problem]:
    """Find cells that differ among rows that should agree.

    Args:
        photos: The rows.
        keys: The columns whose equal values make rows belong together.
        columns: The columns in which they must agree; empty numbers agree with anything.
        rule: What the contract says, for the message: "a visit has one day".
    """
    groups = photos.groupby(keys, sort=False)
    problems = []
    for column in columns:
        is_split = groups[column].transform("nunique") > 1
        for names, rows in photos[is_split].groupby(keys, sort=False):
            found = " and ".join(
                f"{_value(value)} ({rows_text(same['row'])})"
                for value, same in rows.groupby(column)
            )
            message = f"found {found} for {joined(names)}; {rule}: correct the wrong ones."
            problems.append(Problem(rows_text(rows["row"]), column, message))
    return problems


def find_split_cases(photos: pd.DataFrame, truth: str = "") -> list[Problem]:
    """Find cases with two subjects, or two of a column ``truth``, and visits with two days."""
    in_case = photos[photos["case"] != ""]
    at_visit = photos[photos["visit"] != ""]
    problems = find_disagreements(in_case, ["case"], ["subject"], "a case belongs to one subject")
    if truth:
        problems += find_disagreements(in_case, ["case"], [truth], f"a case has one {truth}")
    of_day = find_disagreements(at_visit, ["subject", "visit"], ["day"], "a visit has one day")
    return problems + of_day


def days_of_visits(photos: pd.DataFrame) -> pd.Series[Any]:
    """The day of each photograph: what one row of a visit says holds for the others."""
    visited = photos["visit"] != ""
    days = photos[visited].groupby(["subject", "visit"])["day"].transform("first")
    return photos["day"].where(~visited, days)


def _value(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"


def rows_text(numbers: Iterable[int]) -> str:
    """Rows as a message names them, at most `MAX_ROWS_NAMED` of them."""
    listed = sorted(numbers)
    shown = ", ".join(str(number) for number in listed[:MAX_ROWS_NAMED])
    more = f", … ({len(listed)})" if len(listed) > MAX_ROWS_NAMED else ""
    return f"row{'s' if len(listed) > 1 else ''} {shown}{more}"


def joined(keys: tuple[Hashable, ...]) -> str:
    """The names that rows have in common, as a message writes them."""
    return "/".join(str(key) for key in keys)
