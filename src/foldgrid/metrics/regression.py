"""The metrics, each with its name and its direction, so no table can sort one the wrong way.

Every function takes the reference (the physician's values) first and the predictions second: two
one-dimensional arrays of one length. What cannot be computed is NaN, never an error, because a
figure over too few visits or of a diverged model is missing, not a reason to stop:

    no pair at all, or NaN or infinity in either array      every metric is NaN
    one pair                                                PCC, CCC and ICC are NaN
    predictions or reference constant, also apart           PCC is NaN, CCC and ICC are 0
    both constant and equal                                 PCC, CCC and ICC are NaN
    two pairs that mirror each other (0, 1 against 1, 0)    ICC is NaN (minus infinity at the limit)

Ties need no rule: no metric here ranks the values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldgrid.specs.errors import SweepError, did_you_mean

FloatArray = NDArray[np.float64]
MetricFunction = Callable[[ArrayLike, ArrayLike], float]
Direction = Literal["lower", "higher", "zero"]

NO_SPREAD = 1e-9
"""Below this the ICC's denominator, in units of the pairs' spread, is rounding."""


@dataclass(frozen=True)
class Metric:
    """A figure of merit and all that a table must know of it.

    Attributes:
        name: Its key: ``mae``.
        title: Its heading: ``MAE``.
        description: What it is, for people.
        direction: Which values are better: ``lower``, ``higher``, or nearer to ``zero``.
        function: Reference and predictions in, the figure out.
        short: Its heading where there is room for five letters; "" where the title has no more.
        unit: What it is counted in, said after it: ``months``; "" for a pure number. The task
            knows it.
    """

    name: str
    title: str
    description: str
    direction: Direction
    function: MetricFunction
    short: str = ""
    unit: str = ""

    @property
    def heading(self) -> str:
        """Its heading in a narrow column."""
        return self.short or self.title

    def __call__(self, reference: ArrayLike, predicted: ArrayLike) -> float:
        """The figure; NaN where it is undefined (see the module's table)."""
        return self.function(reference, predicted)

    def sort_key(self, value: float | None) -> float:
        """A number that is smaller the better ``value`` is; the undefined comes last."""
        if value is None or math.isnan(value):
            return math.inf
        return {"lower": value, "higher": -value, "zero": abs(value)}[self.direction]


def mean_absolute_error(reference: ArrayLike, predicted: ArrayLike) -> float:
    """MAE: the mean distance between prediction and reference, in their unit."""
    return _mean_of_errors(reference, predicted, np.abs)


def mean_squared_error(reference: ArrayLike, predicted: ArrayLike) -> float:
    """MSE: the mean squared distance, in their unit squared."""
    return _mean_of_errors(reference, predicted, np.square)


def root_mean_squared_error(reference: ArrayLike, predicted: ArrayLike) -> float:
    """RMSE: the square root of the MSE, in their unit."""
    return math.sqrt(mean_squared_error(reference, predicted))


def mean_error(reference: ArrayLike, predicted: ArrayLike) -> float:
    """Bias: the mean of prediction minus reference; above 0 the model scores too high."""
    return _mean_of_errors(reference, predicted, np.positive)


def pearson_correlation(reference: ArrayLike, predicted: ArrayLike) -> float:
    """PCC: Pearson's product-moment correlation, -1 to 1. Blind to scale and bias."""
    pairs = _pairs(reference, predicted)
    if pairs is None or pairs.shape[1] < 2 or (np.ptp(pairs, axis=1) == 0.0).any():
        return math.nan
    centred = pairs - pairs.mean(axis=1, keepdims=True)
    # Scaling by the largest deviation keeps the squares of tiny values above zero.
    scaled = centred / np.abs(centred).max(axis=1, keepdims=True)
    product = scaled[0] @ scaled[1] / math.sqrt((scaled[0] @ scaled[0]) * (scaled[1] @ scaled[1]))
    return float(np.clip(product, -1.0, 1.0))


def concordance_correlation(reference: ArrayLike, predicted: ArrayLike) -> float:
    """CCC: Lin's concordance correlation coefficient, -1 to 1.

    How close the pairs lie to the line of identity: unlike the PCC it falls with bias and with a
    wrong scale. Population moments (divided by n), as Lin 1989 estimates it.
    """
    pairs = _pairs(reference, predicted)
    if pairs is None or pairs.shape[1] < 2:
        return math.nan
    constant = np.ptp(pairs, axis=1) == 0.0
    if constant.all() and pairs[0, 0] == pairs[1, 0]:
        return math.nan
    if constant.any():
        return 0.0
    # CCC is the same in every unit; this one keeps squares from vanishing or overflowing.
    pairs = pairs - pairs.mean()
    pairs = pairs / np.abs(pairs).max()
    means = pairs.mean(axis=1, keepdims=True)
    centred = pairs - means
    covariance = float(np.mean(centred[0] * centred[1]))
    spread = float(np.mean(centred**2, axis=1).sum() + (means[0, 0] - means[1, 0]) ** 2)
    return float(np.clip(2.0 * covariance / spread, -1.0, 1.0))


def intraclass_correlation(reference: ArrayLike, predicted: ArrayLike) -> float:
    """ICC(A,1): two-way random effects, single measurement, absolute agreement; at most 1.

    Shrout and Fleiss 1979 call it ICC(2,1), McGraw and Wong 1996 ICC(A,1); physician and model
    are its two raters. Their mean squares, written out for two raters, give n CCC / (n - 1 + CCC)
    for n pairs: it orders models as the CCC does and comes close to it as n grows. Over few pairs
    that disagree it can fall below -1.
    """
    return _intraclass(concordance_correlation(reference, predicted), np.size(reference))


def _intraclass(concordance: float, num_pairs: int) -> float:
    spread = num_pairs - 1 + concordance
    return math.nan if abs(spread) < NO_SPREAD else num_pairs * concordance / spread


def _mean_of_errors(
    reference: ArrayLike, predicted: ArrayLike, turn: Callable[[FloatArray], FloatArray]
) -> float:
    pairs = _pairs(reference, predicted)
    return math.nan if pairs is None else float(np.mean(turn(pairs[1] - pairs[0])))


def _pairs(reference: ArrayLike, predicted: ArrayLike) -> FloatArray | None:
    """Both arrays as two rows of float64; nothing where they are empty or not finite.

    Raises:
        ValueError: The shapes differ or are not one-dimensional.
    """
    first = np.asarray(reference, dtype=np.float64)
    second = np.asarray(predicted, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            f"a metric compares two 1-D arrays of one length, not {first.shape} and {second.shape}"
        )
    pairs = np.stack([first, second])
    return pairs if first.size and np.isfinite(pairs).all() else None


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("mae", "MAE", "mean absolute error", "lower", mean_absolute_error),
            Metric("mse", "MSE", "mean squared error", "lower", mean_squared_error),
            Metric("rmse", "RMSE", "root mean squared error", "lower", root_mean_squared_error),
            Metric("pcc", "PCC", "Pearson's correlation", "higher", pearson_correlation),
            Metric("ccc", "CCC", "Lin's concordance", "higher", concordance_correlation),
            Metric(
                "icc",
                "ICC",
                "intraclass correlation ICC(A,1)",
                "higher",
                intraclass_correlation,
            ),
            Metric("bias", "Bias", "mean of prediction minus reference", "zero", mean_error),
        )
    }
)
"""Every metric by name."""


IN_THE_UNIT = ("mae", "rmse", "bias")
"""The metrics that are counted in the unit of what is predicted."""


def metrics_in(unit: str) -> Mapping[str, Metric]:
    """Every metric by name, of numbers that are counted in ``unit``."""
    return {
        name: replace(metric, unit=unit) if name in IN_THE_UNIT else metric
        for name, metric in METRICS.items()
    }


def metric_named(name: str) -> Metric:
    """The metric called ``name``.

    Raises:
        SweepError: There is none; the message offers the nearest names.
    """
    if name not in METRICS:
        raise SweepError(f'no metric "{name}". {did_you_mean(name, METRICS)}')
    return METRICS[name]
