"""The paired race: stops whoever is heading for an end significantly worse than the best's."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foldgrid.metrics import Metric
from foldgrid.search.schedulers.rules import NEVER_STOPPED, Searched, rung_epochs
from foldgrid.specs.base import Spec
from foldgrid.specs.schedulers import (
    KeyProblem,
    Scheduler,
    SharedSettings,
    evaluated_at,
    grace_problems,
)
from foldgrid.specs.trials import TrialEpoch, TrialStatus

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]


class RacedInPairs(Scheduler):
    """``paired_race``; see ``Scheduler`` and `PairedRace`."""

    def plan(self, shared: SharedSettings, own: Spec) -> str:
        """See ``Scheduler``."""
        return (
            "paired_race stops what is heading for worse than the best, by subjects "
            f"(p < {shared.significance:g}), {evaluated_at(shared)}"
        )

    def report(self, shared: SharedSettings, own: Spec) -> str:
        """See ``Scheduler``."""
        return (
            "paired_race: stopped what was worse than the best, subject by subject; nothing before "
            f"epoch {shared.grace_epochs}, p < {shared.significance:g}"
        )

    def problems(
        self, shared: SharedSettings, own: Spec, planned_epochs: int, varied: Collection[str]
    ) -> Iterator[KeyProblem]:
        """See ``Scheduler``."""
        yield from super().problems(shared, own, planned_epochs, varied)
        yield from grace_problems(shared, planned_epochs)

    def rule(self, searched: Searched, own: Spec) -> PairedRace:
        """See ``Scheduler``."""
        settings, longest = searched.settings, searched.max_epochs
        return PairedRace(
            searched.metrics[searched.objective],
            searched.units,
            rung_epochs(settings.grace_epochs, settings.reduction_factor, longest),
            settings.significance,
            longest,
        )


class PairedRace:
    """Stops a trial that is on its way to end significantly worse than the best one did.

    Slow starters often win, so a trial is not evaluated by where it stands but by where it is
    heading: with every doubling of its epochs its value is taken to change as it did with the
    last one, up to the epoch where the best complete trial ended. That projection is compared
    with the best's last value. All is predicted of the same subjects, so the difference's
    standard error is the jackknife's over whole subjects (Efron and Tibshirani 1993, ch. 11) of
    the whole expression, its significance one-sided Student's t with one degree of freedom fewer
    than subjects. In the spirit of F-Race (Birattari et al. 2002); for every value of the
    ranking.

    A trial that is no worse than the best was at the same epoch is never stopped. Until a trial
    is complete, the best is the sweep's default configuration as far as it has come.

    Args:
        metric: The metric.
        units: subject and reference of the units, and fold where several fits predicted them, in
            the order of ``TrialEpoch.predicted``.
        rungs: The epochs at which trials are evaluated; from the first alone nothing is projected.
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
        one_fit = np.zeros(len(units), np.int64)
        self._folds = units["fold"].to_numpy() if "fold" in units else one_fit
        subjects, found = units["subject"].factorize()
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
        # Not finite where there was no value before: then nothing can be said.
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
        """The value, smaller is better: of all units, then without each subject in turn."""
        metric = self._metric
        predicted = np.reshape(epoch.predicted, (len(self._reference), -1))
        if predicted.shape[1] == 1:
            predicted = predicted[:, 0]
        metric_values = (
            metric(self._reference[kept], predicted[kept], self._folds[kept]) for kept in self._kept
        )
        return np.array([metric.sort_key(metric_value) for metric_value in metric_values])

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
        # Imported here: whoever reads a sweep reads the names of all schedulers.
        from scipy.special import stdtr

        return float(stdtr(num_subjects - 1, -difference / error))
