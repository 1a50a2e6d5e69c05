"""Intervals of any value by resampling whole subjects, as all of the room draws them.

A subject's visits resemble each other, so subjects are drawn with replacement, each with all its
visits. A resample is a row of weights, how often each visit was drawn, and a value is a function
of such rows: all resamples are computed at once.

    R resamples, N records (visits or samples)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldgrid.analysis.predictions.class_units import ClassUnits
from foldgrid.analysis.statistics.facts import Interval
from foldgrid.analysis.statistics.intervals import (
    FEWEST_SUBJECTS,
    NO_SPREAD,
    expanded_percentiles,
    tail_fraction,
    why_no_interval,
)
from foldgrid.analysis.statistics.resampled import Resampled
from foldgrid.analysis.statistics.resamples import NUM_RESAMPLES, SEED, SubjectResamples
from foldgrid.metrics import METRICS, Target
from foldgrid.metrics.counts import quotient
from foldgrid.metrics.sums import SubjectSums

FloatArray = NDArray[np.float64]
WeightedMetric = Callable[[FloatArray], FloatArray]
"""Weights (R, N) in, a value for each row out, NaN where a row leaves it undefined."""


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; NaN is undefined.

    Attributes:
        value: The value over the records as they are.
        low: The lower end of the 95 % interval over resampled subjects; see
            ``foldgrid.analysis.statistics.intervals``.
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
        num_subjects: Of whom the records are.
        subject_N: Each record's subject as a position.
    """

    weights_RN: FloatArray
    num_records: int
    num_subjects: int
    subject_N: NDArray[np.int64]

    def subjects_among(self, among_N: ArrayLike) -> int:
        """Subjects of the records that are marked."""
        return len(np.unique(self.subject_N[np.asarray(among_N, dtype=bool)]))


@dataclass(frozen=True)
class MeanOf:
    """The mean of a quantity over some of the records; see ``mean_of``.

    Attributes:
        values_N: The quantity.
        among_N: 1 for each record that counts, else 0.
    """

    values_N: FloatArray
    among_N: FloatArray

    def __call__(self, weights_RN: FloatArray) -> FloatArray:
        """(R,) NaN where no record that counts was drawn."""
        return ratio(weights_RN @ (self.among_N * self.values_N), weights_RN @ self.among_N)


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
    if len(known) < FEWEST_SUBJECTS:
        return Resamples(np.empty((0, len(code_N))), len(code_N), len(known), code_N)
    drawn = SubjectResamples.draw(len(known), num_resamples, seed)
    return Resamples(drawn.counts_RS[:, code_N], len(code_N), len(known), code_N)


def estimate(metric_value: WeightedMetric, resamples: Resamples) -> Estimate:
    """A value and its 95 % interval.

    Resamples that leave the value undefined (no visit of a stratum was drawn) are left out, and
    where those are too many, so is the interval; see ``intervals.why_no_interval``. So is one
    without width: where every resample says 100 %, the bootstrap cannot tell what it has not seen.
    The mean of a part of the records is a value of the part's subjects, and as uncertain as that.
    """
    if resamples.num_records == 0:
        return Estimate(math.nan)
    value = float(metric_value(np.ones((1, resamples.num_records)))[0])
    if len(resamples.weights_RN) == 0 or math.isnan(value):
        return Estimate(value)
    values_R = metric_value(resamples.weights_RN)
    defined = values_R[np.isfinite(values_R)]
    num_subjects = resamples.num_subjects
    if isinstance(metric_value, MeanOf):
        num_subjects = resamples.subjects_among(metric_value.among_N)
    if why_no_interval(len(defined), len(values_R), num_subjects):
        return Estimate(value)
    tail = tail_fraction(num_subjects)
    low, high = (float(end) for end in np.quantile(defined, [tail, 1 - tail]))
    return Estimate(value, low, high) if low < high else Estimate(value)


def mean_of(values_N: ArrayLike, among_N: ArrayLike | None = None) -> MeanOf:
    """The mean of a quantity, over the records ``among_N`` marks (all without it)."""
    values = np.asarray(values_N, dtype=np.float64)
    kept = np.ones(len(values)) if among_N is None else np.asarray(among_N, dtype=np.float64)
    return MeanOf(values, kept)


