"""Meta-learners judged on predictions that they were not fitted on.

The OOF prediction of a fold comes from a meta-learner fitted on the other folds' OOF predictions:
the folds are whole subjects, so it has seen neither the sample nor the person. The test
prediction comes from one fit on all OOF predictions, applied once.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import clone

from analysis.evidence.predictions import PredictionTable
from analysis.evidence.visits import VisitTable
from analysis.stacking.meta_learners import META_LEARNERS

FEWEST_BASE_LEARNERS = 2
"""Stacking one base learner would only recalibrate it."""

BASELINE = "predict_the_mean"
"""The baseline's name: every visit gets the mean PASI of the visits that it may know."""


def stack(table: PredictionTable) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fits every meta-learner and predicts what it has not seen.

    Args:
        table: Predicted C of the complete base learners.

    Returns:
        Predicted C, 0 to 72, a column a meta-learner: for the OOF samples, and for the test
        samples. No columns where there are fewer than two complete base learners or folds.
    """
    samples = table.train_samples
    folds = samples["fold"].to_numpy(dtype=int)
    oof, test = pd.DataFrame(index=table.oof.index), pd.DataFrame(index=table.test.index)
    if table.oof.shape[1] < FEWEST_BASE_LEARNERS or len(np.unique(folds)) < 2:
        return oof, test
    known, unseen = table.oof.to_numpy(), table.test.to_numpy()
    truth = samples["composite"].to_numpy()
    for name, meta_learner in META_LEARNERS.items():
        judged = np.empty(len(truth))
        for fold in np.unique(folds):
            others = folds != fold
            fitted = clone(meta_learner).fit(known[others], truth[others], groups=folds[others])
            judged[~others] = fitted.predict(known[~others])
        oof[name] = judged
        test[name] = clone(meta_learner).fit(known, truth, groups=folds).predict(unseen)
    return oof, test


def add_baseline(oof: VisitTable, test: VisitTable) -> tuple[VisitTable, VisitTable]:
    """Adds the baseline: what one scores by saying the same for everybody.

    An OOF visit gets the mean PASI of the visits in the other folds, a test visit the mean of all
    training visits. A model that does not beat this has learned nothing of the photographs.
    """
    truth, folds = oof.visits["physician_pasi"], oof.visits["fold"]
    means = {fold: truth[folds != fold].mean() for fold in folds.unique()}
    return (
        oof.with_model(BASELINE, folds.map(means).to_numpy(dtype=float)),
        test.with_model(BASELINE, np.full(test.num_visits, truth.mean())),
    )
