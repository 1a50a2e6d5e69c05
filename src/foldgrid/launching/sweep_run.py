"""A prepared sweep, run: the run folder's files, the fits, and what trackers are reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from foldgrid.data.audit.exclusions import PICTURE_EXCLUSIONS
from foldgrid.data.audit.flow import FlowStep, flow_record, labelled_flow, uneven_exclusions
from foldgrid.data.copy_questions import picture_numbers
from foldgrid.data.dataset import find_survey_copies, survey_left_out, tile_rows
from foldgrid.data.fingerprint import photo_table
from foldgrid.data.manifest.labelled import LabelledManifest
from foldgrid.execution.fit_job import FitJob
from foldgrid.execution.gpus import num_gpus
from foldgrid.execution.resources import Node
from foldgrid.launching.given.fits import write_given_fit
from foldgrid.launching.planning.preparation import PreparedSweep
from foldgrid.launching.tracking.projecting import ProjectingListener
from foldgrid.records import RunStore
from foldgrid.specs.errors import CorruptFileError, MissingFileError
from foldgrid.specs.fits import EpochRecord, FitConfig, FitRecord
from foldgrid.specs.given import given_name
from foldgrid.tracking import RunProjector, collect_provenance
from foldgrid.training import TrainingData


def clear_after_crash(store: RunStore) -> None:
    """Removes what a launch that was killed had no time to; large files are among it."""
    store.root.remove_partials()
    for fit_id in store.finished_fits():
        store.fit(fit_id).clear_leftovers()


def write_run_files(prepared: PreparedSweep) -> list[str]:
    """Writes the files that say what is run; ``sweep.yaml`` comes last.

    Returns:
        What to say of the photographs, which are decoded for it.
    """
    store, split = prepared.store, prepared.split
    said = _left_out(prepared)
    store.write_split(
        split.table,
        {
            "imbalance": split.imbalance,
            "fold_imbalance": split.fold_imbalance,
            "seed": split.seed,
            "fingerprint": split.fingerprint,
            "unknown_person": prepared.survey.manifest.unknown_person,
        },
    )
    survey = prepared.survey
    pictures = picture_numbers(tile_rows(survey), find_survey_copies(survey))
    store.write_photos(photo_table(survey.table, survey.photo_hashes, pictures))
    store.write_first_weights(prepared.first_weights)
    store.write_samples(prepared.survey.targets)
    if prepared.permutation is not None:
        store.write_permutation(prepared.permutation)
    if prepared.space is None:
        store.write_plan(prepared.grid.cells)
    earlier = _provenance(store)
    if prepared.grid.left or prepared.grid.given or earlier is None:
        # A launch that trains nothing made none of the results.
        _write_provenance(prepared, earlier)
    # Last: a folder with a sweep.yaml is a run folder, and then all of the above is there.
    store.write_sweep(prepared.sweep.model_dump(mode="json", exclude={"budgets"}))
    return said


def _left_out(prepared: PreparedSweep) -> list[str]:
    """Writes who was left out, and says what ``data check`` would leave out besides."""
    survey, exclude = prepared.survey, prepared.sweep.data.exclude
    found, steps = survey.left_out, list[FlowStep]()
    if found is not None and isinstance(survey.manifest, LabelledManifest):
        described = survey.manifest.described
        steps = labelled_flow(found.photos, described, found.reasons, found.looked_for)
    prepared.store.write_flow(flow_record(steps), uneven_exclusions(steps))
    others = [each for each in PICTURE_EXCLUSIONS if each not in exclude]
    if survey.layout.kind != "single" or not others:
        return []
    left_out = survey_left_out(survey, others)
    if left_out.is_kept.all():
        return []
    return [
        f"{left_out} are trained on that `foldgrid data check` would leave out; "
        f"`data.exclude: [{', '.join((*exclude, *others))}]` leaves them out."
    ]


def write_given_fits(prepared: PreparedSweep, data: TrainingData) -> None:
    """Makes fits of the tables that the sweep was given, those that are not there yet."""
    by_learner = {given_name(name): each for name, each in prepared.given.items()}
    for job in prepared.grid.given:
        write_given_fit(
            prepared.store,
            job.config,
            by_learner[job.learner],
            data,
            keep_weights=prepared.sweep.keep == "best",
        )


def _provenance(store: RunStore) -> dict[str, Any] | None:
    """The provenance of the launches before; nothing where there is none, or a corrupt one."""
    try:
        return store.read_provenance()
    except (CorruptFileError, MissingFileError):
        return None


def _write_provenance(prepared: PreparedSweep, before: dict[str, Any] | None) -> None:
    """The provenance of this launch, with those of the earlier ones that trained here below it."""
    store = prepared.store
    earlier: list[dict[str, Any]] = []
    if before is not None:
        earlier = [*before.pop("earlier_launches", []), before]
    provenance = collect_provenance(
        data_fingerprint=prepared.survey.fingerprint,
        split_fingerprint=prepared.split.fingerprint,
        seed=prepared.sweep.seed,
        devices=_devices(prepared.resources.nodes),
        weights={name: file.record() for name, file in prepared.weights.items() if file},
    )
    if prepared.given:
        provenance["given"] = {
            name: {"file": each.file, **each.identity.model_dump(mode="json")}
            for name, each in prepared.given.items()
        }
    if prepared.found is not None:
        provenance["hyperparameters"] = prepared.found.provenance(prepared.split)
    store.write_provenance({**provenance, "earlier_launches": earlier})


def _devices(nodes: Sequence[Node] | None) -> list[dict[str, Any]]:
    """What fits are trained on: this machine's GPUs, or each machine of a cluster."""
    if nodes is not None:
        return [asdict(node) for node in nodes]
    devices: list[dict[str, Any]] = []
    for index in range(num_gpus()):
        import torch

        properties = torch.cuda.get_device_properties(index)
        memory = round(properties.total_memory / 2**30, 1)
        devices.append({"kind": "cuda", "name": properties.name, "memory_gib": memory})
    return devices or [{"kind": "cpu"}]


FitProjector = RunProjector[FitConfig, EpochRecord, FitRecord]


def fit_listener(
    projector: FitProjector, store: RunStore
) -> ProjectingListener[FitJob, FitConfig, EpochRecord, FitRecord]:
    """Streams fits to trackers; one that goes on from a checkpoint brings its earlier epochs."""

    def history_of(job: FitJob) -> Sequence[EpochRecord]:
        return store.read_history(job.config.fit_id)

    def earlier_of(job: FitJob) -> Sequence[EpochRecord]:
        folder = store.fit(job.config.fit_id)
        return folder.read_history() if folder.has_checkpoint() else []

    return ProjectingListener(projector, lambda job: job.config, history_of, earlier_of)


def project_missing(prepared: PreparedSweep, projector: FitProjector) -> int:
    """Makes the runs of finished fits that an earlier launch left without; returns how many."""
    missing = [t for t in prepared.grid.done if not projector.is_projected(t.config)]
    for job in missing:
        fit_id = job.config.fit_id
        history, record = prepared.store.read_history(fit_id), prepared.store.read_fit(fit_id)
        projector.project_whole(job.config, history, record)
    return len(missing)
