"""Metrics of an order of units by probability: the area under ROC curves, average precision.

S subjects, U units, M models, K classes, R weightings of the subjects.

The AUC follows from pairs: with A[s, t] the wins of the positives of subject s over the negatives
of subject t (a tie is half a win), a resample that draws subjects w times has the AUC
w'Aw / (w'n+)(w'n-), exactly.

Out-of-fold predictions are of several fits, whose probabilities need not be on one scale: the fit
of a fold with few positives was trained on many. A pair of units of two folds then says more of the
fits than of the units, so pairs are of one fold: A and n+ n- have an entry where both subjects are.
Over the whole population that is the AUC of one fit, which is what a test set shows. The AUC of all
pairs is ``auc_pooled``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldgrid.metrics.checked import checked_pair
from foldgrid.metrics.computations import SUPPORT, Checked, Groups
from foldgrid.metrics.counts import POSITIVE, quotient
from foldgrid.metrics.roc import area_under_curve
from foldgrid.metrics.sums import Drawn, Quantity, SubjectSums
from foldgrid.specs.metric import Metric

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class OfRocCurves(Checked):
    """The AUC of the positive class, or the mean over classes, each against the rest.

    Attributes:
        is_within_folds: Whether only units of one fold are compared.
    """

    is_within_folds: bool = True
    is_of: Groups = "both"

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What is summed up."""
        return (SUPPORT,)

    def _value(self, metric: Metric, reference_U: IntArray, predicted: FloatArray) -> float:
        return self._of_folds(metric, reference_U, predicted, np.zeros(len(reference_U)))

    def value_within(
        self, metric: Metric, reference: ArrayLike, predicted: ArrayLike, folds: ArrayLike
    ) -> float:
        """Of one model's predictions by the fits of several folds; see ``Metric``."""
        pair = checked_pair(metric.target, reference, predicted)
        return math.nan if pair is None else self._of_folds(metric, *pair, np.asarray(folds))

    def _of_folds(
        self,
        metric: Metric,
        reference_U: IntArray,
        predicted: FloatArray,
        folds_U: NDArray[np.generic],
    ) -> float:
        wins_K, pairs_K = np.zeros((2, predicted.shape[1]))
        for fold in np.unique(folds_U):
            own = folds_U == fold
            for each in range(predicted.shape[1]):
                is_positive = reference_U[own] == each
                pairs = float(is_positive.sum() * (~is_positive).sum())
                if pairs:
                    area = area_under_curve(is_positive, predicted[own, each])
                    wins_K[each] += pairs * area
                    pairs_K[each] += pairs
        areas_K = quotient(wins_K, pairs_K)
        if metric.target.is_binary:
            return float(areas_K[POSITIVE])
        return float(quotient(np.nansum(areas_K), (pairs_K > 0).sum()))

    def resampled(self, metric: Metric, drawn: Drawn) -> FloatArray:
        """See ``Checked``."""
        units, support_SK = drawn.units, drawn.units.sums(SUPPORT)
        weights_RS = np.eye(len(support_SK)) if drawn.weights_RS is None else drawn.weights_RS
        totals_RM = np.zeros((len(weights_RS), units.num_models))
        num_defined_R1 = np.zeros((len(weights_RS), 1))
        fold_S = units.fold_S
        if fold_S is None or not self.is_within_folds:
            fold_S = np.zeros(len(support_SK), np.int64)
        groups = [np.flatnonzero(fold_S == fold) for fold in np.unique(fold_S)]
        classes: Iterable[int] = range(support_SK.shape[1])
        for each in [POSITIVE] if metric.target.is_binary else classes:
            positives_S = support_SK[:, each]
            negatives_S = support_SK.sum(axis=1) - positives_S
            num_pairs_R = sum(
                (weights_RS[:, own] @ positives_S[own]) * (weights_RS[:, own] @ negatives_S[own])
                for own in groups
            )
            num_defined_R1[:, 0] += num_pairs_R > 0
            for model in range(units.num_models):
                wins_SS = _wins(units, each, units.predicted[:, model, each])
                wins_R = sum(
                    ((weights_RS[:, own] @ wins_SS[np.ix_(own, own)]) * weights_RS[:, own]).sum(1)
                    for own in groups
                )
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
