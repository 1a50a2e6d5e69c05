"""Rules that give a trial up before its last epoch: plain judgements on what trials reported.

A rule hears every epoch in the launcher's process, whichever executor trains. Rules of Ray Tune's
that pause trials are not here; see ``pausing``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from foldgrid.metrics import METRICS, Metric
from foldgrid.specs.sweep import SearchSettings
from foldgrid.specs.trials import TrialEpoch, TrialStatus

FloatArray = NDArray[np.float64]
NEVER_STOPPED = 0
"""The sweep's own recipe trains to its end: everything is compared with it."""


class StoppingRule(Protocol):
    """Judges trials by their epochs so far.

    Laws, kept by every rule (``tests/contracts/test_stopping_rules.py``): before
    ``grace_epochs`` nothing is stopped; a rule that is told the same in the same order judges the
    same; a lone trial is never stopped, nor is any of trials that report the same; a trial that
    goes on although it was given up, as the sweep's own recipe does, may be judged again.
    """

    def should_stop(self, number: int, epoch: TrialEpoch) -> bool:
        """Whether trial ``number`` is given up after ``epoch``, which was not its last."""
        ...

    def ended(self, number: int, epochs: Sequence[TrialEpoch], status: TrialStatus) -> None:
        """Learns of a trial that is over; also of those of earlier launches, all at once."""
        ...


def make_rule(
    settings: SearchSettings,
    units: pd.DataFrame,
    max_epochs: int,
    metrics: Mapping[str, Metric] = METRICS,
) -> StoppingRule | None:
    """The rule that ``settings.scheduler`` names; nothing for one that stops none.

    Args:
        settings: How the search goes.
        units: The study's units: subject, reference; in the order of ``TrialEpoch.predicted``.
        max_epochs: The most epochs that any trial is planned to train.
        metrics: The task's.
    """
    makers: dict[str, Callable[[], StoppingRule]] = {
        "asha": lambda: RayRule(_asha(settings, max_epochs), settings.objectives[0]),
        "median": lambda: RayRule(_median(settings), settings.objectives[0]),
        "paired_race": lambda: PairedRace(
            metrics[settings.objectives[0]],
            units,
            rung_epochs(settings.grace_epochs, settings.reduction_factor, max_epochs),
            settings.significance,
            max_epochs,
        ),
    }
    maker = makers.get(settings.scheduler)
    return maker() if maker else None


def rung_epochs(grace: int, factor: float, max_epochs: int) -> tuple[int, ...]:
    """The epochs at which trials are judged: ``grace`` and every ``factor``-fold of it."""
    rungs, epoch = [], float(grace)
    while round(epoch) < max_epochs:
        rungs.append(round(epoch))
        epoch = max(epoch * factor, epoch + 1)
    return tuple(rungs)


def score_key(objective: str, epoch: TrialEpoch) -> float:
    """The epoch's figure with the sign of an error: smaller is better; infinite without one."""
    return float(METRICS[objective].sort_key(epoch.oof.get(objective)))


