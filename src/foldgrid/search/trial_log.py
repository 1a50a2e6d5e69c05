"""What trials leave, written as they end: the launcher is the only one who writes it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from foldgrid.records import SearchStore, TrialFolder
from foldgrid.search.schedulers.rules import StoppingRule
from foldgrid.search.trials import TrialListener, TrialTask, is_of, trial_record
from foldgrid.specs.failure import Failure
from foldgrid.specs.recipe import Value
from foldgrid.specs.trials import RecipeChange, TrialEpoch, TrialRecord


@dataclass
class _Course:
    """What is known of a trial under way."""

    values: dict[str, Value]
    epochs: dict[int, TrialEpoch] = field(default_factory=dict)
    changes: list[RecipeChange] = field(default_factory=list)

    def before(self, epoch: int) -> dict[int, TrialEpoch]:
        """The epochs before ``epoch``."""
        return {number: each for number, each in self.epochs.items() if number < epoch}


class TrialKeeper:
    """Hears of trials, keeps their epochs, and writes what a trial that is over leaves.

    Args:
        store: The search's folder.
        units: The study's visits, in the order of ``TrialEpoch.predicted``.
        listener: Told afterwards; a trial that was stopped early is told as finished.
        rule: Learns from trials that are over, those of earlier launches included.
    """

    def __init__(
        self,
        store: SearchStore,
        units: pd.DataFrame,
        listener: TrialListener,
        rule: StoppingRule | None = None,
    ) -> None:
        self._store, self._units, self._listener, self._rule = store, units, listener, rule
        self._courses: dict[int, _Course] = {}

    def started(self, task: TrialTask) -> None:
        """A worker took the trial up, for the first time or again."""
        if task.number not in self._courses:
            # Of an earlier launch, if there are any.
            epochs = self._folder(task).read_running()
            if epochs:
                # A line that was torn by its end would swallow the next one.
                self._folder(task).write_running(epochs)
            self._courses[task.number] = _Course(task.values, {e.epoch: e for e in epochs})
        self._listener.started(task)

    def epoch_done(self, task: TrialTask, epoch: TrialEpoch) -> None:
        """Keeps the epoch; after a lost worker epochs come again, and are the same."""
        course = self._courses[task.number]
        if task.values != course.values:
            course = self._courses[task.number] = self._inherited(task, epoch.epoch)
            self._folder(task).write_running(list(course.epochs.values()))
        course.epochs = {**course.before(epoch.epoch), epoch.epoch: epoch}
        self._folder(task).append_epoch(epoch)
        self._listener.epoch_done(task, epoch)

    def _folder(self, task: TrialTask) -> TrialFolder:
        return self._store.trial(task.study, task.number)

    def _inherited(self, task: TrialTask, epoch: int) -> _Course:
        """The course of a trial that went on from a better one's state, with other values."""
        if task.inherited_from is None:
            raise ValueError(f"trial {task.number} changed its values by itself")
        donor = self._courses[task.inherited_from]
        change = RecipeChange(
            after_epoch=epoch - 1, inherited_from=task.inherited_from, values=task.values
        )
        earlier = [each for each in donor.changes if each.after_epoch < epoch - 1]
        return _Course(task.values, donor.before(epoch), [*earlier, change])

    def finished(self, task: TrialTask, record: TrialRecord) -> None:
        """Writes what the trial leaves."""
        course = self._courses[task.number]
        if course.changes:
            record = record.model_copy(update={"changes": tuple(course.changes)})
        self._complete(task, record)

    def stopped(self, task: TrialTask) -> None:
        """A scheduler gave the trial up: its record is made of what was heard."""
        course = self._courses[task.number]
        epochs = list(course.epochs.values())
        self._complete(task, trial_record(task, epochs, "stopped", course.changes))

    def _complete(self, task: TrialTask, record: TrialRecord) -> None:
        folder = self._folder(task)
        epochs = list(self._courses[task.number].epochs.values())
        if not folder.is_over() or not is_of(folder.read_record(), task):
            folder.complete(record, epochs, self._units)
        if self._rule is not None and epochs:
            self._rule.ended(task.number, epochs, record.status)
        self._listener.finished(task, record)

    def failed(self, task: TrialTask, failure: Failure) -> None:
        """It is noted already."""
        self._listener.failed(task, failure)
