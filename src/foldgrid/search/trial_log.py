"""What trials leave, written as they end: the launcher is the only one who writes it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from foldgrid.records import SearchStore, TrialFolder
from foldgrid.search.schedulers.rules import StoppingRule
from foldgrid.search.trials import TrialJob, TrialListener, is_of, trial_record
from foldgrid.specs.failure import Failure
from foldgrid.specs.recipe_keys import Value
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


class TrialLog:
    """Receives trials' events, keeps their epochs, and writes what a trial that is over leaves.

    Args:
        store: The search's folder.
        units: The study's visits, in the order of ``TrialEpoch.predicted``.
        listener: Notified afterwards; a trial that was stopped early is reported as finished.
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

    def started(self, job: TrialJob) -> None:
        """A worker took the trial up, for the first time or again."""
        if job.number not in self._courses:
            # Of an earlier launch, if there are any.
            epochs = self._folder(job).read_running()
            if epochs:
                # A line that was torn by its end would swallow the next one.
                self._folder(job).write_running(epochs)
            self._courses[job.number] = _Course(job.values, {e.epoch: e for e in epochs})
        self._listener.started(job)

    def epoch_done(self, job: TrialJob, epoch: TrialEpoch) -> None:
        """Keeps the epoch; after a lost worker epochs come again, and are the same."""
        course = self._courses[job.number]
        if job.values != course.values:
            course = self._courses[job.number] = self._inherited(job, epoch.epoch)
            self._folder(job).write_running(list(course.epochs.values()))
        course.epochs = {**course.before(epoch.epoch), epoch.epoch: epoch}
        self._folder(job).append_epoch(epoch)
        self._listener.epoch_done(job, epoch)

    def _folder(self, job: TrialJob) -> TrialFolder:
        return self._store.trial(job.study, job.number)

    def _inherited(self, job: TrialJob, epoch: int) -> _Course:
        """The course of a trial that went on from a better one's state, with other values."""
        if job.inherited_from is None:
            raise ValueError(f"trial {job.number} changed its values by itself")
        donor = self._courses[job.inherited_from]
        change = RecipeChange(
            after_epoch=epoch - 1, inherited_from=job.inherited_from, values=job.values
        )
        earlier = [each for each in donor.changes if each.after_epoch < epoch - 1]
        return _Course(job.values, donor.before(epoch), [*earlier, change])

    def finished(self, job: TrialJob, record: TrialRecord) -> None:
        """Writes what the trial leaves."""
        course = self._courses[job.number]
        if course.changes:
            record = record.model_copy(update={"changes": tuple(course.changes)})
        self._complete(job, record)

    def stopped(self, job: TrialJob) -> None:
        """A scheduler stopped the trial: its record is made of what was received."""
        course = self._courses[job.number]
        epochs = list(course.epochs.values())
        self._complete(job, trial_record(job, epochs, "stopped", course.changes))

    def _complete(self, job: TrialJob, record: TrialRecord) -> None:
        folder = self._folder(job)
        epochs = list(self._courses[job.number].epochs.values())
        if not folder.is_over() or not is_of(folder.read_record(), job):
            folder.complete(record, epochs, self._units)
        if self._rule is not None and epochs:
            self._rule.ended(job.number, epochs, record.status)
        self._listener.finished(job, record)

    def failed(self, job: TrialJob, failure: Failure) -> None:
        """It is noted already."""
        self._listener.failed(job, failure)
