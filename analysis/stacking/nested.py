"""Meta-learners evaluated on predictions that they were not fitted on, and the baseline.

N samples, T test samples, L base learners, K classes or 1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.analysis.predictions.predictions import PredictionTable
from foldgrid.analysis.stacking.meta_learner import FloatArray
from foldgrid.analysis.stacking.meta_learners import meta_learners_of
from foldgrid.analysis.stacking.nested_fits import fit_nested, weight_table
from foldgrid.specs.learners import is_ablation
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


def stack(
    table: PredictionTable, only: Collection[int] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fits every meta-learner and predicts what it has not seen.

    Args:
        table: What the complete base learners predict.
        only: Predicts the samples of these folds alone; all others are NaN.

    Returns:
        What they predict, a column a meta-learner: for the OOF samples, and for the test
        samples. No columns where there are fewer than two complete base learners or folds.
    """
    stacked = fit_stack(table, only)
    return stacked.oof, stacked.test


def meta_learner_weights(table: PredictionTable) -> pd.DataFrame:
    """How much each meta-learner makes of each base learner.

    Args:
        table: What the complete base learners predict.

    Returns:
        A row a base learner, and three columns a meta-learner that has weights: ``weight`` of the
        fit on all OOF predictions, ``lowest`` and ``highest`` of the fits that left one fold out.
        The columns have two levels, the meta-learner first. A weight multiplies the learner's
        prediction, but in the logit readings the logit of its fraction of the scale. Learners that
        resemble each other share or trade weight: a weight is no measure of a learner's worth.
    """
    return fit_stack(table).weights


def fit_stack(table: PredictionTable, only: Collection[int] | None = None) -> Stack:
    """Fits every meta-learner once on all OOF predictions and once without each fold.

    Ablations of a backbone are left out: trained on less, or otherwise, they would only be in the
    way. See ``stack`` for the arguments.
    """
    table = _without_ablations(table)
    samples = table.train_samples
    fits = fit_nested(
        meta_learners_of(table.scoring),
        _values(table, table.oof),
        samples["reference"].to_numpy(),
        samples["fold"].to_numpy(dtype=np.int64),
        _values(table, table.test),
        only,
    )
    return Stack(
        _as_table({name: fit.oof for name, fit in fits.items()}, table.oof),
        _as_table({name: fit.test for name, fit in fits.items()}, table.test),
        weight_table(fits, table.complete_learners),
    )


def no_stack(table: PredictionTable) -> Stack:
    """No meta-learner, as where there are no folds to fit one honestly."""
    return Stack(
        pd.DataFrame(index=table.oof.index), pd.DataFrame(index=table.test.index), pd.DataFrame()
    )


def _without_ablations(table: PredictionTable) -> PredictionTable:
    names = [name for name in table.complete_learners if not is_ablation(name)]
    if len(names) == len(table.complete_learners):
        return table
    return replace(table, oof=table.oof[names], test=table.test[names])


def _values(table: PredictionTable, predicted: pd.DataFrame) -> FloatArray:
    """(N, L, K) of a table of predictions."""
    # Not -1 for the classes: without a row or a learner nothing tells their number.
    shape = (len(predicted), len(table.complete_learners), table.scoring.num_values)
    return predicted.to_numpy(dtype=np.float64).reshape(shape)


def _as_table(said: Mapping[str, FloatArray], known: pd.DataFrame) -> pd.DataFrame:
    """(N, K) of each meta-learner as a table like that of the base learners."""
    if not isinstance(known.columns, pd.MultiIndex):
        return pd.DataFrame({name: each[:, 0] for name, each in said.items()}, index=known.index)
    if not said:
        return pd.DataFrame(index=known.index)
    classes = known.columns.get_level_values(1).unique()
    return by_model({name: pd.DataFrame(each, known.index, classes) for name, each in said.items()})


def add_baseline(
    scoring: Scoring, oof: UnitTable, test: UnitTable, *, has_folds: bool = True
) -> tuple[UnitTable, UnitTable]:
    """Adds the baseline: what one scores by saying the same for everybody.

    An OOF unit gets the mean of the truth in the other folds, a test unit the mean of all training
    units; where the truth is a class, the classes' fractions, likewise. A model that does not beat
    this has learned nothing of the photographs.

    Args:
        scoring: The task's.
        oof: The training units.
        test: The test units.
        has_folds: Whether folds were held out. Else a number's mean is of the other subjects, and
            the classes' fractions are of all units: without its own class every unit would get less
            of the right one than of the others, and an AUC of 0.
    """
    truth_N, folds_N = oof.reference, oof.units["fold"].to_numpy()
    truth_NK = truth_N[:, None].astype(np.float64)
    if scoring.num_values > 1:
        truth_NK = np.eye(scoring.num_values)[truth_N.astype(np.int64)]
    known, unseen = same_for_all(truth_NK, folds_N, test.num_units)
    if scoring.num_values > 1 and not has_folds:
        known = np.tile(_mean(truth_NK), (len(truth_NK), 1))
    if scoring.num_values == 1:
        known, unseen = known[:, 0], unseen[:, 0]
    return oof.with_model(scoring.baseline, known), test.with_model(scoring.baseline, unseen)


def same_for_all(
    truth_NK: FloatArray, folds_N: NDArray[Any], num_test: int
) -> tuple[FloatArray, FloatArray]:
    """The mean of the truth that may be known.

    Args:
        truth_NK: Numbers, or 1 for the right class and 0 for the others.
        folds_N: The subject fold of each sample.
        num_test: Samples beside these, of which all truths may be known.

    Returns:
        N by K, and T by K. With one fold only there is nothing to know: a number is undefined, and
        all classes are alike.
    """
    num_values = truth_NK.shape[1]
    oof_NK = np.full(truth_NK.shape, np.nan if num_values == 1 else 1.0 / num_values)
    for fold in np.unique(folds_N):
        others = folds_N != fold
        if others.any():
            oof_NK[~others] = _mean(truth_NK[others])
    return oof_NK, np.tile(_mean(truth_NK), (num_test, 1))


def _mean(truth_NK: FloatArray) -> FloatArray:
    # Summed as one column each, whose last bit does not depend on how many there are.
    return np.array([np.ascontiguousarray(column).mean() for column in truth_NK.T])
