"""Weighted means of class probabilities, the weights chosen by log loss.

The log loss of a weighted mean needs of every base learner only what it gave the class that was
right, so both selections work on one number a sample and base learner.

N samples, L base learners, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from analysis.stacking.class_meta_learner import (
    FloatArray,
    IntArray,
    LinearPool,
    mean_log_losses,
    of_truth,
)
from analysis.stacking.greedy import grow_selection
from foldgrid.scoring.class_metrics import LEAST_PROBABILITY

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
