"""Bland-Altman: how far a model's PASI may lie from the physician's for a single visit.

    difference = predicted - physician        average = (predicted + physician) / 2
    limits of agreement = mean difference -+ 1.96 SD of the differences

Visits of one subject are not independent, so the SD comes in two readings: over all visits as if
they were (what most papers print), and from the variance between and within subjects (Bland and
Altman 2007, J Biopharm Stat 17:571, where the true value varies). Intervals resample subjects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.clinical.pairs import ModelVisits
from analysis.clinical.resampling import (
    Estimate,
    FloatArray,
    WeightedFigure,
    estimate,
    mean_of,
    ratio,
    resample_subjects,
)
from analysis.statistics.resamples import SEED

WITHIN_95 = 1.959963984540054
"""How many SDs about the mean hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class BlandAltman:
    """Agreement of one model with the physician.

    Attributes:
        model: Its name.
        partition: ``oof`` or ``test``.
        points: subject, visit, average and difference, a row a visit.
        num_visits: Visits.
        num_subjects: Subjects that they are of.
        mean_difference: The bias; above 0 the model scores too high.
        sd: SD of the differences over all visits (divided by n - 1); undefined below two.
        lower: Lower 95 % limit of agreement, by ``sd``.
        upper: Upper limit.
        sd_repeated: SD from the variances between and within subjects.
        lower_repeated: Lower limit by ``sd_repeated``.
        upper_repeated: Upper limit by ``sd_repeated``.
        slope: Proportional bias: the slope of difference on average. Below 0 the model shrinks
            the scale; undefined where all averages are equal.
        share_within: Share of visits between ``lower`` and ``upper``.
    """

    model: str
    partition: str
    points: pd.DataFrame
    num_visits: int
    num_subjects: int
    mean_difference: Estimate
    sd: Estimate
    lower: Estimate
    upper: Estimate
    sd_repeated: Estimate
    lower_repeated: Estimate
    upper_repeated: Estimate
    slope: Estimate
    share_within: float


def bland_altman(pairs: ModelVisits, seed: int = SEED) -> BlandAltman:
    """Limits of agreement between a model and the physician.

    Args:
        pairs: One model's visits; with none, every figure is NaN.
        seed: Of the bootstrap over subjects.
    """
    visits = pairs.visits
    points = pd.DataFrame(
        {
            "subject": visits["subject"],
            "visit": visits["visit"],
            "average": (visits["physician"] + visits["predicted"]) / 2,
            "difference": pairs.errors,
        }
    )
    differences = points["difference"].to_numpy(dtype=np.float64)
    resamples = resample_subjects(visits["subject"], seed=seed)
    mean = mean_of(differences)
    plain = _plain_sd(differences)
    repeated = _repeated_sd(differences, visits["subject"])
    figures = {
        "mean_difference": mean,
        "sd": plain,
        "lower": _limit(mean, plain, -WITHIN_95),
        "upper": _limit(mean, plain, WITHIN_95),
        "sd_repeated": repeated,
        "lower_repeated": _limit(mean, repeated, -WITHIN_95),
        "upper_repeated": _limit(mean, repeated, WITHIN_95),
        "slope": slope_of(differences, points["average"].to_numpy(dtype=np.float64)),
    }
    found = {name: estimate(figure, resamples) for name, figure in figures.items()}
    is_within = points["difference"].between(found["lower"].value, found["upper"].value)
    return BlandAltman(
        model=pairs.model,
        partition=pairs.partition,
        points=points,
        num_visits=pairs.num_visits,
        num_subjects=pairs.num_subjects,
        share_within=float(is_within.mean()) if pairs.num_visits > 1 else np.nan,
        **found,
    )


def slope_of(values_N: FloatArray, against_N: FloatArray) -> WeightedFigure:
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


def _limit(mean: WeightedFigure, sd: WeightedFigure, num_sds: float) -> WeightedFigure:
    return lambda weights_RN: mean(weights_RN) + num_sds * sd(weights_RN)


def _plain_sd(differences_N: FloatArray) -> WeightedFigure:
    def sd(weights_RN: FloatArray) -> FloatArray:
        total = weights_RN.sum(axis=1)
        spread, _, _ = second_moments(differences_N, differences_N, weights_RN)
        return np.asarray(np.sqrt(spread * ratio(total, total - 1.0)))

    return sd


def _repeated_sd(differences_N: FloatArray, subjects: pd.Series[str]) -> WeightedFigure:
    """The SD of one visit's difference: between plus within subjects, by analysis of variance.

    A subject drawn twice counts as two. With one visit a subject it is the plain SD.
    """
    by_subject = pd.Series(differences_N).groupby(subjects.to_numpy())
    size_N = by_subject.transform("size").to_numpy(dtype=np.float64)
    mean_N = by_subject.transform("mean").to_numpy(dtype=np.float64)

    def sd(weights_RN: FloatArray) -> FloatArray:
        num_visits = weights_RN.sum(axis=1)
        num_subjects = np.rint(weights_RN @ (1.0 / size_N))
        within = weights_RN @ (differences_N - mean_N) ** 2
        spread, _, _ = second_moments(mean_N, mean_N, weights_RN)
        between = spread * num_visits
        freedom = num_visits - num_subjects
        mean_square_within = np.where(freedom > 0, within / np.maximum(freedom, 1.0), 0.0)
        mean_square_between = ratio(between, num_subjects - 1.0)
        size = ratio(
            num_visits - ratio(weights_RN @ size_N, num_visits),
            num_subjects - 1.0,
        )
        variance = np.maximum(ratio(mean_square_between - mean_square_within, size), 0.0)
        return np.asarray(np.sqrt(variance + mean_square_within))

    return sd
