"""Ray Tune's ASHA and median rule, asked without Tune: they only say who goes on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from foldgrid.search.schedulers.rules import Searched, score_key
from foldgrid.specs.base import Spec
from foldgrid.specs.schedulers import (
    KeyProblem,
    Scheduler,
    SharedSettings,
    evaluated_at,
    grace_problems,
)
from foldgrid.specs.trials import TrialEpoch, TrialStatus


class _Graceful(Scheduler):
    """One that gives nobody up before ``grace_epochs``; see ``Scheduler``."""

    def problems(
        self, shared: SharedSettings, own: Spec, planned_epochs: int, varied: Collection[str]
    ) -> Iterator[KeyProblem]:
        """See ``Scheduler``."""
        yield from super().problems(shared, own, planned_epochs, varied)
        yield from grace_problems(shared, planned_epochs)


class Asha(_Graceful):
    """Asynchronous successive halving (Li and others 2020); see ``Scheduler``."""

    def plan(self, shared: SharedSettings, own: Spec) -> str:
        """See ``Scheduler``."""
        return f"asha keeps one in {shared.reduction_factor:g}, {evaluated_at(shared)}"

    def report(self, shared: SharedSettings, own: Spec) -> str:
        """See ``Scheduler``."""
        return f"asha: kept one of so many; nothing before epoch {shared.grace_epochs}"

    def rule(self, searched: Searched, own: Spec) -> RayRule:
        """See ``Scheduler``."""
        from ray.tune.schedulers import ASHAScheduler

        scheduler = ASHAScheduler(
            time_attr="epoch",
            metric="score",
            mode="min",
            max_t=searched.max_epochs,
            grace_period=searched.settings.grace_epochs,
            reduction_factor=searched.settings.reduction_factor,
            stop_last_trials=False,
        )
        return RayRule(scheduler, searched.objective)


class MedianStopping(_Graceful):
    """The median stopping rule (Golovin and others 2017); see ``Scheduler``."""

    def plan(self, shared: SharedSettings, own: Spec) -> str:
        """See ``Scheduler``."""
        return f"median stops what is worse than the median, from epoch {shared.grace_epochs} on"

    def report(self, shared: SharedSettings, own: Spec) -> str:
        """See ``Scheduler``."""
        return (
            "median: stopped what was worse than the median; nothing before epoch "
            f"{shared.grace_epochs}"
        )

    def rule(self, searched: Searched, own: Spec) -> RayRule:
        """See ``Scheduler``."""
        from ray.tune.schedulers import MedianStoppingRule

        scheduler = MedianStoppingRule(
            time_attr="epoch",
            metric="score",
            mode="min",
            grace_period=searched.settings.grace_epochs,
            # Else it takes the next epoch of a trial that it stopped for a bug.
            hard_stop=False,
        )
        return RayRule(scheduler, searched.objective)


@dataclass(frozen=True)
class _Handle:
    """What Ray's schedulers know a trial by."""

    trial_id: str


class _NobodyWaits:
    """Ray's median rule asks its controller whether other trials wait for room."""

    def get_live_trials(self) -> list[Any]:
        return []


class RayRule:
    """A scheduler of Ray Tune's that asks for nothing but to go on or to end, asked without Tune.

    Args:
        scheduler: On the time attribute ``epoch`` and the metric ``score``, smaller better.
        objective: The metric.
    """

    def __init__(self, scheduler: Any, objective: str) -> None:
        self._scheduler, self._objective = scheduler, objective
        self._handles: dict[int, _Handle] = {}

    def should_stop(self, number: int, epoch: TrialEpoch) -> bool:
        """See ``StoppingRule``."""
        from ray.tune.schedulers import TrialScheduler

        answer = self._scheduler.on_trial_result(
            _NobodyWaits(), self._handle(number), self._result(epoch)
        )
        return bool(answer != TrialScheduler.CONTINUE)

    def ended(self, number: int, epochs: Sequence[TrialEpoch], status: TrialStatus) -> None:
        """See ``StoppingRule``."""
        if number not in self._handles:
            # Of an earlier launch: its evaluations are made again, and not heeded.
            for epoch in epochs[:-1]:
                self.should_stop(number, epoch)
        handle = self._handle(number)
        if status == "complete":
            self._scheduler.on_trial_complete(_NobodyWaits(), handle, self._result(epochs[-1]))

    def _handle(self, number: int) -> _Handle:
        if number not in self._handles:
            self._handles[number] = _Handle(str(number))
            self._scheduler.on_trial_add(_NobodyWaits(), self._handles[number])
        return self._handles[number]

    def _result(self, epoch: TrialEpoch) -> dict[str, float]:
        return {"epoch": epoch.epoch, "score": score_key(self._objective, epoch)}
