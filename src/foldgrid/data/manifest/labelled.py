"""A manifest of labelled photographs, read and checked: every mistake in one message.

Knows the manifest's contract for classification and the files it names; never opens a photograph.
One photograph is one sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from foldgrid.data.manifest.checks import (
    check_header,
    days_of_visits,
    find_repeated_photos,
    find_split_cases,
    header_warnings,
    parse_rows,
    too_few_subjects,
)
from foldgrid.data.manifest.label_checks import (
    annotation_columns,
    find_double_labels,
    find_hierarchy_mistakes,
    find_inner_labels,
    find_lookalike_annotations,
    find_lookalike_labels,
    find_nameless_raters,
    find_odd_annotations,
    find_rare_labels,
    find_too_few_labels,
)
from foldgrid.data.manifest.names import find_odd_subjects
from foldgrid.data.manifest.photo_paths import find_photo_files, photo_root
from foldgrid.data.manifest.rows import (
    DESCRIPTIONS,
    LABELLED_COLUMNS,
    OPTIONAL_LABELLED_COLUMNS,
    SINGLE_COLUMNS,
    LabelledPhotoRow,
    SinglePhotoRow,
)
from foldgrid.data.manifest.table import CheckedManifest, read_table
from foldgrid.specs.errors import InputError


@dataclass(frozen=True)
class LabelledManifest(CheckedManifest):
    """A checked manifest of labelled photographs.

    Its photos have ``label``, ``case`` and ``taxonomy``, then ``grade_<rater>`` and the describing
    columns that the file has, as text.

    Attributes:
        raters: The raters' columns.
        described: The columns that describe a person or a picture: those of the contract, and all
            that the file has besides (age, skin_type, site).
    """

    raters: tuple[str, ...] = ()
    described: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, sorted by name."""
        return tuple(sorted(self.photos["label"].unique()))


def read_labelled_manifest(path: Path, root: Path | None = None) -> LabelledManifest:
    """Read a CSV or Parquet manifest of labelled photographs and check it without decoding any.

    Args:
        path: The manifest.
        root: The folder that the photos' paths are relative to, and stay inside; null for the
            manifest's own.

    Raises:
        InputError: All mistakes at once. ``row 12`` is line 12 of a CSV file, its header
            included, or index 12 of a Parquet file.
    """
    path = Path(path)
    folder = photo_root(path, root)
    table = read_table(path)
    check_header(str(path), table.columns, LABELLED_COLUMNS, LABELLED_COLUMNS)
    raters = annotation_columns(table.columns)
    known = {*LABELLED_COLUMNS, *OPTIONAL_LABELLED_COLUMNS, *raters}
    described = tuple(name for name in table.columns if name not in {*known, "row", "path", ""})
    photos, problems = parse_rows(table, LabelledPhotoRow, (*raters, *described))
    problems += find_nameless_raters(raters)
    if not photos.empty:
        photos, path_problems = find_photo_files(photos, folder)
        problems += path_problems
        problems += find_double_labels(photos)
        problems += find_split_cases(photos, "label")
        problems += find_lookalike_labels(photos)
        problems += find_hierarchy_mistakes(photos)
        problems += find_lookalike_annotations(photos, raters)
        problems += find_too_few_labels(photos, problems)
        problems += too_few_subjects(photos, problems)
    if problems:
        raise InputError(str(path), problems)
    photos = _completed(photos)
    optional = (*OPTIONAL_LABELLED_COLUMNS, *DESCRIPTIONS)
    warnings = (
        *header_warnings(table.columns, {*known, *DESCRIPTIONS}, optional),
        *find_rare_labels(photos),
        *find_inner_labels(photos),
        *find_odd_annotations(photos, raters),
        *find_odd_subjects(photos),
    )
    return LabelledManifest(path, photos, warnings, raters, described, folder=folder)


def read_single_photos(path: Path, root: Path | None = None) -> LabelledManifest:
    """Read a manifest of photographs whose class is to be predicted.

    Labels, places in a hierarchy and annotations are passed over where there are some, and one
    subject will do.

    Args:
        path: As in `read_labelled_manifest`.
        root: Likewise.

    Returns:
        The photos with "" for ``label`` and ``taxonomy``, and no raters.

    Raises:
        InputError: All mistakes at once.
    """
    path = Path(path)
    folder = photo_root(path, root)
    table = read_table(path)
    check_header(str(path), table.columns, SINGLE_COLUMNS, SINGLE_COLUMNS)
    photos, problems = parse_rows(table, SinglePhotoRow)
    if not photos.empty:
        photos, path_problems = find_photo_files(photos, folder)
        photos = photos.assign(label="", taxonomy="")
        problems += path_problems
        problems += find_repeated_photos(photos)
        problems += find_split_cases(photos)
        problems += find_lookalike_labels(photos)
    if problems:
        raise InputError(str(path), problems)
    known = {*LABELLED_COLUMNS, *OPTIONAL_LABELLED_COLUMNS, *annotation_columns(table.columns)}
    optional = [name for name in OPTIONAL_LABELLED_COLUMNS if name != "taxonomy"]
    warnings = header_warnings(table.columns, {*known, *DESCRIPTIONS}, optional)
    return LabelledManifest(path, _completed(photos), tuple(warnings), folder=folder)


def _completed(photos: pd.DataFrame) -> pd.DataFrame:
    """What one row says holds for the others: a visit's day, a label's place in the hierarchy."""
    placed = photos[photos["taxonomy"] != ""]
    path_of = dict(zip(placed["label"], placed["taxonomy"], strict=True))
    return photos.assign(
        day=days_of_visits(photos),
        taxonomy=[path_of.get(label, "") for label in photos["label"]],
    )
