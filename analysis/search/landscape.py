"""The score over two parameters: a smooth estimate where there are trials, nothing elsewhere.

T trials, G grid lines.

The other parameters vary from trial to trial, so neighbours need not agree: a Gaussian process
with a noise term (scikit-learn's) smooths them and does not run through every point. Where no trial
is near, nothing is drawn.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.search.evidence import StudyEvidence
from analysis.search.importance import Importances
from analysis.search.numbers import Scale, scales

FloatArray = NDArray[np.float64]

PREFERRED = ("learning_rate", "plateau.patience")
"""The two that are shown where a space has both."""

FEWEST_TRIALS = 8
REACH = 0.14
"""How far from a trial something is drawn, as a share of the axes."""

GRID = 181

LEAST_EXPLAINED = 0.05

NUM_FOLDS = 10
"""Of the trials, to see what the estimate foretells of those that it was not told of."""


@dataclass(frozen=True)
class Landscape:
    """The score over two parameters.

    Attributes:
        across: The parameter from left to right.
        up: The parameter from bottom to top.
        points: A row a trial: trial, status, x and y (positions between the ends, 0 to 1), the
            two values and the score.
        surface_GG: The estimate by y and x, evenly from end to end; NaN where no trial is near.
            Empty where there are too few trials, or the estimate foretells nothing.
        explained: The share of the scores' variance that the estimate foretells of a trial that
            it was not told of; 0 where it foretells nothing.
        reason: Why there is no figure; "" where there is.
    """

    across: Scale | None
    up: Scale | None
    points: pd.DataFrame
    surface_GG: FloatArray
    explained: float
    reason: str = ""


def score_landscape(study: StudyEvidence, importances: Importances) -> Landscape:
    """The landscape over learning rate and patience, or over the two that matter most.

    Args:
        study: Its trials; only those that trained to their end shape the surface.
        importances: Of its parameters.
    """
    pair = _pair(study, importances)
    if pair is None:
        reason = "fewer than two parameters of the space are numbers"
        return Landscape(None, None, pd.DataFrame(), np.empty((0, 0)), 0.0, reason)
    across, up = pair
    points = _points(study, across, up)
    known = points[(points["status"] == "complete") & np.isfinite(points["score"])]
    if len(known) < FEWEST_TRIALS or known["score"].nunique() < 2:
        return Landscape(across, up, points, np.empty((0, 0)), 0.0)
    surface, explained = _surface(
        known[["x", "y"]].to_numpy(dtype=np.float64), known["score"].to_numpy(dtype=np.float64)
    )
    # Contours of an estimate that foretells nothing would be seen as a finding.
    shown = surface if explained >= LEAST_EXPLAINED else np.empty((0, 0))
    return Landscape(across, up, points, shown, explained)


def _pair(study: StudyEvidence, importances: Importances) -> tuple[Scale, Scale] | None:
    numbers = {axis.name: axis for axis in scales(study) if axis.is_number}
    ordered = [each.name for each in importances.parameters if each.name in numbers]
    names = list(dict.fromkeys([*ordered, *numbers]))
    if set(PREFERRED) <= set(names):
        names = list(PREFERRED)
    return (numbers[names[0]], numbers[names[1]]) if len(names) > 1 else None


def _points(study: StudyEvidence, across: Scale, up: Scale) -> pd.DataFrame:
    rows = []
    for trial in study.trials:
        x, y = study.value(trial, across.name), study.value(trial, up.name)
        rows.append(
            {
                "trial": trial.number,
                "status": trial.status,
                "x": across.share(x),
                "y": up.share(y),
                across.name: x,
                up.name: y,
                "score": study.score(trial),
            }
        )
    return pd.DataFrame(rows)


def _surface(places_T2: FloatArray, scores_T: FloatArray) -> tuple[FloatArray, float]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
    from sklearn.model_selection import KFold, cross_val_predict

    # One wild trial would flatten all others.
    capped_T = np.minimum(scores_T, _upper_fence(scores_T))
    capped_T = np.maximum(capped_T, -_upper_fence(-scores_T))
    kernel = ConstantKernel(1.0, (1e-3, 1e2)) * RBF([0.3, 0.3], (0.1, 10.0)) + WhiteKernel(
        0.5, (1e-3, 1e1)
    )
    model = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    with warnings.catch_warnings():
        # A length or a noise at its bound is an answer here: flat, or nothing but noise.
        warnings.simplefilter("ignore", ConvergenceWarning)
        folds = KFold(min(NUM_FOLDS, len(capped_T)), shuffle=True, random_state=0)
        foretold_T = cross_val_predict(model, places_T2, capped_T, cv=folds)
        model.fit(places_T2, capped_T)
    line = np.linspace(0.0, 1.0, GRID)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    estimate = model.predict(grid)
    nearest = np.sqrt(((grid[:, None] - places_T2[None]) ** 2).sum(axis=-1)).min(axis=1)
    estimate[nearest > REACH] = np.nan
    unexplained = float(np.mean((capped_T - foretold_T) ** 2) / np.var(capped_T))
    return estimate.reshape(GRID, GRID), max(0.0, 1 - unexplained)


def _upper_fence(scores_T: FloatArray) -> float:
    """Tukey's fence: beyond it a score is an outlier."""
    low, high = np.quantile(scores_T, [0.25, 0.75])
    return float(high + 1.5 * (high - low))
