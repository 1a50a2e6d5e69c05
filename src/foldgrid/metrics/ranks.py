"""Ranks of units that count several times, and their correlation.

U units, R weightings of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from foldgrid.metrics.counts import quotient

FloatArray = NDArray[np.float64]


def weighted_midranks(values_U: FloatArray, weights_RU: FloatArray) -> FloatArray:
    """(R, U) Each unit's rank from 1 among the units that count; equals share their middle.

    Args:
        values_U: What is ranked.
        weights_RU: How often each unit counts; units of weight 0 take no place.
    """
    _, first_G, place_U = np.unique(np.sort(values_U), return_index=True, return_inverse=True)
    order = np.argsort(values_U, kind="stable")
    weights_RG = np.add.reduceat(weights_RU[:, order], first_G, axis=1)
    place_U = place_U[np.argsort(order, kind="stable")]
    last_RG = np.cumsum(weights_RG, axis=1)
    return np.asarray((last_RG - (weights_RG - 1) / 2)[:, place_U])


def rank_correlations(
    reference_U: FloatArray, predicted_U: FloatArray, weights_RU: FloatArray
) -> FloatArray:
    """(R,) Spearman's: Pearson's correlation of the ranks; NaN where one side has no order.

    Args:
        reference_U: The truth.
        predicted_U: What one model predicted of it.
        weights_RU: How often each unit counts.
    """
    total_R = weights_RU.sum(axis=1)
    centred = []
    for values_U in (reference_U, predicted_U):
        ranks_RU = weighted_midranks(values_U, weights_RU)
        # The mean of midranks is the same whatever the ties.
        centred.append(ranks_RU - ((total_R + 1) / 2)[:, None])
    first_RU, second_RU = centred
    spread_R, spread_predicted_R, shared_R = (
        (weights_RU * product).sum(axis=1)
        for product in (first_RU**2, second_RU**2, first_RU * second_RU)
    )
    return np.clip(quotient(shared_R, np.sqrt(spread_R * spread_predicted_R)), -1.0, 1.0)
