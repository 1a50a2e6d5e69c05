"""The difference between two models on the same visits, with an interval by subjects.

V visits, M models.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.comparison.board import Difference
from analysis.statistics.intervals import expanded_percentiles
from analysis.statistics.resamples import SEED, SubjectResamples
from analysis.statistics.subject_sums import SubjectSums
from foldgrid.scoring import METRICS

FloatArray = NDArray[np.float64]


def paired_difference(
    metric: str,
    truth_V: FloatArray,
    first_V: FloatArray,
    second_V: FloatArray,
    subjects_V: NDArray[np.object_],
    seed: int = SEED,
) -> Difference:
    """The second model's figure minus the first's, with the ranking's kind of 95 % interval.

    Whole subjects are drawn with replacement, the same for both models: visits of one person
    resemble each other, and a hard patient is hard for both.

    Args:
        metric: One of ``scoring.METRICS``.
        truth_V: The physician's PASI.
        first_V: The first model's PASI.
        second_V: The second model's PASI.
        subjects_V: Whose visit it is.
        seed: Draws the subjects; the same for all models gives comparable intervals.

    Returns:
        No interval where there are fewer than two subjects, nothing at all where a figure is
        undefined.
    """
    value = METRICS[metric](truth_V, second_V) - METRICS[metric](truth_V, first_V)
    if np.isnan(value):
        return Difference()
    sums = SubjectSums.of(subjects_V.astype(str), truth_V, np.stack([first_V, second_V], axis=1))
    resamples = SubjectResamples.draw(sums.num_subjects, seed=seed)
    figures_RM = sums.figures(resamples.counts_RS)[metric]
    differences_R1 = figures_RM[:, [1]] - figures_RM[:, [0]]
    interval = expanded_percentiles(differences_R1, sums.num_subjects)[0]
    return Difference(value=float(value), low=interval.low, high=interval.high)
