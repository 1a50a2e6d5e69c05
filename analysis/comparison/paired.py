"""The difference between two models on the same units, with an interval by subjects."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.comparison.board import Difference
from analysis.statistics.intervals import expanded_percentiles
from analysis.statistics.resampled import Resampled
from analysis.statistics.resamples import SEED
from foldgrid.tasks.scoring import Scoring, by_model
from foldgrid.tasks.units import UnitTable

FloatArray = NDArray[np.float64]


def paired_difference(
    metric: str,
    scoring: Scoring,
    table: UnitTable,
    pair: Mapping[str, FloatArray],
    seed: int = SEED,
) -> Difference:
    """The second model's figure minus the first's, with the ranking's kind of 95 % interval.

    Whole subjects are drawn with replacement, the same for both models: the units of one person
    resemble each other, and a hard patient is hard for both.

    Args:
        metric: One of the task's.
        scoring: The task's.
        table: The units; what other models predicted of them is not looked at.
        pair: What the two models predicted, the first first.
        seed: Draws the subjects; the same for all models gives comparable intervals.

    Returns:
        No interval where there are fewer than two subjects, nothing at all where a figure is
        undefined.
    """
    predicted = by_model(
        {name: pd.DataFrame(values.reshape(len(values), -1)) for name, values in pair.items()}
    )
    part = Resampled.of(UnitTable(table.units, predicted), scoring, seed=seed, further=(metric,))
    first, second = part.figures[metric]
    if np.isnan(second - first):
        return Difference()
    figures_RM = part.figures_RM[metric]
    interval = expanded_percentiles(figures_RM[:, [1]] - figures_RM[:, [0]], part.sums.num_subjects)
    return Difference(value=float(second - first), low=interval[0].low, high=interval[0].high)
