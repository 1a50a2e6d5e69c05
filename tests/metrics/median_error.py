"""A metric of another package, whole: the median of the absolute errors."""

from __future__ import annotations

import numpy as np

from foldgrid.metrics import Metric
from foldgrid.metrics.computations import OfPairs


def median_absolute_error(truth_U: np.ndarray, predicted_U: np.ndarray) -> float:
    """The error that half of the units stay below."""
    return float(np.median(np.abs(predicted_U - truth_U)))


MEDIAN_ERROR = Metric(
    name="median_error",
    title="Median error",
    description="median absolute error",
    direction="lower",
    compute=OfPairs(median_absolute_error),
    short="MedAE",
    lowest=0.0,
    is_in_unit=True,
)
