"""A manifest of measured photographs, read and checked: every mistake in one message.

Knows the manifest's contract for regression and the files it names; never opens a photograph.
One photograph is one sample, and its value a number in the one unit of the column.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from foldgrid.data.manifest.checks import (
    check_header,
    days_of_visits,
    find_repeated_photos,
    find_split_cases,
    header_warnings,
    parse_rows,
    rows_text,
    too_few_subjects,
)
from foldgrid.data.manifest.names import find_odd_subjects, lookalike_names
from foldgrid.data.manifest.photo_paths import find_photo_files, photo_root
from foldgrid.data.manifest.rows import (
    DESCRIPTIONS,
    DISTINCT,
    MEASURED_COLUMNS,
    OPTIONAL_MEASURED_COLUMNS,
    MeasuredPhotoRow,
)
from foldgrid.data.manifest.table import CheckedManifest, read_table
from foldgrid.specs.errors import InputError, Problem

FAR_OUT = 10.0
"""So many times the usual distance from the median is reported as odd: often another unit."""


def read_measured_manifest(path: Path, root: Path | None = None) -> CheckedManifest:
    """Read a CSV or Parquet manifest of measured photographs and check it without decoding any.

    Args:
        path: The manifest.
        root: The folder that the photos' paths are relative to, and stay inside; null for the
            manifest's own.

    Returns:
        The manifest; its photos have ``value`` and ``case``.

    Raises:
        InputError: All mistakes at once. ``row 12`` is line 12 of a CSV file, its header
            included, or index 12 of a Parquet file.

    Example:
        >>> from pathlib import Path
        >>> from foldgrid.data.manifest.measured import read_measured_manifest
        >>> read_measured_manifest(Path("no.csv"))  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        foldgrid.specs.errors.InputError: no.csv: not found
    """
    path = Path(path)
    folder = photo_root(path, root)
    table = read_table(path)
    check_header(str(path), table.columns, MEASURED_COLUMNS, MEASURED_COLUMNS)
    photos, problems = parse_rows(table, MeasuredPhotoRow)
    if not photos.empty:
        photos, path_problems = find_photo_files(photos, folder)
        problems += path_problems
        problems += find_repeated_photos(photos)
        problems += find_split_cases(photos)
        problems += lookalike_names(photos, "subject", way_out=DISTINCT)
        problems += lookalike_names(photos[photos["case"] != ""], "case", way_out=DISTINCT)
        problems += find_no_difference(photos, problems)
        problems += too_few_subjects(photos, problems)
    if problems:
        raise InputError(str(path), problems)
    photos = photos.assign(day=days_of_visits(photos))
    known = {*MEASURED_COLUMNS, *OPTIONAL_MEASURED_COLUMNS, *DESCRIPTIONS}
    warnings = (
        *header_warnings(table.columns, known, OPTIONAL_MEASURED_COLUMNS),
        *find_far_values(photos),
        *find_odd_subjects(photos),
    )
    return CheckedManifest(path, photos, warnings, folder=folder)


def find_no_difference(photos: pd.DataFrame, problems: Sequence[Problem]) -> list[Problem]:
    """Find that all values are the same, of which nothing can be learned."""
    # While other mistakes stand, rows are missing here and the count would mislead.
    if problems or photos["value"].nunique() > 1:
        return []
    message = f"found only {photos['value'].iloc[0]:g}. At least 2 values are needed to learn from."
    return [Problem("all rows", "value", message)]


def find_far_values(photos: pd.DataFrame) -> list[Problem]:
    """Find values far from all others: usable, and often a slip of the pen or of the unit."""
    away = (photos["value"] - photos["value"].median()).abs()
    usual = away.median()
    odd = photos[away > FAR_OUT * usual] if usual > 0 else photos.head(0)
    rest = photos.drop(odd.index)["value"]
    return [
        Problem(
            rows_text(rows["row"]),
            "value",
            f"found {value:g}, far from the others ({rest.min():g} to {rest.max():g}). Check it, "
            "and that the whole column has one unit.",
        )
        for value, rows in odd.groupby("value")
    ]
