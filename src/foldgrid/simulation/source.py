"""The photographs that a sweep trains on: the user's, or a simulated study's, made for it.

Knows when a study has to be drawn and where it is kept; it is read back as a user's own is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from foldgrid.data.cores import num_usable_cores
from foldgrid.data.dataset import Dataset, Survey, load_mosaics, survey_manifest
from foldgrid.data.manifest.source import KINDS, check_kind, needs
from foldgrid.data.mosaics import Progress
from foldgrid.simulation.digits import write_digits
from foldgrid.specs.errors import InputError, Problem
from foldgrid.specs.fits import content_digest
from foldgrid.specs.samples import SampleKind
from foldgrid.specs.sweep import DataSpec
from foldgrid.specs.synthetic import StudySettings, TrialSettings, study_kind

EXAMPLES: Mapping[SampleKind, str] = MappingProxyType(
    {
        "single": "synthetic: {study: ssc_skin, num_subjects: 60}",
        "measured": "synthetic: {study: skin_thickness, num_subjects: 60}",
    }
)
"""A study of each kind of samples, as a sweep names it."""


def open_dataset(
    data: DataSpec,
    cache: Path,
    on_progress: Progress | None = None,
    *,
    photographs: SampleKind = "mosaics",
    for_training: bool = True,
) -> Dataset:
    """`survey_data`, then `load_mosaics`."""
    survey = survey_data(
        data, cache, on_progress, photographs=photographs, for_training=for_training
    )
    return load_mosaics(survey, on_progress)


def survey_data(
    data: DataSpec,
    cache: Path,
    on_progress: Progress | None = None,
    *,
    photographs: SampleKind = "mosaics",
    for_training: bool = True,
) -> Survey:
    """Read and check the manifest and every photo's header and bytes; see `survey_manifest`.

    Without a manifest a simulated study is generated, once for each set of settings, and read back
    as a user's photographs are.

    Args:
        data: Where the photographs come from.
        cache: The cache's root.
        on_progress: Told of photographs generated, then of photographs read for the first time.
        photographs: Whether they make mosaics with scores, or are samples with labels or
            values; the task decides.
        for_training: See `read_manifest` and `read_single_photos`: without it scores may be
            unknown, and are NaN then; labels and values are.

    Raises:
        InputError: The manifest is of another kind, all of its mistakes, or all photographs that
            cannot be used.
    """
    if data.exclude and photographs != "single" and for_training:
        message = (
            f"found {', '.join(data.exclude)}, and this task needs {KINDS[photographs].needed}. "
            "Photographs with a label can be left out: leave it empty, and take rows out of the "
            "manifest."
        )
        raise InputError("sweep", [Problem("data.exclude", "", message)])
    path = find_manifest(data, photographs, cache, on_progress, for_training=for_training)
    return survey_manifest(
        path,
        cache,
        on_progress,
        data=data,
        photographs=photographs,
        for_training=for_training,
        root=data.photos if data.manifest is not None else None,
    )


def find_manifest(
    data: DataSpec,
    kind: SampleKind,
    cache: Path,
    on_progress: Progress | None = None,
    *,
    for_training: bool = True,
) -> Path:
    """The manifest's path; without one the example or simulated study is written, once.

    Args:
        data: Where the photographs come from.
        kind: Which samples the task needs.
        cache: The cache's root.
        on_progress: Told of photographs generated.
        for_training: Without it any manifest of photographs will do for samples of one each.

    Raises:
        InputError: The manifest, or the study, is for tasks of another kind.
    """
    if data.manifest is not None:
        if for_training or kind == "mosaics":
            check_kind(data.manifest, kind)
        return data.manifest
    if data.example is not None:
        path = write_digits(cache / "examples" / data.example)
        check_kind(path, kind)
        return path
    _check_study(data.synthetic, kind)
    if isinstance(data.synthetic, StudySettings):
        return _synthetic_study(data.synthetic, cache, on_progress)
    return _synthetic_trial(data.synthetic, cache, on_progress)


def _check_study(settings: TrialSettings | StudySettings, kind: SampleKind) -> None:
    found = study_kind(settings)
    if found == kind:
        return
    name = f"study {settings.study}" if isinstance(settings, StudySettings) else "PASI trial"
    holds = KINDS[found].holds.removeprefix("regions and ")
    mend = "Leave `study` out: without it the simulated PASI trial is made."
    if kind in EXAMPLES:
        mend = f"Name a study of {KINDS[kind].holds}, as in `{EXAMPLES[kind]}`, or give a manifest."
    message = f"found the simulated {name}, which has {holds}; {needs(kind)}. {mend}"
    raise InputError("sweep", [Problem("data.synthetic", "", message)])


def _synthetic_trial(settings: TrialSettings, cache: Path, on_progress: Progress | None) -> Path:
    # Imported here: whoever brings photographs never pays for the painter.
    from foldgrid.simulation.pasi import SIMULATION_VERSION, synthesize_trial

    decides = {"version": SIMULATION_VERSION, **settings.model_dump(mode="json")}
    folder = cache / "synthetic_pasi" / content_digest(decides, 16)
    return synthesize_trial(folder, settings, num_usable_cores(), on_progress)


def _synthetic_study(settings: StudySettings, cache: Path, on_progress: Progress | None) -> Path:
    # Imported here: as above.
    from foldgrid.simulation.labelled import STUDY_VERSION, synthesize_study

    decides = {"version": STUDY_VERSION, **settings.model_dump(mode="json")}
    folder = cache / "synthetic_studies" / content_digest(decides, 16)
    return synthesize_study(folder, settings, num_usable_cores(), on_progress)
