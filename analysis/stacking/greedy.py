"""Greedy ensemble selection (Caruana, Niculescu-Mizil, Crew and Ksikes 2004).

N samples, L base learners.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from foldgrid.analysis.stacking.meta_learner import (
    FloatArray,
    Numbers,
    Probabilities,
    WeightedSum,
    of_truth,
)
from foldgrid.metrics.classification import LEAST_PROBABILITY
from foldgrid.tasks.scale import Scale


class SelectionLoss(ABC):
    """What a selection is evaluated by; every method returns a loss a base learner.

    Args:
        columns_NL: What is averaged, samples by base learners.
    """

    def __init__(self, columns_NL: FloatArray) -> None:
        self.columns_NL = columns_NL

    @abstractmethod
    def alone(self) -> FloatArray:
        """Of each column alone."""

    @abstractmethod
    def of_starts(self, sums_NL: FloatArray) -> FloatArray:
        """Of the means of 1, 2, ... columns whose running sums these are."""

    @abstractmethod
    def after(self, sum_N: FloatArray, size: int) -> FloatArray:
        """Of the mean of ``size`` columns: those in the sum, and each column in turn."""


class SquaredError(SelectionLoss):
    """The squared error of a mean of columns of errors, prediction minus truth."""

    def __init__(self, columns_NL: FloatArray) -> None:
        super().__init__(columns_NL)
        self._squares_L = np.einsum("nl,nl->l", columns_NL, columns_NL)

    def alone(self) -> FloatArray:
        """Their sums of squares."""
        return np.asarray(self._squares_L)

    def of_starts(self, sums_NL: FloatArray) -> FloatArray:
        """Of the means of the first columns."""
        return np.asarray(
            np.einsum("nl,nl->l", sums_NL, sums_NL) / np.arange(1, sums_NL.shape[1] + 1) ** 2
        )

    def after(self, sum_N: FloatArray, size: int) -> FloatArray:
        """Of the mean with each column added."""
        # |sum + e|^2 = |sum|^2 + 2 sum.e + |e|^2: one product with the errors looks at them all.
        squares_L = sum_N @ sum_N + 2.0 * (sum_N @ self.columns_NL) + self._squares_L
        return np.asarray(squares_L / size**2)


class LogLoss(SelectionLoss):
    """The log loss of a mean of columns of what each base learner gave the right class."""

    def alone(self) -> FloatArray:
        """Of each base learner."""
        return _log_losses(self.columns_NL)

    def of_starts(self, sums_NL: FloatArray) -> FloatArray:
        """Of the means of the first columns."""
        return _log_losses(sums_NL / np.arange(1, sums_NL.shape[1] + 1))

    def after(self, sum_N: FloatArray, size: int) -> FloatArray:
        """Of the mean with each column added."""
        return _log_losses((sum_N[:, None] + self.columns_NL) / size)


class Selection(WeightedSum):
    """The mean of base learners chosen one by one, each time the one that helps most.

    A learner may be chosen again, which is how it gets more weight. The start is the mean of the
    best n learners with the n that does best. Chosen by a loss over samples, as every other
    meta-learner is fitted: a meta-learner sees regions, not visits.

    Attributes:
        num_steps: Learners added after the start; of all means on the way the best is kept.
        num_bags: Selections among random parts of the learners, whose weights are averaged; 0
            makes one selection among all of them.
        bag_fraction: The fraction of the learners in each part, in (0, 1].
        seed: Draws the parts.
        weights_: How often each learner was chosen, as a fraction: 0 or more, together 1.
    """

    num_steps: int
    num_bags = 0
    bag_fraction = 0.5
    seed = 0

    @abstractmethod
    def _loss(self, values_NLK: FloatArray, truth_N: NDArray[Any]) -> SelectionLoss:
        """What the means are evaluated by."""

    def _fit(
        self, values_NLK: FloatArray, truth_N: NDArray[Any], groups: NDArray[Any] | None
    ) -> None:
        loss = self._loss(values_NLK, truth_N)
        if self.num_bags == 0:
            self.weights_ = grow_selection(loss, self.num_steps)
            return
        random, num_learners = np.random.default_rng(self.seed), values_NLK.shape[1]
        bag_size = max(1, round(self.bag_fraction * num_learners))
        self.weights_ = np.zeros(num_learners)
        for _ in range(self.num_bags):
            bag = np.sort(random.choice(num_learners, bag_size, replace=False))
            of_bag = grow_selection(type(loss)(loss.columns_NL[:, bag]), self.num_steps)
            self.weights_[bag] += of_bag / self.num_bags


class GreedySelection(Selection, Numbers):
    """Greedy selection by the squared error; see ``Selection`` for what it is reported.

    Args:
        num_steps: Learners added after the start.
        num_bags: Selections among random parts of the learners.
        bag_fraction: The fraction of the learners in each part.
        seed: Draws the parts.
        scale: See ``Numbers``.
    """

    def __init__(
        self,
        num_steps: int = 50,
        num_bags: int = 0,
        bag_fraction: float = 0.5,
        seed: int = 0,
        scale: Scale | None = None,
    ) -> None:
        super().__init__(scale)
        self.num_steps = num_steps
        self.num_bags = num_bags
        self.bag_fraction = bag_fraction
        self.seed = seed

    def _loss(self, values_NLK: FloatArray, truth_N: NDArray[Any]) -> SelectionLoss:
        return SquaredError(values_NLK[:, :, 0] - truth_N[:, None])


class GreedyProbability(Selection, Probabilities):
    """Greedy selection by log loss.

    Args:
        num_steps: Learners added after the start.
    """

    def __init__(self, num_steps: int = 50) -> None:
        self.num_steps = num_steps

    def _loss(self, values_NLK: FloatArray, truth_N: NDArray[Any]) -> SelectionLoss:
        return LogLoss(of_truth(values_NLK, truth_N))


def grow_selection(loss: SelectionLoss, num_steps: int) -> FloatArray:
    """Greedy selection with replacement after a sorted start.

    Args:
        loss: Evaluates means of its columns.
        num_steps: Learners added after the start.

    Returns:
        A weight a base learner, 0 or more, together 1: the mean with the smallest loss of all that
        were met. It is never worse on these samples than the best single learner.
    """
    columns_NL = loss.columns_NL
    order = np.argsort(loss.alone(), kind="stable")
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


class WeightedProbability(WeightedSum, Probabilities):
    """The weighted mean with the lowest log loss: weights of 0 or more that sum to 1.

    Attributes:
        weights_: Most are 0 where learners resemble each other.
    """

    def _fit(
        self, values_NLK: FloatArray, truth_N: NDArray[Any], groups: NDArray[Any] | None
    ) -> None:
        given_NL = np.maximum(of_truth(values_NLK, truth_N), LEAST_PROBABILITY)
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
