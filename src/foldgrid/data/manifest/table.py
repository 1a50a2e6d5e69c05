"""A manifest file: its raw cells, each row with its place, and what is left once it is checked.

Knows CSV and Parquet; does not know what the columns of a kind mean.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from foldgrid.specs.errors import InputError, Problem, nearest

PARQUET_MAGIC = b"PAR1"
NOT_TABLES = {
    b"PK\x03\x04": 'an Excel workbook. Save it as "CSV UTF-8"',
    b"\xd0\xcf\x11\xe0": 'an old Excel workbook. Save it as "CSV UTF-8"',
    b"\xff\xfe": 'UTF-16 text. Save it as "CSV UTF-8"',
    b"\xfe\xff": 'UTF-16 text. Save it as "CSV UTF-8"',
    b"%PDF": "a PDF. Write a CSV with one row a photo",
}
"""How files that are often mistaken for a CSV begin."""


@dataclass(frozen=True)
class CheckedManifest:
    """A manifest in which no mistake was found.

    Attributes:
        path: The file.
        photos: One row a photo in the file's order: ``row`` (its place in the file), ``photo``
            (as written), ``path`` (absolute), ``subject``, ``visit`` ("" where not given), ``day``
            (NaN where unknown), and what its kind adds.
        warnings: What is odd but usable.
    """

    path: Path
    photos: pd.DataFrame
    warnings: tuple[Problem, ...]

    @property
    def folder(self) -> Path:
        """The folder that the photos' paths are relative to."""
        return self.path.absolute().parent

    @property
    def num_subjects(self) -> int:
        """How many subjects there are."""
        return int(self.photos["subject"].nunique())

    @property
    def unknown_person(self) -> str:
        """What the person is called of whom nothing is known; "" where subjects are persons."""
        return next((name for name in self.photos["person_unknown"] if name), "")


@dataclass(frozen=True)
class RawTable:
    """The cells of a table.

    Attributes:
        columns: The header, without surrounding blanks.
        rows: The cells of each row, in the header's order: text from CSV, any value from Parquet.
        row_numbers: For each row the line of the CSV file that it starts on (the header is line
            1), or its 0-based index in the Parquet file.
        problems: Rows that could not be read; they are not in ``rows``.
    """

    columns: list[str]
    rows: list[list[Any]]
    row_numbers: list[int]
    problems: list[Problem]


def read_table(path: Path) -> RawTable:
    """Read a CSV or Parquet file; which one, its first bytes say.

    Raises:
        InputError: The file is missing, empty, or neither.
    """
    content = _content(path)
    if content.startswith(PARQUET_MAGIC):
        return _from_parquet(path, content)
    if path.suffix.lower() in {".parquet", ".pq"}:
        raise _refusal(path, "is not a Parquet file, whatever its name says. Write it again")
    for magic, what in NOT_TABLES.items():
        if content.startswith(magic):
            raise _refusal(path, f"is {what}. A manifest is a CSV or a Parquet file")
    return _from_csv(path, _decoded(path, content))


def _refusal(path: Path, message: str, where: str = "file") -> InputError:
    return InputError(str(path), [Problem(where, "", f"{message}.")])


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        beside = [each.name for each in path.parent.glob("*") if each.is_file()]
        close = nearest(path.name, beside, most=1)
        hint = f'Did you mean "{path.with_name(close[0])}"?' if close else "Check the path."
        raise InputError(str(path), [Problem("file", "", f"not found. {hint}")]) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _refusal(
            path, f"cannot be read ({reason}). Give a readable CSV or Parquet file"
        ) from error
    if not content.strip():
        raise _refusal(path, "is empty. A manifest has a header and one row a photo")
    return content


def _decoded(path: Path, content: bytes) -> str:
    try:
        # Spreadsheets put a byte order mark in front; it is not part of the first column's name.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        found = f"found byte 0x{content[error.start]:02x}, which is not UTF-8"
        raise _refusal(path, f'{found}. Save the file as "CSV UTF-8"', f"row {row}") from None


def _from_csv(path: Path, text: str) -> RawTable:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[Any]] = []
    row_numbers: list[int] = []
    problems: list[Problem] = []
    columns: list[str] | None = None
    start = 1
    try:
        for cells in reader:
            number, start = start, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _header(path, cells)
            elif len(cells) != len(columns):
                problems.append(_ragged(number, len(cells), len(columns)))
            else:
                rows.append(cells)
                row_numbers.append(number)
    except csv.Error as error:
        raise _refusal(
            path, f"not readable as CSV ({error}). Check the quotes around it", f"row {start}"
        ) from None
    return RawTable(columns or [], rows, row_numbers, problems)


def _header(path: Path, cells: list[str]) -> list[str]:
    columns = [cell.strip() for cell in cells]
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(columns) == 1 and separator in columns[0]:
            message = f"found columns separated by {name}. Commas are needed: save it with commas"
            raise _refusal(path, message, "header")
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        message = "found twice. Each column is given once: remove or rename one"
        raise InputError(str(path), [Problem("header", name, f"{message}.") for name in twice])
    return columns


def _ragged(number: int, found: int, expected: int) -> Problem:
    message = (
        f"found {found} cells, the header has {expected}. Put quotes around cells with commas."
    )
    return Problem(f"row {number}", "", message)


def _from_parquet(path: Path, content: bytes) -> RawTable:
    try:
        table = pq.read_table(io.BytesIO(content))
    except (pa.ArrowException, OSError) as error:
        first_line = str(error).splitlines()[0]
        raise _refusal(path, f"is a corrupt Parquet file ({first_line}). Write it again") from None
    columns = [name.strip() for name in table.column_names]
    cells = [column.to_pylist() for column in table.columns]
    rows = [list(row) for row in zip(*cells, strict=True)]
    return RawTable(columns, rows, list(range(len(rows))), [])
