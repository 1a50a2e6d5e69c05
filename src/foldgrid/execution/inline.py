"""The executor that needs no Ray: one job after another, in the caller's process."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import Self

from foldgrid.execution.events import Listener
from foldgrid.execution.job_runner import JobRunner
from foldgrid.execution.trainer import Epoch, Job, Result, Steering, Trainer


class InlineExecutor:
    """See ``Executor``. A scheduler that pauses jobs needs Ray."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing was started."""

    def run(
        self,
        trainer: Trainer[Job, Epoch, Result],
        jobs: Iterable[Job],
        listener: Listener[Job, Epoch, Result],
        steering: Steering[Job, Epoch] | None = None,
    ) -> None:
        """See ``Executor``."""
        if steering is not None and steering.ray_scheduler() is not None:
            raise ValueError("this scheduler pauses jobs: it runs through Ray only")
        for job in jobs:
            listener.started(job)
            with closing(JobRunner(trainer, job)) as runner:
                _train(runner, job, listener, steering)


def _train(
    runner: JobRunner[Job, Epoch, Result],
    job: Job,
    listener: Listener[Job, Epoch, Result],
    steering: Steering[Job, Epoch] | None,
) -> None:
    """Trains to the end, or until the steering gives it up."""
    while True:
        step = runner.advance()
        if step.epoch is not None:
            listener.epoch_done(job, step.epoch)
        if step.record is not None:
            listener.finished(job, step.record)
        if step.failure is not None:
            listener.failed(job, step.failure)
        if step.is_last:
            return
        if steering is None or step.epoch is None:
            continue
        if steering.should_stop(job, step.epoch):
            steering.stopped(job)
            return
