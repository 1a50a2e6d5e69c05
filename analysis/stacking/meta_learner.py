"""What every meta-learner is: a scikit-learn regressor from numbers to a number.

Knows units and the way in and out; nothing of how the base learners are combined.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from foldgrid.metrics.classification import LEAST_PROBABILITY, unit_log_losses
from foldgrid.tasks.scale import Scale

IntArray = NDArray[np.int64]

OPEN = Scale()
"""A scale without ends."""


class ClassMetaLearner(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]  # no types there
    """Combines the base learners' class probabilities into one set of them.

    The classes are those of the input's last axis, so one that does not occur among the samples
    it is fitted on is still a class.

    Attributes:
        classes_: After ``fit``: 0 to K - 1.
        weights_: After ``fit``, one weight a base learner, of what the class says; a meta-learner
            that is no weighted sum has none.
    """

    def fit(
        self, X: ArrayLike, y: ArrayLike, groups: NDArray[Any] | None = None
    ) -> ClassMetaLearner:
        """Learns how to combine.

        Args:
            X: Probabilities, samples by base learners by classes.
            y: Class indices.
            groups: The subject fold of each sample; only a penalty to be chosen needs it.

        Returns:
            Itself.

        Raises:
            ValueError: There is no sample, or these are no probabilities or no classes.
        """
        probabilities_NLK = _checked_probabilities(X)
        truth_N = np.asarray(y)
        num_samples, self.num_learners_, num_classes = probabilities_NLK.shape
        if not num_samples or truth_N.shape != (num_samples,):
            raise ValueError(f"{truth_N.shape} classes do not fit {num_samples} samples")
        if not np.isin(truth_N, np.arange(num_classes)).all():
            raise ValueError(f"classes are indices from 0 to {num_classes - 1}")
        self.classes_ = np.arange(num_classes)
        self._fit(probabilities_NLK, truth_N.astype(np.int64), groups)
        return self

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Probabilities of each sample, N by K; every row sums to 1."""
        check_is_fitted(self)
        probabilities_NLK = _checked_probabilities(X)
        expected = (self.num_learners_, len(self.classes_))
        if probabilities_NLK.shape[1:] != expected:
            raise ValueError(f"fitted on {expected} learners and classes, not {np.shape(X)[1:]}")
        return normalised(self._combine(probabilities_NLK))

    def predict(self, X: ArrayLike) -> IntArray:
        """The most probable class of each sample, the first of equals."""
        return np.asarray(self.predict_proba(X).argmax(axis=1))

    @abstractmethod
    def _fit(
        self, probabilities_NLK: FloatArray, truth_N: IntArray, groups: NDArray[Any] | None
    ) -> None:
        """Learns from checked arrays."""

    @abstractmethod
    def _combine(self, probabilities_NLK: FloatArray) -> FloatArray:
        """N by K, 0 or more, not yet normalised."""


class LinearPool(ClassMetaLearner):
    """A meta-learner whose probabilities are a weighted mean of the base learners'.

    Attributes:
        weights_: 0 or more, together 1.
    """

    weights_: FloatArray

    def _combine(self, probabilities_NLK: FloatArray) -> FloatArray:
        return np.asarray(np.einsum("nlk,l->nk", probabilities_NLK, self.weights_))


class LogPool(ClassMetaLearner):
    """A meta-learner whose log-probabilities are a weighted sum of the base learners'.

    Attributes:
        weights_: What multiplies a base learner's log-probabilities, the same for all classes.
    """

    weights_: FloatArray

    def _combine(self, probabilities_NLK: FloatArray) -> FloatArray:
        scores_NK = np.einsum("nlk,l->nk", log_odds(probabilities_NLK), self.weights_)
        return np.asarray(np.exp(scores_NK - scores_NK.max(axis=1, keepdims=True)))


