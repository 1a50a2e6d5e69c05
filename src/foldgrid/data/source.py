"""Where photographs come from: the user's manifest, or a simulated study made for the purpose.

Knows manifests of both kinds and which one a task needs; never opens a photograph.
"""

from __future__ import annotations

from pathlib import Path

from foldgrid.data.composites import Progress, group_photos
from foldgrid.data.cores import num_usable_cores
from foldgrid.data.labelled import (
    LabelledManifest,
    read_labelled_manifest,
    read_single_photos,
)
from foldgrid.data.manifest import Manifest, read_manifest
from foldgrid.data.manifest_reading import manifest_kind
from foldgrid.data.manifest_rows import SCORES
from foldgrid.data.manifest_table import read_table
from foldgrid.data.sample_table import SampleTable
from foldgrid.data.single_photos import list_photos
from foldgrid.specs.errors import InputError, Problem
from foldgrid.specs.fits import content_digest
from foldgrid.specs.samples import SampleKind
from foldgrid.specs.sweep import DataSpec
from foldgrid.specs.synthetic import StudySettings, TrialSettings

AnyManifest = Manifest | LabelledManifest

NEEDS: dict[SampleKind, str] = {
    "composites": "this task needs photographs of regions with scores",
    "single": "this task needs photographs with a label",
}


def find_manifest(
    data: DataSpec,
    kind: SampleKind,
    cache: Path,
    on_progress: Progress | None = None,
    *,
    for_training: bool = True,
) -> Path:
    """The manifest's path; without one the simulated study is generated, once for its settings.

    Args:
        data: Where the photographs come from.
        kind: Which samples the task needs.
        cache: The cache's root.
        on_progress: Told of photographs generated.
        for_training: Without it any manifest of photographs will do for a task of labels.

    Raises:
        InputError: The manifest, or the study, is for tasks of the other kind.
    """
    if data.manifest is not None:
        if for_training or kind == "composites":
            _check_manifest(data.manifest, kind)
        return data.manifest
    _check_study(data.synthetic, kind)
    if isinstance(data.synthetic, StudySettings):
        return _synthetic_study(data.synthetic, cache, on_progress)
    return _synthetic_trial(data.synthetic, cache, on_progress)


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


def _check_manifest(path: Path, kind: SampleKind) -> None:
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


def _check_study(settings: TrialSettings | StudySettings, kind: SampleKind) -> None:
    is_study = isinstance(settings, StudySettings)
    if is_study == (kind == "single"):
        return
    if isinstance(settings, StudySettings):
        message = (
            f"found the simulated study {settings.study}, which has labels; {NEEDS[kind]}. "
            "Leave `study` out: without it the simulated PASI trial is made."
        )
    else:
        message = (
            f"found the simulated PASI trial, which has scores; {NEEDS[kind]}. Name a study of "
            "labels, as in `synthetic: {study: ssc_skin, num_subjects: 60}`, or give a manifest."
        )
    raise InputError("sweep", [Problem("data.synthetic", "", message)])


def _synthetic_trial(settings: TrialSettings, cache: Path, on_progress: Progress | None) -> Path:
    # Imported here: whoever brings photographs never pays for the painter.
    from foldgrid.data.synthetic_pasi import SIMULATION_VERSION, synthesize_trial

    decides = {"version": SIMULATION_VERSION, **settings.model_dump(mode="json")}
    folder = cache / "synthetic_pasi" / content_digest(decides, 16)
    return synthesize_trial(folder, settings, num_usable_cores(), on_progress)


def _synthetic_study(settings: StudySettings, cache: Path, on_progress: Progress | None) -> Path:
    # Imported here: as above.
    from foldgrid.data.synthetic_studies import STUDY_VERSION, synthesize_study

    decides = {"version": STUDY_VERSION, **settings.model_dump(mode="json")}
    folder = cache / "synthetic_studies" / content_digest(decides, 16)
    return synthesize_study(folder, settings, num_usable_cores(), on_progress)
