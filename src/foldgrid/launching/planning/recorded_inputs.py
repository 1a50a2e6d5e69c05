"""What the results of a run folder rest on, and what a prepared sweep would rest on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from foldgrid.data.fingerprint import photo_table
from foldgrid.launching.planning.changes import (
    DECIDING_PACKAGES,
    RecordedInputs,
    deciding_settings,
    partition_by_subject,
    photos_of,
    targets_of,
)
from foldgrid.launching.planning.preparation import PreparedSweep
from foldgrid.records import RunStore, SearchStore
from foldgrid.specs.errors import CorruptFileError
from foldgrid.specs.registry import other_packages
from foldgrid.tracking.provenance import PACKAGES, package_versions

Content = TypeVar("Content")


@dataclass(frozen=True)
class Results:
    """What there is to lose or to keep.

    Attributes:
        what: ``fit`` or ``trial``.
        num_before: Those that are over, of the settings that the run folder was last used with.
        num_kept: Those among them that count now as well.
        num_found: Those that count now and did not with those settings: made by earlier ones.
        num_left: Those that are to be trained.
    """

    what: str
    num_before: int
    num_kept: int
    num_found: int
    num_left: int

    @property
    def num_set_aside(self) -> int:
        """Those that stay on disk and do not count."""
        return self.num_before - self.num_kept


def grid_results(prepared: PreparedSweep) -> Results:
    """The fits of a grid, before and now."""
    store, grid = prepared.store, prepared.grid
    whole = store.finished_fits() - {fit.fit_id for fit in prepared.corrupt}
    now = {cell.fit_id for cell in grid.cells} & whole
    planned = _known(store.read_plan)
    # Without a plan nobody knows which fits counted; those that do now are the best guess.
    before = {cell.fit_id for cell in planned} & whole if planned is not None else now
    return Results("fit", len(before), len(before & now), len(now - before), len(grid.left))


def search_results(prepared: PreparedSweep, studies: tuple[str, ...], num_left: int) -> Results:
    """The trials of a search, before and now.

    Args:
        prepared: The sweep.
        studies: The names of its studies.
        num_left: Trials to train.
    """
    search = SearchStore.of(prepared.store)
    plan = _known(search.read_plan)
    before = tuple(entry.name for entry in plan.studies) if plan is not None else studies
    counts = {name: len(search.trials(name)) for name in {*before, *studies}}
    return Results(
        "trial",
        sum(counts[name] for name in before),
        sum(counts[name] for name in before if name in studies),
        sum(counts[name] for name in studies if name not in before),
        num_left,
    )


def recorded_inputs(store: RunStore) -> RecordedInputs:
    """What the results of a run folder rest on, as far as it says."""
    sweep = _known(store.read_sweep)
    provenance: dict[str, Any] = _known(store.read_provenance) or {}
    samples, photos, split = map(_known, (store.read_samples, store.read_photos, store.read_split))
    versions = provenance.get("versions")
    return RecordedInputs(
        settings=deciding_settings(sweep) if sweep is not None else None,
        backbones=tuple(sweep["backbones"]) if sweep is not None and "backbones" in sweep else None,
        targets=targets_of(samples) if samples is not None else None,
        photos=photos_of(photos) if photos is not None and "digits" in photos else None,
        sides=partition_by_subject(split) if split is not None else None,
        weights=_known(store.read_first_weights),
        versions=None if versions is None else _deciding(versions),
    )


def prepared_inputs(prepared: PreparedSweep) -> RecordedInputs:
    """What the results of a prepared sweep would rest on."""
    sweep, survey = prepared.sweep, prepared.survey
    return RecordedInputs(
        settings=deciding_settings(sweep.model_dump(mode="json")),
        backbones=tuple(sweep.backbones),
        targets=targets_of(survey.targets),
        photos=photos_of(photo_table(survey.table, survey.photo_hashes)),
        sides=partition_by_subject(prepared.split.table),
        weights=prepared.first_weights,
        versions=_deciding(package_versions([*PACKAGES, *other_packages()])),
    )


def _deciding(versions: dict[str, str | None]) -> dict[str, str]:
    names = (*DECIDING_PACKAGES, *other_packages())
    return {name: str(versions[name]) for name in names if versions.get(name)}


def _known(read: Callable[[], Content]) -> Content | None:
    """What is read; nothing where it is missing or corrupt, which the plan says elsewhere."""
    try:
        return read()
    except (FileNotFoundError, CorruptFileError):
        return None
