"""The executor that needs no Ray: one task after another, in the caller's process."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import Self

from foldgrid.execution.attempt import Attempt
from foldgrid.execution.events import Listener
from foldgrid.execution.work import Epoch, Result, Steering, Task, Work


class InlineExecutor:
    """See ``Executor``. A scheduler that pauses tasks needs Ray."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing was started."""

    def run(
        self,
        work: Work[Task, Epoch, Result],
        tasks: Iterable[Task],
        listener: Listener[Task, Epoch, Result],
        steering: Steering[Task, Epoch] | None = None,
    ) -> None:
        """See ``Executor``."""
        if steering is not None and steering.ray_scheduler() is not None:
            raise ValueError("this scheduler pauses tasks: it runs through Ray only")
        for task in tasks:
            listener.started(task)
            with closing(Attempt(work, task)) as attempt:
                _train(attempt, task, listener, steering)


def _train(
    attempt: Attempt[Task, Epoch, Result],
    task: Task,
    listener: Listener[Task, Epoch, Result],
    steering: Steering[Task, Epoch] | None,
) -> None:
    """Trains to the end, or until the steering gives it up."""
    while True:
        step = attempt.advance()
        if step.epoch is not None:
            listener.epoch_done(task, step.epoch)
        if step.record is not None:
            listener.finished(task, step.record)
        if step.failure is not None:
            listener.failed(task, step.failure)
        if step.is_last:
            return
        if steering is None or step.epoch is None:
            continue
        if steering.should_stop(task, step.epoch):
            steering.stopped(task)
            return
