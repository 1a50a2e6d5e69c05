"""The features of a frozen backbone as a job of its own, for all fits that train on them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from foldgrid.execution.fit_job import FitJob
from foldgrid.execution.memory import lighter_fit, with_known_size
from foldgrid.records import LogFile, RunStore
from foldgrid.specs.base import Record
from foldgrid.training import TrainingData
from foldgrid.training.feature_plan import (
    ComputedBy,
    Table,
    chunk_size,
    feature_tables,
    plan_features,
)

if TYPE_CHECKING:
    from foldgrid.training.features import FrozenFeatures

STEP_SECONDS = 0.5
"""How long a worker computes before it says how far it is."""


@dataclass(frozen=True)
class FeatureJob:
    """Features to be computed.

    Attributes:
        fit: One of the fits that train on them.
        num_fits: How many these are.
        num_pictures: Passes of the backbone.
    """

    fit: FitJob
    num_fits: int
    num_pictures: int

    @property
    def name(self) -> str:
        """For people."""
        return f"features of {self.fit.config.backbone}"


class FeatureProgress(Record):
    """How far a job is.

    Attributes:
        num_done: Pictures.
    """

    num_done: int


class FeatureRecord(Record):
    """What a job came to.

    Attributes:
        num_pictures: That passed the backbone, or whose features were there.
        seconds: It took.
    """

    num_pictures: int
    seconds: float


def missing_features(
    jobs: Iterable[FitJob], data: TrainingData, fewest: int = 2
) -> list[FeatureJob]:
    """A job for all features that several of ``jobs`` train on and that are not in the cache.

    What a single fit needs it computes itself. On a GPU they count as missing: its name and
    precision are known to whoever has it, and the job finds out.

    Args:
        jobs: Fits to be trained, in their order.
        data: The samples.
        fewest: How many of them have to train on the same features.
    """
    by_tables: dict[str, list[FitJob]] = {}
    tables_of: dict[str, tuple[Table, ...]] = {}
    for job in jobs:
        tables = _tables(job, data)
        if tables and data.cache is not None:
            key = " ".join(str(table.path) for table in tables)
            by_tables.setdefault(key, []).append(job)
            tables_of[key] = tables
    return [
        # The one that does least beside them: its estimate tells how long they take.
        FeatureJob(
            min(fits, key=lambda fit: fit.estimated_seconds),
            len(fits),
            sum(table.num_pictures for table in tables_of[key]),
        )
        for key, fits in by_tables.items()
        if len(fits) >= fewest and not all(table.is_kept for table in tables_of[key])
    ]


def _tables(job: FitJob, data: TrainingData) -> tuple[Table, ...]:
    config = job.config
    if config.given is not None:
        return ()
    plan = plan_features(config.backbone, config.training, data.grid)
    if isinstance(plan, str):
        return ()
    asked, device = config.training.precision, "cuda" if job.uses_gpu else "cpu"
    precision = "float32" if asked == "auto" and not job.uses_gpu else asked
    chunk = chunk_size(device, job.micro_batch_size)
    threads = None if job.uses_gpu else job.num_threads
    return feature_tables(config, data, plan, ComputedBy(device, precision, threads, chunk))


class FeatureTrainer:
    """Computes features as an executor trains fits; see ``Trainer``.

    Args:
        data: The samples.
        store: The run folder, for the logs of the fits.
    """

    epoch_type, record_type = FeatureProgress, FeatureRecord

    def __init__(self, data: TrainingData, store: RunStore) -> None:
        self.data, self.store = data, store.absolute()

    def finished(self, job: FeatureJob) -> FeatureRecord | None:
        """Nothing: what is in the cache costs nothing to open."""
        return None

    def open(self, job: FeatureJob, state: bytes | None = None) -> ActiveFeatures:
        """See ``Trainer``; whoever computes them waits for another who does."""
        return ActiveFeatures(open_features(job.fit, self.data, self.store))

    def state(self, active: ActiveFeatures) -> bytes:
        """Nothing: they are computed anew."""
        return b""

    def recall(self, job: FeatureJob) -> FeatureJob:
        """See ``Trainer``."""
        return replace(job, fit=with_known_size(job.fit, self.store.root))

    def lighter(self, job: FeatureJob) -> FeatureJob | None:
        """See ``Trainer``; the fits will know."""
        fit = lighter_fit(job.fit, self.store.root)
        return replace(job, fit=fit) if fit is not None else None

    def open_log(self, job: FeatureJob) -> LogFile:
        """That of the fit."""
        return self.store.fit(job.fit.config.fit_id).open_log()

    @staticmethod
    def gpus(job: FeatureJob) -> tuple[float, str]:
        """See ``Trainer``."""
        return job.fit.gpus, job.fit.card

    def note_failure(self, job: FeatureJob, text: str) -> None:
        """With the fit, which will meet the same."""
        self.store.fit(job.fit.config.fit_id).write_failure(text)


class ActiveFeatures:
    """Features being computed, half a second a step; see ``execution.trainer.ActiveJob``."""

    def __init__(self, features: FrozenFeatures) -> None:
        self._features, self._started = features, time.perf_counter()
        self._steps: Iterator[int] = features.computing()
        self.is_over = False

    def run_epoch(self) -> FeatureProgress:
        """Computes for a while."""
        until = time.perf_counter() + STEP_SECONDS
        for num_done in self._steps:
            if time.perf_counter() >= until:
                return FeatureProgress(num_done=num_done)
        self.is_over = True
        return FeatureProgress(num_done=self._features.num_pictures)

    def finalize(self) -> FeatureRecord:
        """They are in the cache by now."""
        seconds = time.perf_counter() - self._started
        return FeatureRecord(num_pictures=self._features.num_pictures, seconds=seconds)


def open_features(job: FitJob, data: TrainingData, store: RunStore) -> FrozenFeatures:
    """The features that the fit of ``job`` trains on; nothing of the fit is read or written."""
    # Imported here: the launcher hands jobs out and needs no torch.
    import torch

    from foldgrid.training.state import FitState

    state = FitState(
        job.config,
        data,
        store.fit(job.config.fit_id),
        job.weights,
        num_threads=job.num_threads,
        device=None if job.uses_gpu else torch.device("cpu"),
        micro_batch_size=job.micro_batch_size,
    )
    if state.features is None:
        raise RuntimeError(f"{job.config.fit_id} trains on no features")
    return state.features
