"""ROC curves of one class against the rest, over all units and fold by fold.

U units, K classes, T points of a curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldgrid.analysis.statistics.estimates import Fraction, fractions_of
from foldgrid.analysis.statistics.facts import Interval
from foldgrid.analysis.statistics.intervals import UNDEFINED
from foldgrid.analysis.statistics.resampled import Resampled
from foldgrid.analysis.statistics.resamples import NUM_RESAMPLES, SEED
from foldgrid.metrics import METRICS, Target
from foldgrid.metrics.delong import delong_interval
from foldgrid.metrics.roc import RocCurve, area_under_curve, roc_curve
from foldgrid.metrics.sums import SubjectSums
from foldgrid.tasks.classification.operating_points import OperatingPoint, apply_threshold

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FoldRoc:
    """The curve of one fold.

    Attributes:
        fold: Which.
        curve: Its points.
        auc: The area under it.
    """

    fold: int
    curve: RocCurve
    auc: float


@dataclass(frozen=True)
class RocFacts:
    """What is known of one score: a class's probability, or a model's.

    Attributes:
        name: The class or the model.
        num_positives: Units that are positive.
        num_negatives: Units that are not.
        curve: Over all units.
        auc: The ranking's AUC: units of one fold are compared.
        interval: 95 % over resampled subjects.
        pooled: The area under the curve over all units, whichever fit predicted them.
        delong: 95 % of ``pooled`` if units were independent; both ends NaN where there is none.
        folds: By fold, where units have folds; one without a positive or a negative is left out.
    """

    name: str
    num_positives: int
    num_negatives: int
    curve: RocCurve
    auc: float
    interval: Interval
    pooled: float
    delong: tuple[float, float]
    folds: tuple[FoldRoc, ...] = ()

    @property
    def fold_mean(self) -> float:
        """The mean of the folds' AUCs; NaN without folds."""
        return float(np.mean([each.auc for each in self.folds])) if self.folds else math.nan

    @property
    def fold_sd(self) -> float:
        """Their standard deviation (n - 1); NaN with fewer than two."""
        aucs = [each.auc for each in self.folds]
        return float(np.std(aucs, ddof=1)) if len(aucs) > 1 else math.nan


def roc_facts(
    name: str,
    subjects_U: Sequence[object] | NDArray[np.generic],
    is_positive_U: NDArray[np.bool_],
    score_U: FloatArray,
    folds_U: NDArray[np.int64] | None = None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
    *,
    has_fold_curves: bool = True,
) -> RocFacts | None:
    """The curve of one score.

    Args:
        name: The class or the model.
        subjects_U: Whose unit it is.
        is_positive_U: The truth.
        score_U: Higher for positives.
        folds_U: Each unit's fold; left out, one fit predicted all.
        num_resamples: Draws of the subjects.
        seed: Of the draws; that of the ranking gives the ranking's interval.
        has_fold_curves: Whether there are curves by fold.

    Returns:
        None where there is no positive, no negative or a score that is not finite.
    """
    pooled, low, high = delong_interval(is_positive_U, score_U)
    if math.isnan(pooled):
        return None
    auc, interval = auc_and_interval(
        subjects_U, is_positive_U, score_U, folds_U, num_resamples, seed
    )
    return RocFacts(
        name,
        int(is_positive_U.sum()),
        int((~is_positive_U).sum()),
        roc_curve(is_positive_U, score_U),
        auc,
        interval,
        pooled,
        (low, high),
        _by_fold(is_positive_U, score_U, folds_U)
        if folds_U is not None and has_fold_curves
        else (),
    )


