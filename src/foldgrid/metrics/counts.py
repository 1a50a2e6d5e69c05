"""From class probabilities to decisions, counts and the rates that follow from counts.

U units, K classes. The rates take any number of leading axes, so one formula serves one model and
all models in all resamples. A rate whose denominator is 0 is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldgrid.specs.metric import Target

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

POSITIVE = 1
"""The positive class of a binary task: the last of two."""

HALF = 0.5
"""Where a binary task calls a unit positive unless an operating point says otherwise."""


def decide(probabilities_UK: FloatArray, is_binary: bool) -> IntArray:
    """The class of each unit: the most probable, the first of equals.

    Args:
        probabilities_UK: 0 to 1, any leading axes, classes last.
        is_binary: The last of two classes is the positive one: it is decided for from one half on.
    """
    if is_binary:
        return np.asarray(probabilities_UK[..., 1] >= HALF, dtype=np.int64)
    return np.asarray(probabilities_UK.argmax(axis=-1), dtype=np.int64)


def confusion_matrix(reference_U: ArrayLike, decided_U: ArrayLike, num_classes: int) -> IntArray:
    """Units by reference (rows) and decision (columns)."""
    cells = np.asarray(reference_U) * num_classes + np.asarray(decided_U)
    counts = np.bincount(cells.astype(np.int64), minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


@dataclass(frozen=True)
class ClassCounts:
    """Counts of units by class, classes on the last axis.

    Attributes:
        support: Units of the class.
        decided: Units decided for the class.
        hits: Units of the class that were decided for it.
        squared_steps: Squared places between the class of a unit and the decided one, summed over
            the units, without the last axis.
    """

    support: FloatArray
    decided: FloatArray
    hits: FloatArray
    squared_steps: FloatArray

    @classmethod
    def of(cls, confusion_KK: IntArray) -> ClassCounts:
        """The counts of a confusion matrix."""
        counts = confusion_KK.astype(np.float64)
        places_K = np.arange(len(counts))
        steps_KK = np.square(places_K[:, None] - places_K)
        steps = np.asarray((counts * steps_KK).sum())
        return cls(counts.sum(axis=1), counts.sum(axis=0), np.diagonal(counts), steps)

    @property
    def total(self) -> FloatArray:
        """All units, the last axis kept with length 1."""
        return np.asarray(self.support.sum(axis=-1, keepdims=True))

    def sensitivities(self) -> FloatArray:
        """By class: the fraction of its units that was decided for it."""
        return quotient(self.hits, self.support)

    def specificities(self) -> FloatArray:
        """By class: the fraction of the other units that was not decided for it."""
        others = self.total - self.support
        return quotient(others - (self.decided - self.hits), others)

    def precisions(self) -> FloatArray:
        """By class: the fraction of the units decided for it that are of it."""
        return quotient(self.hits, self.decided)

    def accuracy(self) -> FloatArray:
        """The fraction of the units that was decided rightly."""
        return quotient(self.hits.sum(axis=-1), self.total[..., 0])

    def kappa(self) -> FloatArray:
        """Cohen's kappa: agreement beyond what the fractions of the classes alone would give."""
        total = self.total[..., 0]
        by_chance = (self.support * self.decided).sum(axis=-1)
        return quotient(total * self.hits.sum(axis=-1) - by_chance, total**2 - by_chance)

    def quadratic_kappa(self) -> FloatArray:
        """Cohen's kappa of classes in an order, a mistake by n classes weighing n squared.

        Cohen 1968: 1 less the squared steps between truth and decision over those that the
        fractions of the classes alone would give; 1 is perfect, 0 chance. NaN where these are none.
        """
        places_K = np.arange(self.support.shape[-1], dtype=np.float64)
        squares = self.total[..., 0] * ((self.support + self.decided) * places_K**2).sum(axis=-1)
        product = (self.support * places_K).sum(axis=-1) * (self.decided * places_K).sum(axis=-1)
        steps = self.total[..., 0] * self.squared_steps
        return 1.0 - quotient(steps, squares - 2.0 * product)

    def matthews_correlation(self) -> FloatArray:
        """The correlation of truth and decision (Matthews 1975; of several classes Gorodkin 2004).

        NaN where all units are of one class, or all are decided for one: there is nothing to
        correlate.
        """
        total = self.total[..., 0]
        shared = total * self.hits.sum(axis=-1) - (self.support * self.decided).sum(axis=-1)
        spread = total**2 - np.square(self.support).sum(axis=-1)
        spread_decided = total**2 - np.square(self.decided).sum(axis=-1)
        return np.clip(quotient(shared, np.sqrt(spread * spread_decided)), -1.0, 1.0)


def mean_over_occurring(
    values: FloatArray, support: FloatArray, needs_others: bool = True
) -> FloatArray:
    """The mean over the classes that occur; classes without a unit have no part in it.

    Args:
        values: By class, on the last axis.
        support: Units of each class.
        needs_others: Whether a class that is the only one has no value either.
    """
    occurs = support > 0
    if needs_others:
        occurs &= support < support.sum(axis=-1, keepdims=True)
    return quotient(np.where(occurs, values, 0.0).sum(axis=-1), occurs.sum(axis=-1))


def of_positive_or_mean(
    target: Target, values: FloatArray, support: FloatArray, needs_others: bool = True
) -> FloatArray:
    """Of values by class that of the positive one, or the mean over the classes that occur."""
    if target.is_binary:
        return np.asarray(values[..., POSITIVE])
    return mean_over_occurring(values, support, needs_others)


def quotient(above: ArrayLike, below: ArrayLike) -> FloatArray:
    """Their quotient; NaN where the lower part is 0."""
    upper, lower = np.broadcast_arrays(
        np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    )
    undefined = np.full(upper.shape, np.nan)
    return np.asarray(np.divide(upper, lower, out=undefined, where=lower != 0))
