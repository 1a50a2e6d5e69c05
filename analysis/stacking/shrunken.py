"""Linear combinations that leave learners out: weights below 0 forbidden, or a price on each.

Both work in fractions of the scale, as the linear reading does.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, ElasticNetCV, LinearRegression
from sklearn.model_selection import LeaveOneGroupOut

from foldgrid.analysis.stacking.axes import NOISE_FRACTION
from foldgrid.analysis.stacking.meta_learner import FloatArray, Numbers, WeightedSum
from foldgrid.tasks.scale import Scale

FALLBACK_FRACTION = 0.1
"""The penalty as a fraction of the strongest where no groups are left to choose it by."""

TOLERANCE = 1e-4
"""Coordinate descent stops at a duality gap below this fraction of the target's squares."""

MAX_SWEEPS = 5_000
"""Coordinate descent's most sweeps; base learners that resemble each other need many."""


class NonNegativeLeastSquares(WeightedSum, Numbers):
    """Least squares with weights of 0 or more and no intercept (Breiman 1996, stacked regressions).

    The weights need not sum to 1: where all learners score too low, together they are raised.

    Attributes:
        weights_: A weight a base learner, 0 or more.
    """

    def _fit(
        self, values_NLK: FloatArray, truth_N: NDArray[Any], groups: NDArray[Any] | None
    ) -> None:
        # Rotating the samples keeps every squared error, and leaves a row a learner to solve.
        fractions = np.column_stack(
            [self.ends.fraction(values_NLK[:, :, 0]), self.ends.fraction(truth_N)]
        )
        corner = np.asarray(np.linalg.qr(fractions, mode="r"))
        model = LinearRegression(positive=True, fit_intercept=False, copy_X=False)
        self.weights_ = model.fit(corner[:, :-1], corner[:, -1]).coef_
        # A fraction counts from the lowest, a weighted sum of numbers from 0.
        self.offset_ = self.ends.origin * (1.0 - float(self.weights_.sum()))


class ElasticNetStack(WeightedSum, Numbers):
    """Least squares with an intercept and a price on the weights' size and on their squares.

    Args:
        l1_ratio: The fraction of the price that is on the size, above 0 (ridge) up to 1 (lasso).
        num_penalties: Penalties that are tried, from the one that leaves every learner out down
            to ``weakest`` of it, evenly on a logarithmic scale.
        weakest: The weakest penalty as a fraction of the strongest.
        most_learners: Of more base learners only so many, those with the smallest squared error
            in the samples it is fitted on, are looked at; the cost grows with their square.
        scale: See ``Numbers``.

    Attributes:
        weights_: A weight a base learner; 0 for those left out.
        offset_: The intercept.
        penalty_: The chosen penalty, scikit-learn's ``alpha`` for fractions of the scale. Chosen by
            the squared error on left-out groups of subjects; with fewer than two groups, a tenth of
            the strongest.
    """

    def __init__(
        self,
        l1_ratio: float = 0.5,
        num_penalties: int = 8,
        weakest: float = 1e-3,
        most_learners: int = 64,
        scale: Scale | None = None,
    ) -> None:
        super().__init__(scale)
        self.l1_ratio = l1_ratio
        self.num_penalties = num_penalties
        self.weakest = weakest
        self.most_learners = most_learners

    def _fit(
        self, values_NLK: FloatArray, truth_N: NDArray[Any], groups: NDArray[Any] | None
    ) -> None:
        numbers = values_NLK[:, :, 0]
        squares = ((numbers - truth_N[:, None]) ** 2).sum(axis=0)
        looked_at = np.sort(np.argsort(squares, kind="stable")[: self.most_learners])
        features, fraction = self.ends.fraction(numbers[:, looked_at]), self.ends.fraction(truth_N)
        centred = features - features.mean(axis=0)
        self.weights_ = np.zeros(numbers.shape[1])
        self.offset_ = float(truth_N.mean())
        strongest = np.abs(centred.T @ (fraction - fraction.mean())).max() / (
            len(fraction) * self.l1_ratio
        )
        self.penalty_ = FALLBACK_FRACTION * float(strongest)
        noise = NOISE_FRACTION * np.linalg.norm(features)
        if strongest <= np.finfo(float).eps or np.linalg.norm(centred) <= noise:
            return
        settings = {"l1_ratio": self.l1_ratio, "tol": TOLERANCE, "max_iter": MAX_SWEEPS}
        model = ElasticNet(alpha=self.penalty_, **settings)
        if groups is not None and len(np.unique(groups)) >= 2:
            model = ElasticNetCV(
                alphas=strongest * np.geomspace(1.0, self.weakest, self.num_penalties),
                cv=list(LeaveOneGroupOut().split(features, fraction, groups)),
                **settings,
            )
        with warnings.catch_warnings():
            # A weak penalty on learners that repeat each other may stop short of the last digit;
            # how well it then does on left-out groups is measured all the same.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(features, fraction)
        self.penalty_ = float(getattr(model, "alpha_", self.penalty_))
        self.weights_[looked_at] = model.coef_ + 0.0  # No -0.0.
        offset = self.ends.of_fraction(model.intercept_)
        self.offset_ = float(offset) - self.ends.origin * float(model.coef_.sum())
