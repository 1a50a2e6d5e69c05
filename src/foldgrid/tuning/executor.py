"""The executor that needs no Ray: one task after another, in the caller's process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from foldgrid.tuning.events import Listener
from foldgrid.tuning.work import Epoch, Result, Steering, Task, Work, describe_failure


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
            try:
                record = _train(work, task, listener, steering)
            except Exception as error:
                message, text = describe_failure(error)
                work.note_failure(task, text)
                listener.failed(task, message)
                continue
            if record is not None:
                listener.finished(task, record)


def _train(
    work: Work[Task, Epoch, Result],
    task: Task,
    listener: Listener[Task, Epoch, Result],
    steering: Steering[Task, Epoch] | None,
) -> Result | None:
    """The task's record, or nothing where it was stopped early."""
    finished = work.finished(task)
    if finished is not None:
        return finished
    job = work.open(task)
    while not job.is_over:
        epoch = job.run_epoch()
        listener.epoch_done(task, epoch)
        if steering is not None and not job.is_over and steering.should_stop(task, epoch):
            steering.stopped(task)
            return None
    return job.conclude()
