"""A manifest file: its raw cells, each row with its place, and what is left once it is checked.

Knows CSV, Parquet and workbooks; does not know what the columns of a kind mean.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from foldgrid.specs.errors import InputError, Problem, nearest
from foldgrid.specs.extras import MissingExtraError, import_extra

PARQUET_MAGIC = b"PAR1"
GZIP_MAGIC = b"\x1f\x8b"
WORKBOOK_MAGIC = b"PK\x03\x04"
NOT_TABLES = {
    b"\xd0\xcf\x11\xe0": "an old Excel workbook. Save it as .xlsx or as CSV",
    b"%PDF": "a PDF. Write a CSV with one row a photo",
}
"""How files that are often mistaken for a table begin."""

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
LARGEST_BYTES = 2**30
"""Of a packed table once it is unpacked."""


@dataclass(frozen=True)
class CheckedManifest:
    """A manifest in which no mistake was found.

    Attributes:
        path: The file.
        photos: One row a photo in the file's order: ``row`` (its place in the file), ``photo``
            (as written), ``path`` (absolute), ``subject``, ``visit`` ("" where not given), ``day``
            (NaN where unknown), and what its kind adds.
        warnings: What is odd but usable.
        folder: The folder that the photos' paths are relative to.
    """

    path: Path
    photos: pd.DataFrame
    warnings: tuple[Problem, ...]
    folder: Path = field(kw_only=True)

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
        rows: The cells of each row, in the header's order: text from CSV, any value from Parquet
            and from a workbook.
        row_numbers: For each row the line of the CSV file that it starts on, or the row of the
            sheet (the header is 1), or its 0-based index in the Parquet file.
        problems: Rows that could not be read; they are not in ``rows``.
        has_decimal_commas: Whether numbers may be written ``3,5``: where commas separate no cells.
    """

    columns: list[str]
    rows: list[list[Any]]
    row_numbers: list[int]
    problems: list[Problem]
    has_decimal_commas: bool = False


def read_table(path: Path) -> RawTable:
    """Read a CSV or Parquet file or a workbook; which one, its first bytes say.

    A CSV may be packed by gzip, in UTF-8 or UTF-16, and its cells separated by commas, semicolons
    or tabs, as spreadsheets write it in one country or another.

    Raises:
        InputError: The file is missing, empty, or none of them.
    """
    content = _content(path)
    if content.startswith(GZIP_MAGIC):
        content = _unpacked(path, content)
    if content.startswith(PARQUET_MAGIC):
        return _from_parquet(path, content)
    if path.suffix.lower() in {".parquet", ".pq"}:
        raise _refusal(path, "is not a Parquet file, whatever its name says. Write it again")
    if content.startswith(WORKBOOK_MAGIC):
        return _from_workbook(path, content)
    for magic, what in NOT_TABLES.items():
        if content.startswith(magic):
            raise _refusal(path, f"is {what}. A manifest is a CSV, a Parquet file or a workbook")
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


def _unpacked(path: Path, content: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            unpacked = file.read(LARGEST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _refusal(path, f"cannot be unpacked ({error}). Pack it again") from None
    if len(unpacked) > LARGEST_BYTES:
        raise _refusal(path, f"unpacks to more than {LARGEST_BYTES / 1e9:.0f} GB. Unpack it first")
    return unpacked


def _decoded(path: Path, content: bytes) -> str:
    # Spreadsheets put a byte order mark in front; it is not part of the first column's name.
    encoding = "utf-8-sig"
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif content[1:2] == b"\0" or content[:1] == b"\0":
        # A header is plain letters: without the mark, the zeros show which byte comes first.
        encoding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        found = f"found byte 0x{content[error.start]:02x}, which is not {encoding[:6].upper()}"
        found = found.replace("UTF-8-", "UTF-8")
        raise _refusal(path, f'{found}. Save the file as "CSV UTF-8"', f"row {row}") from None


def _from_csv(path: Path, text: str) -> RawTable:
    first_line, _, rest = text.partition("\n")
    stated = re.fullmatch(r'"?sep=(.)"?[\s,;]*', first_line.rstrip("\r"), re.IGNORECASE)
    # Excel reads this line and shows it to nobody; the others keep their numbers.
    separator = stated[1] if stated else _separator(first_line)
    text = f"\n{rest}" if stated else text
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
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
                continue
            # Spreadsheets leave out empty cells at the end of a row, or write too many.
            while len(cells) > len(columns) and not cells[-1].strip():
                cells.pop()
            if len(cells) > len(columns):
                problems.append(_ragged(number, len(cells), len(columns), separator))
            else:
                rows.append(cells + [""] * (len(columns) - len(cells)))
                row_numbers.append(number)
    except csv.Error as error:
        raise _refusal(
            path, f"not readable as CSV ({error}). Check the quotes around it", f"row {start}"
        ) from None
    return RawTable(columns or [], rows, row_numbers, problems, separator != ",")


def _separator(header: str) -> str:
    """What separates the cells of a header: the one that makes the most of them."""
    counts = {each: len(next(csv.reader([header], delimiter=each), ())) for each in SEPARATORS}
    return max(counts, key=lambda each: counts[each])


def _header(path: Path, cells: Sequence[object]) -> list[str]:
    columns = ["" if cell is None else str(cell).strip() for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        message = "found twice. Each column is given once: remove or rename one"
        raise InputError(str(path), [Problem("header", name, f"{message}.") for name in twice])
    return columns


def _ragged(number: int, found: int, expected: int, separator: str) -> Problem:
    message = (
        f"found {found} cells, the header has {expected}. Put quotes around cells with "
        f"{SEPARATORS.get(separator, repr(separator))}."
    )
    return Problem(f"row {number}", "", message)


def _from_parquet(path: Path, content: bytes) -> RawTable:
    try:
        table = pq.read_table(io.BytesIO(content))
    except (pa.ArrowException, OSError) as error:
        first_line = str(error).splitlines()[0]
        raise _refusal(path, f"is a corrupt Parquet file ({first_line}). Write it again") from None
    columns = _header(path, table.column_names)
    cells = [column.to_pylist() for column in table.columns[: len(columns)]]
    rows = [list(row) for row in zip(*cells, strict=True)]
    return RawTable(columns, rows, list(range(len(rows))), [])


def _from_workbook(path: Path, content: bytes) -> RawTable:
    """The one sheet of a workbook that has cells."""
    try:
        openpyxl = import_extra("openpyxl", "excel")
    except MissingExtraError as error:
        raise _refusal(path, f"is an Excel workbook, which {error}, or save it as CSV") from None
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheets = {
            sheet.title: [(number, list(cells)) for number, cells in _filled_rows(sheet)]
            for sheet in book.worksheets
        }
    except Exception as error:
        # openpyxl answers other archives and corrupt ones with nearly every kind of exception.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _refusal(path, f"is not a readable workbook ({reason}). Save it as CSV") from None
    filled = {title: rows for title, rows in sheets.items() if rows}
    if len(filled) != 1:
        found = f"found the sheets {', '.join(filled)}" if filled else "found only empty sheets"
        raise _refusal(path, f"{found}. Give a workbook with one filled sheet, or save it as CSV")
    ((_, header), *body) = next(iter(filled.values()))
    columns = _header(path, header)
    rows = [cells[: len(columns)] + [None] * (len(columns) - len(cells)) for _, cells in body]
    return RawTable(columns, rows, [number for number, _ in body], [])


def _filled_rows(sheet: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
    for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        if any(cell is not None and str(cell).strip() for cell in cells):
            yield number, cells
