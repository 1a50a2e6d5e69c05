"""What happens while jobs run, told to whoever listens in the launcher's process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from foldgrid.execution.fit_job import FitJob
from foldgrid.specs.failure import Failure
from foldgrid.specs.fits import EpochRecord, FitRecord

Job = TypeVar("Job", contravariant=True)
Epoch = TypeVar("Epoch", contravariant=True)
Result = TypeVar("Result", contravariant=True)


class Listener(Protocol[Job, Epoch, Result]):
    """Receives every job's events, in order within one: started, epochs, then finished or failed.

    After a lost worker a job is taken up again: ``started`` and epochs already told may come
    again.
    """

    def started(self, job: Job, /) -> None:
        """A worker took the job up."""
        ...

    def epoch_done(self, job: Job, epoch: Epoch, /) -> None:
        """An epoch was trained."""
        ...

    def finished(self, job: Job, record: Result, /) -> None:
        """The job is over; what it left is whole."""
        ...

    def failed(self, job: Job, failure: Failure, /) -> None:
        """A try of the job failed; where the launch tries it again, ``started`` comes next."""
        ...


FitListener = Listener[FitJob, EpochRecord, FitRecord]


class Listeners(Generic[Job, Epoch, Result]):
    """Several listeners as one, reported in their order."""

    def __init__(self, listeners: Sequence[Listener[Job, Epoch, Result]]) -> None:
        self._listeners = tuple(listeners)

    def started(self, job: Job) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.started(job)

    def epoch_done(self, job: Job, epoch: Epoch) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.epoch_done(job, epoch)

    def finished(self, job: Job, record: Result) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.finished(job, record)

    def failed(self, job: Job, failure: Failure) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.failed(job, failure)
