"""Fractional logistic regression by Newton's method: a few steps from wherever it starts.

scikit-learn's solver needs every sample twice, once as a success and once as a failure, and starts
each penalty from nothing; a path of penalties takes several times as long that way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

FloatArray = NDArray[np.float64]

MAX_STEPS = 200
"""Newton steps; it needs about ten, and forty where every C is 0 and an intercept runs off."""

GRADIENT_SHARE = 1e-9
"""Newton stops where no slope of the mean loss is steeper."""

ROUNDING = 1e-12
"""A loss that rises by a smaller share has not risen; it also keeps a flat curvature regular."""


def maximise_likelihood(
    design: FloatArray, share: FloatArray, penalties: FloatArray, start: FloatArray
) -> FloatArray:
    """Fractional logistic regression by Newton's method with halved steps.

    A share p counts as p of a success and 1 - p of a failure.

    Args:
        design: Samples by parameters.
        share: The target of each sample, 0 to 1.
        penalties: By parameter, what is added to the squared column; half of it times the squared
            parameter is added to the loss.
        start: Where to begin.

    Returns:
        The parameters with the smallest penalised negative log-likelihood.
    """

    def loss(parameters: FloatArray) -> float:
        predictor = design @ parameters
        likelihood = np.logaddexp(0.0, predictor) - share * predictor
        return float(likelihood.sum() + 0.5 * penalties @ parameters**2)

    parameters, current = start, loss(start)
    for _ in range(MAX_STEPS):
        mean = expit(design @ parameters)
        slope = design.T @ (mean - share) + penalties * parameters
        if not slope.size or np.abs(slope).max() <= GRADIENT_SHARE * len(share):
            break
        curvature = (design.T * (mean * (1.0 - mean))) @ design + np.diag(penalties)
        curvature[np.diag_indices_from(curvature)] += ROUNDING * np.trace(curvature)
        step = np.linalg.solve(curvature, slope)
        while loss(parameters - step) > current + ROUNDING * abs(current):
            step /= 2
        parameters = parameters - step
        current = loss(parameters)
    return parameters
