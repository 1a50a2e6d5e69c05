"""Intervals by resampling whole subjects: the one place of this room that knows the bootstrap.

A subject's visits resemble each other, so subjects are drawn with replacement, each with all its
visits. A resample is a row of weights, how often each visit was drawn, and a figure is a function
of such rows: all resamples are computed at once.

    R resamples, N records (visits or samples)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics.intervals import tail_share
from analysis.statistics.resamples import NUM_RESAMPLES, SEED, SubjectResamples

FloatArray = NDArray[np.float64]
WeightedFigure = Callable[[FloatArray], FloatArray]
"""Weights (R, N) in, a figure for each row out, NaN where a row leaves it undefined."""

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; NaN is undefined.

    Attributes:
        value: The figure over the records as they are.
        low: The lower end of the 95 % interval over resampled subjects.
        high: Its upper end.
    """

    value: float
    low: float = math.nan
    high: float = math.nan

    def columns(self, name: str) -> dict[str, float]:
        """As three columns of a table: ``name``, ``name_low`` and ``name_high``."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


@dataclass(frozen=True)
class Resamples:
    """Subjects drawn with replacement.

    Attributes:
        weights_RN: How often each record was drawn; no rows where there are fewer than two
            subjects, because one subject says nothing of others.
        num_records: N.
        num_subjects: Subjects that they are of.
    """

    weights_RN: FloatArray
    num_records: int
    num_subjects: int


def resample_subjects(
    subjects: ArrayLike, num_resamples: int = NUM_RESAMPLES, seed: int = SEED
) -> Resamples:
    """Draws as many subjects as there are, with replacement, ``num_resamples`` times.

    Args:
        subjects: The subject of each record.
        num_resamples: R.
        seed: The same seed draws the same subjects.
    """
    known, code_N = np.unique(np.asarray(subjects).astype(str), return_inverse=True)
    if len(known) < 2:
        return Resamples(np.empty((0, len(code_N))), len(code_N), len(known))
    drawn_RS = SubjectResamples.draw(len(known), num_resamples, seed).counts_RS
    return Resamples(drawn_RS[:, code_N], len(code_N), len(known))


def estimate(figure: WeightedFigure, resamples: Resamples) -> Estimate:
    """A figure and its 95 % expanded percentile interval, as the ranking's are made.

    Resamples that leave the figure undefined (no visit of a stratum was drawn) are left out;
    where that is more than half of them, so is the interval. So is one without width: where every
    resample says 100 %, the bootstrap cannot tell what it has not seen.
    """
    if resamples.num_records == 0:
        return Estimate(math.nan)
    value = float(figure(np.ones((1, resamples.num_records)))[0])
    if len(resamples.weights_RN) == 0 or math.isnan(value):
        return Estimate(value)
    values_R = figure(resamples.weights_RN)
    defined = values_R[np.isfinite(values_R)]
    if 2 * len(defined) < len(values_R):
        return Estimate(value)
    tail = tail_share(resamples.num_subjects)
    low, high = (float(end) for end in np.quantile(defined, [tail, 1 - tail]))
    return Estimate(value, low, high) if low < high else Estimate(value)


def mean_of(values_N: ArrayLike, among_N: ArrayLike | None = None) -> WeightedFigure:
    """The mean of a quantity, over the records ``among_N`` marks (all without it)."""
    values = np.asarray(values_N, dtype=np.float64)
    kept = np.ones(len(values)) if among_N is None else np.asarray(among_N, dtype=np.float64)
    return lambda weights_RN: ratio(weights_RN @ (kept * values), weights_RN @ kept)


def ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Their quotient; NaN where the lower part is 0."""
    undefined = np.full_like(above, math.nan, dtype=np.float64)
    return np.divide(above, below, out=undefined, where=below != 0)