def metric_of(name: str, truth_N: FloatArray, predicted_N: FloatArray) -> WeightedMetric:
    """A metric of numbers over the records.

    Args:
        name: One of ``foldgrid.metrics.METRICS``.
        truth_N: The truth.
        predicted_N: What one model predicted.
    """
    sums = SubjectSums.of(np.arange(len(truth_N)), truth_N, predicted_N[:, None])
    return lambda weights_RN: sums.value(METRICS[name], weights_RN)[:, 0]


def ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Their quotient; NaN where the lower part is 0."""
    undefined = np.full_like(above, math.nan, dtype=np.float64)
    return np.divide(above, below, out=undefined, where=below != 0)


def slope_of(values_N: FloatArray, against_N: FloatArray) -> WeightedMetric:
    """The least-squares slope of one quantity on another; NaN where the other does not vary."""

    def slope(weights_RN: FloatArray) -> FloatArray:
        spread, _, shared = second_moments(against_N, values_N, weights_RN)
        return ratio(shared, spread)

    return slope


def second_moments(
    first_N: FloatArray, second_N: FloatArray, weights_RN: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted variances of two quantities and their covariance, divided by the weight.

    A variance that is rounding beside the quantity's whole range is 0, and so is its covariance.
    """
    # Measured from a value of its own, what is constant has a spread of exactly 0.
    x, y = (values - values[:1] for values in (first_N, second_N))
    total = weights_RN.sum(axis=1)
    mean_x, mean_y = ratio(weights_RN @ x, total), ratio(weights_RN @ y, total)
    spread_x = ratio(weights_RN @ (x * x), total) - mean_x**2
    spread_y = ratio(weights_RN @ (y * y), total) - mean_y**2
    shared = ratio(weights_RN @ (x * y), total) - mean_x * mean_y
    is_still_x = spread_x <= 1e-12 * np.max(x * x, initial=0.0)
    is_still_y = spread_y <= 1e-12 * np.max(y * y, initial=0.0)
    return (
        np.where(is_still_x, 0.0, spread_x),
        np.where(is_still_y, 0.0, spread_y),
        np.where(is_still_x | is_still_y, 0.0, shared),
    )


@dataclass(frozen=True)
class Fraction:
    """A fraction with what it is of.

    Attributes:
        value: 0 to 1, or a mean of such; NaN where it is of nothing.
        num_units: What it is of.
        interval: 95 % over resampled subjects. None where every resample gives the same: 12 of 12
            says little of the thirteenth, and resampling cannot see it.
    """

    value: float
    num_units: int
    interval: Interval


def fractions_of(
    subjects_U: ArrayLike,
    values_UQ: ArrayLike,
    among_UQ: ArrayLike,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
) -> tuple[Fraction, ...]:
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
    values_RQ = quotient(counts_RS @ sums_SQ, counts_RS @ sizes_SQ)
    num_subjects_Q = (sizes_SQ > 0).sum(axis=0)
    intervals = expanded_percentiles(values_RQ, num_subjects_Q, ~np.isnan(plain_Q))
    return tuple(
        Fraction(float(value), int(size), _with_spread(interval))
        for value, size, interval in zip(plain_Q, sizes_SQ.sum(axis=0), intervals, strict=True)
    )


def _with_spread(interval: Interval) -> Interval:
    if interval.low is None or interval.low != interval.high:
        return interval
    return Interval(num_undefined=interval.num_undefined, reason=NO_SPREAD)


@dataclass(frozen=True)
class OverallMetric:
    """A metric.

    Attributes:
        value: Over all units; NaN where it is undefined.
        interval: 95 % over resampled subjects.
    """

    value: float
    interval: Interval


def overall_metrics(
    units: ClassUnits,
    names: Sequence[str],
    num_resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
) -> dict[str, OverallMetric]:
    """Some metrics of a model.

    Args:
        units: Its probabilities of two classes or more.
        names: Of the metrics.
        num_resamples: Draws of the subjects.
        seed: Of the draws; that of the ranking gives the ranking's intervals.
    """
    target = Target("classes", len(units.classes), units.is_binary)
    pair = units.reference_U, units.probabilities_UK
    sums = SubjectSums.of(units.subjects_U, pair[0], pair[1][:, None], target, units.folds_U)
    metrics = {name: METRICS[name].of(target) for name in names}
    values = {name: metric(*pair, units.folds_U) for name, metric in metrics.items()}
    as_arrays = {name: np.array([value]) for name, value in values.items()}
    part = Resampled.of_sums((units.model,), metrics, sums, as_arrays, num_resamples, seed)
    return {name: OverallMetric(value, part.intervals(name)[0]) for name, value in values.items()}
