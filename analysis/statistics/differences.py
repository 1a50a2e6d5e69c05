"""Each model against the best: paired by visit, clustered by subject, corrected for the choice.

R resamples, M models. Losses are values turned so that lower is better.

The p-value is that of the paired t-test with subjects as the unit, whatever the metric: the
difference over its standard error, which is the resamples' own times sqrt(n / (n-1)), against
Student's t with one degree of freedom less than there are subjects. For a mean error this is the
classical paired test up to the noise of resampling; for PCC, CCC and ICC, which are no means, it
is the same question. Flipping signs subject by subject is exact but coarse: 2,000 flips cannot go
below 1/2001, and a correction for a thousand models would then find everything tied.

The best was picked from the same data, so among equally good models the others look worse beside it
than chance alone would have it, and a correction for the number of comparisons with a rival named
beforehand (Holm, Dunnett) is not enough. What is asked is how far apart the best of so many equal
models and any other one lie, so the adjusted p-value is the studentised range's (Tukey): each p is
turned into a normal deviate, and this against the range of so many normal values. Tukey's own
distribution has one standard error for all pairs; here each pair has its own, which with few
subjects makes the largest t of many pairs larger than that distribution knows. Of two models the
adjusted p is p.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from foldgrid.analysis.statistics.facts import Difference
from foldgrid.analysis.statistics.intervals import (
    FEWEST_SUBJECTS,
    expanded_percentiles,
    why_no_interval,
)

FloatArray = NDArray[np.float64]

SIGNIFICANCE = 0.05
"""Models are tied with the best where the adjusted p is not below this."""

ROUNDING = 1e-9
"""Differences below this fraction of the losses are rounding."""


def differences_to(
    best: int, losses_M: FloatArray, losses_RM: FloatArray, num_subjects: int, num_strata: int = 1
) -> tuple[Difference | None, ...]:
    """How much worse every model is than one of them.

    Args:
        best: Its position.
        losses_M: Losses over all visits; NaN where undefined.
        losses_RM: Losses over the resamples.
        num_subjects: Subjects that the resamples drew from.
        num_strata: Groups of them that were drawn from one by one.

    Returns:
        A difference a model; None for the best itself and where a loss is undefined.
    """
    worse_M = losses_M - losses_M[best]
    worse_RM = losses_RM - losses_RM[:, [best]]
    scale = np.nanmax(np.abs(losses_M[[best]]), initial=0.0) + np.abs(losses_M)
    worse_M = np.where(np.abs(worse_M) <= ROUNDING * scale, 0.0, worse_M)
    is_compared = ~np.isnan(worse_M)
    is_compared[best] = False
    intervals = expanded_percentiles(worse_RM, num_subjects, ~np.isnan(worse_M), num_strata)
    p_M = np.where(
        is_compared,
        _p_values(worse_M, worse_RM, num_subjects, ROUNDING * scale, num_strata),
        np.nan,
    )
    adjusted_M = adjusted(p_M)
    return tuple(
        Difference(
            worse_by=float(worse_M[model]),
            interval=intervals[model],
            p=_number(p_M[model]),
            p_adjusted=_number(adjusted_M[model]),
        )
        if is_compared[model]
        else None
        for model in range(len(losses_M))
    )


def adjusted(p_M: FloatArray) -> FloatArray:
    """P-values of the comparisons with a best that was picked from the same data.

    Args:
        p_M: Two-sided, one a comparison with the best; NaN is not compared and not counted.

    Returns:
        If all models were equally good, the chance that any of them would lie as far from the
        best of them; never below ``p_M``, and ``p_M`` itself where one model is compared.
    """
    num_models = 1 + int((~np.isnan(p_M)).sum())
    if num_models <= 2:
        return p_M
    range_M = math.sqrt(2) * -special.ndtri(p_M / 2)
    found_M = stats.studentized_range.sf(range_M, num_models, math.inf)
    return np.clip(np.maximum(found_M, p_M), 0.0, 1.0)


def _p_values(
    worse_M: FloatArray,
    worse_RM: FloatArray,
    num_subjects: int,
    rounding_M: FloatArray,
    num_strata: int,
) -> FloatArray:
    freedom = max(num_subjects - num_strata, 1)
    if num_subjects < FEWEST_SUBJECTS:
        return np.full(len(worse_M), np.nan)
    is_defined_RM = ~np.isnan(worse_RM)
    num_M = is_defined_RM.sum(axis=0)
    with np.errstate(all="ignore"):
        mean_M = np.where(is_defined_RM, worse_RM, 0.0).sum(axis=0) / num_M
        squares_M = np.where(is_defined_RM, (worse_RM - mean_M) ** 2, 0.0).sum(axis=0)
        spread_M = np.sqrt(squares_M / (num_M - 1) * num_subjects / freedom)
        ratio_M = np.where(spread_M <= rounding_M, np.inf, np.abs(worse_M) / spread_M)
    ratio_M = np.where(worse_M == 0.0, 0.0, ratio_M)
    p_M = 2 * special.stdtr(freedom, -ratio_M)
    too_few = [bool(why_no_interval(int(number), len(worse_RM))) for number in num_M]
    return np.where(too_few, np.nan, p_M)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
