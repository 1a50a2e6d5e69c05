"""95 % intervals from resampled subjects: the expanded percentile interval.

R resamples, M models.

The plain percentile interval is too narrow for few subjects, in two ways: resampled values vary
by sqrt((n-1)/n) too little, and their ends stand where a normal distribution has them although the
spread itself is estimated. Hesterberg (2015) mends both by taking more extreme percentiles: those
that make the interval of a mean as wide as Student's t. With 54 subjects the 2.1th and 97.9th
percentile are taken, with 6 the 0.24th and 99.76th; with 3 or fewer, in effect, the smallest and
the largest resample. What counts are the subjects that the value is of: the sensitivity of a class
that 3 of 54 people have is a value of 3.

Why not BCa: its correction is estimated from the same few subjects, and it can be undefined where a
percentile is not. Percentiles stay inside a metric's range and are the same in every unit.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from foldgrid.analysis.statistics.facts import Interval

FloatArray = NDArray[np.float64]

LEVEL = 0.95

FEWEST_SUBJECTS = 2
"""One subject drawn again and again is always the same sample."""

MOST_UNDEFINED = 0.05
"""Where more of the resamples than this have no value, the rest is not a sample of it either."""

UNDEFINED = "the metric is undefined"
ONE_SUBJECT = "one subject only"
TOO_MANY_UNDEFINED = "undefined in too many resamples"
NO_SPREAD = "the same in every resample"


def why_no_interval(num_defined: int, num_resamples: int, num_subjects: float | None = None) -> str:
    """Why resamples say nothing of how far off a value may be; "" where they do.

    The one rule of the whole analysis (decision 0034): two subjects to draw from, and a value in
    95 of 100 resamples.

    Args:
        num_defined: Resamples in which the value could be computed.
        num_resamples: All that were drawn.
        num_subjects: Of whom the value is; nothing where that was looked at already.
    """
    if num_subjects is not None and num_subjects < FEWEST_SUBJECTS:
        return ONE_SUBJECT
    num_undefined = num_resamples - num_defined
    return TOO_MANY_UNDEFINED if num_undefined > MOST_UNDEFINED * num_resamples else ""


def tail_fraction(num_subjects: float, num_strata: int = 1) -> float:
    """The fraction of the resamples to cut off at each end.

    Args:
        num_subjects: 2 or more; a value of unlike parts may have a number between.
        num_strata: Groups of subjects that were drawn from one by one; each takes a degree of
            freedom, and the spread of its own mean is too small by its own size.
    """
    freedom = max(num_subjects - num_strata, 1.0)
    quantile = special.stdtrit(freedom, 1 - (1 - LEVEL) / 2)
    return float(special.ndtr(-quantile * math.sqrt(num_subjects / freedom)))


def expanded_percentiles(
    values_RM: FloatArray,
    num_subjects: ArrayLike,
    is_defined_M: NDArray[np.bool_] | None = None,
    num_strata: int = 1,
) -> tuple[Interval, ...]:
    """Each model's interval.

    Args:
        values_RM: A metric by resample and model; NaN where it is undefined.
        num_subjects: Subjects that the values are of, one number or one a model.
        is_defined_M: Whether the value over all visits is defined; left out, it is.
        num_strata: See ``tail_fraction``.

    Returns:
        An interval a model; without ends and with the reason where there is none.
    """
    num_undefined_M = np.isnan(values_RM).sum(axis=0)
    num_subjects_M = np.broadcast_to(np.asarray(num_subjects, np.float64), num_undefined_M.shape)
    reasons = [""] * values_RM.shape[1]
    for model, num_undefined in enumerate(num_undefined_M):
        if is_defined_M is not None and not is_defined_M[model]:
            reasons[model] = UNDEFINED
        else:
            num_defined = len(values_RM) - int(num_undefined)
            reasons[model] = why_no_interval(num_defined, len(values_RM), num_subjects_M[model])
    kept = np.array([not reason for reason in reasons], dtype=bool)
    ends_2M = np.full((2, len(reasons)), np.nan)
    for number in np.unique(num_subjects_M[kept]):
        own = kept & (num_subjects_M == number)
        ends_2M[:, own] = _quantiles(values_RM[:, own], tail_fraction(number, num_strata))
    return tuple(
        Interval(num_undefined=int(num_undefined), reason=reason)
        if reason
        else Interval(low=float(low), high=float(high), num_undefined=int(num_undefined))
        for reason, low, high, num_undefined in zip(reasons, *ends_2M, num_undefined_M, strict=True)
    )


def _quantiles(values_RM: FloatArray, tail: float) -> FloatArray:
    # nanquantile goes column by column in Python: only for the few columns that need it.
    whole = ~np.isnan(values_RM).any(axis=0)
    ends_2M = np.empty((2, values_RM.shape[1]))
    fractions = [tail, 1 - tail]
    ends_2M[:, whole] = np.quantile(values_RM[:, whole], fractions, axis=0)
    ends_2M[:, ~whole] = np.nanquantile(values_RM[:, ~whole], fractions, axis=0)
    return ends_2M
