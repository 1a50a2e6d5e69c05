"""The winner's curse: what "take the best of them" is worth on people it was not chosen by.

R resamples, S subjects, M models.

The best of N base learners is partly the luckiest, so its own value flatters it. BBC-CV
(Tsamardinos, Greasidou and Borboudakis 2018) bootstraps the choice: in each resample the best is
chosen on the subjects that were drawn and evaluated on those that were not. The mean of these
values is the corrected one. Nothing is trained again. Here the subject, not the sample, is what is
drawn. With a handful of subjects some resamples draw everybody; they evaluate nobody and do not
count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from foldgrid.analysis.statistics.facts import Interval, Selection
from foldgrid.analysis.statistics.intervals import LEVEL, why_no_interval
from foldgrid.analysis.statistics.resamples import SubjectResamples
from foldgrid.metrics import Metric
from foldgrid.metrics.sums import SubjectSums

FloatArray = NDArray[np.float64]

FEWEST_SUBJECTS = 3
"""With two, a resample chooses by one person and is evaluated by the other."""


def losses(metric: Metric, metric_values: FloatArray) -> FloatArray:
    """A metric's values turned so that lower is better, as ``Metric.sort_key`` does one by one."""
    turn = {"lower": np.positive, "higher": np.negative, "zero": np.abs}
    return np.asarray(turn[metric.direction](metric_values))


def correct_selection(
    metric: Metric,
    models: Sequence[str],
    sums: SubjectSums,
    resamples: SubjectResamples,
    values_RM: FloatArray,
    values_M: FloatArray,
) -> Selection:
    """The value of choosing by ``metric`` among ``models``, naive and corrected.

    Args:
        metric: What the choice goes by and is evaluated by.
        models: The candidates, in the order of the columns.
        sums: Their sums.
        resamples: The draws.
        values_RM: The metric over the resamples.
        values_M: The metric over all units; NaN where undefined.
    """
    losses_M = losses(metric, values_M)
    if np.isnan(losses_M).all():
        return Selection(num_learners=len(models), reason=f"no {metric.title} is defined")
    winner = min(
        (loss, name, place)
        for place, (loss, name) in enumerate(zip(losses_M, models, strict=True))
        if not math.isnan(loss)
    )[2]
    naive = Selection(
        num_learners=len(models), winner=models[winner], naive=float(values_M[winner])
    )
    if sums.num_subjects < FEWEST_SUBJECTS:
        return naive.model_copy(update={"reason": f"fewer than {FEWEST_SUBJECTS} subjects"})
    leaves_any_out = (resamples.counts_RS == 0).any(axis=1)
    evaluated_R = _evaluated(metric, sums, resamples, losses(metric, values_RM))[leaves_any_out]
    known = evaluated_R[~np.isnan(evaluated_R)]
    if reason := why_no_interval(len(known), len(evaluated_R)):
        return naive.model_copy(update={"reason": reason})
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    interval = Interval(
        low=float(low), high=float(high), num_undefined=len(evaluated_R) - len(known)
    )
    return naive.model_copy(update={"corrected": float(known.mean()), "interval": interval})


def _evaluated(
    metric: Metric, sums: SubjectSums, resamples: SubjectResamples, losses_RM: FloatArray
) -> FloatArray:
    """The value of each resample's choice over the subjects that it did not see."""
    chosen_R = np.where(np.isnan(losses_RM), np.inf, losses_RM).argmin(axis=1)
    can_choose_R = ~np.isnan(losses_RM).all(axis=1)
    evaluated_R = np.full(len(losses_RM), np.nan)
    left_out_RS = resamples.left_out()
    for model in np.unique(chosen_R[can_choose_R]):
        rows = np.flatnonzero((chosen_R == model) & can_choose_R)
        evaluated_R[rows] = sums.of_models([model]).value(metric, left_out_RS[rows])[:, 0]
    return evaluated_R
