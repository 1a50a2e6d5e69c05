"""Rules that give a trial up before its last epoch: plain judgements on what trials reported.

A rule hears every epoch in the launcher's process, whichever executor trains. Rules of Ray Tune's
that pause trials are not here; see ``pausing``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from foldgrid.scoring import METRICS
from foldgrid.specs.sweep import Objective, SearchSettings
from foldgrid.specs.trials import TrialEpoch, TrialStatus

FloatArray = NDArray[np.float64]
NEVER_STOPPED = 0
"""The sweep's own recipe trains to its end: everything is compared with it."""


class StoppingRule(Protocol):
    """Judges trials by their epochs so far.

    Laws, kept by every rule (``tests/contracts/test_stopping_rules.py``): before
    ``grace_epochs`` nothing is stopped; a rule that is told the same in the same order judges the
    same; a lone trial is never stopped.
    """

    def should_stop(self, number: int, epoch: TrialEpoch) -> bool:
        """Whether trial ``number`` is given up after ``epoch``, which was not its last."""
        ...

    def ended(self, number: int, epochs: Sequence[TrialEpoch], status: TrialStatus) -> None:
        """Learns of a trial that is over; also of those of earlier launches, all at once."""
        ...


def make_rule(
    settings: SearchSettings, units: pd.DataFrame, max_epochs: int
) -> StoppingRule | None:
    """The rule that ``settings.scheduler`` names; nothing for one that stops none.

    Args:
        settings: How the search goes.
        units: The study's visits: subject, reference; in the order of ``TrialEpoch.predicted``.
        max_epochs: The most epochs that any trial is planned to train.
    """
    makers: dict[str, Callable[[], StoppingRule]] = {
        "asha": lambda: RayRule(_asha(settings, max_epochs), settings.objectives[0]),
        "median": lambda: RayRule(_median(settings), settings.objectives[0]),
        "paired_race": lambda: PairedRace(
            settings.objectives[0],
            units,
            rung_epochs(settings.grace_epochs, settings.reduction_factor, max_epochs),
            settings.significance,
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


def score_key(objective: Objective, epoch: TrialEpoch) -> float:
    """The epoch's figure with the sign of an error: smaller is better; infinite without one."""
    return float(METRICS[objective].sort_key(epoch.oof.get(objective)))


class PairedRace:
    """Stops a trial that is significantly worse than the best one was at the same epoch.

    Both predicted the same visits of the same subjects, so their figures are compared pair by
    pair: the difference's standard error is the jackknife's over whole subjects (Efron and
    Tibshirani 1993, ch. 11), its significance one-sided Student's t with one degree of freedom
    fewer than subjects. Works for every figure of the ranking. In the spirit of F-Race (Birattari
    et al. 2002).

    Args:
        objective: The figure.
        units: subject and reference of the visits, in the order of ``TrialEpoch.predicted``.
        rungs: The epochs at which trials are judged.
        significance: A trial is stopped where so large a difference would be rarer than this
            among equals.
    """

    def __init__(
        self, objective: Objective, units: pd.DataFrame, rungs: Sequence[int], significance: float
    ) -> None:
        self._objective, self._rungs, self._significance = objective, frozenset(rungs), significance
        self._reference = units["reference"].to_numpy(np.float64)
        self._subjects = pd.factorize(units["subject"])[0]
        self._best: tuple[float, list[TrialEpoch]] | None = None

    def ended(self, number: int, epochs: Sequence[TrialEpoch], status: TrialStatus) -> None:
        """See ``StoppingRule``: the best complete trial is the one to beat."""
        if status != "complete":
            return
        key = score_key(self._objective, epochs[-1])
        if self._best is None or key < self._best[0]:
            self._best = key, list(epochs)

    def should_stop(self, number: int, epoch: TrialEpoch) -> bool:
        """See ``StoppingRule``."""
        if self._best is None or epoch.epoch not in self._rungs or not epoch.predicted:
            return False
        epochs = self._best[1]
        rival = epochs[min(epoch.epoch, len(epochs)) - 1]
        return self._p_value(epoch, rival) < self._significance

    def _p_value(self, epoch: TrialEpoch, rival: TrialEpoch) -> float:
        """How often a trial as good as its rival would look so much worse."""
        pair = np.asarray(epoch.predicted), np.asarray(rival.predicted)
        num_subjects = int(self._subjects.max()) + 1
        difference = self._difference(*pair, np.ones(len(self._subjects), bool))
        without = np.array(
            [self._difference(*pair, self._subjects != one) for one in range(num_subjects)]
        )
        spread = np.sum((without - without.mean()) ** 2)
        error = float(np.sqrt((num_subjects - 1) / num_subjects * spread))
        if not np.isfinite(difference) or error == 0.0:
            return 0.0 if difference > 0 else 1.0
        return float(stats.t.sf(difference / error, num_subjects - 1))

    def _difference(self, mine: FloatArray, rival: FloatArray, kept: NDArray[np.bool_]) -> float:
        metric, reference = METRICS[self._objective], self._reference[kept]
        return float(
            metric.sort_key(metric(reference, mine[kept]))
            - metric.sort_key(metric(reference, rival[kept]))
        )


@dataclass(frozen=True)
class _Handle:
    """What Ray's schedulers know a trial by."""

    trial_id: str


class _NobodyWaits:
    """Ray's median rule asks its controller whether other trials wait for room."""

    def get_live_trials(self) -> list[Any]:
        return []


class RayRule:
    """A scheduler of Ray Tune's that only ever continues or stops, asked without Tune.

    Args:
        scheduler: On the time attribute ``epoch`` and the metric ``score``, smaller better.
        objective: The figure.
    """

    def __init__(self, scheduler: Any, objective: Objective) -> None:
        self._scheduler, self._objective = scheduler, objective
        self._handles: dict[int, _Handle] = {}

    def should_stop(self, number: int, epoch: TrialEpoch) -> bool:
        """See ``StoppingRule``."""
        from ray.tune.schedulers import TrialScheduler

        answer = self._scheduler.on_trial_result(
            _NobodyWaits(), self._handle(number), self._result(epoch)
        )
        return bool(answer == TrialScheduler.STOP)

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
        time_attr="epoch", metric="score", mode="min", grace_period=settings.grace_epochs
    )
