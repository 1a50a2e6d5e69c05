"""Operating points: where to call a score positive, chosen on some units and applied to others.

A unit is called positive where its score is the threshold or more. Choose on out-of-fold
predictions and apply to the test set: a point that is evaluated on what it was chosen by flatters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from foldgrid.metrics.roc import score_pairs

ROUNDING = 1e-9
"""A fraction that misses its target by less has reached it: 0.9 of 10 is 9."""


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold does to some units; a fraction of nothing is NaN.

    Attributes:
        threshold: A unit is called positive where its score is this or more.
        true_positives: Positives that are called positive.
        false_negatives: Positives that are not.
        false_positives: Negatives that are called positive.
        true_negatives: Negatives that are not.
    """

    threshold: float
    true_positives: int
    false_negatives: int
    false_positives: int
    true_negatives: int

    @property
    def sensitivity(self) -> float:
        """Fraction of the positives that is called positive."""
        return _fraction(self.true_positives, self.false_negatives)

    @property
    def specificity(self) -> float:
        """Fraction of the negatives that is not called positive."""
        return _fraction(self.true_negatives, self.false_positives)

    @property
    def positive_predictive_value(self) -> float:
        """PPV: fraction of those called positive that are."""
        return _fraction(self.true_positives, self.false_positives)

    @property
    def negative_predictive_value(self) -> float:
        """NPV: fraction of those not called positive that are not."""
        return _fraction(self.true_negatives, self.false_negatives)


def choose_threshold(
    reference: ArrayLike,
    score: ArrayLike,
    *,
    sensitivity: float | None = None,
    specificity: float | None = None,
) -> float:
    """The threshold that reaches a sensitivity at the best specificity, or the other way round.

    Args:
        reference: U units, whether each is positive.
        score: U scores, finite, higher for positives.
        sensitivity: The fraction to reach, above 0 up to 1: the highest score that reaches it.
        specificity: The fraction to reach, 0 to 1: the lowest score that reaches it. Where only a
            threshold above all scores does, the next number above them.

    Returns:
        A threshold; NaN without a unit that the fraction is of, or with a score that is not finite.

    Raises:
        ValueError: Not exactly one fraction is given, or it is out of range.
    """
    if (sensitivity is None) == (specificity is None):
        raise ValueError("give either a sensitivity or a specificity to reach")
    is_positive, scores = score_pairs(reference, score)
    if not np.isfinite(scores).all():
        return math.nan
    if sensitivity is not None:
        if not 0 < sensitivity <= 1:
            raise ValueError(f"a sensitivity to reach is above 0 up to 1, not {sensitivity}")
        falling = -np.sort(-scores[is_positive])
        needed = math.ceil(sensitivity * len(falling) - ROUNDING)
        return float(falling[needed - 1]) if len(falling) else math.nan
    if specificity is None or not 0 <= specificity <= 1:
        raise ValueError(f"a specificity to reach is from 0 to 1, not {specificity}")
    rising = np.sort(scores[~is_positive])
    if not len(rising):
        return math.nan
    needed = math.ceil(specificity * len(rising) - ROUNDING)
    reaching = scores if needed == 0 else scores[scores > rising[needed - 1]]
    return float(reaching.min() if len(reaching) else np.nextafter(scores.max(), np.inf))


def apply_threshold(reference: ArrayLike, score: ArrayLike, threshold: float) -> OperatingPoint:
    """What a threshold does to these units.

    Raises:
        ValueError: The arrays do not belong together.
    """
    is_positive, scores = score_pairs(reference, score)
    is_called = scores >= threshold
    return OperatingPoint(
        threshold,
        true_positives=int((is_positive & is_called).sum()),
        false_negatives=int((is_positive & ~is_called).sum()),
        false_positives=int((~is_positive & is_called).sum()),
        true_negatives=int((~is_positive & ~is_called).sum()),
    )


def _fraction(these: int, others: int) -> float:
    return these / (these + others) if these + others else math.nan
