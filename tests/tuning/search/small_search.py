"""A search over the random study: what tests of trials, studies and executors share."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from optuna.storages import BaseStorage

from foldgrid.search.storage.launches import LaunchMark
from foldgrid.search.storage.storage import SearchStorage
from foldgrid.search.trials import TrialTask
from foldgrid.specs.failure import Failure
from foldgrid.specs.recipe import Value, with_values
from foldgrid.specs.search_space import SearchSpace
from foldgrid.specs.trials import TrialEpoch, TrialRecord
from foldgrid.training import TrainingData
from tests.tuning.small_grid import NUM_FOLDS, fit_task, random_study

BACKBONE = "squeezenet1_1"
"""Small, and it draws from torch's global random numbers (dropout)."""


def space_of(**parameters: dict[str, object]) -> SearchSpace:
    """A space of these parameters; two underscores stand for a dot."""
    named = {name.replace("__", "."): limits for name, limits in parameters.items()}
    return SearchSpace.model_validate({"title": "t", "parameters": named})


def training_samples() -> TrainingData:
    """The random study without its test subject."""
    return random_study().without_test()


def trial_task(number: int = 0, backbone: str = BACKBONE, **values: Value) -> TrialTask:
    """A trial of the random study; values change the fits' recipe."""
    fits = []
    for fold in range(NUM_FOLDS):
        task = fit_task(backbone, fold)
        recipe = with_values(task.config.training, values)
        config = task.config.model_copy(update={"training": recipe})
        fits.append(replace(task, config=config, keep_weights=False))
    return TrialTask("study", number, values, tuple(fits))


class Unmarked(LaunchMark):
    """A mark that nobody looks for."""

    def show(self) -> None:
        pass


class OneLaunch(SearchStorage):
    """An Optuna storage that no other launch shares."""

    def __init__(self, kept: BaseStorage) -> None:
        self._kept = kept
        self.title = self.dashboard = "memory"
        self.mark = Unmarked(Path())

    def exists(self) -> bool:
        return True

    def _open(self) -> BaseStorage:
        return self._kept

    def exclusive(self) -> AbstractContextManager[None]:
        return nullcontext()

    def is_gone(self, launch: str) -> bool:
        return launch != self.mark.name

    def keep_alive(self, trial_id: int) -> None:
        pass

    def let_go(self, trial_id: int) -> None:
        pass


@dataclass
class TrialRecorder:
    """Remembers what it heard, in order."""

    heard: list[tuple[str, int]] = field(default_factory=list)
    records: dict[int, TrialRecord] = field(default_factory=dict)
    epochs: dict[int, list[TrialEpoch]] = field(default_factory=dict)
    messages: dict[int, str] = field(default_factory=dict)

    def started(self, task: TrialTask) -> None:
        self.heard.append(("started", task.number))
        self.epochs[task.number] = []

    def epoch_done(self, task: TrialTask, epoch: TrialEpoch) -> None:
        self.heard.append(("epoch", task.number))
        self.epochs[task.number].append(epoch)

    def finished(self, task: TrialTask, record: TrialRecord) -> None:
        self.heard.append(("finished", task.number))
        self.records[task.number] = record

    def failed(self, task: TrialTask, failure: Failure) -> None:
        self.heard.append(("failed", task.number))
        self.messages[task.number] = failure.message
