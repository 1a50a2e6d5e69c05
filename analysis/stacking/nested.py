"""Meta-learners judged on predictions that they were not fitted on, and the baseline.

N samples, L base learners, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.predictions.predictions import PredictionTable
from analysis.stacking.meta_learner import ClassMetaLearner, MetaLearner
from analysis.stacking.meta_learners import CLASS_META_LEARNERS, meta_learners
from analysis.stacking.nested_fits import fit_nested, weight_table
from foldgrid.specs.metric import Judged
from foldgrid.specs.variants import is_variant
from foldgrid.tasks.scoring import NumberScoring, Scoring, by_model
from foldgrid.tasks.units import UnitTable

BASELINE = NumberScoring.baseline
"""The baseline of numbers: every unit gets the mean of those that it may know."""


@dataclass(frozen=True)
class Stack:
    """What the meta-learners predicted, and how.

    Attributes:
        oof: Predicted numbers or class probabilities: training samples by meta-learners, each
            sample from the fit that left its fold out.
        test: The same of the test samples, from the fit on all OOF predictions.
        weights: What ``meta_learner_weights`` returns.
    """

    oof: pd.DataFrame
    test: pd.DataFrame
    weights: pd.DataFrame


def stack(table: PredictionTable) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fits every meta-learner and predicts what it has not seen.

    Args:
        table: What the complete base learners predict.

    Returns:
        What they predict, a column a meta-learner: for the OOF samples, and for the test
        samples. No columns where there are fewer than two complete base learners or folds.
    """
    stacked = fit_stack(table)
    return stacked.oof, stacked.test


def meta_learner_weights(table: PredictionTable) -> pd.DataFrame:
    """How much each meta-learner makes of each base learner.

    Args:
        table: What the complete base learners predict.

    Returns:
        A row a base learner, and three columns a meta-learner that has weights: ``weight`` of the
        fit on all OOF predictions, ``lowest`` and ``highest`` of the fits that left one fold out.
        The columns have two levels, the meta-learner first. A weight multiplies the learner's
        prediction, but in the logit readings the logit of its share of the scale. Learners that
        resemble each other share or trade weight: a weight is no measure of a learner's worth.
    """
    return fit_stack(table).weights


def fit_stack(table: PredictionTable) -> Stack:
    """Fits every meta-learner once on all OOF predictions and once without each fold.

    Variants of a backbone are left out: trained on less, or otherwise, they would only be in the
    way.
    """
    table = _without_variants(table)
    return FITTERS[table.scoring.judges](table)


def _fit_numbers(table: PredictionTable) -> Stack:
    samples = table.train_samples
    fits = fit_nested(
        meta_learners(table.scoring.scale),
        table.oof.to_numpy(),
        samples["reference"].to_numpy(),
        samples["fold"].to_numpy(dtype=int),
        table.test.to_numpy(),
        MetaLearner.predict,
    )
    return Stack(
        pd.DataFrame({name: fit.oof for name, fit in fits.items()}, index=table.oof.index),
        pd.DataFrame({name: fit.test for name, fit in fits.items()}, index=table.test.index),
        weight_table(fits, list(table.oof.columns)),
    )


def _fit_classes(table: PredictionTable) -> Stack:
    samples, learners = table.train_samples, table.complete_learners
    stacked = fit_class_stack(
        learners,
        _probabilities(table.oof, learners),
        samples["reference"].to_numpy(dtype=np.int64),
        samples["fold"].to_numpy(dtype=np.int64),
        _probabilities(table.test, learners),
    )
    classes = table.oof.columns.get_level_values(1).unique()
    parts = ((stacked.oof, table.oof.index), (stacked.test, table.test.index))
    oof, test = (
        by_model({name: pd.DataFrame(each, index, classes) for name, each in said.items()})
        if said
        else pd.DataFrame(index=index)
        for said, index in parts
    )
    return Stack(oof, test, stacked.weights)


FITTERS: Mapping[Judged, Callable[[PredictionTable], Stack]] = MappingProxyType(
    {"numbers": _fit_numbers, "classes": _fit_classes}
)
"""How the base learners of each kind of truth are stacked."""


def _without_variants(table: PredictionTable) -> PredictionTable:
    names = [name for name in table.complete_learners if not is_variant(name)]
    if len(names) == len(table.complete_learners):
        return table
    return replace(table, oof=table.oof[names], test=table.test[names])


