"""A search under way: trials asked of the study, its answers told, all of it shown."""

from __future__ import annotations

import math

from rich.console import Console

from foldgrid.scoring import METRICS
from foldgrid.specs.sweep import Objective
from foldgrid.tuning.plan_text import describe_values
from foldgrid.tuning.search.plan import StudyPlan
from foldgrid.tuning.search.study import SearchStudy
from foldgrid.tuning.search.trials import TrialEpoch, TrialRecord, TrialTask


class StudyFeed:
    """Hands out the trials of a study until there are enough, and tells it what became of them.

    Args:
        study: Who suggests.
        plan: What a suggestion means.
        num_trials: How many there are to be in all, those of earlier launches included.
    """

    def __init__(self, study: SearchStudy, plan: StudyPlan, num_trials: int) -> None:
        self._study, self._plan, self._num_trials = study, plan, num_trials
        self._num_failed = 0

    def next_trial(self) -> TrialTask | None:
        """See ``TrialFeed``."""
        # A failed trial takes its place, or a search in which all fail would never end.
        asked = self._study.ask(self._num_trials - self._num_failed)
        return None if asked is None else self._plan.task(*asked)

    @property
    def has_room(self) -> bool:
        """Whether there is a next trial, those of launches that died included."""
        self._study.close_stale()
        return self._study.has_room(self._num_trials - self._num_failed)

    @property
    def waits_for_others(self) -> bool:
        """Whether other launches train what is missing here."""
        return self._study.num_running > 0 and not self.is_complete

    @property
    def is_complete(self) -> bool:
        """Whether there are enough trials."""
        return self._study.num_counted >= self._num_trials - self._num_failed

    def started(self, task: TrialTask) -> None:
        """The study knows: it gave the trial out."""

    def epoch_done(self, task: TrialTask, epoch: TrialEpoch) -> None:
        """Keeps the epoch's score; one that comes again after a lost worker is the same."""
        self._study.report(task.number, epoch)

    def finished(self, task: TrialTask, record: TrialRecord) -> None:
        """Tells the score."""
        self._study.tell(task.number, record)

    def failed(self, task: TrialTask, message: str) -> None:
        """Closes the trial without a score."""
        self._num_failed += 1
        self._study.give_up(task.number, message)


class SearchDisplay:
    """A line a trial: what was tried, what it scored, the best so far.

    Args:
        objective: What is searched for first.
        num_done: Trials of earlier launches.
        num_total: Trials there are to be.
        best: The best score of earlier launches, if there is one.
        console: Where to.
    """

    def __init__(
        self,
        objective: Objective,
        num_done: int,
        num_total: int,
        best: float | None,
        console: Console,
    ) -> None:
        self.metric = METRICS[objective]
        self.num_done, self.num_total, self.console = num_done, num_total, console
        self.best = best
        self.failures: dict[str, str] = {}

    def started(self, task: TrialTask) -> None:
        """Nothing is said before there is a score."""

    def epoch_done(self, task: TrialTask, epoch: TrialEpoch) -> None:
        """Nothing is said before there is a score."""

    def finished(self, task: TrialTask, record: TrialRecord) -> None:
        """A line."""
        value = record.oof.get(self.metric.name, math.nan)
        is_best = self.metric.sort_key(value) < self.metric.sort_key(self.best)
        self.best = value if is_best else self.best
        self.num_done += 1
        score = f"OOF {self.metric.title} {value:6.3f}{'*' if is_best else ' '}"
        if record.status == "diverged":
            score = "diverged         "
        seconds = f"{record.num_epochs} epochs, {record.wall_seconds:.0f} s"
        self._line(task, f"{score}  {seconds}   {describe_values(task.values)}")

    def failed(self, task: TrialTask, message: str) -> None:
        """A line."""
        self.failures[task.name] = message
        self._line(task, f"FAILED  {message}")

    def _line(self, task: TrialTask, text: str) -> None:
        width = len(str(self.num_total))
        which = "own recipe" if task.number == 0 else f"trial {task.number:<4}"
        self.console.print(
            f"[{self.num_done:{width}}/{self.num_total}] {which}  {text}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
