"""Checks of a manifest that take more than one row, or the disk.

Each takes the rows that read well (see `Manifest.photos`) and returns the problems it finds.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Iterable
from pathlib import Path, PureWindowsPath

import pandas as pd

from foldgrid.data.manifest_rows import SCORES
from foldgrid.specs.errors import Problem

MAX_PHOTOS_A_SAMPLE = 4
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


def find_repeated_photos(photos: pd.DataFrame) -> list[Problem]:
    """Find files that several rows name, by whatever spelling or link."""
    rows_of_file: dict[tuple[int, int], list[int]] = {}
    name_of_file: dict[tuple[int, int], str] = {}
    for row, photo, path in zip(photos["row"], photos["photo"], photos["path"], strict=True):
        if path:
            status = Path(path).stat()
            key = (status.st_dev, status.st_ino)
            rows_of_file.setdefault(key, []).append(row)
            name_of_file.setdefault(key, photo)
    message = 'found "{}" {} times. A photo is listed once: keep one row.'
    return [
        Problem(_rows(rows), "photo", message.format(name_of_file[key], len(rows)))
        for key, rows in rows_of_file.items()
        if len(rows) > 1
    ]


def find_contradictions(photos: pd.DataFrame) -> list[Problem]:
    """Find scores that differ within a region of a visit, and days that differ within a visit."""
    region = ["subject", "visit", "region"]
    return [
        *_contradictions(photos, region, SCORES, "a region has one score a visit"),
        *_contradictions(photos, ["subject", "visit"], ("day",), "a visit has one day"),
    ]


def _contradictions(
    photos: pd.DataFrame, keys: list[str], columns: tuple[str, ...], rule: str
) -> list[Problem]:
    groups = photos.groupby(keys, sort=False)
    problems = []
    for column in columns:
        is_split = groups[column].transform("nunique") > 1
        for names, rows in photos[is_split].groupby(keys, sort=False):
            found = " and ".join(
                f"{value:g} ({_rows(same['row'])})" for value, same in rows.groupby(column)
            )
            message = f"found {found} for {_joined(names)}; {rule}: correct the wrong ones."
            problems.append(Problem(_rows(rows["row"]), column, message))
    return problems


def find_surplus_photos(photos: pd.DataFrame) -> list[Problem]:
    """Find regions of a visit with more photos than a composite has tiles."""
    return [
        Problem(
            _rows(rows["row"]),
            "photo",
            f"found {len(rows)} photos of {_joined(keys)}. A composite holds "
            f"at most {MAX_PHOTOS_A_SAMPLE}: keep the best {MAX_PHOTOS_A_SAMPLE}.",
        )
        for keys, rows in photos.groupby(["subject", "visit", "region"], sort=False)
        if len(rows) > MAX_PHOTOS_A_SAMPLE
    ]


def find_lookalikes(photos: pd.DataFrame) -> list[Problem]:
    """Find subjects, and visits of a subject, that differ only in case, blanks or accents' code.

    They are mistakes, not warnings: one person under two names would be split in two.
    """
    problems = _lookalikes(photos, "subject", "")
    for subject, rows in photos.groupby("subject", sort=False):
        problems += _lookalikes(rows, "visit", f' of subject "{subject}"')
    return problems


def _lookalikes(rows: pd.DataFrame, column: str, of: str) -> list[Problem]:
    spellings: dict[str, list[str]] = {}
    for name in rows[column].unique():
        spellings.setdefault(_plain(name), []).append(name)
    return [
        Problem(
            _rows(rows.loc[rows[column].isin(names), "row"]),
            column,
            "found " + " and ".join(f'"{name}"' for name in names) + f"{of}, which look the same. "
            "Write one of them, or tell them apart by more than case or blanks.",
        )
        for names in spellings.values()
        if len(names) > 1
    ]


def _plain(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def find_implausible_scores(photos: pd.DataFrame) -> list[Problem]:
    """Find regions without involved skin whose severities are not 0; the score is 0 either way."""
    severity = photos[list(SCORES[:3])].max(axis=1)
    odd = photos[(photos["involvement"] == 0) & (severity > 0)]
    return [
        Problem(
            _rows(rows["row"]),
            "involvement",
            f"found 0 beside a severity above 0 for {_joined(keys)}. The "
            "region then scores 0: check that no involvement was meant.",
        )
        for keys, rows in odd.groupby(["subject", "visit", "region"], sort=False)
    ]


def _rows(numbers: Iterable[int]) -> str:
    listed = sorted(numbers)
    shown = ", ".join(str(number) for number in listed[:MAX_ROWS_NAMED])
    more = f", … ({len(listed)})" if len(listed) > MAX_ROWS_NAMED else ""
    return f"row{'s' if len(listed) > 1 else ''} {shown}{more}"


def _joined(keys: tuple[Hashable, ...]) -> str:
    return "/".join(str(key) for key in keys)
