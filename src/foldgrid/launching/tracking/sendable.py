"""What a run folder has for a tracker: the fits or trials that are over, and their summary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pandas as pd

from foldgrid.launching.tracking.projecting import fit_runs, local_run_folder
from foldgrid.records import RunStore, verify_fits
from foldgrid.specs.errors import SweepError
from foldgrid.specs.fits import EpochRecord, FitConfig, FitRecord
from foldgrid.specs.sweep import Sweep
from foldgrid.tracking import (
    Pseudonyms,
    RunKind,
    SummaryContent,
    make_content,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Config = TypeVar("Config")
Epoch = TypeVar("Epoch")
Record = TypeVar("Record")


GridSummary = tuple[Sequence[Mapping[str, Any]], pd.DataFrame, Mapping[str, Any]]
"""The ranking's rows, the best learner's visits, further facts."""


@dataclass(frozen=True)
class FinishedRun(Generic[Config, Epoch, Record]):
    """A fit or a trial that is over.

    Attributes:
        name: For people.
        read: Its configuration and its record.
        read_history: All its epochs.
    """

    name: str
    read: Callable[[], tuple[Config, Record]]
    read_history: Callable[[], Sequence[Epoch]]


@dataclass(frozen=True)
class Sendable(Generic[Config, Epoch, Record]):
    """What a run folder has for a tracker.

    Attributes:
        what: ``fit`` or ``trial``.
        kind: What leaves of one.
        finished: All that are over, in the plan's order.
        num_unfinished: How many are begun or planned and not over.
        summarise: Makes the run of all of them; nothing where another launch has to.
    """

    what: str
    kind: RunKind[Config, Epoch, Record]
    finished: tuple[FinishedRun[Config, Epoch, Record], ...]
    num_unfinished: int
    summarise: Callable[[], SummaryContent | None]


def grid_sendable(
    store: RunStore, sweep: Sweep, summarise: Callable[[RunStore], GridSummary]
) -> Sendable[FitConfig, EpochRecord, FitRecord]:
    """A grid's fits; after those of the plan, those of earlier settings."""
    plan, finished = store.read_plan(), store.finished_fits()
    planned = [fit.fit_id for fit in plan]
    in_order = [name for name in planned if name in finished]
    in_order += sorted(finished.difference(planned))
    corrupt = {fit.fit_id: "; ".join(fit.faults) for fit in verify_fits(store, in_order).corrupt}

    def content() -> SummaryContent:
        rows, visits, facts = summarise(store)
        pseudonyms = Pseudonyms.open(local_run_folder(store, sweep.name))
        return make_content(rows, visits, facts, _sample_images(sweep), pseudonyms)

    return Sendable(
        "fit",
        fit_runs(store, sweep, plan),
        tuple(_finished_fit(store, name, corrupt.get(name, "")) for name in in_order),
        len(set(planned) - finished),
        content,
    )


def _finished_fit(
    store: RunStore, fit_id: str, fault: str
) -> FinishedRun[FitConfig, EpochRecord, FitRecord]:
    def read() -> tuple[FitConfig, FitRecord]:
        record = store.read_fit(fit_id)
        return record.config, record

    def read_history() -> Sequence[EpochRecord]:
        if fault:
            raise SweepError(fault)
        return store.read_history(fit_id)

    return FinishedRun(fit_id, read, read_history)


def _sample_images(sweep: Sweep) -> list[NDArray[np.uint8]]:
    """What the summary shows where the sweep says ``tracking.images: true``."""
    if not sweep.tracking.images:
        return []
    from foldgrid.data.cache import cache_root
    from foldgrid.launching.session import NUM_SAMPLE_IMAGES
    from foldgrid.simulation.source import open_dataset

    dataset = open_dataset(sweep.data, cache_root(), photographs=sweep.task.sample_kind)
    return list(dataset.mosaics_NHWC[:NUM_SAMPLE_IMAGES])
