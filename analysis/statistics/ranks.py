"""Where models land when the subjects are drawn again: how often first, and between which ranks.

R resamples, M models. Losses are figures turned so that lower is better. These are shares of
resamples of the subjects at hand, a measure of how stable an order is; they are not the chance
that a model is the best for everybody.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from analysis.statistics.intervals import LEVEL

FloatArray = NDArray[np.float64]


def shares_of_firsts(losses_RM: FloatArray) -> FloatArray:
    """The share of the resamples in which each model is the best; models that tie share it.

    Args:
        losses_RM: NaN never wins; a resample in which all are NaN does not count.

    Returns:
        One share a model, summing to 1; NaN for all where no resample counts.
    """
    known_RM = np.where(np.isnan(losses_RM), np.inf, losses_RM)
    lowest_R1 = known_RM.min(axis=1, keepdims=True, initial=np.inf)
    counts = np.isfinite(lowest_R1[:, 0])
    if not counts.any():
        return np.full(losses_RM.shape[1], np.nan)
    is_first = known_RM[counts] == lowest_R1[counts]
    return np.asarray((is_first / is_first.sum(axis=1, keepdims=True)).mean(axis=0))


def rank_ranges(losses_RM: FloatArray) -> NDArray[np.int64]:
    """The ranks that hold the middle 95 % of the resamples, both ends included.

    Args:
        losses_RM: NaN ranks last. Models that tie have the same, the better, rank.

    Returns:
        Two rows, the best and the worst rank; a column a model.
    """
    ranks_RM = rankdata(np.where(np.isnan(losses_RM), np.inf, losses_RM), method="min", axis=1)
    tail = (1 - LEVEL) / 2
    return np.vstack(
        [
            np.quantile(ranks_RM, tail, axis=0, method="lower"),
            np.quantile(ranks_RM, 1 - tail, axis=0, method="higher"),
        ]
    ).astype(np.int64)
