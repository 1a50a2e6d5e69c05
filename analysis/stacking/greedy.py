"""Greedy ensemble selection (Caruana, Niculescu-Mizil, Crew and Ksikes 2004).

N samples, L base learners.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from analysis.stacking.meta_learner import (
    FloatArray,
    IntArray,
    LinearPool,
    WeightedSum,
    mean_log_losses,
    of_truth,
)
from foldgrid.metrics.classification import LEAST_PROBABILITY
from foldgrid.tasks.scale import Scale


class GreedySelection(WeightedSum):
    """The mean of base learners chosen one by one, each time the one that helps most.

    A learner may be chosen again, which is how it gets more weight. The start is the mean of the
    best n learners with the n that does best. Chosen by the squared error over samples, as
    every other meta-learner is fitted: a meta-learner sees regions, not visits.

    Args:
        num_steps: Learners added after the start; of all means on the way the best is kept.
        num_bags: Selections among random parts of the learners, whose weights are averaged; 0
            makes one selection among all of them.
        bag_share: The share of the learners in each part, in (0, 1].
        seed: Draws the parts.
        scale: See ``MetaLearner``.

    Attributes:
        weights_: How often each learner was chosen, as a share: 0 or more, together 1.
    """

    def __init__(
        self,
        num_steps: int = 50,
        num_bags: int = 0,
        bag_share: float = 0.5,
        seed: int = 0,
        scale: Scale | None = None,
    ) -> None:
        super().__init__(scale)
        self.num_steps = num_steps
        self.num_bags = num_bags
        self.bag_share = bag_share
        self.seed = seed

    def _fit(self, numbers: FloatArray, truth: FloatArray, groups: NDArray[Any] | None) -> None:
        errors_NL = numbers - truth[:, None]
        if self.num_bags == 0:
            self.weights_ = select_greedily(errors_NL, self.num_steps)
            return
        random, num_learners = np.random.default_rng(self.seed), errors_NL.shape[1]
        bag_size = max(1, round(self.bag_share * num_learners))
        self.weights_ = np.zeros(num_learners)
        for _ in range(self.num_bags):
            bag = np.sort(random.choice(num_learners, bag_size, replace=False))
            self.weights_[bag] += select_greedily(errors_NL[:, bag], self.num_steps) / self.num_bags


class SelectionLoss(Protocol):
    """What a selection is judged by; every method returns a loss a base learner."""

    def of_starts(self, sums_NL: FloatArray) -> FloatArray:
        """Of the means of 1, 2, ... columns whose running sums these are."""

    def after(self, sum_N: FloatArray, size: int) -> FloatArray:
        """Of the mean of ``size`` columns: those in the sum, and each column in turn."""


@dataclass(frozen=True)
class SquaredError:
    """The squared error of a mean of columns of errors.

    Attributes:
        errors_NL: Prediction minus truth, samples by base learners.
        squares_L: Their sums of squares.
    """

    errors_NL: FloatArray
    squares_L: FloatArray

    def of_starts(self, sums_NL: FloatArray) -> FloatArray:
        """Of the means of the first columns."""
        return np.asarray(
            np.einsum("nl,nl->l", sums_NL, sums_NL) / np.arange(1, sums_NL.shape[1] + 1) ** 2
        )

    def after(self, sum_N: FloatArray, size: int) -> FloatArray:
        """Of the mean with each column added."""
        # |sum + e|^2 = |sum|^2 + 2 sum.e + |e|^2: one product with the errors looks at them all.
        squares_L = sum_N @ sum_N + 2.0 * (sum_N @ self.errors_NL) + self.squares_L
        return np.asarray(squares_L / size**2)


def select_greedily(errors_NL: FloatArray, num_steps: int) -> FloatArray:
    """Greedy selection by the squared error.

    Args:
        errors_NL: Prediction minus truth, samples by base learners.
        num_steps: Learners added after the start.

    Returns:
        What ``grow_selection`` returns.
    """
    squares_L = np.einsum("nl,nl->l", errors_NL, errors_NL)
    return grow_selection(errors_NL, squares_L, SquaredError(errors_NL, squares_L), num_steps)


def grow_selection(
    columns_NL: FloatArray, losses_L: FloatArray, loss: SelectionLoss, num_steps: int
) -> FloatArray:
    """Greedy selection with replacement after a sorted start.

    Args:
        columns_NL: What is averaged, samples by base learners.
        losses_L: The loss of each column alone.
        loss: Judges a mean of columns.
        num_steps: Learners added after the start.

    Returns:
        A weight a base learner, 0 or more, together 1: the mean with the smallest loss of all that
        were met. It is never worse on these samples than the best single learner.
    """
    order = np.argsort(losses_L, kind="stable")
    sums_NL = np.cumsum(columns_NL[:, order], axis=1)
    start_losses_L = loss.of_starts(sums_NL)
    size = int(np.argmin(start_losses_L)) + 1
    counts = np.zeros(columns_NL.shape[1])
    counts[order[:size]] = 1.0
    sum_N = sums_NL[:, size - 1]
    best, lowest = counts / size, float(start_losses_L[size - 1])
    for size_now in range(size + 1, size + 1 + num_steps):
        losses_after_L = loss.after(sum_N, size_now)
        chosen = int(np.argmin(losses_after_L))
        counts[chosen] += 1.0
        sum_N = sum_N + columns_NL[:, chosen]
        if losses_after_L[chosen] < lowest:
            best, lowest = counts / size_now, float(losses_after_L[chosen])
    return best


ALMOST_NOTHING = 1e-12
"""Keeps a logarithm finite where the solver looks at weights that are all 0."""


class GreedyProbability(LinearPool):
    """The mean of base learners chosen one by one, each time the one that helps most.

    Caruana, Niculescu-Mizil, Crew and Ksikes 2004, as ``greedy.GreedySelection``, by log loss.

    Args:
        num_steps: Learners added after the sorted start; of all means met the best is kept.

    Attributes:
        weights_: How often each learner was chosen, as a share.
    """

    def __init__(self, num_steps: int = 50) -> None:
        self.num_steps = num_steps

    def _fit(
        self, probabilities_NLK: FloatArray, truth_N: IntArray, groups: NDArray[Any] | None
    ) -> None:
        given_NL = of_truth(probabilities_NLK, truth_N)
        losses_L = mean_log_losses(probabilities_NLK, truth_N)
        self.weights_ = grow_selection(given_NL, losses_L, LogLoss(given_NL), self.num_steps)


@dataclass(frozen=True)
class LogLoss:
    """The log loss of a mean of columns.

    Attributes:
        given_NL: What each base learner gave the right class.
    """

    given_NL: FloatArray

    def of_starts(self, sums_NL: FloatArray) -> FloatArray:
        """Of the means of the first columns."""
        return _log_losses(sums_NL / np.arange(1, sums_NL.shape[1] + 1))

    def after(self, sum_N: FloatArray, size: int) -> FloatArray:
        """Of the mean with each column added."""
        return _log_losses((sum_N[:, None] + self.given_NL) / size)


class WeightedProbability(LinearPool):
    """The weighted mean with the lowest log loss: weights of 0 or more that sum to 1.

    Attributes:
        weights_: Most are 0 where learners resemble each other.
    """

    def _fit(
        self, probabilities_NLK: FloatArray, truth_N: IntArray, groups: NDArray[Any] | None
    ) -> None:
        given_NL = np.maximum(of_truth(probabilities_NLK, truth_N), LEAST_PROBABILITY)
        num_learners = given_NL.shape[1]

        def loss(weights_L: FloatArray) -> tuple[float, FloatArray]:
            mixed_N = np.maximum(given_NL @ weights_L, ALMOST_NOTHING)
            slope_L = 1.0 - (given_NL / mixed_N[:, None]).mean(axis=0)
            return float(weights_L.sum() - np.log(mixed_N).mean()), slope_L

        # A price of 1 on the weights' sum makes the lowest point sum to 1 by itself, so bounds are
        # all that the solver must keep.
        found = minimize(
            loss,
            np.full(num_learners, 1.0 / num_learners),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, 1.0)] * num_learners,
            options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 2000},
        )
        self.weights_ = np.asarray(found.x / found.x.sum())


def _log_losses(given_NL: FloatArray) -> FloatArray:
    return np.asarray(-np.log(np.maximum(given_NL, LEAST_PROBABILITY)).mean(axis=0))
