"""The nested folds of stacking, whatever is predicted.

The OOF prediction of a fold comes from a meta-learner fitted on the other folds' OOF predictions:
the folds are whole subjects, so it has seen neither the sample nor the person. The test
prediction comes from one fit on all OOF predictions, applied once.

N samples, L base learners; predictions may have further axes (K classes).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # no types there

FloatArray = NDArray[np.float64]
Combiner = TypeVar("Combiner")

FEWEST_BASE_LEARNERS = 2
"""Stacking one base learner would only recalibrate it."""


@dataclass(frozen=True)
class NestedFit:
    """One meta-learner's predictions of what it was not fitted on.

    Attributes:
        oof: Of the training samples, each from the fit that left its fold out.
        test: Of the test samples, from the fit on all OOF predictions.
        weights: By part (``weight`` of the fit on all, ``lowest`` and ``highest`` of the fits that
            left one fold out) a number a base learner; empty where it has no weights.
    """

    oof: FloatArray
    test: FloatArray
    weights: dict[str, FloatArray]


def fit_nested(
    meta_learners: Mapping[str, Combiner],
    known: FloatArray,
    truth_N: NDArray[Any],
    folds_N: NDArray[np.int64],
    unseen: FloatArray,
    predict: Callable[[Combiner, FloatArray], FloatArray],
) -> dict[str, NestedFit]:
    """Fits every meta-learner once on all OOF predictions and once without each fold.

    On one core: many small products of matrices gain nothing from more, on a busy machine they
    take ten times as long, and the order of summation then changes with the number of cores.

    Args:
        meta_learners: By name, unfitted; each has ``fit(X, y, groups)``.
        known: OOF predictions, samples by base learners (by classes).
        truth_N: What is to be predicted.
        folds_N: The subject fold of each sample.
        unseen: Test predictions, as ``known``.
        predict: A fitted meta-learner and predictions in, its own prediction out.

    Returns:
        By name; nothing where there are fewer than two base learners or folds.
    """
    if known.shape[1] < FEWEST_BASE_LEARNERS or len(np.unique(folds_N)) < 2:
        return {}
    with threadpool_limits(1):
        return {
            name: _fit_one(each, known, truth_N, folds_N, unseen, predict)
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
    meta_learner: Any,
    known: FloatArray,
    truth_N: NDArray[Any],
    folds_N: NDArray[np.int64],
    unseen: FloatArray,
    predict: Callable[[Any, FloatArray], FloatArray],
) -> NestedFit:
    judged, fold_fits = np.empty((len(known), *known.shape[2:])), []
    for fold in np.unique(folds_N):
        others = folds_N != fold
        fitted = clone(meta_learner).fit(known[others], truth_N[others], groups=folds_N[others])
        judged[~others] = predict(fitted, known[~others])
        fold_fits.append(fitted)
    whole = clone(meta_learner).fit(known, truth_N, groups=folds_N)
    weights = {}
    if hasattr(whole, "weights_"):
        spread = np.stack([fitted.weights_ for fitted in fold_fits])
        weights = {
            "weight": whole.weights_,
            "lowest": spread.min(axis=0),
            "highest": spread.max(axis=0),
        }
    return NestedFit(judged, predict(whole, unseen), weights)
