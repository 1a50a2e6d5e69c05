"""The metrics of numbers.

V units (a visit, a photograph), M models, R weightings of the subjects. What cannot be computed is
NaN, never an error, because a value over too few units or of a diverged model is missing, not a
reason to stop:

    no pair at all, or NaN or infinity in either array      every metric is NaN
    one pair                                                PCC, CCC, ICC and Spearman's are NaN
    predictions or reference constant, also apart           PCC and Spearman's are NaN, CCC, ICC 0
    both constant and equal                                 PCC, CCC, ICC and Spearman's are NaN
    two pairs that mirror each other (0, 1 against 1, 0)    ICC is NaN (minus infinity at the limit)

All but Spearman's follow from a few sums over the units. From those, a spread below a millionth of
the values' distance from the mean score counts as none: squares cannot tell it from rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foldgrid.metrics.computations import OfSums, OfWeights
from foldgrid.metrics.ranks import rank_correlations
from foldgrid.metrics.sums import Drawn, Quantity, SubjectSums
from foldgrid.specs.metric import METRICS, Metric, Target

FloatArray = NDArray[np.float64]

NO_SPREAD = 1e-9
"""Below this the ICC's denominator, in units of the pairs' spread, is rounding."""

NO_VARIANCE = 1e-12
"""A variance below this fraction of the mean square is rounding."""


def mean_absolute_error(reference_V: FloatArray, predicted_V: FloatArray) -> float:
    """MAE: the mean distance between prediction and reference, in their unit."""
    return float(np.mean(np.abs(predicted_V - reference_V)))


def mean_squared_error(reference_V: FloatArray, predicted_V: FloatArray) -> float:
    """MSE: the mean squared distance, in their unit squared."""
    return float(np.mean(np.square(predicted_V - reference_V)))


def root_mean_squared_error(reference_V: FloatArray, predicted_V: FloatArray) -> float:
    """RMSE: the square root of the MSE, in their unit."""
    return math.sqrt(mean_squared_error(reference_V, predicted_V))


def mean_error(reference_V: FloatArray, predicted_V: FloatArray) -> float:
    """Bias: the mean of prediction minus reference; above 0 the model scores too high."""
    return float(np.mean(predicted_V - reference_V))


def pearson_correlation(reference_V: FloatArray, predicted_V: FloatArray) -> float:
    """PCC: Pearson's product-moment correlation, -1 to 1. Blind to scale and bias."""
    pairs = np.stack([reference_V, predicted_V])
    if pairs.shape[1] < 2 or (np.ptp(pairs, axis=1) == 0.0).any():
        return math.nan
    centred = pairs - pairs.mean(axis=1, keepdims=True)
    # Scaling by the largest deviation keeps the squares of tiny values above zero.
    scaled = centred / np.abs(centred).max(axis=1, keepdims=True)
    product = scaled[0] @ scaled[1] / math.sqrt((scaled[0] @ scaled[0]) * (scaled[1] @ scaled[1]))
    return float(np.clip(product, -1.0, 1.0))


def concordance_correlation(reference_V: FloatArray, predicted_V: FloatArray) -> float:
    """CCC: Lin's concordance correlation coefficient, -1 to 1.

    How close the pairs lie to the line of identity: unlike the PCC it falls with bias and with a
    wrong scale. Population moments (divided by n), as Lin 1989 estimates it.
    """
    pairs = np.stack([reference_V, predicted_V])
    if pairs.shape[1] < 2:
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


def intraclass_correlation(reference_V: FloatArray, predicted_V: FloatArray) -> float:
    """ICC(A,1): two-way random effects, single measurement, absolute agreement; at most 1.

    Shrout and Fleiss 1979 call it ICC(2,1), McGraw and Wong 1996 ICC(A,1); physician and model
    are its two raters. Their mean squares, written out for two raters, give n CCC / (n - 1 + CCC)
    for n pairs: it orders models as the CCC does and comes close to it as n grows. Over few pairs
    that disagree it can fall below -1.
    """
    concordance = concordance_correlation(reference_V, predicted_V)
    return float(_intraclass(np.asarray(concordance), np.asarray(float(len(reference_V)))))


def _intraclass(concordance: FloatArray, num_pairs: FloatArray) -> FloatArray:
    spread = num_pairs - 1 + concordance
    is_defined = np.abs(spread) >= NO_SPREAD
    return np.where(is_defined, num_pairs * concordance / np.where(is_defined, spread, 1.0), np.nan)


@dataclass(frozen=True)
class Moments:
    """Means over the units that were drawn, (R, M), and correlations that follow from them."""

    num_units_R1: FloatArray
    bias: FloatArray
    mae: FloatArray
    mse: FloatArray
    pcc: FloatArray
    ccc: FloatArray


def _of_reference(units: SubjectSums) -> FloatArray:
    r_V1 = units.reference_U[:, None] - units.centre
    return np.hstack([np.ones_like(r_V1), r_V1, r_V1**2])