def log_odds(probabilities_NLK: FloatArray) -> FloatArray:
    """Log-probabilities less their mean over the classes; none is lower than that of 1e-6."""
    logs = np.log(np.maximum(probabilities_NLK, LEAST_PROBABILITY))
    return np.asarray(logs - logs.mean(axis=-1, keepdims=True))


def of_truth(probabilities_NLK: FloatArray, truth_N: IntArray) -> FloatArray:
    """What each learner gave the class that was right, N by L."""
    return probabilities_NLK[np.arange(len(truth_N)), :, truth_N]


def mean_log_losses(probabilities_NLK: FloatArray, truth_N: IntArray) -> FloatArray:
    """Each base learner's log loss."""
    return np.asarray(unit_log_losses(truth_N, probabilities_NLK).mean(axis=0))


def normalised(shares: FloatArray) -> FloatArray:
    """Divided by their sum over the last axis."""
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def _checked_probabilities(X: ArrayLike) -> FloatArray:
    values = np.asarray(X, dtype=np.float64)
    if values.ndim != 3 or values.shape[1] < 1 or values.shape[2] < 2:
        raise ValueError(
            f"probabilities are samples by base learners by classes, not {values.shape}"
        )
    if not np.isfinite(values).all() or (values < 0).any() or (values.sum(axis=2) <= 0).any():
        raise ValueError("probabilities are finite, 0 or more, and not all 0")
    # Single precision leaves sums a little off 1.
    return normalised(values)


FloatArray = NDArray[np.float64]


class MetaLearner(RegressorMixin, BaseEstimator, ABC):  # type: ignore[misc]  # no types there
    """Combines the base learners' predicted numbers into one; both are clipped to the scale.

    The columns have one unit, so they are never standardised one by one: that would make a base
    learner that always says nearly the same as loud as one that tells patients apart.

    Args:
        scale: Where the numbers lie, the task's; null is without ends. Nothing is clipped at an
            open end.

    Attributes:
        weights_: After ``fit``, one weight a base learner, in the unit that the class names; a
            meta-learner that is no weighted sum has none.
    """

    needs_both_ends = False
    """Whether it can only combine numbers on a scale with a lowest and a highest."""

    def __init__(self, scale: Scale | None = None) -> None:
        self.scale = scale

    @property
    def ends(self) -> Scale:
        """The scale; one without ends where none was given."""
        return self.scale or OPEN

    def fit(self, X: ArrayLike, y: ArrayLike, groups: NDArray[Any] | None = None) -> MetaLearner:
        """Fits one weight a base learner.

        Args:
            X: What the base learners predict, samples by base learners.
            y: The truth.
            groups: The subject fold of each sample; only a penalty to be chosen needs it.

        Returns:
            Itself.

        Raises:
            ValueError: The scale lacks an end that is needed.
        """
        if self.needs_both_ends and not self.ends.is_closed:
            raise ValueError(f"{type(self).__name__} needs both ends of a scale: {self.ends}")
        numbers, truth = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        self._fit(self.ends.clip(numbers), self.ends.clip(truth), groups)
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """The number of each sample, on the scale."""
        check_is_fitted(self)
        numbers = validate_data(self, X, dtype=np.float64, reset=False, ensure_min_samples=0)
        return self.ends.clip(self._combine(self.ends.clip(numbers)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # What lies outside the scale is clipped, so data in other units cannot be learned.
        tags.regressor_tags.poor_score = True
        return tags

    @abstractmethod
    def _fit(self, numbers: FloatArray, truth: FloatArray, groups: NDArray[Any] | None) -> None:
        """Learns from checked arrays."""

    @abstractmethod
    def _combine(self, numbers: FloatArray) -> FloatArray:
        """The combined number of each sample, not yet clipped."""


class WeightedSum(MetaLearner):
    """A meta-learner that predicts ``X @ weights_ + offset_``."""

    weights_: FloatArray
    offset_: float = 0.0
    """What is added to the weighted sum."""

    def _combine(self, numbers: FloatArray) -> FloatArray:
        return np.asarray(numbers @ self.weights_ + self.offset_)
