"""A trial of a search: what is to be trained, what is heard of it, what it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import Field

from foldgrid.specs.base import Record
from foldgrid.specs.fits import Figure
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.search_space import Value
from foldgrid.tuning.grid import FitTask


@dataclass(frozen=True)
class TrialTask:
    """One configuration to be trained on all folds.

    Attributes:
        study: The study that asked for it.
        number: Its number in that study, from 0; 0 is the sweep's own recipe.
        values: What was drawn of the search space.
        fits: One fit a fold, in the folds' order.
    """

    study: str
    number: int
    values: dict[str, Value]
    fits: tuple[FitTask, ...]

    @property
    def name(self) -> str:
        """Its name in the run folder: ``mobilenet_v2-0f3a61b2c4/0007``."""
        return f"{self.study}/{self.number:04}"


class TrialEpoch(Record):
    """One epoch of all folds.

    Attributes:
        epoch: 1 for the first.
        oof: Out-of-fold figures of the visits' PASI, each fold with its best weights so far.
        num_running: Folds that have not ended.
        wall_seconds: Time the epoch took, all folds together.
    """

    epoch: int = Field(ge=1)
    oof: dict[str, Figure]
    num_running: int
    wall_seconds: float


class TrialRecord(Record):
    """``search/trials/<study>/<number>.json``: a finished trial.

    Attributes:
        study: The study's name.
        number: The trial's number in it.
        status: ``complete``, or ``diverged`` where the loss of a fold was no longer finite.
        backbone: What was trained.
        values: What was drawn of the search space.
        training: The whole recipe.
        num_epochs: Epochs of the fold that trained longest.
        best_epochs: By fold, the epoch whose weights predicted it.
        oof: Out-of-fold figures of the visits' PASI; empty where it diverged.
        num_visits: Visits behind the figures.
        fit_ids: By fold, the fit's name.
        wall_seconds: Time of training, all folds together.
    """

    study: str
    number: int
    status: Literal["complete", "diverged"]
    backbone: str
    values: dict[str, Value]
    training: TrainingRecipe
    num_epochs: int
    best_epochs: tuple[int, ...]
    oof: dict[str, Figure]
    num_visits: int
    fit_ids: tuple[str, ...]
    wall_seconds: float


class TrialFeed(Protocol):
    """Where an executor takes trials from."""

    def next_trial(self) -> TrialTask | None:
        """The next trial, or nothing once there are enough."""
        ...


class TrialListener(Protocol):
    """Hears of every trial, in the launcher's process."""

    def started(self, task: TrialTask) -> None:
        """A worker took the trial up; after a lost worker, once more."""
        ...

    def epoch_done(self, task: TrialTask, epoch: TrialEpoch) -> None:
        """All folds trained an epoch."""
        ...

    def finished(self, task: TrialTask, record: TrialRecord) -> None:
        """The trial is over and on disk."""
        ...

    def failed(self, task: TrialTask, message: str) -> None:
        """The trial raised an error, or its worker was lost too often."""
        ...


class TrialListeners:
    """Several listeners as one."""

    def __init__(self, *listeners: TrialListener) -> None:
        self._listeners = listeners

    def started(self, task: TrialTask) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.started(task)

    def epoch_done(self, task: TrialTask, epoch: TrialEpoch) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.epoch_done(task, epoch)

    def finished(self, task: TrialTask, record: TrialRecord) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.finished(task, record)

    def failed(self, task: TrialTask, message: str) -> None:
        """Tells all."""
        for listener in self._listeners:
            listener.failed(task, message)