def _of_models(units: SubjectSums) -> FloatArray:
    """Predictions, their squares, their products with the reference; errors, absolute, squared."""
    r_V1, p_VM = units.reference_U[:, None] - units.centre, units.predicted - units.centre
    error_VM = units.predicted - units.reference_U[:, None]
    parts = (p_VM, p_VM**2, r_V1 * p_VM, error_VM, np.abs(error_VM), error_VM**2)
    return np.stack(parts, axis=1)


REFERENCE, PREDICTED = Quantity(_of_reference, is_of_models=False), Quantity(_of_models)


def moments(drawn: Drawn) -> Moments:
    """The moments of all models under every weighting."""
    return drawn.once(moments, lambda: _moments(drawn.totals(REFERENCE), drawn.totals(PREDICTED)))


def _moments(reference_RK: FloatArray, models_RKM: FloatArray) -> Moments:
    n_R1, r_R1, rr_R1 = (reference_RK[:, [k]] for k in range(3))
    means_RKM = models_RKM / n_R1[:, :, None]
    p, pp, rp, bias, mae, mse = (means_RKM[:, k] for k in range(6))
    r_mean, r_square = r_R1 / n_R1, rr_R1 / n_R1
    r_variance, p_variance = r_square - r_mean**2, pp - p**2
    r_variance = np.where(r_variance <= NO_VARIANCE * r_square, 0.0, r_variance)
    p_variance = np.where(p_variance <= NO_VARIANCE * pp, 0.0, p_variance)
    is_constant = (r_variance == 0) | (p_variance == 0)
    covariance = np.where(is_constant, 0.0, rp - r_mean * p)
    pcc = np.clip(covariance / np.sqrt(r_variance * p_variance), -1.0, 1.0)
    ccc = np.clip(2 * covariance / (r_variance + p_variance + bias**2), -1.0, 1.0)
    is_undefined = (n_R1 < 2) | ~np.isfinite(mse)
    ccc = np.where(is_undefined, np.nan, ccc)
    return Moments(n_R1, bias, mae, mse, np.where(is_undefined | is_constant, np.nan, pcc), ccc)


def _drawn(_: FloatArray, __: FloatArray, weights_RU: FloatArray) -> FloatArray:
    """(R,) Units that were drawn."""
    return np.asarray(weights_RU.sum(axis=1))


SUMMED = REFERENCE, PREDICTED
OURS = (
    Metric(
        name="mae",
        title="MAE",
        description="mean absolute error",
        direction="lower",
        compute=OfSums(mean_absolute_error, SUMMED, lambda drawn: moments(drawn).mae),
        lowest=0.0,
        is_in_unit=True,
    ),
    Metric(
        name="mse",
        title="MSE",
        description="mean squared error",
        direction="lower",
        compute=OfSums(mean_squared_error, SUMMED, lambda drawn: moments(drawn).mse),
        lowest=0.0,
    ),
    Metric(
        name="rmse",
        title="RMSE",
        description="root mean squared error",
        direction="lower",
        compute=OfSums(root_mean_squared_error, SUMMED, lambda drawn: np.sqrt(moments(drawn).mse)),
        lowest=0.0,
        is_in_unit=True,
    ),
    Metric(
        name="pcc",
        title="PCC",
        description="Pearson's correlation",
        direction="higher",
        compute=OfSums(pearson_correlation, SUMMED, lambda drawn: moments(drawn).pcc),
        lowest=-1.0,
        highest=1.0,
    ),
    Metric(
        name="ccc",
        title="CCC",
        description="Lin's concordance",
        direction="higher",
        compute=OfSums(concordance_correlation, SUMMED, lambda drawn: moments(drawn).ccc),
        lowest=-1.0,
        highest=1.0,
        source="Lin 1989, doi:10.2307/2532051",
    ),
    Metric(
        name="icc",
        title="ICC",
        description="intraclass correlation ICC(A,1)",
        direction="higher",
        compute=OfSums(
            intraclass_correlation,
            SUMMED,
            lambda drawn: _intraclass(moments(drawn).ccc, moments(drawn).num_units_R1),
        ),
        highest=1.0,
        source="McGraw and Wong 1996, doi:10.1037/1082-989X.1.1.30",
    ),
    Metric(
        name="bias",
        title="Bias",
        description="mean of prediction minus reference",
        direction="zero",
        compute=OfSums(mean_error, SUMMED, lambda drawn: moments(drawn).bias),
        is_in_unit=True,
        source="Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8",
    ),
    Metric(
        name="spearman",
        title="Spearman",
        description="Spearman's rank correlation within folds",
        direction="higher",
        compute=OfWeights(rank_correlations, share=_drawn),
        short="Rho",
        lowest=-1.0,
        highest=1.0,
        source="Spearman 1904, doi:10.2307/1412159",
    ),
)
NUMBER_METRICS = ("mae", "mse", "rmse", "pcc", "ccc", "icc", "bias")
"""What a ranking of numbers holds unless more is asked for; its first metric orders it."""


def number_metrics(unit: str = "") -> Mapping[str, Metric]:
    """The metrics that a ranking of numbers holds, by name.

    Args:
        unit: What the numbers are counted in.

    Example:
        >>> number_metrics("months")["mae"].unit
        'months'
    """
    return {name: METRICS[name].of(Target(unit=unit)) for name in NUMBER_METRICS}
