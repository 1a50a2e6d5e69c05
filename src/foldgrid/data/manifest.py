"""A manifest of photographs, read and checked: every mistake in one message, nothing written.

Knows the manifest's contract and the files it names; never opens a photograph.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from foldgrid.data.manifest_checks import (
    find_contradictions,
    find_implausible_scores,
    find_lookalikes,
    find_photo_files,
    find_repeated_photos,
    find_surplus_photos,
)
from foldgrid.data.manifest_rows import (
    OPTIONAL_COLUMNS,
    PHOTO_COLUMNS,
    REQUIRED_COLUMNS,
    SCORES,
    PhotoRow,
    ScoredPhotoRow,
)
from foldgrid.data.manifest_table import RawTable, read_table
from foldgrid.specs.errors import InputError, Problem, nearest

OTHER_SWEEPS_COLUMNS = ("label", "case", "taxonomy")
"""Columns of the contract that classification sweeps read and this one passes over."""

UNSCORED = "For prediction the four score columns may be left out, all of them."


@dataclass(frozen=True)
class Manifest:
    """A checked manifest.

    Attributes:
        path: The file.
        photos: One row a photo in the file's order: ``row`` (its place in the file), ``photo``
            (as written), ``path`` (absolute), ``subject``, ``visit``, ``day`` (NaN where unknown),
            ``region``, ``erythema``, ``induration``, ``scaling``, ``involvement`` (all four NaN
            in a manifest without scores, which only prediction takes).
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


def read_manifest(path: Path, *, for_training: bool = True) -> Manifest:
    """Read a CSV or Parquet manifest and check everything that can be checked without decoding.

    A positive severity beside involvement 0 is a warning, not a mistake: the region's composite
    score is 0 either way, and raters do leave a severity standing on healed skin.

    Args:
        path: The manifest; the photos' paths are relative to its folder and stay inside it.
        for_training: Training needs scores, and two subjects to tell apart. Without it one subject
            will do, and the four score columns may be left out; where they are given, they are
            checked all the same.

    Raises:
        InputError: All mistakes at once. ``row 12`` is line 12 of a CSV file, its header
            included, or index 12 of a Parquet file.
    """
    path = Path(path)
    table = read_table(path)
    has_scores = for_training or not set(SCORES).isdisjoint(table.columns)
    _check_header(path, table.columns, REQUIRED_COLUMNS if has_scores else PHOTO_COLUMNS)
    photos, problems = _parsed_rows(table, ScoredPhotoRow if has_scores else PhotoRow)
    problems = [*table.problems, *problems]
    if photos.empty and not problems:
        problems = [Problem("file", "", "found no rows. List the photos, one a row.")]
    if not photos.empty:
        if not has_scores:
            photos = photos.assign(**dict.fromkeys(SCORES, math.nan))
        photos, path_problems = find_photo_files(photos, path.absolute().parent)
        problems += path_problems
        problems += find_repeated_photos(photos)
        problems += find_contradictions(photos)
        problems += find_surplus_photos(photos)
        problems += find_lookalikes(photos)
        if for_training:
            problems += _too_few_subjects(photos, problems)
    if problems:
        is_about_scores = any(problem.what in SCORES for problem in problems)
        raise InputError(
            str(path), problems, UNSCORED if is_about_scores and not for_training else ""
        )
    # A day that one photo of a visit gives holds for the others.
    photos["day"] = photos.groupby(["subject", "visit"])["day"].transform("first")
    warnings = (*_header_warnings(table.columns), *find_implausible_scores(photos))
    return Manifest(path, photos, warnings)


def _check_header(path: Path, columns: list[str], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in columns]
    spare = {name.lower(): name for name in columns if name not in REQUIRED_COLUMNS}
    problems = []
    for name in missing:
        close = nearest(name, spare, most=1)
        hint = f'Found "{spare[close[0]]}": rename it.' if close else "Add it."
        problems.append(Problem("header", name, f"this column is missing. {hint}"))
    if problems:
        raise InputError(
            str(path), problems, f"A manifest has the columns {', '.join(REQUIRED_COLUMNS)}."
        )


def _header_warnings(columns: list[str]) -> list[Problem]:
    known = {*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS, *OTHER_SWEEPS_COLUMNS}
    absent = [name for name in OPTIONAL_COLUMNS if name not in columns]
    return [
        Problem("header", name, f'this column is ignored. Did you mean "{close[0]}"?')
        for name in columns
        if name not in known and (close := nearest(name, absent, most=1))
    ]


def _parsed_rows(table: RawTable, row_model: type[PhotoRow]) -> tuple[pd.DataFrame, list[Problem]]:
    """The rows that read well, and the problems of the others."""
    parsed: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for number, cells in zip(table.row_numbers, table.rows, strict=True):
        try:
            row = row_model.model_validate(dict(zip(table.columns, cells, strict=True)))
        except ValidationError as error:
            for each in error.errors():
                problems.append(Problem(f"row {number}", str(each["loc"][0]), each["msg"]))
        else:
            parsed.append({"row": number, **row.model_dump()})
    frame = pd.DataFrame(parsed)
    if not frame.empty:
        frame["day"] = frame["day"].astype("float64")
    return frame, problems


def _too_few_subjects(photos: pd.DataFrame, problems: list[Problem]) -> list[Problem]:
    # While other mistakes stand, rows are missing here and the count would mislead.
    if problems or photos["subject"].nunique() > 1:
        return []
    only = photos["subject"].iloc[0]
    message = f'found only "{only}". At least 2 subjects are needed: nobody is on both sides.'
    return [Problem("all rows", "subject", message)]
