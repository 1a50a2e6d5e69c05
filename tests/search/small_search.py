"""A search over the random study: what tests of trials, studies and executors share."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from optuna.storages import BaseStorage

from foldgrid.search.storage.launches import LaunchMark
from foldgrid.search.storage.storage import SearchStorage
from foldgrid.search.trials import TrialJob
from foldgrid.specs.failure import Failure
from foldgrid.specs.recipe_keys import Value, with_values
from foldgrid.specs.search_space import SearchSpace
from foldgrid.specs.trials import TrialEpoch, TrialRecord
from foldgrid.training import TrainingData
from tests.execution.small_grid import NUM_FOLDS, fit_job, random_study

BACKBONE = "squeezenet1_1"
"""Small, and it draws from torch's global random numbers (dropout)."""


def space_of(**parameters: dict[str, object]) -> SearchSpace:
    """A space of these parameters; two underscores stand for a dot."""
    named = {name.replace("__", "."): limits for name, limits in parameters.items()}
    return SearchSpace.model_validate({"title": "t", "parameters": named})


def training_samples() -> TrainingData:
    """The random study without its test subject."""
    return random_study().for_search()


def trial_job(number: int = 0, backbone: str = BACKBONE, **values: Value) -> TrialJob:
    """A trial of the random study; values change the fits' recipe."""
    fits = []
    for fold in range(NUM_FOLDS):
        job = fit_job(backbone, fold)
        recipe = with_values(job.config.training, values)
        config = job.config.model_copy(update={"training": recipe})
        fits.append(replace(job, config=config, keep_weights=False))
    return TrialJob("study", number, values, tuple(fits))


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

    received: list[tuple[str, int]] = field(default_factory=list)
    records: dict[int, TrialRecord] = field(default_factory=dict)
    epochs: dict[int, list[TrialEpoch]] = field(default_factory=dict)
    messages: dict[int, str] = field(default_factory=dict)

    def started(self, job: TrialJob) -> None:
        self.received.append(("started", job.number))
        self.epochs[job.number] = []

    def epoch_done(self, job: TrialJob, epoch: TrialEpoch) -> None:
        self.received.append(("epoch", job.number))
        self.epochs[job.number].append(epoch)

    def finished(self, job: TrialJob, record: TrialRecord) -> None:
        self.received.append(("finished", job.number))
        self.records[job.number] = record

    def failed(self, job: TrialJob, failure: Failure) -> None:
        self.received.append(("failed", job.number))
        self.messages[job.number] = failure.message
