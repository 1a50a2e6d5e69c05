"""Metrics of an order of units by probability: the area under ROC curves, average precision.

S subjects, U units, M models, K classes, R weightings of the subjects.

The AUC follows from pairs of a positive and a negative: a resample that draws subjects w times has
the wins of w times each positive over w times each negative (a tie is half a win), divided by
the pairs. Units are put into the order of their scores once; a resample is then a cumulative
sum of weights along it, exactly, whatever the number of subjects.

Out-of-fold predictions are of several fits, whose probabilities need not be on one scale: the fit
of a fold with few positives was trained on many. A pair of units of two folds then says more of the
fits than of the units, so pairs are of one fold. Over the whole population that is the AUC of one
fit, which is what a test set shows. The AUC of all pairs is ``auc_pooled``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldgrid.metrics.checked import checked_pair
from foldgrid.metrics.computations import SUPPORT, Checked, Groups
from foldgrid.metrics.counts import POSITIVE, quotient
from foldgrid.metrics.roc import area_under_curve
from foldgrid.metrics.sums import Drawn, Quantity, SubjectSums
from foldgrid.specs.metric import Metric, Target

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
        fold_S = drawn.units.fold_S if self.is_within_folds else None
        # Without folds both metrics are the same.
        key = "areas", metric.target, fold_S is None
        return drawn.once(key, lambda: _areas(metric.target, drawn, fold_S))


def _areas(target: Target, drawn: Drawn, fold_S: IntArray | None) -> FloatArray:
    """(R, M) The area under the curve of every model under every weighting."""
    units = drawn.units
    num_subjects, num_classes = units.sums(SUPPORT).shape
    weights_RS = np.eye(num_subjects) if drawn.weights_RS is None else drawn.weights_RS
    size = max(FEWEST_AT_A_TIME, CELLS_AT_A_TIME // len(units.reference_U))
    fold_U = np.zeros(1, np.int64) if fold_S is None else fold_S[units.subject_U]
    groups = [
        np.broadcast_to(fold_U == fold, units.reference_U.shape) for fold in np.unique(fold_U)
    ]
    classes: Iterable[int] = [POSITIVE] if target.is_binary else range(num_classes)
    blocks = [
        np.ascontiguousarray(weights_RS[start : start + size].T)
        for start in range(0, len(weights_RS), size)
    ]
    return np.vstack([_areas_of(units, classes, groups, weights_SR) for weights_SR in blocks])


FEWEST_AT_A_TIME, CELLS_AT_A_TIME = 64, 2**22
"""Weightings, and these times units, that are looked at together: bounds the memory."""


def _areas_of(
    units: SubjectSums,
    classes: Iterable[int],
    groups: Sequence[NDArray[np.bool_]],
    weights_SR: FloatArray,
) -> FloatArray:
    """``_areas`` of some classes, where units of each group are compared."""
    shape = weights_SR.shape[1], units.num_models
    totals_RM, num_defined_R1 = np.zeros(shape), np.zeros((shape[0], 1))
    for each in classes:
        is_positive_U = units.reference_U == each
        wins_RM, num_pairs_R1 = np.zeros(shape), np.zeros((shape[0], 1))
        for own in groups:
            sides = own & is_positive_U, own & ~is_positive_U
            drawn_2R = [
                np.bincount(units.subject_U[side], minlength=len(weights_SR)) @ weights_SR
                for side in sides
            ]
            num_pairs_R1[:, 0] += drawn_2R[0] * drawn_2R[1]
            for model in range(units.num_models):
                scores = (units.predicted[side, model, each] for side in sides)
                subjects = (units.subject_U[side] for side in sides)
                wins_RM[:, model] += _wins(*scores, *subjects, weights_SR)
        num_defined_R1 += num_pairs_R1 > 0
        totals_RM += np.where(num_pairs_R1 > 0, quotient(wins_RM, num_pairs_R1), 0.0)
    return quotient(totals_RM, num_defined_R1)


def _wins(
    positives_P: FloatArray,
    negatives_N: FloatArray,
    subject_P: IntArray,
    subject_N: IntArray,
    weights_SR: FloatArray,
) -> FloatArray:
    """(R,) Pairs in which a positive has the higher score, those of a tie counted as half.

    Args:
        positives_P: Scores.
        negatives_N: Scores of the others.
        subject_P: Whose they are.
        subject_N: Whose those are.
        weights_SR: How often each subject counts, a column a weighting.
    """
    # Imported here: a plan computes no area, and starts without SciPy.
    from scipy.sparse import coo_array

    if not len(positives_P) or not len(negatives_N):
        return np.zeros(weights_SR.shape[1])
    if np.isnan(positives_P).any() or np.isnan(negatives_N).any():
        return np.full(weights_SR.shape[1], np.nan)
    thresholds_T, place_P = np.unique(positives_P, return_inverse=True)
    shape = len(thresholds_T) + 1, len(weights_SR)
    # A negative is half below the first threshold that it does not exceed, and half below the
    # first that exceeds it: as the thresholds rise, these sums of weights add up to its wins.
    places = [np.searchsorted(thresholds_T, negatives_N, side) for side in ("left", "right")]
    halves = np.full(2 * len(negatives_N), 0.5)
    rise_TS = coo_array((halves, (np.concatenate(places), np.tile(subject_N, 2))), shape).tocsr()
    found_TS = coo_array((np.ones(len(place_P)), (place_P, subject_P)), shape).tocsr()
    below_TR = np.cumsum(rise_TS @ weights_SR, axis=0)
    return np.asarray((below_TR * (found_TS @ weights_SR)).sum(axis=0))


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
