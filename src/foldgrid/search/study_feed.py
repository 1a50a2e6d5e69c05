"""A search under way: trials asked of the study, its answers told."""

from __future__ import annotations

from collections.abc import Iterator

from foldgrid.launching.deadline import Deadline
from foldgrid.search.plan import StudyPlan
from foldgrid.search.schedulers.rules import NEVER_STOPPED, StoppingRule
from foldgrid.search.study import SearchStudy
from foldgrid.search.trial_log import TrialLog
from foldgrid.search.trials import TrialJob
from foldgrid.specs.failure import Failure
from foldgrid.specs.trials import TrialEpoch, TrialRecord


class StudyFeed:
    """Hands out the trials of a study until there are enough, and tells it what became of them.

    Args:
        study: Who suggests.
        plan: What a suggestion means.
        num_left: How many there are to be in this launch, at most.
        deadline: When it gives out no more.
        num_total: How many there are to be in all launches; nothing leaves it to ``num_left``.
    """

    def __init__(
        self,
        study: SearchStudy,
        plan: StudyPlan,
        num_left: int,
        deadline: Deadline,
        num_total: int | None = None,
    ) -> None:
        self._study, self._plan = study, plan
        self._num_left, self._deadline = num_left, deadline
        self._num_total, self._num_failed = num_total, 0

    def __iter__(self) -> Iterator[TrialJob]:
        return self

    def __next__(self) -> TrialJob:
        """The next trial, suggested when there is room for it."""
        is_more = self._num_left > 0 and self._deadline.gives_room()
        asked = self._study.ask(self._limit) if is_more else None
        if asked is None:
            raise StopIteration
        self._num_left -= 1
        return self._plan.job(*asked)

    @property
    def _limit(self) -> int | None:
        # A failed trial takes its place, or a search in which all fail would never end.
        return None if self._num_total is None else self._num_total - self._num_failed

    @property
    def waits_for_others(self) -> bool:
        """Whether other launches train what is missing of ``num_total``."""
        limit = self._limit
        return limit is not None and self._study.num_counted < limit and self._study.num_running > 0

    @property
    def has_room(self) -> bool:
        """Whether there is a next trial, those of launches that died included."""
        self._study.close_stale()
        return self._num_left > 0 and self._study.has_room(self._limit)

    def started(self, job: TrialJob) -> None:
        """The study knows: it gave the trial out."""

    def epoch_done(self, job: TrialJob, epoch: TrialEpoch) -> None:
        """Keeps the epoch's score; one that comes again after a lost worker is the same."""
        self._study.report(job.number, epoch)

    def finished(self, job: TrialJob, record: TrialRecord) -> None:
        """Tells the score."""
        self._study.tell(job.number, record)

    def failed(self, job: TrialJob, failure: Failure) -> None:
        """Closes the trial without a score."""
        self._num_failed += 1
        self._study.mark_failed(job.number, failure.message)


class TrialSteering:
    """Gives trials up by a rule of ours, or leaves it to a scheduler of Ray's that pauses them.

    Args:
        rule: Evaluates; nothing lets every trial end by itself.
        scheduler: Ray Tune's, in the rule's stead.
        trial_log: Writes what a trial leaves that was stopped.
    """

    def __init__(
        self, rule: StoppingRule | None, scheduler: object | None, trial_log: TrialLog
    ) -> None:
        self._rule, self._scheduler, self._trial_log = rule, scheduler, trial_log

    def should_stop(self, job: TrialJob, epoch: TrialEpoch) -> bool:
        """See ``Steering``."""
        if self._rule is None:
            return False
        # The rule receives the events of every trial, also of the one that it may not stop.
        is_worse = self._rule.should_stop(job.number, epoch)
        return is_worse and job.number != NEVER_STOPPED

    def stopped(self, job: TrialJob) -> None:
        """See ``Steering``."""
        self._trial_log.stopped(job)

    def ray_scheduler(self) -> object | None:
        """See ``Steering``."""
        return self._scheduler
