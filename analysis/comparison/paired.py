"""The difference between two models on the same visits, with an interval by subjects.

V visits, S subjects, R resamples, K sums.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from analysis.comparison.board import Difference
from foldgrid.scoring import METRICS

FloatArray = NDArray[np.float64]

NUM_RESAMPLES = 2_000
LEVEL = 0.95


def paired_difference(
    metric: str,
    truth_V: FloatArray,
    first_V: FloatArray,
    second_V: FloatArray,
    subjects_V: NDArray[np.object_],
    seed: int = 0,
) -> Difference:
    """The second model's figure minus the first's, with a 95 % percentile interval.

    Whole subjects are drawn with replacement, the same for both models: visits of one person
    resemble each other, and a hard patient is hard for both.

    Args:
        metric: ``mae``, ``mse``, ``pcc`` or ``ccc``.
        truth_V: The physician's PASI.
        first_V: The first model's PASI.
        second_V: The second model's PASI.
        subjects_V: Whose visit it is.
        seed: Draws the subjects; the same for all models gives comparable intervals.

    Returns:
        No interval where there are fewer than two subjects, nothing at all where a figure is
        undefined.
    """
    value = METRICS[metric](truth_V, second_V) - METRICS[metric](truth_V, first_V)
    names, owner_V = np.unique(subjects_V, return_inverse=True)
    if math.isnan(value):
        return Difference()
    if len(names) < 2:
        return Difference(value=float(value))
    random = np.random.default_rng(seed)
    counts_RS = random.multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=NUM_RESAMPLES
    )
    first_R, second_R = (
        _figures(metric, counts_RS @ _sums_by_subject(truth_V, predicted_V, owner_V))
        for predicted_V in (first_V, second_V)
    )
    differences_R = second_R - first_R
    defined = differences_R[np.isfinite(differences_R)]
    if len(defined) < NUM_RESAMPLES / 2:
        return Difference(value=float(value))
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(value=float(value), low=float(low), high=float(high))


def _sums_by_subject(
    truth_V: FloatArray, predicted_V: FloatArray, owner_V: NDArray[np.intp]
) -> FloatArray:
    """Everything that a figure needs of a subject's visits, as sums that add up over subjects."""
    error_V = predicted_V - truth_V
    # About a common centre, so that squares of large values do not swallow small differences.
    truth_V, predicted_V = truth_V - truth_V.mean(), predicted_V - truth_V.mean()
    terms_KV = np.stack(
        [
            np.ones_like(truth_V),
            np.abs(error_V),
            error_V**2,
            truth_V,
            predicted_V,
            truth_V**2,
            predicted_V**2,
            truth_V * predicted_V,
        ]
    )
    return np.stack([np.bincount(owner_V, weights=term_V) for term_V in terms_KV], axis=1)


def _figures(metric: str, sums_RK: FloatArray) -> FloatArray:
    """The figure of each resample; NaN where it is undefined."""
    means = sums_RK[:, 1:] / sums_RK[:, :1]
    absolute, squared, truth, predicted, truth_2, predicted_2, product = means.T
    if metric in ("mae", "mse"):
        return np.asarray(absolute if metric == "mae" else squared)
    covariance = product - truth * predicted
    # Differences of squares end near, not at, 0 where a resample is constant.
    spreads = [truth_2 - truth**2, predicted_2 - predicted**2]
    spread_t, spread_p = (np.where(each > 1e-10, each, np.nan) for each in spreads)
    if metric == "pcc":
        return np.asarray(covariance / np.sqrt(spread_t * spread_p))
    return np.asarray(2 * covariance / (spread_t + spread_p + (truth - predicted) ** 2))
