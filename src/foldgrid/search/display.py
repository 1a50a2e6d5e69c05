"""A search in a terminal: a line a trial."""

from __future__ import annotations

import math

from rich.console import Console

from foldgrid.launching.planning.plan_text import describe_values
from foldgrid.metrics import METRICS
from foldgrid.search.trials import TrialJob
from foldgrid.specs.counted import counted
from foldgrid.specs.failure import Failure
from foldgrid.specs.trials import TrialEpoch, TrialRecord


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
        objective: str,
        num_done: int,
        num_total: int,
        best: float | None,
        console: Console,
    ) -> None:
        self.metric = METRICS[objective]
        self.num_done, self.num_total, self.console = num_done, num_total, console
        self.best = best
        self.failures: dict[str, Failure] = {}

    def started(self, job: TrialJob) -> None:
        """Nothing is said before there is a score."""

    def epoch_done(self, job: TrialJob, epoch: TrialEpoch) -> None:
        """Nothing is said before there is a score."""

    def finished(self, job: TrialJob, record: TrialRecord) -> None:
        """A line."""
        self.num_done += 1
        words = f"{counted(record.num_epochs, 'epoch')}, {record.wall_seconds:.0f} s"
        if record.status == "stopped":
            words = (
                f"stopped after {record.num_epochs} of "
                f"{counted(record.num_planned_epochs, 'epoch')}"
            )
        self._line(job, f"{self._score(record)}  {words}   {describe_values(record.values)}")

    def _score(self, record: TrialRecord) -> str:
        if record.status == "diverged":
            return "diverged         "
        value = record.oof.get(self.metric.name, math.nan)
        # Only a trial that trained to its end can be the best.
        is_best = record.status == "complete" and self.metric.sort_key(
            value
        ) < self.metric.sort_key(self.best)
        self.best = value if is_best else self.best
        return f"OOF {self.metric.title} {value:6.3f}{'*' if is_best else ' '}"

    def failed(self, job: TrialJob, failure: Failure) -> None:
        """A line."""
        self.failures[job.name] = failure
        self._line(job, f"FAILED  {failure.message}")

    def _line(self, job: TrialJob, text: str) -> None:
        width = len(str(self.num_total))
        which = "default configuration" if job.number == 0 else f"trial {job.number:<4}"
        self.console.print(
            f"[{self.num_done:{width}}/{self.num_total}] {which}  {text}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