def _probabilities(predicted: pd.DataFrame, learners: tuple[str, ...]) -> NDArray[np.float64]:
    """(N, L, K) of a table of predictions."""
    values = predicted.to_numpy(dtype=np.float64)
    # Not -1 for the classes: without a row or a learner nothing tells their number.
    num_classes = len(predicted.columns.get_level_values(1).unique())
    return values.reshape(len(predicted), len(learners), num_classes)


def add_baseline(scoring: Scoring, oof: UnitTable, test: UnitTable) -> tuple[UnitTable, UnitTable]:
    """Adds the baseline: what one scores by saying the same for everybody.

    An OOF unit gets the mean of the truth in the other folds, a test unit the mean of all training
    units; where the truth is a class, the classes' shares, likewise. A model that does not beat
    this has learned nothing of the photographs.
    """
    known, unseen = SAME_FOR_ALL[scoring.judges](scoring, oof, test.num_units)
    return oof.with_model(scoring.baseline, known), test.with_model(scoring.baseline, unseen)


def _means(_scoring: Scoring, oof: UnitTable, num_test: int) -> tuple[FloatArray, FloatArray]:
    truth, folds = oof.units["reference"], oof.units["fold"]
    means = {fold: truth[folds != fold].mean() for fold in folds.unique()}
    return folds.map(means).to_numpy(dtype=float), np.full(num_test, truth.mean())


def _shares(scoring: Scoring, oof: UnitTable, num_test: int) -> tuple[FloatArray, FloatArray]:
    folds = oof.units["fold"].to_numpy(dtype=np.int64)
    return class_shares(oof.reference.astype(np.int64), folds, scoring.num_values, num_test)


SAME_FOR_ALL: Mapping[
    Judged, Callable[[Scoring, UnitTable, int], tuple[NDArray[np.float64], NDArray[np.float64]]]
] = MappingProxyType({"numbers": _means, "classes": _shares})
"""What the baseline says of the training and of the test units, by kind of truth."""


FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class ClassStack:
    """What the meta-learners of classes predicted, and how.

    Attributes:
        oof: By meta-learner, probabilities of the training samples, N by K, each from the fit that
            left its fold out.
        test: By meta-learner, probabilities of the test samples, T by K, from the fit on all.
        weights: As ``nested.meta_learner_weights``; of the probabilities, in ``geometric_mean`` and
            ``logit_stack`` of the centred log-probabilities.
    """

    oof: dict[str, FloatArray]
    test: dict[str, FloatArray]
    weights: pd.DataFrame


def fit_class_stack(
    base_learners: Sequence[str],
    oof_NLK: FloatArray,
    truth_N: IntArray,
    folds_N: IntArray,
    test_TLK: FloatArray,
) -> ClassStack:
    """Fits every meta-learner of classes and predicts what it has not seen.

    Args:
        base_learners: Their names, in the order of the second axis.
        oof_NLK: OOF probabilities of the training samples.
        truth_N: Class indices.
        folds_N: The subject fold of each training sample.
        test_TLK: Probabilities of the test samples.

    Returns:
        Nothing in it where there are fewer than two base learners or folds.
    """
    fits = fit_nested(
        CLASS_META_LEARNERS, oof_NLK, truth_N, folds_N, test_TLK, ClassMetaLearner.predict_proba
    )
    return ClassStack(
        {name: fit.oof for name, fit in fits.items()},
        {name: fit.test for name, fit in fits.items()},
        weight_table(fits, base_learners),
    )


def class_shares(
    truth_N: IntArray, folds_N: IntArray, num_classes: int, num_test: int
) -> tuple[FloatArray, FloatArray]:
    """The baseline: what one scores by saying the same of everybody.

    A training sample gets the shares of the classes in the other folds, a test sample those in all
    training samples. A model that does not beat this has learned nothing of the photographs.

    Returns:
        N by K, and T by K. With one fold only there is nothing to know, and all classes are alike.
    """
    is_class_NK = np.eye(num_classes)[truth_N]
    oof_NK = np.full(is_class_NK.shape, 1.0 / num_classes)
    for fold in np.unique(folds_N):
        others = folds_N != fold
        if others.any():
            oof_NK[~others] = is_class_NK[others].mean(axis=0)
    return oof_NK, np.tile(is_class_NK.mean(axis=0), (num_test, 1))
