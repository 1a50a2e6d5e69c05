"""The ROC curve of a score and the area under it, ties counted as half.

U units, T thresholds. A unit is called positive where its score is the threshold or more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class RocCurve:
    """A curve from (0, 0) to (1, 1), a point a threshold.

    Attributes:
        false_positive_rates_T: 1 - specificity, rising.
        sensitivities_T: The true-positive rate, rising.
        thresholds_T: Falling; the first is infinite, nothing is positive there.
    """

    false_positive_rates_T: FloatArray
    sensitivities_T: FloatArray
    thresholds_T: FloatArray


def area_under_curve(is_positive_U: ArrayLike, score_U: ArrayLike) -> float:
    """The chance that a positive has a higher score than a negative, a tie counted as half.

    Returns:
        0 to 1; NaN without a positive or a negative, or with a score that is not finite.
    """
    is_positive, score = score_pairs(is_positive_U, score_U)
    num_positives = int(is_positive.sum())
    num_pairs = num_positives * (len(score) - num_positives)
    if not num_pairs or not np.isfinite(score).all():
        return math.nan
    ranks = midranks(score)[is_positive].sum()
    return float((ranks - num_positives * (num_positives + 1) / 2) / num_pairs)


def roc_curve(is_positive_U: ArrayLike, score_U: ArrayLike) -> RocCurve:
    """Every point of the curve, one a distinct score.

    Raises:
        ValueError: There is no positive or no negative, or a score is not finite.
    """
    is_positive, score = score_pairs(is_positive_U, score_U)
    if is_positive.all() or not is_positive.any() or not np.isfinite(score).all():
        raise ValueError("a ROC curve needs positives, negatives and finite scores")
    order = np.argsort(-score, kind="stable")
    is_last = np.append(np.diff(score[order]) != 0, True)
    found = np.cumsum(is_positive[order])[is_last]
    called = np.flatnonzero(is_last) + 1
    return RocCurve(
        np.append(0.0, (called - found) / (~is_positive).sum()),
        np.append(0.0, found / is_positive.sum()),
        np.append(np.inf, score[order][is_last]),
    )


def midranks(values_U: FloatArray) -> FloatArray:
    """Ranks from 1; equal values share the middle of theirs."""
    _, places, counts = np.unique(values_U, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[places], dtype=np.float64)


def score_pairs(
    is_positive_U: ArrayLike, score_U: ArrayLike
) -> tuple[NDArray[np.bool_], FloatArray]:
    """Both as arrays.

    Raises:
        ValueError: The shapes differ or are not one-dimensional.
    """
    is_positive = np.asarray(is_positive_U, dtype=np.bool_)
    score = np.asarray(score_U, dtype=np.float64)
    if is_positive.shape != score.shape or score.ndim != 1:
        raise ValueError(
            "a ROC curve needs two 1-D arrays of one length, "
            f"not {is_positive.shape} and {score.shape}"
        )
    return is_positive, score
