"""A search replayed on stored learning curves: workers and a clock that exist in numbers only.

The rules are the product's own, asked as the launcher asks them. An epoch takes one unit of time.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.stored_curves import Curve
from foldgrid.search.schedulers.rules import NEVER_STOPPED, StoppingRule, score_key
from foldgrid.specs.trials import TrialStatus

Interval = tuple[float, float, float]
"""A mean, and the ends of its 95 % interval."""


@dataclass
class SimulatedSearch:
    """What became of a search.

    Attributes:
        num_epochs: Epochs trained, of all trials.
        duration: Time on the clock until the last worker was done, in epochs.
        stopped: The trials that were stopped, by their place in the search.
        complete: Of each trial that trained to its end and has a score, in the order in which
            they ended: epochs trained by then, time by then, its place, its score (smaller is
            better).
    """

    num_epochs: int = 0
    duration: int = 0
    stopped: set[int] = field(default_factory=set)
    complete: list[tuple[int, int, int, float]] = field(default_factory=list)

    @property
    def chosen(self) -> int:
        """The best complete trial, the first of equals; as the search chooses."""
        return min(self.complete, key=lambda each: (each[3], each[2]))[2]

    def best_after(self, num_epochs: int) -> float:
        """The best score that was known when so many epochs had been trained; else infinite."""
        known = [score for spent, _, _, score in self.complete if spent <= num_epochs]
        return min(known, default=np.inf)


def draw_order(num_curves: int, num_trials: int, seed: int) -> list[int]:
    """The configurations of one search: number 0 first, then others at random, none twice."""
    others = np.random.default_rng(seed).permutation(np.arange(1, num_curves))
    return [0, *others[: num_trials - 1].tolist()]


def simulate(
    trials: Sequence[Curve], rule: StoppingRule | None, objective: str, num_workers: int
) -> SimulatedSearch:
    """Replays a search.

    Args:
        trials: In the order in which they are tried; the first is the sweep's default
            configuration.
        rule: What gives trials up; nothing lets all end by themselves.
        objective: What the best is chosen by.
        num_workers: Trials under way at a time.
    """
    search = SimulatedSearch()
    waiting = iter(range(len(trials)))
    # When an epoch ends, on which worker, of which trial, and which epoch it is. Of epochs that
    # end at one time, the first worker's is heard first.
    under_way: list[tuple[int, int, int, int]] = []
    for worker, place in zip(range(num_workers), waiting, strict=False):
        under_way.append((1, worker, place, 1))
    while under_way:
        now, worker, place, number = heapq.heappop(under_way)
        search.num_epochs += 1
        search.duration = now
        status = _receive(trials[place], place, number, rule)
        if status is None:
            heapq.heappush(under_way, (now + 1, worker, place, number + 1))
            continue
        if rule is not None:
            rule.ended(place, trials[place].epochs[:number], status)
        if status == "stopped":
            search.stopped.add(place)
        elif np.isfinite(score := score_key(objective, trials[place].epochs[number - 1])):
            search.complete.append((search.num_epochs, now, place, score))
        following = next(waiting, None)
        if following is not None:
            heapq.heappush(under_way, (now + 1, worker, following, 1))
    return search


def _receive(
    trial: Curve, place: int, number: int, rule: StoppingRule | None
) -> TrialStatus | None:
    """How the trial ended with its epoch ``number``; nothing while it goes on."""
    if number == len(trial.epochs):
        return trial.status
    if rule is None:
        return None
    is_worse = rule.should_stop(place, trial.epochs[number - 1])
    return "stopped" if is_worse and place != NEVER_STOPPED else None


def mean_with_interval(values: Sequence[float]) -> Interval | None:
    """The mean over seeds and its 95 % interval: a bootstrap of the seeds, percentiles.

    Nothing where a value is not finite.
    """
    array: NDArray[np.float64] = np.asarray(values, np.float64)
    if not np.isfinite(array).all():
        return None
    draws = np.random.default_rng(0).integers(0, len(array), (1000, len(array)))
    low, high = np.percentile(array[draws].mean(axis=1), [2.5, 97.5])
    return float(array.mean()), float(low), float(high)
