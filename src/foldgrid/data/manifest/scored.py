"""A manifest of photographs, read and checked: every mistake in one message, nothing written.

Knows the manifest's contract and the files it names; never opens a photograph.
"""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from foldgrid.data.manifest.checks import (
    check_header,
    find_disagreements,
    find_repeated_photos,
    header_warnings,
    joined,
    parse_rows,
    rows_text,
    too_few_subjects,
)
from foldgrid.data.manifest.names import find_lookalikes, find_odd_subjects
from foldgrid.data.manifest.photo_paths import find_photo_files, photo_root
from foldgrid.data.manifest.rows import (
    OPTIONAL_COLUMNS,
    PHOTO_COLUMNS,
    REQUIRED_COLUMNS,
    SCORES,
    PhotoRow,
    ScoredPhotoRow,
)
from foldgrid.data.manifest.table import CheckedManifest, read_table
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import InputError, Problem

OTHER_SWEEPS_COLUMNS = ("label", "case", "taxonomy")
"""Columns of the contract that classification sweeps read and this one passes over."""

UNSCORED = "For prediction the four score columns may be left out, all of them."


class Manifest(CheckedManifest):
    """A checked manifest of scored photographs.

    Its photos have ``region``, ``erythema``, ``induration``, ``scaling`` and ``involvement`` (all
    four NaN in a manifest without scores, which only prediction takes).
    """


def read_manifest(path: Path, root: Path | None = None, *, for_training: bool = True) -> Manifest:
    """Read a CSV or Parquet manifest and check everything that can be checked without decoding.

    A positive severity beside involvement 0 is a warning, not a mistake: the region's composite
    score is 0 either way, and raters do leave a severity standing on healed skin.

    Args:
        path: The manifest.
        root: The folder that the photos' paths are relative to, and stay inside; null for the
            manifest's own.
        for_training: Training needs scores, and two subjects to tell apart. Without it one subject
            will do, and the four score columns may be left out; where they are given, they are
            checked all the same.

    Raises:
        InputError: All mistakes at once. ``row 12`` is line 12 of a CSV file, its header
            included, or index 12 of a Parquet file.
    """
    path = Path(path)
    folder = photo_root(path, root)
    table = read_table(path)
    has_scores = for_training or not set(SCORES).isdisjoint(table.columns)
    check_header(str(path), table.columns, REQUIRED_COLUMNS if has_scores else PHOTO_COLUMNS)
    photos, problems = parse_rows(table, ScoredPhotoRow if has_scores else PhotoRow)
    if not photos.empty:
        if not has_scores:
            photos = photos.assign(**dict.fromkeys(SCORES, math.nan))
        photos, path_problems = find_photo_files(photos, folder)
        problems += path_problems
        problems += find_repeated_photos(photos)
        problems += find_contradictions(photos)
        problems += find_surplus_photos(photos)
        problems += find_lookalikes(photos)
        if for_training:
            problems += too_few_subjects(photos, problems)
    if problems:
        is_about_scores = any(problem.what in SCORES for problem in problems)
        raise InputError(
            str(path), problems, UNSCORED if is_about_scores and not for_training else ""
        )
    # A day that one photo of a visit gives holds for the others.
    photos["day"] = photos.groupby(["subject", "visit"])["day"].transform("first")
    known = {*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS, *OTHER_SWEEPS_COLUMNS}
    header = header_warnings(table.columns, known, OPTIONAL_COLUMNS)
    warnings = (*header, *find_implausible_scores(photos), *find_odd_subjects(photos))
    return Manifest(path, photos, warnings, folder=folder)


MAX_PHOTOS_A_SAMPLE = 4


def find_contradictions(photos: pd.DataFrame) -> list[Problem]:
    """Find scores that differ within a region of a visit, and days that differ within a visit."""
    region = ["subject", "visit", "region"]
    return [
        *find_disagreements(photos, region, SCORES, "a region has one score a visit"),
        *find_disagreements(photos, ["subject", "visit"], ("day",), "a visit has one day"),
    ]


def find_surplus_photos(photos: pd.DataFrame) -> list[Problem]:
    """Find regions of a visit with more photos than a mosaic has tiles."""
    return [
        Problem(
            rows_text(rows["row"]),
            "photo",
            f"found {counted(len(rows), 'photo')} of {joined(keys)}. A mosaic holds "
            f"at most {MAX_PHOTOS_A_SAMPLE}: keep the best {MAX_PHOTOS_A_SAMPLE}.",
        )
        for keys, rows in photos.groupby(["subject", "visit", "region"], sort=False)
        if len(rows) > MAX_PHOTOS_A_SAMPLE
    ]


def find_implausible_scores(photos: pd.DataFrame) -> list[Problem]:
    """Find regions without involved skin whose severities are not 0; the score is 0 either way."""
    severity = photos[list(SCORES[:3])].max(axis=1)
    odd = photos[(photos["involvement"] == 0) & (severity > 0)]
    return [
        Problem(
            rows_text(rows["row"]),
            "involvement",
            f"found 0 beside a severity above 0 for {joined(keys)}. The "
            "region then scores 0: check that no involvement was meant.",
        )
        for keys, rows in odd.groupby(["subject", "visit", "region"], sort=False)
    ]
