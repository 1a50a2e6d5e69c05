"""What happens while fits run, told to whoever listens in the launcher's process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from foldgrid.specs.fits import EpochRecord, FitRecord
from foldgrid.tuning.grid import FitTask


class Listener(Protocol):
    """Hears of every fit, in order within one fit: started, epochs, then finished or failed.

    After a lost worker the fit starts anew: ``started`` and epochs already told may come again.
    """

    def started(self, task: FitTask) -> None:
        """A worker took the fit up."""
        ...

    def epoch_done(self, task: FitTask, record: EpochRecord) -> None:
        """The fit trained an epoch."""
        ...

    def finished(self, task: FitTask, record: FitRecord) -> None:
        """The fit is complete and on disk."""
        ...

    def failed(self, task: FitTask, message: str) -> None:
        """The fit raised an error, or its worker was lost too often."""
        ...


class Listeners:
    """Several listeners as one."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    def started(self, task: FitTask) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.started(task)

    def epoch_done(self, task: FitTask, record: EpochRecord) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.epoch_done(task, record)

    def finished(self, task: FitTask, record: FitRecord) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.finished(task, record)

    def failed(self, task: FitTask, message: str) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.failed(task, message)
