"""Multinomial logistic stacking with one weight a base learner; decision 0026 says why.

    p_k  is proportional to  exp(sum over base learners of w_l z_lk)

with z the base learner's log-probabilities less their mean over the classes. It has no intercept
and treats all classes alike, so a class without a sample needs no rule. A ridge penalty draws the
weights to 1 / L, where the stack is the geometric mean of the base learners; the sum of the weights
is free, so probabilities that are too sure are tempered and timid ones sharpened.

N samples, L base learners, K classes, A principal axes, P penalties.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from foldgrid.analysis.stacking.axes import NOISE_FRACTION, principal_axes
from foldgrid.analysis.stacking.meta_learner import FloatArray, IntArray, LogPool, log_odds
from foldgrid.analysis.stacking.regressions import PENALTIES, choose_penalty
from foldgrid.metrics.classification import LEAST_PROBABILITY

ROUNDING = 1e-12
"""Log-odds that are smaller altogether are rounding: all learners find all classes alike."""


class LogitStack(LogPool):
    """Multinomial logistic regression on the base learners' centred log-probabilities.

    Args:
        penalty: Ridge penalty as a fraction of the features' mean square. None chooses among
            ``regressions.PENALTIES`` by the log loss on left-out groups.

    Attributes:
        weights_: What multiplies a base learner's centred log-probabilities.
        penalty_: The penalty that was given or chosen.
    """

    def __init__(self, penalty: float | None = None) -> None:
        self.penalty = penalty

    def _fit(
        self, values_NLK: FloatArray, truth_N: NDArray[Any], groups: NDArray[Any] | None
    ) -> None:
        odds_NKL = log_odds(values_NLK).transpose(0, 2, 1)
        num_learners = odds_NKL.shape[2]
        rows = odds_NKL.reshape(-1, num_learners)
        noise = max(NOISE_FRACTION * float(np.linalg.norm(rows)), ROUNDING)
        axes = principal_axes(rows, noise)
        # Along the axes the penalty is the same and there are few; what lies across them is noise.
        features_NKA = odds_NKL @ axes.directions_LA
        start_NK = odds_NKL.mean(axis=2)
        self.penalty_ = self.penalty
        if self.penalty_ is None:
            self.penalty_ = self._choose(features_NKA, start_NK, truth_N, groups, num_learners)
        [steps_A] = _path(features_NKA, start_NK, truth_N, [self.penalty_], num_learners)
        self.weights_ = 1.0 / num_learners + axes.directions_LA @ steps_A

    @staticmethod
    def _choose(
        features_NKA: FloatArray,
        start_NK: FloatArray,
        truth_N: IntArray,
        groups: NDArray[Any] | None,
        num_learners: int,
    ) -> float:
        """The penalty with the smallest mean over groups of the left-out group's log loss."""

        def left_out(others_N: NDArray[np.bool_]) -> list[float]:
            known, own = (features_NKA[others_N], start_NK[others_N]), np.flatnonzero(~others_N)
            losses = []
            for steps_A in _path(*known, truth_N[others_N], PENALTIES, num_learners):
                logs_NK = log_softmax(start_NK[own] + features_NKA[own] @ steps_A, axis=1)
                right_N = logs_NK[np.arange(len(own)), truth_N[own]]
                losses.append(-float(np.maximum(right_N, np.log(LEAST_PROBABILITY)).mean()))
            return losses

        return choose_penalty(groups, left_out)


def _path(
    features_NKA: FloatArray,
    start_NK: FloatArray,
    truth_N: IntArray,
    penalties: list[float] | tuple[float, ...],
    num_learners: int,
) -> list[FloatArray]:
    """For each penalty the steps away from the geometric mean, along the axes."""
    sizes_A = np.sqrt((features_NKA**2).sum(axis=(0, 1)))
    mean_square = float((sizes_A**2).sum()) / num_learners
    # In these units every axis is as wide as the samples are many: well conditioned.
    is_wide_A = sizes_A > ROUNDING
    scale_A = np.where(is_wide_A, np.sqrt(len(truth_N)) / np.where(is_wide_A, sizes_A, 1.0), 0.0)
    scaled_NKA = features_NKA * scale_A
    is_right_NK = np.eye(start_NK.shape[1])[truth_N]
    steps_A, path = np.zeros(len(sizes_A)), []

    def loss(steps_A: FloatArray, ridge_A: FloatArray) -> tuple[float, FloatArray]:
        scores_NK = start_NK + scaled_NKA @ steps_A
        wrong_NK = softmax(scores_NK, axis=1) - is_right_NK
        slope_A = np.tensordot(wrong_NK, scaled_NKA, 2) / len(truth_N) + ridge_A * steps_A
        likelihood = (log_softmax(scores_NK, axis=1) * is_right_NK).sum() / len(truth_N)
        return float(0.5 * ridge_A @ steps_A**2 - likelihood), slope_A

    for penalty in penalties if len(sizes_A) else ():
        ridge_A = penalty * mean_square * scale_A**2 / len(truth_N)
        found = minimize(
            loss,
            steps_A,
            (ridge_A,),
            jac=True,
            method="L-BFGS-B",
            options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 2000},
        )
        steps_A = np.asarray(found.x)
        path.append(steps_A * scale_A)
    return path or [steps_A for _ in penalties]
