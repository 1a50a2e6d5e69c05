"""What every meta-learner is: a scikit-learn estimator from base learners' values to one value.

A value is a number, or the probabilities of K classes; K is 1 for numbers. How values come in, go
out and are evaluated is said once for each kind of truth (``Numbers``, ``Probabilities``), how they
are combined once for both.

N samples, L base learners, K classes or 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from foldgrid.metrics.classification import LEAST_PROBABILITY, unit_log_losses
from foldgrid.tasks.scale import Scale

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

OPEN = Scale()
"""A scale without ends."""


class MetaLearner(BaseEstimator, ABC):  # type: ignore[misc]  # no types there
    """Combines the base learners' values into one.

    Attributes:
        weights_: After ``fit``, one weight a base learner, of what the class says; a meta-learner
            that is no weighted sum has none.
    """

    least = -np.inf
    """No combined value is below it."""

    def fit(self, X: ArrayLike, y: ArrayLike, groups: NDArray[Any] | None = None) -> Self:
        """Learns how to combine.

        Args:
            X: The base learners' values, samples by base learners (by classes).
            y: The truth: numbers, or class indices.
            groups: The subject fold of each sample; only a penalty to be chosen needs it.

        Returns:
            Itself.

        Raises:
            ValueError: These are no values of that kind, or there is no sample.
        """
        values_NLK, truth_N = self._known(X, y)
        self._fit(values_NLK, truth_N, groups)
        return self

    def combine(self, X: ArrayLike) -> FloatArray:
        """The combined value of each sample, N by K."""
        check_is_fitted(self)
        return self._finished(self._combine(self._unseen(X)))

    @abstractmethod
    def _known(self, X: ArrayLike, y: ArrayLike) -> tuple[FloatArray, NDArray[Any]]:
        """What is learned from, checked: N by L by K, and the truth."""

    @abstractmethod
    def _unseen(self, X: ArrayLike) -> FloatArray:
        """What is combined, checked: N by L by K."""

    @abstractmethod
    def _finished(self, values_NK: FloatArray) -> FloatArray:
        """Combined values as this kind goes out."""

    @abstractmethod
    def _losses(self, values_NLK: FloatArray, truth_N: NDArray[Any]) -> FloatArray:
        """What each base learner is evaluated by on these samples; lower is better."""

    @abstractmethod
    def _fit(
        self, values_NLK: FloatArray, truth_N: NDArray[Any], groups: NDArray[Any] | None
    ) -> None:
        """Learns from checked values."""

    @abstractmethod
    def _combine(self, values_NLK: FloatArray) -> FloatArray:
        """N by K, not yet as it goes out."""


class Numbers(RegressorMixin, MetaLearner):  # type: ignore[misc]  # no types there
    """Combines numbers into one; all are clipped to the scale.

    The columns have one unit, so they are never standardised one by one: that would make a base
    learner that always says nearly the same as loud as one that tells patients apart.

    Args:
        scale: Where the numbers lie, the task's; null is without ends. Nothing is clipped at an
            open end.
    """

    needs_both_ends = False
    """Whether it can only combine numbers on a scale with a lowest and a highest."""

    def __init__(self, scale: Scale | None = None) -> None:
        self.scale = scale

    @property
    def ends(self) -> Scale:
        """The scale; one without ends where none was given."""
        return self.scale or OPEN

    def predict(self, X: ArrayLike) -> FloatArray:
        """The number of each sample, on the scale."""
        return self.combine(X)[:, 0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # What lies outside the scale is clipped, so data in other units cannot be learned.
        tags.regressor_tags.poor_score = True
        return tags

    def _known(self, X: ArrayLike, y: ArrayLike) -> tuple[FloatArray, NDArray[Any]]:
        if self.needs_both_ends and not self.ends.is_closed:
            raise ValueError(f"{type(self).__name__} needs both ends of a scale: {self.ends}")
        numbers, truth = validate_data(self, _flat(X), y, dtype=np.float64, y_numeric=True)
        return self.ends.clip(numbers)[:, :, None], self.ends.clip(truth)

    def _unseen(self, X: ArrayLike) -> FloatArray:
        numbers = validate_data(self, _flat(X), dtype=np.float64, reset=False, ensure_min_samples=0)
        return self.ends.clip(numbers)[:, :, None]

    def _finished(self, values_NK: FloatArray) -> FloatArray:
        return self.ends.clip(values_NK)

    def _losses(self, values_NLK: FloatArray, truth_N: NDArray[Any]) -> FloatArray:
        return np.asarray(np.abs(values_NLK[:, :, 0] - truth_N[:, None]).mean(axis=0))


class Probabilities(ClassifierMixin, MetaLearner):  # type: ignore[misc]  # no types there
    """Combines class probabilities into one set of them.

    The classes are those of the input's last axis, so one that does not occur among the samples
    it is fitted on is still a class.

    Attributes:
        classes_: After ``fit``: 0 to K - 1.
    """

    least = LEAST_PROBABILITY

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Probabilities of each sample, N by K; every row sums to 1."""
        return self.combine(X)

    def predict(self, X: ArrayLike) -> IntArray:
        """The most probable class of each sample, the first of equals."""
        return np.asarray(self.combine(X).argmax(axis=1))

    def _known(self, X: ArrayLike, y: ArrayLike) -> tuple[FloatArray, NDArray[Any]]:
        probabilities_NLK = _checked_probabilities(X)
        truth_N = np.asarray(y)
        num_samples, self.num_learners_, num_classes = probabilities_NLK.shape
        if not num_samples or truth_N.shape != (num_samples,):
            raise ValueError(f"{truth_N.shape} classes do not fit {num_samples} samples")
        if not np.isin(truth_N, np.arange(num_classes)).all():
            raise ValueError(f"classes are indices from 0 to {num_classes - 1}")
        self.classes_ = np.arange(num_classes)
        return probabilities_NLK, truth_N.astype(np.int64)

    def _unseen(self, X: ArrayLike) -> FloatArray:
        probabilities_NLK = _checked_probabilities(X)
        expected = (self.num_learners_, len(self.classes_))
        if probabilities_NLK.shape[1:] != expected:
            raise ValueError(f"fitted on {expected} learners and classes, not {np.shape(X)[1:]}")
        return probabilities_NLK

    def _finished(self, values_NK: FloatArray) -> FloatArray:
        return normalised(values_NK)

    def _losses(self, values_NLK: FloatArray, truth_N: NDArray[Any]) -> FloatArray:
        return np.asarray(unit_log_losses(truth_N, values_NLK).mean(axis=0))


