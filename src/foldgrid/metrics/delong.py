"""DeLong's interval of an AUC and test of two, for units that are independent of each other.

DeLong, DeLong and Clarke-Pearson 1988, by the midranks of Sun and Xu 2014. Photographs of one
person are not independent: for those, intervals come from resampled subjects, and DeLong's is the
one that papers quote beside them.

P positives, N negatives, M scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldgrid.metrics.roc import midranks, score_pairs

FloatArray = NDArray[np.float64]

LEVEL = 0.95

ROUNDING = 1e-15
"""A variance below this is rounding."""


@dataclass(frozen=True)
class DelongTest:
    """The difference between two AUCs on the same units.

    Attributes:
        difference: The second's AUC minus the first's.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p: Of the hypothesis that it is 0, two-sided.
    """

    difference: float
    low: float
    high: float
    p: float


def delong_interval(reference: ArrayLike, score: ArrayLike) -> tuple[float, float, float]:
    """AUC and its 95 % interval.

    The interval is symmetric on the logit's scale, so it stays inside 0 and 1 where an AUC is near
    them (decision 0026).

    Args:
        reference: U units, whether each is positive.
        score: U scores, higher for positives.

    Returns:
        AUC, lower and upper end. All NaN without a positive, a negative or with a score that is
        not finite. The ends are NaN with only one of either, and where the scores separate the
        classes fully: no spread is seen there, which does not mean that there is none.
    """
    aucs_M, covariance_MM = delong_covariance(reference, np.asarray(score)[:, None])
    auc, variance = float(aucs_M[0]), float(covariance_MM[0, 0])
    if math.isnan(variance) or variance <= ROUNDING or not 0 < auc < 1:
        return auc, math.nan, math.nan
    # The delta method: the logit's slope is 1 / (auc (1 - auc)).
    half = _quantile() * math.sqrt(variance) / (auc * (1 - auc))
    centre = math.log(auc / (1 - auc))
    return auc, 1 / (1 + math.exp(half - centre)), 1 / (1 + math.exp(-half - centre))


def delong_test(reference: ArrayLike, first: ArrayLike, second: ArrayLike) -> DelongTest:
    """Whether two scores of the same units have the same AUC.

    Returns:
        All NaN where an AUC is undefined; no interval and no p with only one positive or negative.
        Scores that order the units alike differ by 0 with p = 1.
    """
    scores = np.column_stack([np.asarray(first), np.asarray(second)])
    aucs_M, covariance_MM = delong_covariance(reference, scores)
    difference = float(aucs_M[1] - aucs_M[0])
    variance = float(covariance_MM[0, 0] + covariance_MM[1, 1] - 2 * covariance_MM[0, 1])
    if math.isnan(variance):
        return DelongTest(difference, math.nan, math.nan, math.nan)
    if variance <= ROUNDING:
        return DelongTest(difference, difference, difference, float(abs(difference) <= ROUNDING))
    spread = math.sqrt(variance)
    half = _quantile() * spread
    p = 2 * NormalDist().cdf(-abs(difference) / spread)
    return DelongTest(difference, difference - half, difference + half, p)


def delong_covariance(reference: ArrayLike, scores_UM: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """The AUCs of several scores of the same units, and how they vary together.

    Args:
        reference: U units, whether each is positive.
        scores_UM: A column a score.

    Returns:
        M AUCs, and their covariance matrix. NaN as ``delong_interval`` says; one score that is not
        finite makes all NaN.
    """
    scores = np.asarray(scores_UM, dtype=np.float64)
    num_scores = scores.shape[1]
    is_positive, _ = score_pairs(reference, scores[:, 0])
    num_positives, num_negatives = int(is_positive.sum()), int((~is_positive).sum())
    undefined = np.full((num_scores, num_scores), math.nan)
    if not num_positives or not num_negatives or not np.isfinite(scores).all():
        return undefined[0], undefined
    beaten_MP = np.empty((num_scores, num_positives))
    beating_MN = np.empty((num_scores, num_negatives))
    for place, score in enumerate(scores.T):
        ranks = midranks(score)
        # A rank among all less the rank among one's own: how many of the others are below.
        beaten_MP[place] = ranks[is_positive] - midranks(score[is_positive])
        beating_MN[place] = ranks[~is_positive] - midranks(score[~is_positive])
    aucs_M = beaten_MP.sum(axis=1) / (num_positives * num_negatives)
    if min(num_positives, num_negatives) < 2:
        return aucs_M, undefined
    spread_MM = _covariance(beaten_MP / num_negatives) / num_positives
    return aucs_M, spread_MM + _covariance(beating_MN / num_positives) / num_negatives


def _covariance(components: FloatArray) -> FloatArray:
    centred = components - components.mean(axis=1, keepdims=True)
    return np.asarray(centred @ centred.T / (components.shape[1] - 1))


def _quantile() -> float:
    return NormalDist().inv_cdf((1 + LEVEL) / 2)
