"""The nested folds of stacking, whatever is predicted.

The OOF prediction of a fold comes from a meta-learner fitted on the other folds' OOF predictions:
the folds are whole subjects, so it has seen neither the sample nor the person. The test
prediction comes from one fit on all OOF predictions, applied once.

That is not all that a fold's predictions know of it. The fits that predicted the other folds
trained on this one, so their level follows its truth: where a base learner learned nothing but the
mean of its training folds, the lower it predicts a fold, the higher that fold is, and a regression
with an intercept reads the truth of the fold that was held out from it. So what a meta-learner is
fitted on is brought to one level first (``levelled``; decision 0009).

N samples, T test samples, L base learners, K classes or 1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from foldgrid.analysis.predictions.threads import one_thread
from foldgrid.analysis.stacking.meta_learner import FloatArray, MetaLearner, normalised

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
    only: Collection[int] | None = None,
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
        only: Predicts the samples of these folds alone: those of other folds and the test samples
            are NaN, nothing is fitted for them, and nothing has weights.

    Returns:
        By name; nothing where there are fewer than two base learners or folds.
    """
    if known_NLK.shape[1] < FEWEST_BASE_LEARNERS or len(np.unique(folds_N)) < 2:
        return {}
    with one_thread():
        return {
            name: _fit_one(each, known_NLK, truth_N, folds_N, unseen_TLK, only)
            for name, each in meta_learners.items()
        }


def levelled(
    values_NLK: FloatArray, truth_N: NDArray[Any], folds_N: NDArray[Any], num_left_out: float = 0.0
) -> FloatArray:
    """Out-of-fold predictions as if all fits had had the same training mean.

    A base learner predicts m + b (y - m) and its error, m being its fit's training mean: b is 0
    where it only knows that mean, 1 where it does not need it. So a number is moved by 1 - b times
    the way from its fit's training mean to the mean of all; the odds of a class are multiplied by
    its fraction among all over that among the fit's training samples, to the power of 1 - b. The
    slope b of a base learner is that of its predictions on the truth within the folds.

    The fits also trained on samples whose truth may not be looked at here: they count as the mean.

    Args:
        values_NLK: Predicted numbers, K is 1; or probabilities of K classes.
        truth_N: Their truth.
        folds_N: The subject fold of each sample: the one that its fits did not train on.
        num_left_out: Samples of another fold, which all of these fits trained on.
    """
    num_values, num_all = values_NLK.shape[2], len(truth_N) + num_left_out
    truth_NK = np.asarray(truth_N, dtype=np.float64)[:, None]
    if num_values > 1:
        truth_NK = np.eye(num_values)[np.asarray(truth_N, dtype=np.int64)]
    common_K = truth_NK.mean(axis=0)
    own_NK, departures_NK = np.empty_like(truth_NK), np.empty_like(truth_NK)
    for fold in np.unique(folds_N):
        held_out = folds_N == fold
        of_fold_NK = truth_NK[held_out]
        others_K = num_all * common_K - of_fold_NK.sum(axis=0)
        own_NK[held_out] = others_K / max(1, num_all - len(of_fold_NK))
        departures_NK[held_out] = of_fold_NK - of_fold_NK.mean(axis=0)
    spread = max(float((departures_NK**2).sum()), np.finfo(float).tiny)
    slope_L = np.einsum("nlk,nk->l", values_NLK, departures_NK) / spread
    needed_L1 = (1.0 - np.clip(slope_L, 0.0, 1.0))[:, None]
    if num_values == 1:
        return np.asarray(values_NLK + needed_L1 * (common_K - own_NK)[:, None])
    # Half a sample more of each class: one that a fit never saw has no odds.
    odds_NK = (common_K + 0.5 / num_all) / (own_NK + 0.5 / num_all)
    return normalised(values_NLK * odds_NK[:, None] ** needed_L1)


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
    only: Collection[int] | None = None,
) -> NestedFit:
    evaluated_NK, fold_fits = np.full((len(known_NLK), known_NLK.shape[2]), np.nan), []
    for fold in np.unique(folds_N):
        if only is not None and fold not in only:
            continue
        others = folds_N != fold
        own = truth_N[others], folds_N[others]
        # As large as the others are in the mean: not even its size is looked at.
        num_left_out = len(own[0]) / len(np.unique(own[1]))
        features_NLK = levelled(known_NLK[others], *own, num_left_out)
        fitted = clone(meta_learner).fit(features_NLK, own[0], groups=own[1])
        evaluated_NK[~others] = fitted.combine(known_NLK[~others])
        fold_fits.append(fitted)
    if only is not None:
        return NestedFit(evaluated_NK, np.full((len(unseen_TLK), known_NLK.shape[2]), np.nan), {})
    features_NLK = levelled(known_NLK, truth_N, folds_N)
    whole = clone(meta_learner).fit(features_NLK, truth_N, groups=folds_N)
    weights = {}
    if hasattr(whole, "weights_"):
        spread = np.stack([fitted.weights_ for fitted in fold_fits])
        weights = {
            "weight": whole.weights_,
            "lowest": spread.min(axis=0),
            "highest": spread.max(axis=0),
        }
    return NestedFit(evaluated_NK, whole.combine(unseen_TLK), weights)
