"""What happens while tasks run, told to whoever listens in the launcher's process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from foldgrid.execution.fit_task import FitTask
from foldgrid.specs.failure import Failure
from foldgrid.specs.fits import EpochRecord, FitRecord

Task = TypeVar("Task", contravariant=True)
Epoch = TypeVar("Epoch", contravariant=True)
Result = TypeVar("Result", contravariant=True)


class Listener(Protocol[Task, Epoch, Result]):
    """Hears of every task, in order within one: started, epochs, then finished or failed.

    After a lost worker a task is taken up again: ``started`` and epochs already told may come
    again.
    """

    def started(self, task: Task, /) -> None:
        """A worker took the task up."""
        ...

    def epoch_done(self, task: Task, epoch: Epoch, /) -> None:
        """An epoch was trained."""
        ...

    def finished(self, task: Task, record: Result, /) -> None:
        """The task is over; what it left is whole."""
        ...

    def failed(self, task: Task, failure: Failure, /) -> None:
        """A try of the task failed; where the launch tries it again, ``started`` comes next."""
        ...


FitListener = Listener[FitTask, EpochRecord, FitRecord]


class Listeners(Generic[Task, Epoch, Result]):
    """Several listeners as one, told in their order."""

    def __init__(self, listeners: Sequence[Listener[Task, Epoch, Result]]) -> None:
        self._listeners = tuple(listeners)

    def started(self, task: Task) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.started(task)

    def epoch_done(self, task: Task, epoch: Epoch) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.epoch_done(task, epoch)

    def finished(self, task: Task, record: Result) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.finished(task, record)

    def failed(self, task: Task, failure: Failure) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.failed(task, failure)
