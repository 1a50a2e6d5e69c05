"""Subjects as evaluates: each ranks the models by its own mean error (Demsar 2006).

S subjects, M models. Friedman's test asks whether the subjects find the models alike, Nemenyi's
critical difference how far apart two mean ranks must be. The value that shows it usually has data
sets as blocks; here the blocks are subjects, and every caption must say so. Each subject counts the
same, however many visits it has. A subject's error is what its sums' ``subject_losses`` say: the
mean absolute error of scores, the mean Brier score of class probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from foldgrid.analysis.statistics.facts import CriticalDifference
from foldgrid.analysis.statistics.intervals import LEVEL

FloatArray = NDArray[np.float64]

FEWEST_SUBJECTS = 3
FEWEST_MODELS = 2


def critical_difference(models: Sequence[str], errors_SM: FloatArray) -> CriticalDifference:
    """Ranks the models subject by subject.

    Args:
        models: Their names, in the order of the columns.
        errors_SM: Each subject's error by each model; lower is better, none is NaN.

    Returns:
        The facts, or with too few models or subjects the reason why there are none.
    """
    num_subjects, num_models = errors_SM.shape
    if num_models < FEWEST_MODELS:
        return CriticalDifference(
            num_subjects=num_subjects, reason=f"fewer than {FEWEST_MODELS} models"
        )
    if num_subjects < FEWEST_SUBJECTS:
        reason = f"fewer than {FEWEST_SUBJECTS} subjects"
        return CriticalDifference(num_subjects=num_subjects, reason=reason)
    ranks_SM = stats.rankdata(errors_SM, axis=1)
    mean_M = ranks_SM.mean(axis=0)
    order = sorted(range(num_models), key=lambda model: (mean_M[model], models[model]))
    statistic, p = _friedman(ranks_SM)
    width = nemenyi_width(num_models, num_subjects)
    return CriticalDifference(
        num_subjects=num_subjects,
        mean_ranks={models[model]: float(mean_M[model]) for model in order},
        statistic=statistic,
        p=p,
        critical_difference=width,
        groups=_groups([models[model] for model in order], mean_M[order], width),
    )


def nemenyi_width(num_models: int, num_subjects: int) -> float:
    """How far apart two mean ranks must be, at 5 % for all pairs at once."""
    quantile = stats.studentized_range.ppf(LEVEL, num_models, math.inf) / math.sqrt(2)
    return float(quantile * math.sqrt(num_models * (num_models + 1) / (6 * num_subjects)))


def _friedman(ranks_SM: FloatArray) -> tuple[float, float]:
    """Chi-square and p, corrected for ties; where every subject ties all models, 0 and 1."""
    num_models = ranks_SM.shape[1]
    centred_SM = ranks_SM - (num_models + 1) / 2
    spread = float((centred_SM**2).sum()) / (num_models - 1)
    if spread == 0.0:
        return 0.0, 1.0
    statistic = float((centred_SM.sum(axis=0) ** 2).sum()) / spread
    return statistic, float(special.chdtrc(num_models - 1, statistic))


def _groups(names: Sequence[str], ranks: FloatArray, width: float) -> tuple[tuple[str, ...], ...]:
    """The longest runs of neighbours whose ends are nearer than ``width``; of two or more."""
    groups: list[tuple[str, ...]] = []
    reached = 0
    for start in range(len(names)):
        end = int(np.searchsorted(ranks, ranks[start] + width, side="left"))
        if end > reached and end - start > 1:
            groups.append(tuple(names[start:end]))
        reached = max(reached, end)
    return tuple(groups)
