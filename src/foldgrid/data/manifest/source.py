"""Where photographs come from: the user's manifest, or a simulated study made for the purpose.

Knows manifests of both kinds and which one a task needs; never opens a photograph.
"""

from __future__ import annotations

from pathlib import Path

from foldgrid.data.composites import group_photos
from foldgrid.data.manifest.checks import manifest_kind
from foldgrid.data.manifest.labelled import (
    LabelledManifest,
    read_labelled_manifest,
    read_single_photos,
)
from foldgrid.data.manifest.rows import SCORES
from foldgrid.data.manifest.scored import Manifest, read_manifest
from foldgrid.data.manifest.table import read_table
from foldgrid.data.sample_table import SampleTable
from foldgrid.data.single_photos import list_photos
from foldgrid.specs.errors import InputError, Problem
from foldgrid.specs.samples import SampleKind

AnyManifest = Manifest | LabelledManifest

NEEDS: dict[SampleKind, str] = {
    "composites": "this task needs photographs of regions with scores",
    "single": "this task needs photographs with a label",
}


def read_samples(
    path: Path, kind: SampleKind, *, for_training: bool
) -> tuple[AnyManifest, SampleTable]:
    """The checked manifest and its samples.

    Args:
        path: The manifest.
        kind: Which samples the task needs.
        for_training: See `read_manifest` and `read_single_photos`.

    Raises:
        InputError: All mistakes of the manifest.
    """
    if kind == "single":
        labelled = read_labelled_manifest(path) if for_training else read_single_photos(path)
        return labelled, list_photos(labelled)
    scored = read_manifest(path, for_training=for_training)
    return scored, group_photos(scored)


def check_kind(path: Path, kind: SampleKind) -> None:
    """Refuses a manifest whose columns are for tasks of the other kind.

    Raises:
        InputError: It is.
    """
    columns = read_table(path).columns
    is_labelled = manifest_kind(columns) == "labelled"
    # A manifest may have both; one with neither gets the message of the columns that it lacks.
    is_scored = not is_labelled and bool({"region", *SCORES} & set(columns))
    if kind == "composites" and is_labelled:
        found = "found a manifest of labels, without regions and scores"
        mend = "Take a sweep whose task learns labels, or add the columns region and "
        mend += f"{', '.join(SCORES)}."
    elif kind == "single" and is_scored and "label" not in columns:
        found = "found a manifest of regions and scores, without labels"
        mend = "Take a sweep whose task is pasi, or add the column label."
    else:
        return
    raise InputError(str(path), [Problem("header", "", f"{found}; {NEEDS[kind]}. {mend}")])
