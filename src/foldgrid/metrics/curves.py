"""Metrics of an order of units by probability: the area under ROC curves, average precision.

S subjects, U units, M models, K classes, R weightings of the subjects.

The AUC follows from pairs: with A[s, t] the wins of the positives of subject s over the negatives
of subject t (a tie is half a win), a resample that draws subjects w times has the AUC
w'Aw / (w'n+)(w'n-), exactly.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from foldgrid.metrics.computations import SUPPORT, Checked
from foldgrid.metrics.counts import POSITIVE, of_positive_or_mean, quotient
from foldgrid.metrics.roc import area_under_curve
from foldgrid.metrics.sums import Drawn, SubjectSums
from foldgrid.specs.metric import Metric

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class OfRocCurves(Checked):
    """The AUC of the positive class, or the mean over classes, each against the rest."""

    quantities = (SUPPORT,)
    is_of = "both"

    def _value(self, metric: Metric, reference_U: IntArray, predicted: FloatArray) -> float:
        num_classes = predicted.shape[1]
        aucs_K = np.array(
            [
                area_under_curve(reference_U == each, predicted[:, each])
                for each in range(num_classes)
            ]
        )
        support_K = np.bincount(reference_U, minlength=num_classes).astype(np.float64)
        return float(of_positive_or_mean(metric.target, aucs_K, support_K))

    def resampled(self, metric: Metric, drawn: Drawn) -> FloatArray:
        """See ``Checked``."""
        units, support_SK = drawn.units, drawn.units.sums(SUPPORT)
        weights_RS = np.eye(len(support_SK)) if drawn.weights_RS is None else drawn.weights_RS
        totals_RM = np.zeros((len(weights_RS), units.num_models))
        num_defined_R1 = np.zeros((len(weights_RS), 1))
        classes: Iterable[int] = range(support_SK.shape[1])
        for each in [POSITIVE] if metric.target.is_binary else classes:
            positives_S = support_SK[:, each]
            negatives_S = support_SK.sum(axis=1) - positives_S
            num_pairs_R = (weights_RS @ positives_S) * (weights_RS @ negatives_S)
            num_defined_R1[:, 0] += num_pairs_R > 0
            for model in range(units.num_models):
                wins_SS = _wins(units, each, units.predicted[:, model, each])
                wins_R = ((weights_RS @ wins_SS) * weights_RS).sum(axis=1)
                areas_R = quotient(wins_R, num_pairs_R)
                totals_RM[:, model] += np.where(num_pairs_R > 0, areas_R, 0.0)
        return quotient(totals_RM, num_defined_R1)


def _wins(units: SubjectSums, positive: int, score_U: FloatArray) -> FloatArray:
    """Wins of each subject's units of a class over each subject's other units."""
    wins_SS = np.zeros((units.num_subjects, units.num_subjects))
    if np.isnan(score_U).any():
        return np.full_like(wins_SS, np.nan)
    is_positive_U = units.reference_U == positive
    score_N, subject_N = score_U[~is_positive_U], units.subject_U[~is_positive_U]
    order = np.argsort(score_N, kind="stable")
    # Row i: by subject, how many of the i lowest negatives are its own.
    lowest_NS = np.zeros((len(order) + 1, units.num_subjects))
    lowest_NS[np.arange(1, len(order) + 1), subject_N[order]] = 1.0
    lowest_NS = np.cumsum(lowest_NS, axis=0)
    below, up_to = (
        np.searchsorted(score_N[order], score_U[is_positive_U], side) for side in ("left", "right")
    )
    subject_P = units.subject_U[is_positive_U]
    starts = np.flatnonzero(np.diff(subject_P, prepend=-1))
    if len(starts):
        wins_PS = (lowest_NS[below] + lowest_NS[up_to]) / 2
        wins_SS[subject_P[starts]] = np.add.reduceat(wins_PS, starts)
    return wins_SS


def average_precisions(
    reference_U: IntArray, probabilities_UK: FloatArray, weights_RU: FloatArray
) -> FloatArray:
    """(R,) The mean of the precisions at which positives are found; NaN without a positive.

    The sum over the distinct probabilities, from the highest, of the precision there times the
    sensitivity that it adds: no interpolation, which would flatter.

    Args:
        reference_U: Classes; 1 is the positive one.
        probabilities_UK: The probabilities of both.
        weights_RU: How often each unit counts.
    """
    score_U = probabilities_UK[:, POSITIVE]
    order = np.argsort(-score_U, kind="stable")
    is_last_U = np.append(np.diff(score_U[order]) != 0, True)
    weights_RU = weights_RU[:, order]
    found_RT = np.cumsum(weights_RU * (reference_U[order] == POSITIVE), axis=1)[:, is_last_U]
    called_RT = np.cumsum(weights_RU, axis=1)[:, is_last_U]
    precision_RT = np.nan_to_num(quotient(found_RT, called_RT))
    added_RT = np.diff(found_RT, axis=1, prepend=0.0)
    return quotient((precision_RT * added_RT).sum(axis=1), found_RT[:, -1])
