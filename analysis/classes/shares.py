"""Shares of units with intervals over resampled subjects.

U units, S subjects, Q quantities, R resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.statistics.facts import Interval
from analysis.statistics.intervals import expanded_percentiles
from analysis.statistics.resamples import NUM_RESAMPLES, SEED, SubjectResamples
from foldgrid.scoring.class_counts import quotient

NO_SPREAD = "the same in every resample"


@dataclass(frozen=True)
class Share:
    """A share with what it is of.

    Attributes:
        value: 0 to 1, or a mean of such; NaN where it is of nothing.
        num_units: What it is of.
        interval: 95 % over resampled subjects. None where every resample gives the same: 12 of 12
            says little of the thirteenth, and resampling cannot see it.
    """

    value: float
    num_units: int
    interval: Interval


def shares_of(
    subjects_U: ArrayLike,
    values_UQ: ArrayLike,
    among_UQ: ArrayLike,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
) -> tuple[Share, ...]:
    """The mean of each quantity over the units that it is about.

    Args:
        subjects_U: Whose unit it is.
        values_UQ: A column a quantity: whether it is so, or a number.
        among_UQ: Whether the unit is one of those that it is about.
        num_resamples: Draws of the subjects.
        seed: Of the draws.

    Returns:
        One a quantity.
    """
    among = np.asarray(among_UQ, dtype=np.float64)
    values = np.where(among > 0, np.asarray(values_UQ, dtype=np.float64), 0.0)
    names, subject_U = np.unique(np.asarray(subjects_U).astype(str), return_inverse=True)
    sums_SQ, sizes_SQ = np.zeros((2, max(1, len(names)), among.shape[1]))
    np.add.at(sums_SQ, subject_U, values)
    np.add.at(sizes_SQ, subject_U, among)
    plain_Q = quotient(sums_SQ.sum(axis=0), sizes_SQ.sum(axis=0))
    counts_RS = SubjectResamples.draw(len(sums_SQ), num_resamples, seed).counts_RS
    figures_RQ = quotient(counts_RS @ sums_SQ, counts_RS @ sizes_SQ)
    intervals = expanded_percentiles(figures_RQ, len(sums_SQ), ~np.isnan(plain_Q))
    return tuple(
        Share(float(value), int(size), _with_spread(interval))
        for value, size, interval in zip(plain_Q, sizes_SQ.sum(axis=0), intervals, strict=True)
    )


def _with_spread(interval: Interval) -> Interval:
    if interval.low is None or interval.low != interval.high:
        return interval
    return Interval(num_undefined=interval.num_undefined, reason=NO_SPREAD)
