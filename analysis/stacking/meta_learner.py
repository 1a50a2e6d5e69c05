"""What every meta-learner is: a scikit-learn regressor from composites to a composite.

Knows units and the way in and out; nothing of how the base learners are combined.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from foldgrid.scoring import MAX_COMPOSITE, clip_composite

FloatArray = NDArray[np.float64]


class MetaLearner(RegressorMixin, BaseEstimator, ABC):  # type: ignore[misc]  # no types there
    """Combines the base learners' predicted composites into one; both are clipped to 0..72.

    The columns have one unit, so they are never standardised one by one: that would make a base
    learner that always says nearly the same as loud as one that tells patients apart.

    Attributes:
        weights_: After ``fit``, one weight a base learner, in the unit that the class names; a
            meta-learner that is no weighted sum has none.
    """

    def fit(self, X: ArrayLike, y: ArrayLike, groups: NDArray[Any] | None = None) -> MetaLearner:
        """Fits one weight a base learner.

        Args:
            X: Predicted C, samples by base learners, 0 to 72.
            y: The physician's C, 0 to 72.
            groups: The subject fold of each sample; only a penalty to be chosen needs it.

        Returns:
            Itself.
        """
        composites, truth = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        self._fit(clip_composite(composites), clip_composite(truth), groups)
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """The composite of each sample, 0 to 72."""
        check_is_fitted(self)
        composites = validate_data(self, X, dtype=np.float64, reset=False, ensure_min_samples=0)
        return clip_composite(self._combine(clip_composite(composites)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # What lies outside 0..72 is clipped, so data in other units cannot be learned.
        tags.regressor_tags.poor_score = True
        return tags

    @abstractmethod
    def _fit(self, composites: FloatArray, truth: FloatArray, groups: NDArray[Any] | None) -> None:
        """Learns from checked arrays."""

    @abstractmethod
    def _combine(self, composites: FloatArray) -> FloatArray:
        """The combined composite of each sample, not yet clipped."""


class WeightedSum(MetaLearner):
    """A meta-learner that predicts ``C = X @ weights_ + offset_``."""

    weights_: FloatArray
    offset_: float = 0.0
    """What is added to the weighted sum, as a C."""

    def _combine(self, composites: FloatArray) -> FloatArray:
        return np.asarray(composites @ self.weights_ + self.offset_)


def as_share(composites: FloatArray) -> FloatArray:
    """C / 72: the unit in which a penalty means the same for features and target."""
    return np.asarray(composites / MAX_COMPOSITE)