class WeightedSum(MetaLearner):
    """A meta-learner that says ``X @ weights_ + offset_``; of probabilities, a linear pool."""

    weights_: FloatArray
    offset_: float = 0.0
    """What is added to the weighted sum."""

    def _combine(self, values_NLK: FloatArray) -> FloatArray:
        if values_NLK.shape[2] == 1:
            # The product that linear algebra is fastest at, and whose last bit records rest on.
            return np.asarray(values_NLK[:, :, 0] @ self.weights_ + self.offset_)[:, None]
        return np.asarray(np.einsum("nlk,l->nk", values_NLK, self.weights_) + self.offset_)


class LogPool(Probabilities):
    """A meta-learner whose log-probabilities are a weighted sum of the base learners'.

    Attributes:
        weights_: What multiplies a base learner's log-probabilities, the same for all classes.
    """

    weights_: FloatArray

    def _combine(self, values_NLK: FloatArray) -> FloatArray:
        scores_NK = np.einsum("nlk,l->nk", log_odds(values_NLK), self.weights_)
        return np.asarray(np.exp(scores_NK - scores_NK.max(axis=1, keepdims=True)))


def log_odds(probabilities_NLK: FloatArray) -> FloatArray:
    """Log-probabilities less their mean over the classes; none is lower than that of 1e-6."""
    logs = np.log(np.maximum(probabilities_NLK, LEAST_PROBABILITY))
    return np.asarray(logs - logs.mean(axis=-1, keepdims=True))


def of_truth(probabilities_NLK: FloatArray, truth_N: IntArray) -> FloatArray:
    """What each learner gave the class that was right, N by L."""
    return probabilities_NLK[np.arange(len(truth_N)), :, truth_N]


def normalised(fractions: FloatArray) -> FloatArray:
    """Divided by their sum over the last axis."""
    return np.asarray(fractions / fractions.sum(axis=-1, keepdims=True))


def _flat(X: Any) -> Any:
    """Numbers as scikit-learn knows them, samples by base learners."""
    return X[:, :, 0] if getattr(X, "ndim", 2) == 3 and X.shape[2] == 1 else X


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
