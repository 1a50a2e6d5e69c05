"""A launch of a grid, from the prepared sweep to trained fits; which failed ones it tries again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from foldgrid.execution.events import FitListener, Listeners
from foldgrid.execution.feature_job import FeatureTrainer, missing_features
from foldgrid.execution.fit_job import FitJob
from foldgrid.execution.memory import with_known_fraction, with_larger_fraction
from foldgrid.execution.trainer import Executor, FitTrainer
from foldgrid.launching.failure_table import FailedJob, print_failures
from foldgrid.launching.frame import LaunchFrame
from foldgrid.launching.interrupt import Interrupt
from foldgrid.launching.options import Options
from foldgrid.launching.planning.corruption import discard_corrupt
from foldgrid.launching.planning.plan_text import print_plan
from foldgrid.launching.planning.preparation import PreparedSweep
from foldgrid.launching.progress.display import ProgressDisplay, SweepProgress
from foldgrid.launching.progress.file import ProgressFile
from foldgrid.launching.sweep_run import (
    FitProjector,
    clear_after_crash,
    fit_listener,
    project_missing,
    write_given_fits,
    write_run_files,
)
from foldgrid.launching.tracking.projecting import fit_runs
from foldgrid.records.files import FileRoot
from foldgrid.specs.counted import counted
from foldgrid.specs.failure import Failure
from foldgrid.specs.fits import EpochRecord, FitRecord
from foldgrid.tracking import Tracker
from foldgrid.training import TrainingData

NUM_SAMPLE_IMAGES = 12
"""Mosaics that the summary run shows where the sweep says ``tracking.images: true``."""


class Session(LaunchFrame[FitJob]):
    """A launch of a grid; see ``LaunchFrame``.

    Attributes:
        progress: The fits that are done, run and failed.
    """

    def __init__(
        self,
        prepared: PreparedSweep,
        options: Options,
        trackers: Mapping[str, Tracker],
        console: Console,
    ) -> None:
        grid = prepared.grid
        plan = (
            f"{prepared.sweep.name}: {len(grid.done)} of {counted(len(grid.selected), 'fit')} "
            f"done, "
            f"{len(grid.left)} to train"
        )
        super().__init__(prepared, options, trackers, console, lambda job: job.config.fit_id, plan)
        work = sum(job.estimated_seconds for job in grid.left)
        self.progress = SweepProgress(len(grid.selected), len(grid.done), work)
        self._sample_images: list[NDArray[np.uint8]] = []

    def print_plan(self, budget_reason: str) -> None:
        """Prints what would be trained."""
        print_plan(self.prepared, self.console, budget_reason, self.tracker_rows("fit"))

    def train(self) -> int:
        """Trains what is left, streams it to the trackers; returns how many fits failed."""
        prepared = self.prepared
        with self.training(is_left=bool(prepared.grid.left)) as (dataset, executor, interrupt):
            data = TrainingData.from_dataset(dataset, prepared.split, self.shared)
            if prepared.sweep.tracking.images:
                self._sample_images = list(data.mosaics_NHWC[:NUM_SAMPLE_IMAGES])
            self._write_and_train(executor, data, interrupt)
        return len(self.progress.failures)

    def _write_and_train(
        self, executor: Executor, data: TrainingData, interrupt: Interrupt
    ) -> None:
        prepared = self.prepared
        if self.is_after_crash:
            clear_after_crash(prepared.store)
        for line in write_run_files(prepared):
            self.console.print(line, markup=False, soft_wrap=True)
        discard_corrupt(prepared, self.forget_run)
        write_given_fits(prepared, data)
        projector = self._open_projector()
        project_missing(prepared, projector)
        display = ProgressDisplay(self.progress, self.console)
        progress_file = self._progress_file()
        listeners: Listeners[FitJob, EpochRecord, FitRecord] = Listeners(
            [
                interrupt,
                self.log,
                fit_listener(projector, prepared.store),
                display,
                progress_file,
                self.limit,
                self.deadline,
            ]
        )
        features = missing_features(prepared.grid.left, data)
        if prepared.grid.left and self.has_features(
            features, FeatureTrainer(data, prepared.store), executor, interrupt
        ):
            with display, progress_file, self.limit, self.deadline:
                trainer = FitTrainer(data, prepared.store)
                train_all(executor, trainer, prepared.grid.left, listeners)

    def _progress_file(self) -> ProgressFile[FitJob]:
        """Tells other terminals; see ``--status``."""
        facts = self.progress
        return ProgressFile(
            self.prepared.store,
            lambda job: job.config.fit_id,
            facts.num_done,
            facts.num_total,
            lambda: facts.seconds_left,
        )

    def _open_projector(self) -> FitProjector:
        self.local_folder.mkdir(parents=True, exist_ok=True)
        kind = fit_runs(self.prepared.store, self.prepared.sweep, self.prepared.grid.cells)
        return self.open_projector(kind, with_subjects=True)

    def summarise(
        self, rows: Sequence[Mapping[str, Any]], visits: pd.DataFrame, facts: Mapping[str, Any]
    ) -> None:
        """Writes the sweep's summary run: the ranking as a table, the best learner's visits."""
        if self.projector is not None:
            self.projector.summarise(rows, visits, facts, self._sample_images)

    def print_failures(self) -> None:
        """Prints what failed, with the end of its log."""
        failed = [
            FailedJob(
                f"{job.learner} fold {job.config.fold}",
                failure,
                f"fits/{job.config.fit_id}/fit.log",
            )
            for job, failure in self.progress.failures.values()
        ]
        print_failures(failed, "fits", self.prepared.store.root, self.console)


class SecondTries:
    """Listens, tells on, and keeps the fits that deserve another try.

    An error is tried once more, because a file system or a driver may have had a bad moment; not
    so where the same error came twice for one base learner: then it is the learner. What ran out of
    memory is tried with a larger fraction of a card, as long as there is one. Lost workers are
    Ray's to try again, and a full disk or bad input ends the launch.

    Args:
        listener: Notified of everything; failures know by then whether they are tried again.
        root: The run folder, where the memory that backbones need is kept.
    """

    def __init__(self, listener: FitListener, root: FileRoot) -> None:
        self._listener, self._root = listener, root
        self._seen: dict[tuple[str, str], int] = {}
        self._waiting: dict[str, tuple[FitJob, Failure]] = {}

    def started(self, job: FitJob) -> None:
        """See ``Listener``."""
        self._listener.started(job)

    def epoch_done(self, job: FitJob, epoch: EpochRecord) -> None:
        """See ``Listener``."""
        self._listener.epoch_done(job, epoch)

    def finished(self, job: FitJob, record: FitRecord) -> None:
        """See ``Listener``."""
        self._listener.finished(job, record)

    def failed(self, job: FitJob, failure: Failure) -> None:
        """Decides, and tells."""
        again = self._next_try(job, failure)
        if again is not None:
            failure = failure.model_copy(update={"is_tried_again": True})
            self._waiting[job.config.fit_id] = again, failure
        self._listener.failed(job, failure)

    def _next_try(self, job: FitJob, failure: Failure) -> FitJob | None:
        if failure.kind == "out_of_memory":
            return with_larger_fraction(job, self._root)
        if failure.kind != "error":
            return None
        known = job.learner, failure.message
        self._seen[known] = self._seen.get(known, 0) + 1
        return job if self._seen[known] == 1 else None

    def take(self) -> list[FitJob]:
        """The fits to be tried now, in the order in which they failed; each is given out once.

        Those are left out whose error came again in another fold meanwhile.
        """
        waiting, self._waiting = self._waiting.values(), {}
        return [
            job
            for job, failure in waiting
            if self._seen.get((job.learner, failure.message), 0) <= 1
        ]


def train_all(
    executor: Executor, trainer: FitTrainer, jobs: Sequence[FitJob], listener: FitListener
) -> None:
    """Trains fits, and when all are through those that deserve another try.

    Args:
        executor: Who trains.
        trainer: How.
        jobs: The fits, in their order.
        listener: Notified of all.
    """
    root = trainer.store.root
    tries = SecondTries(listener, root)
    left = [with_known_fraction(job, root) for job in jobs]
    while left:
        executor.run(trainer, left, tries)
        left = tries.take()