def auc_and_interval(
    subjects_U: Sequence[object] | NDArray[np.generic],
    is_positive_U: NDArray[np.bool_],
    score_U: FloatArray,
    folds_U: NDArray[np.int64] | None = None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
) -> tuple[float, Interval]:
    """The AUC of one score, and its 95 % interval over resampled subjects.

    Args:
        subjects_U: Whose unit it is.
        is_positive_U: The truth.
        score_U: Higher for positives.
        folds_U: Each unit's fold, whose units alone it is compared with; left out, all are.
        num_resamples: Draws of the subjects.
        seed: Of the draws.

    Returns:
        NaN without a fold that has both, or with a score that is not finite.
    """
    scores_U2 = np.stack([1.0 - score_U, score_U], axis=1)
    classes_U = is_positive_U.astype(np.int64)
    metric = METRICS["auc"].of(Target("classes", 2, is_binary=True))
    auc = metric(classes_U, scores_U2, folds_U)
    if math.isnan(auc):
        return auc, Interval(reason=UNDEFINED)
    subjects = np.asarray(subjects_U).astype(str)
    sums = SubjectSums.of(subjects, classes_U, scores_U2[:, None], metric.target, folds_U)
    part = Resampled.of_sums(
        ("",), {"auc": metric}, sums, {"auc": np.array([auc])}, num_resamples, seed
    )
    return auc, part.intervals("auc")[0]


def one_vs_rest(
    classes: Sequence[str],
    subjects_U: Sequence[object] | NDArray[np.generic],
    reference_U: NDArray[np.int64],
    probabilities_UK: FloatArray,
    folds_U: NDArray[np.int64] | None = None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
) -> tuple[RocFacts, ...]:
    """Each class against the rest; a class without a unit, or without another, is left out."""
    found = [
        roc_facts(
            name,
            subjects_U,
            reference_U == place,
            probabilities_UK[:, place],
            folds_U,
            num_resamples,
            seed,
        )
        for place, name in enumerate(classes)
    ]
    return tuple(each for each in found if each is not None)


def _by_fold(
    is_positive_U: NDArray[np.bool_], score_U: FloatArray, folds_U: NDArray[np.int64]
) -> tuple[FoldRoc, ...]:
    found = []
    for fold in np.unique(folds_U):
        own = folds_U == fold
        auc = area_under_curve(is_positive_U[own], score_U[own])
        if not math.isnan(auc):
            found.append(FoldRoc(int(fold), roc_curve(is_positive_U[own], score_U[own]), auc))
    return tuple(found)


@dataclass(frozen=True)
class OperatingFacts:
    """An operating point on some units.

    Attributes:
        name: What it is for: ``high sensitivity``.
        point: The threshold and the counts.
        sensitivity: Fraction of the positives that is called positive.
        specificity: Fraction of the negatives that is not.
        positive_predictive_value: Fraction of those called positive that are.
        negative_predictive_value: Fraction of the others that are not.
    """

    name: str
    point: OperatingPoint
    sensitivity: Fraction
    specificity: Fraction
    positive_predictive_value: Fraction
    negative_predictive_value: Fraction


def operating_facts(
    name: str,
    subjects_U: ArrayLike,
    is_positive_U: ArrayLike,
    score_U: ArrayLike,
    threshold: float,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
) -> OperatingFacts:
    """Applies a threshold to units.

    The predictive values hold for a population with as many positives as these units have.

    Args:
        name: What the point is for.
        subjects_U: Whose unit it is.
        is_positive_U: The truth.
        score_U: Higher for positives.
        threshold: From ``choose_threshold`` on other units; NaN calls nothing positive.
        num_resamples: Draws of the subjects.
        seed: Of the draws.
    """
    is_positive = np.asarray(is_positive_U, dtype=bool)
    is_called = np.asarray(score_U, dtype=np.float64) >= threshold
    so_UQ = np.column_stack([is_called, ~is_called, is_positive, ~is_positive])
    among_UQ = np.column_stack([is_positive, ~is_positive, is_called, ~is_called])
    fractions = fractions_of(subjects_U, so_UQ, among_UQ, num_resamples, seed)
    return OperatingFacts(name, apply_threshold(is_positive, score_U, threshold), *fractions)
