"""The winner's curse: what "take the best of them" is worth on people it was not chosen by.

R resamples, M models.

The best of N base learners is partly the luckiest, so its own value flatters it. BBC-CV
(Tsamardinos, Greasidou and Borboudakis 2018) bootstraps the choice: in each resample the best is
chosen on the subjects that were drawn and evaluated on those that were not. Nothing is trained
again. Here the subject, not the sample, is what is drawn.

About 37 % of the subjects are left out, and most metrics change with the number of subjects that
they are computed on (a CCC of two subjects is far below that of six). So each learner's mean value
over the left-out subjects is compared with its value over all of them, and the mean of these gaps
over the learners that were ever chosen is taken off. Where there is nothing to choose, because
learners predict the same or one always wins, the corrected value is that of the table. What it
corrects is the choice alone: a metric's own bias with few subjects is in both values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from foldgrid.analysis.statistics.facts import Interval, Selection
from foldgrid.analysis.statistics.intervals import TOO_MANY_UNDEFINED
from foldgrid.analysis.statistics.resampled import Resampled
from foldgrid.analysis.statistics.resamples import SubjectResamples
from foldgrid.metrics import Metric

FloatArray = NDArray[np.float64]

FEWEST_SUBJECTS = 3
"""With two, a resample chooses by one person and is evaluated by the other."""

FEWEST_EVALUATED = 0.5
"""A mean over fewer of the resamples than this is not computed. It needs fewer than an interval's
ends do: an AUC within folds of four subjects is undefined in every third resample."""

BEST_AT_ZERO = "a value that is best at zero has no one-sided optimism"


def losses(metric: Metric, metric_values: FloatArray) -> FloatArray:
    """A metric's values turned so that lower is better, as ``Metric.sort_key`` does one by one."""
    turn = {"lower": np.positive, "higher": np.negative, "zero": np.abs}
    return np.asarray(turn[metric.direction](metric_values))


def correct_selections(
    part: Resampled, learners: Sequence[int], names: Iterable[str]
) -> dict[str, Selection]:
    """The value of choosing the best by each of some metrics.

    Args:
        part: The predictions.
        learners: The candidates, by position.
        names: The metrics.
    """
    left_out = part.over(SubjectResamples.left_out, list(names), learners)
    found = {}
    for name, left_out_RM in left_out.items():
        intervals = part.intervals(name)
        found[name] = correct_selection(
            part.metrics[name],
            [part.models[place] for place in learners],
            part.metric_values[name][list(learners)],
            part.values_RM[name][:, list(learners)],
            left_out_RM,
            part.draws(name),
            [intervals[place] for place in learners],
        )
    return found


def correct_selection(
    metric: Metric,
    models: Sequence[str],
    values_M: FloatArray,
    values_RM: FloatArray,
    left_out_RM: FloatArray,
    resamples: SubjectResamples,
    intervals: Sequence[Interval],
) -> Selection:
    """The value of choosing by ``metric`` among ``models``, naive and corrected.

    Args:
        metric: What the choice goes by and is evaluated by.
        models: The candidates, in the order of the columns.
        values_M: The metric over all units; NaN where undefined.
        values_RM: Over the resamples.
        left_out_RM: Over the subjects that each resample left out; NaN where there is none.
        resamples: Whom they drew.
        intervals: Each candidate's.
    """
    num_subjects = resamples.counts_RS.shape[1]
    losses_M = losses(metric, values_M)
    if np.isnan(losses_M).all():
        return Selection(num_learners=len(models), reason=f"no {metric.title} is defined")
    winner = min(
        (loss, name, place)
        for place, (loss, name) in enumerate(zip(losses_M, models, strict=True))
        if not math.isnan(loss)
    )[2]
    naive = float(values_M[winner])
    found = Selection(num_learners=len(models), winner=models[winner], naive=naive)
    if metric.direction == "zero":
        return found.model_copy(update={"reason": BEST_AT_ZERO})
    if num_subjects < FEWEST_SUBJECTS:
        return found.model_copy(update={"reason": f"fewer than {FEWEST_SUBJECTS} subjects"})
    counts = (resamples.counts_RS == 0).any(axis=1)  # Where everybody was drawn, nobody is left.
    corrected = _corrected(losses(metric, values_RM)[counts], values_M, left_out_RM[counts])
    if isinstance(corrected, str):
        return found.model_copy(update={"reason": corrected})
    # Nobody can be better for having been chosen: what says so is noise.
    worst = np.maximum if metric.direction == "lower" else np.minimum
    corrected = float(worst(corrected, naive))
    moved = _moved(intervals[winner], corrected - naive, metric)
    return found.model_copy(update={"corrected": corrected, "interval": moved})


def _corrected(losses_RM: FloatArray, values_M: FloatArray, left_out_RM: FloatArray) -> float | str:
    """The corrected value, or why there is none."""
    chosen_R = np.where(np.isnan(losses_RM), np.inf, losses_RM).argmin(axis=1)
    evaluated_R = left_out_RM[np.arange(len(chosen_R)), chosen_R]
    known = ~np.isnan(evaluated_R) & ~np.isnan(losses_RM).all(axis=1)
    if known.sum() < FEWEST_EVALUATED * len(known):
        return TOO_MANY_UNDEFINED
    places = np.unique(chosen_R[known])
    gaps = values_M[places] - np.nanmean(left_out_RM[np.ix_(known, places)], axis=0)
    return float(evaluated_R[known].mean() + gaps.mean())


def _moved(interval: Interval, by: float, metric: Metric) -> Interval:
    """An interval at another value, inside the metric's range."""
    if interval.low is None or interval.high is None:
        return interval
    low, high = np.clip([interval.low + by, interval.high + by], metric.lowest, metric.highest)
    return interval.model_copy(update={"low": float(low), "high": float(high)})
