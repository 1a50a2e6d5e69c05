"""Which failed fits of a grid a launch tries again by itself."""

from __future__ import annotations

from collections.abc import Sequence

from foldgrid.execution.events import FitListener
from foldgrid.execution.fit_task import FitTask
from foldgrid.execution.memory import with_known_share, with_larger_share
from foldgrid.execution.work import Executor, FitWork
from foldgrid.records.files import FileRoot
from foldgrid.specs.failure import Failure
from foldgrid.specs.fits import EpochRecord, FitRecord


class SecondTries:
    """Listens, tells on, and keeps the fits that deserve another try.

    An error is tried once more, because a file system or a driver may have had a bad moment; not
    so where the same error came twice for one backbone: then it is the backbone. What ran out of
    memory is tried with a larger share of a card, as long as there is one. Lost workers are Ray's
    to try again, and a full disk or bad input ends the launch.

    Args:
        listener: Told of everything; failures know by then whether they are tried again.
        root: The run folder, where the memory that backbones need is kept.
    """

    def __init__(self, listener: FitListener, root: FileRoot) -> None:
        self._listener, self._root = listener, root
        self._seen: dict[tuple[str, str], int] = {}
        self._waiting: dict[str, tuple[FitTask, Failure]] = {}

    def started(self, task: FitTask) -> None:
        """See ``Listener``."""
        self._listener.started(task)

    def epoch_done(self, task: FitTask, epoch: EpochRecord) -> None:
        """See ``Listener``."""
        self._listener.epoch_done(task, epoch)

    def finished(self, task: FitTask, record: FitRecord) -> None:
        """See ``Listener``."""
        self._listener.finished(task, record)

    def failed(self, task: FitTask, failure: Failure) -> None:
        """Decides, and tells."""
        again = self._next_try(task, failure)
        if again is not None:
            failure = failure.model_copy(update={"is_tried_again": True})
            self._waiting[task.config.fit_id] = again, failure
        self._listener.failed(task, failure)

    def _next_try(self, task: FitTask, failure: Failure) -> FitTask | None:
        if failure.kind == "out_of_memory":
            return with_larger_share(task, self._root)
        if failure.kind != "error":
            return None
        known = task.config.backbone, failure.message
        self._seen[known] = self._seen.get(known, 0) + 1
        return task if self._seen[known] == 1 else None

    def take(self) -> list[FitTask]:
        """The fits to be tried now, in the order in which they failed; each is given out once.

        Those are left out whose error came again in another fold meanwhile.
        """
        waiting, self._waiting = self._waiting.values(), {}
        return [
            task
            for task, failure in waiting
            if self._seen.get((task.config.backbone, failure.message), 0) <= 1
        ]


def train_all(
    executor: Executor, work: FitWork, tasks: Sequence[FitTask], listener: FitListener
) -> None:
    """Trains fits, and when all are through those that deserve another try.

    Args:
        executor: Who trains.
        work: How.
        tasks: The fits, in their order.
        listener: Told of all.
    """
    root = work.store.root
    tries = SecondTries(listener, root)
    left = [with_known_share(task, root) for task in tasks]
    while left:
        executor.run(work, left, tries)
        left = tries.take()
