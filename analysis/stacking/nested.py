"""Meta-learners judged on predictions that they were not fitted on.

The OOF prediction of a fold comes from a meta-learner fitted on the other folds' OOF predictions:
the folds are whole subjects, so it has seen neither the sample nor the person. The test
prediction comes from one fit on all OOF predictions, applied once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # no types there

from analysis.evidence.predictions import PredictionTable
from analysis.stacking.meta_learner import FloatArray
from analysis.stacking.meta_learners import META_LEARNERS
from foldgrid.scoring.units import UnitTable

FEWEST_BASE_LEARNERS = 2
"""Stacking one base learner would only recalibrate it."""

BASELINE = "predict_the_mean"
"""The baseline's name: every visit gets the mean PASI of the visits that it may know."""


@dataclass(frozen=True)
class Stack:
    """What the meta-learners predicted, and how.

    Attributes:
        oof: Predicted C, 0 to 72: training samples by meta-learners, each sample from the fit
            that left its fold out.
        test: Predicted C, 0 to 72: test samples by meta-learners, from the fit on all OOF
            predictions.
        weights: What ``meta_learner_weights`` returns.
    """

    oof: pd.DataFrame
    test: pd.DataFrame
    weights: pd.DataFrame


def stack(table: PredictionTable) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fits every meta-learner and predicts what it has not seen.

    Args:
        table: Predicted C of the complete base learners.

    Returns:
        Predicted C, 0 to 72, a column a meta-learner: for the OOF samples, and for the test
        samples. No columns where there are fewer than two complete base learners or folds.
    """
    stacked = fit_stack(table)
    return stacked.oof, stacked.test


def meta_learner_weights(table: PredictionTable) -> pd.DataFrame:
    """How much each meta-learner makes of each base learner.

    Args:
        table: Predicted C of the complete base learners.

    Returns:
        A row a base learner, and three columns a meta-learner that has weights: ``weight`` of the
        fit on all OOF predictions, ``lowest`` and ``highest`` of the fits that left one fold out.
        The columns have two levels, the meta-learner first. A weight multiplies the learner's
        predicted C, but in the logit readings the logit of its share of 72. Learners that
        resemble each other share or trade weight: a weight is no measure of a learner's worth.
    """
    return fit_stack(table).weights


def fit_stack(table: PredictionTable) -> Stack:
    """Fits every meta-learner once on all OOF predictions and once without each fold.

    On one core: many small products of matrices gain nothing from more, on a busy machine they
    take ten times as long, and the order of summation then changes with the number of cores.
    """
    with threadpool_limits(1):
        return _fit_stack(table)


def _fit_stack(table: PredictionTable) -> Stack:
    samples = table.train_samples
    folds = samples["fold"].to_numpy(dtype=int)
    oof, test = pd.DataFrame(index=table.oof.index), pd.DataFrame(index=table.test.index)
    weights: dict[tuple[str, str], FloatArray] = {}
    known, unseen = table.oof.to_numpy(), table.test.to_numpy()
    truth = samples["reference"].to_numpy()
    is_enough = known.shape[1] >= FEWEST_BASE_LEARNERS and len(np.unique(folds)) >= 2
    for name, meta_learner in META_LEARNERS.items() if is_enough else ():
        judged, fold_fits = np.empty(len(truth)), []
        for fold in np.unique(folds):
            others = folds != fold
            fitted = clone(meta_learner).fit(known[others], truth[others], groups=folds[others])
            judged[~others] = fitted.predict(known[~others])
            fold_fits.append(fitted)
        whole = clone(meta_learner).fit(known, truth, groups=folds)
        oof[name], test[name] = judged, whole.predict(unseen)
        if hasattr(whole, "weights_"):
            spread = np.stack([fitted.weights_ for fitted in fold_fits])
            weights[name, "weight"] = whole.weights_
            weights[name, "lowest"] = spread.min(axis=0)
            weights[name, "highest"] = spread.max(axis=0)
    columns = pd.MultiIndex.from_tuples(weights, names=["meta_learner", "part"])
    values = np.column_stack(list(weights.values())) if weights else None
    return Stack(oof, test, pd.DataFrame(values, index=table.oof.columns, columns=columns))


def add_baseline(oof: UnitTable, test: UnitTable) -> tuple[UnitTable, UnitTable]:
    """Adds the baseline: what one scores by saying the same for everybody.

    An OOF visit gets the mean PASI of the visits in the other folds, a test visit the mean of all
    training visits. A model that does not beat this has learned nothing of the photographs.
    """
    truth, folds = oof.units["reference"], oof.units["fold"]
    means = {fold: truth[folds != fold].mean() for fold in folds.unique()}
    return (
        oof.with_model(BASELINE, folds.map(means).to_numpy(dtype=float)),
        test.with_model(BASELINE, np.full(test.num_units, truth.mean())),
    )