class PairedRace:
    """Stops a trial that is on its way to end significantly worse than the best one did.

    Slow starters often win, so a trial is not judged by where it stands but by where it is
    heading: with every doubling of its epochs its figure is taken to change as it did with the
    last one, up to the epoch where the best complete trial ended. That projection is compared
    with the best's last figure. All is predicted of the same subjects, so the difference's
    standard error is the jackknife's over whole subjects (Efron and Tibshirani 1993, ch. 11) of
    the whole expression, its significance one-sided Student's t with one degree of freedom fewer
    than subjects. In the spirit of F-Race (Birattari et al. 2002); for every figure of the
    ranking.

    A trial that is no worse than the best was at the same epoch is never stopped. Until a trial
    is complete, the best is the sweep's own recipe as far as it has come.

    Args:
        metric: The figure.
        units: subject and reference of the units, in the order of ``TrialEpoch.predicted``.
        rungs: The epochs at which trials are judged; from the first alone nothing is projected.
        significance: A trial is stopped where so large a difference would be rarer than this
            among equals.
        max_epochs: The most epochs that any trial is planned to train.
    """

    def __init__(
        self,
        metric: Metric,
        units: pd.DataFrame,
        rungs: Sequence[int],
        significance: float,
        max_epochs: int,
    ) -> None:
        self._metric, self._rungs, self._significance = metric, frozenset(rungs), significance
        self._max_epochs = max_epochs
        self._reference = units["reference"].to_numpy(np.float64)
        subjects, found = pd.factorize(units["subject"])
        # Every unit, and then every unit but those of one subject.
        self._kept = [
            np.arange(len(subjects)),
            *(np.flatnonzero(subjects != one) for one in range(len(found))),
        ]
        self._running: dict[int, dict[int, TrialEpoch]] = {}
        self._best: tuple[float, int] | None = None
        self._best_epochs: dict[int, TrialEpoch] = {}
        self._rival_keys: dict[int, FloatArray] = {}

    def ended(self, number: int, epochs: Sequence[TrialEpoch], status: TrialStatus) -> None:
        """See ``StoppingRule``: the best complete trial, the first of equals, is to be beaten."""
        self._running.pop(number, None)
        rank = self._metric.sort_key(epochs[-1].oof.get(self._metric.name)), number
        is_scored = status == "complete" and np.isfinite(rank[0])
        if is_scored and (self._best is None or rank < self._best):
            self._best, self._rival_keys = rank, {}
            self._best_epochs = {epoch.epoch: epoch for epoch in epochs if epoch.predicted}

    def should_stop(self, number: int, epoch: TrialEpoch) -> bool:
        """See ``StoppingRule``."""
        if not epoch.predicted:
            return False
        now, mine = epoch.epoch, self._running.setdefault(number, {})
        mine[now] = epoch
        before = mine.get(now // 2)
        rival, end = self._rival()
        if now not in self._rungs or before is None or not rival:
            return False
        last = max(rival)
        then = now if self._best is None else min(now, last)
        if then not in rival:
            return False
        keys = self._keys(epoch)
        if keys[0] <= self._keys_of_rival(rival[then])[0]:
            return False
        if not np.isfinite(keys[0]):
            return True
        doublings = max(np.log(end / now), 0.0) / np.log(now / before.epoch)
        # Not finite where there was no figure before: then nothing can be said.
        with np.errstate(invalid="ignore"):
            projected = keys + doublings * (keys - self._keys(before))
        return self._p_value(projected, self._keys_of_rival(rival[last])) < self._significance

    def _rival(self) -> tuple[dict[int, TrialEpoch], int]:
        """The epochs of whom trials are compared with, and the epoch at which it ends."""
        if self._best is not None:
            return self._best_epochs, max(self._best_epochs)
        return self._running.get(NEVER_STOPPED, {}), self._max_epochs

    def _keys_of_rival(self, epoch: TrialEpoch) -> FloatArray:
        if epoch.epoch not in self._rival_keys:
            self._rival_keys[epoch.epoch] = self._keys(epoch)
        return self._rival_keys[epoch.epoch]

    def _keys(self, epoch: TrialEpoch) -> FloatArray:
        """The figure, smaller is better: of all units, then without each subject in turn."""
        metric = self._metric
        predicted = np.reshape(epoch.predicted, (len(self._reference), -1))
        if predicted.shape[1] == 1:
            predicted = predicted[:, 0]
        figures = (metric(self._reference[kept], predicted[kept]) for kept in self._kept)
        return np.array([metric.sort_key(figure) for figure in figures])

    def _p_value(self, mine: FloatArray, rival: FloatArray) -> float:
        """How often a trial that ends as its rival did would seem to end so much worse."""
        if not (np.isfinite(mine).all() and np.isfinite(rival).all()):
            return 1.0
        difference, *left = mine - rival
        without, num_subjects = np.array(left), len(left)
        spread = np.sum((without - without.mean()) ** 2)
        error = float(np.sqrt((num_subjects - 1) / num_subjects * spread))
        if error == 0.0:
            return 0.0 if difference > 0 else 1.0
        return float(stats.t.sf(difference / error, num_subjects - 1))


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
        objective: The figure.
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
            # Of an earlier launch: its judgements are made again, and not heeded.
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


def _asha(settings: SearchSettings, max_epochs: int) -> Any:
    from ray.tune.schedulers import ASHAScheduler

    return ASHAScheduler(
        time_attr="epoch",
        metric="score",
        mode="min",
        max_t=max_epochs,
        grace_period=settings.grace_epochs,
        reduction_factor=settings.reduction_factor,
        stop_last_trials=False,
    )


def _median(settings: SearchSettings) -> Any:
    from ray.tune.schedulers import MedianStoppingRule

    return MedianStoppingRule(
        time_attr="epoch",
        metric="score",
        mode="min",
        grace_period=settings.grace_epochs,
        # Else it takes the next epoch of a trial that it gave up for a bug.
        hard_stop=False,
    )
