"""Features of frozen backbones, computed before the fits that train on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console

from foldgrid.execution.events import Listener, Listeners
from foldgrid.execution.feature_job import (
    FeatureJob,
    FeatureProgress,
    FeatureRecord,
    FeatureTrainer,
)
from foldgrid.execution.trainer import Executor
from foldgrid.launching.decoding import photograph_progress
from foldgrid.specs.counted import counted
from foldgrid.specs.failure import Failure

FeatureListener = Listener[FeatureJob, FeatureProgress, FeatureRecord]


def compute_features(
    executor: Executor,
    trainer: FeatureTrainer,
    jobs: Sequence[FeatureJob],
    listeners: Sequence[FeatureListener],
    note: Callable[[str], None],
    console: Console,
) -> None:
    """Computes the features that fits share, with a bar of pictures.

    A job that fails is no end: its fits try it themselves, and say what is wrong.

    Args:
        executor: Who computes.
        trainer: How.
        jobs: What.
        listeners: Notified first.
        note: Adds a line to the launch's log.
        console: Where the bar is.
    """
    with photograph_progress(console, "Computing features") as show:
        progress = _Progress(sum(job.num_pictures for job in jobs), show, note)
        everybody: Listeners[FeatureJob, FeatureProgress, FeatureRecord] = Listeners(
            [*listeners, progress]
        )
        # The longest first: no core waits at the end.
        by_length = sorted(jobs, key=lambda job: -job.num_pictures * job.fit.estimated_seconds)
        executor.run(trainer, by_length, everybody)


class _Progress:
    """Adds up how far the jobs are."""

    def __init__(
        self,
        num_pictures: int,
        show: Callable[[int, int], None] | None,
        note: Callable[[str], None],
    ) -> None:
        self._num_pictures, self._show, self._note = num_pictures, show, note
        self._done: dict[str, int] = {}

    def started(self, job: FeatureJob) -> None:
        """See ``Listener``."""
        self._note(f"{job.name}: {counted(job.num_pictures, 'picture')} to compute")

    def epoch_done(self, job: FeatureJob, progress: FeatureProgress) -> None:
        """See ``Listener``."""
        self._done[job.fit.config.fit_id] = progress.num_done
        if self._show is not None:
            self._show(sum(self._done.values()), self._num_pictures)

    def finished(self, job: FeatureJob, record: FeatureRecord) -> None:
        """See ``Listener``."""
        fits = counted(job.num_fits, "fit")
        self._note(f"{job.name}: there for {fits}, after {record.seconds:.1f} s")

    def failed(self, job: FeatureJob, failure: Failure) -> None:
        """See ``Listener``."""
        self._note(f"{job.name}: failed ({failure.words}): {failure.message}; the fits try it")
