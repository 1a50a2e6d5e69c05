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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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
    fold_S = np.zeros(num_subjects, np.int64) if fold_S is None else fold_S
    classes = [POSITIVE] if target.is_binary else [*range(num_classes)]
    size = max(FEWEST_AT_A_TIME, CELLS_AT_A_TIME // len(units.reference_U))
    blocks = []
    for start in range(0, len(weights_RS), size):
        weights_SR = np.ascontiguousarray(weights_RS[start : start + size].T)
        blocks.append(_areas_of(units, classes, fold_S, weights_SR))
    return np.vstack(blocks)


FEWEST_AT_A_TIME, CELLS_AT_A_TIME = 64, 2**22
"""Weightings, and these times units, that are looked at together: bounds the memory."""


def _areas_of(
    units: SubjectSums, classes: Sequence[int], fold_S: IntArray, weights_SR: FloatArray
) -> FloatArray:
    """``_areas`` of some classes, where units of each fold are compared."""
    is_in_FS = fold_S == np.arange(fold_S.max() + 1)[:, None]
    support_SK = units.sums(SUPPORT)
    totals_RM = np.zeros((weights_SR.shape[1], units.num_models))
    num_defined_R1 = np.zeros((len(totals_RM), 1))
    for each in classes:
        others_S = support_SK.sum(axis=1) - support_SK[:, each]
        positives_FR, others_FR = (
            (is_in_FS * counts_S) @ weights_SR for counts_S in (support_SK[:, each], others_S)
        )
        num_pairs_R1 = (positives_FR * others_FR).sum(axis=0)[:, None]
        wins_RM = np.zeros_like(totals_RM)
        for model in range(units.num_models):
            score_U = units.predicted[:, model, each]
            wins_RM[:, model] = _wins(units, each, score_U, fold_S, positives_FR, weights_SR)
        num_defined_R1 += num_pairs_R1 > 0
        totals_RM += np.where(num_pairs_R1 > 0, quotient(wins_RM, num_pairs_R1), 0.0)
    return quotient(totals_RM, num_defined_R1)


def _wins(
    units: SubjectSums,
    positive: int,
    score_U: FloatArray,
    fold_S: IntArray,
    positives_FR: FloatArray,
    weights_SR: FloatArray,
) -> FloatArray:
    """(R,) Pairs of a fold in which a positive has the higher score, those of a tie as half.

    Args:
        units: Whose they are.
        positive: The class.
        score_U: One model's.
        fold_S: The fold of each subject.
        positives_FR: Positives that were drawn of each fold.
        weights_SR: How often each subject counts, a column a weighting.
    """
    if np.isnan(score_U).any():
        return np.full(weights_SR.shape[1], np.nan)
    fold_U, is_positive_U = fold_S[units.subject_U], units.reference_U == positive
    # Units are put in order by fold, within it by score.
    rank_U = np.unique(score_U, return_inverse=True)[1] + fold_U * len(score_U)
    thresholds_T, place_P = np.unique(rank_U[is_positive_U], return_inverse=True)
    fold_T = np.append(thresholds_T // len(score_U), -1)
    subject_N = units.subject_U[~is_positive_U]
    # A negative is half below the first threshold that it does not exceed, and half below the
    # first that exceeds it: as the thresholds rise, these sums of weights add up to its wins.
    sides: tuple[Literal["left", "right"], ...] = ("left", "right")
    place_2N = np.concatenate(
        [np.searchsorted(thresholds_T, rank_U[~is_positive_U], side) for side in sides]
    )
    is_below = fold_T[place_2N] == np.tile(fold_U[~is_positive_U], 2)
    rows, subjects = place_2N[is_below], np.tile(subject_N, 2)[is_below]
    below_TR = np.cumsum(_drawn(rows, subjects, len(thresholds_T), weights_SR), axis=0)
    found_TR = _drawn(place_P, units.subject_U[is_positive_U], len(thresholds_T), weights_SR)
    wins_R = (below_TR * found_TR).sum(axis=0) / 2
    for fold, first in enumerate(np.searchsorted(fold_T[:-1], np.arange(len(positives_FR)))):
        if first:
            # What was added up before the fold's first threshold is of the folds before it.
            wins_R -= positives_FR[fold] * below_TR[first - 1] / 2
    return np.asarray(wins_R)


def _drawn(rows: IntArray, subjects: IntArray, num_rows: int, weights_SR: FloatArray) -> FloatArray:
    """(rows, R) The weights of the subjects of each row, added up."""
    # Imported here: a plan computes no area, and starts without SciPy.
    from scipy.sparse import csr_array

    order = np.argsort(rows, kind="stable")
    ends = np.searchsorted(rows[order], np.arange(num_rows + 1))
    shape = num_rows, len(weights_SR)
    return np.asarray(csr_array((np.ones(len(rows)), subjects[order], ends), shape) @ weights_SR)


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
