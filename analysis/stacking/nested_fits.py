"""The nested folds of stacking, whatever is predicted.

The OOF prediction of a fold comes from a meta-learner fitted on the other folds' OOF predictions:
the folds are whole subjects, so it has seen neither the sample nor the person. The test
prediction comes from one fit on all OOF predictions, applied once.

N samples, T test samples, L base learners, K classes or 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from foldgrid.analysis.predictions.threads import one_thread
from foldgrid.analysis.stacking.meta_learner import FloatArray, MetaLearner

FEWEST_BASE_LEARNERS = 2
"""Stacking one base learner would only recalibrate it."""


@dataclass(frozen=True)
class NestedFit:
    """One meta-learner's predictions of what it was not fitted on.

    Attributes:
        oof: Of the training samples, N by K, each from the fit that left its fold out.
        test: Of the test samples, T by K, from the fit on all OOF predictions.
        weights: By part (``weight`` of the fit on all, ``lowest`` and ``highest`` of the fits that
            left one fold out) a number a base learner; empty where it has no weights.
    """

    oof: FloatArray
    test: FloatArray
    weights: dict[str, FloatArray]


def fit_nested(
    meta_learners: Mapping[str, MetaLearner],
    known_NLK: FloatArray,
    truth_N: NDArray[Any],
    folds_N: NDArray[np.int64],
    unseen_TLK: FloatArray,
) -> dict[str, NestedFit]:
    """Fits every meta-learner once on all OOF predictions and once without each fold.

    On one core: many small products of matrices gain nothing from more, on a busy machine they
    take ten times as long, and the order of summation then changes with the number of cores.

    Args:
        meta_learners: By name, unfitted.
        known_NLK: OOF predictions.
        truth_N: What is to be predicted.
        folds_N: The subject fold of each sample.
        unseen_TLK: Test predictions.

    Returns:
        By name; nothing where there are fewer than two base learners or folds.
    """
    if known_NLK.shape[1] < FEWEST_BASE_LEARNERS or len(np.unique(folds_N)) < 2:
        return {}
    with one_thread():
        return {
            name: _fit_one(each, known_NLK, truth_N, folds_N, unseen_TLK)
            for name, each in meta_learners.items()
        }


def weight_table(fits: Mapping[str, NestedFit], base_learners: Sequence[str]) -> pd.DataFrame:
    """How much each meta-learner that has weights makes of each base learner.

    Returns:
        A row a base learner; columns of two levels, meta-learner and part.
    """
    weights = {
        (name, part): values for name, fit in fits.items() for part, values in fit.weights.items()
    }
    columns = pd.MultiIndex.from_tuples(weights, names=["meta_learner", "part"])
    values = np.column_stack(list(weights.values())) if weights else None
    return pd.DataFrame(values, index=pd.Index(base_learners), columns=columns)


def _fit_one(
    meta_learner: MetaLearner,
    known_NLK: FloatArray,
    truth_N: NDArray[Any],
    folds_N: NDArray[np.int64],
    unseen_TLK: FloatArray,
) -> NestedFit:
    evaluated_NK, fold_fits = np.empty((len(known_NLK), known_NLK.shape[2])), []
    for fold in np.unique(folds_N):
        others = folds_N != fold
        fitted = clone(meta_learner).fit(known_NLK[others], truth_N[others], groups=folds_N[others])
        evaluated_NK[~others] = fitted.combine(known_NLK[~others])
        fold_fits.append(fitted)
    whole = clone(meta_learner).fit(known_NLK, truth_N, groups=folds_N)
    weights = {}
    if hasattr(whole, "weights_"):
        spread = np.stack([fitted.weights_ for fitted in fold_fits])
        weights = {
            "weight": whole.weights_,
            "lowest": spread.min(axis=0),
            "highest": spread.max(axis=0),
        }
    return NestedFit(evaluated_NK, whole.combine(unseen_TLK), weights)
