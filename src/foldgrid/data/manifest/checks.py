"""What reading any kind of manifest takes: the header, the rows, and which kind it is.

Knows columns and row models; never looks at more than one row at a time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import pandas as pd
from pydantic import ValidationError

from foldgrid.data.manifest.rows import (
    ANNOTATION_PREFIX,
    DISTINCT,
    LABELLED_COLUMNS,
    MEASURED_COLUMNS,
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


def find_photo_files(photos: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """Find each photo's file inside the manifest's folder.

    Args:
        photos: The rows.
        folder: The manifest's folder.

    Returns:
        The rows with ``path``, the file's real path ("" where there is a problem), and the
        problems: paths that leave the folder, missing files, folders.
    """
    root = folder.resolve()
    paths: list[str] = []
    problems: list[Problem] = []
    for row, photo in zip(photos["row"], photos["photo"], strict=True):
        found = _photo_file(root, photo)
        paths.append(str(found) if isinstance(found, Path) else "")
        if isinstance(found, str):
            problems.append(Problem(f"row {row}", "photo", f'found "{photo}"{found}'))
    return photos.assign(path=paths), problems


def _photo_file(root: Path, photo: str) -> Path | str:
    """The real path of a photo, or what is wrong with it."""
    if Path(photo).is_absolute() or PureWindowsPath(photo).drive:
        return ", an absolute path. Paths are relative to the manifest's folder: shorten it."
    try:
        path = (root / photo).resolve()
        if not path.is_relative_to(root):
            return ", which leaves the manifest's folder. Move the photo inside it."
        if path.is_file():
            return path
        # Looked up first: a folder that cannot be searched raises here rather than below.
        is_there = path.exists()
        beside = _same_but_for_case(path)
    except (OSError, RuntimeError, ValueError) as error:
        return f", which cannot be looked up ({error}). Correct the path."
    if is_there:
        return ", which is not a file. Name a JPEG, PNG, TIFF or WebP file."
    hint = "Correct the path or drop the row."
    if beside:
        hint = f'There is "{beside}": mind the case.'
    elif "\\" in photo:
        hint = 'Write "/" between folders.'
    return f", and there is no such file. {hint}"


def _same_but_for_case(path: Path) -> str | None:
    if not path.parent.is_dir():
        return None
    wanted = path.name.casefold()
    names = (each.name for each in path.parent.iterdir())
    return next((name for name in names if name.casefold() == wanted), None)


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


def find_lookalikes(photos: pd.DataFrame) -> list[Problem]:
    """Find subjects, and visits of a subject, that are spelled differently and may be the same.

    They are mistakes, not warnings: one person under two names would be split in two.
    """
    problems = lookalike_names(photos, "subject", way_out=DISTINCT)
    for subject, rows in photos.groupby("subject", sort=False):
        problems += lookalike_names(rows, "visit", f' of subject "{subject}"', way_out=DISTINCT)
    return problems


def lookalike_names(
    rows: pd.DataFrame, column: str, of: str = "", ignoring: str = "", way_out: str = ""
) -> list[Problem]:
    """Find names in a column that differ in spelling alone: case, blanks, accents' code, zeros.

    Args:
        rows: The rows.
        column: Where the names are.
        of: Whose names they are, for the message: ' of subject "001"'.
        ignoring: Characters that tell no names apart either.
        way_out: A column of ``rows`` that says where names are distinct as they are written; "":
            there is none.
    """
    rows_of: dict[str, list[int]] = {}
    for name, row in zip(rows[column], rows["row"], strict=True):
        rows_of.setdefault(name, []).append(row)
    meant = set(rows.loc[rows[way_out], column]) if way_out else set()
    spellings: dict[str, list[str]] = {}
    for name in rows_of:
        spellings.setdefault(same_name(name, ignoring), []).append(name)
    return [
        Problem(
            rows_text(row for name in names for row in rows_of[name]),
            column,
            "found " + " and ".join(f'"{name}"' for name in names) + _alike(names, of, way_out),
        )
        for names in spellings.values()
        # One of them may stay unsaid: it differs from the others because they differ from it.
        if len(names) > 1 and len(set(names) - meant) > 1
    ]


def _alike(names: Sequence[str], of: str, way_out: str) -> str:
    """In what the names are the same, and what to do about it."""
    if len({plain_name(name) for name in names}) == 1:
        what, how = "which look the same", "more than case or blanks"
    elif len({same_name(name) for name in names}) == 1:
        what, how = "which are the same number", "more than zeros"
    else:
        what, how = "which look the same", "more than case, blanks or punctuation"
    flag = f' or write "yes" in a column {way_out}' if way_out else ""
    return f"{of}, {what}. Write one of them; where they are two, tell them apart by {how}{flag}."


def same_name(name: str, ignoring: str = "") -> str:
    """A name in the one form that all of its spellings share.

    Numbers are compared as numbers (``007``, ``7``, ``7.0`` and ``7E0``), other names without
    case, blanks and the zeros in front of their numbers (``P-007`` and ``p-7``): what spreadsheets
    and statistics programs change without being asked.

    Args:
        name: A subject, a visit, a label.
        ignoring: Characters that tell no names apart; those of a number do.

    Example:
        >>> same_name("007") == same_name("7.0"), same_name("1.10") == same_name("1.11")
        (True, False)
        >>> same_name("P-007"), same_name("1-10")
        ('p-7', '1-10')
    """
    plain = plain_name(name)
    if number := NUMBER.fullmatch(plain):
        sign, whole, part, power = (each or "" for each in number.groups())
        digits = (whole + part).lstrip("0")
        # Exact: as floats, identifiers of 17 digits that differ would be equal.
        exponent = int(power or 0) - len(part) + len(digits) - len(digits.rstrip("0"))
        return f"{sign.strip('+')}{digits.rstrip('0')}e{exponent}" if digits else "0"
    plain = plain.translate(dict.fromkeys(map(ord, ignoring)))
    return ZEROS_IN_FRONT.sub("", plain)


NUMBER = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]*))?(?:e([+-]?[0-9]{1,4}))?")
ZEROS_IN_FRONT = re.compile(r"(?<![0-9])0+(?=[0-9])")


def plain_name(name: str) -> str:
    """A name without what the eye passes over: case, blanks, and how accents are coded."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def find_rounded_names(photos: pd.DataFrame) -> list[Problem]:
    """Find subjects that a spreadsheet rounded: several people may have become one."""
    rounded = photos[photos["subject"].str.fullmatch(ROUNDED)]
    return [
        Problem(
            rows_text(rows["row"]),
            "subject",
            f'"{name}" looks like a longer number that a spreadsheet rounded: other subjects may '
            "have become the same. Format the column as text and export it again.",
        )
        for name, rows in rounded.groupby("subject", sort=False)
    ]


ROUNDED = re.compile(r"[0-9][.,][0-9]+[eE]\+[0-9]{2,}")
"""How spreadsheets write whole numbers of more than 11 digits."""


def rows_text(numbers: Iterable[int]) -> str:
    """Rows as a message names them, at most `MAX_ROWS_NAMED` of them."""
    listed = sorted(numbers)
    shown = ", ".join(str(number) for number in listed[:MAX_ROWS_NAMED])
    more = f", … ({len(listed)})" if len(listed) > MAX_ROWS_NAMED else ""
    return f"row{'s' if len(listed) > 1 else ''} {shown}{more}"


def joined(keys: tuple[Hashable, ...]) -> str:
    """The names that rows have in common, as a message writes them."""
    return "/".join(str(key) for key in keys)
