"""Meta-learners of classes, judged on predictions that they were not fitted on.

N training samples, T test samples, L base learners, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.stacking.class_meta_learner import ClassMetaLearner
from analysis.stacking.class_meta_learners import CLASS_META_LEARNERS
from analysis.stacking.nested_fits import fit_nested, weight_table

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CLASS_BASELINE = "class_shares"
"""The baseline's name: everybody gets the shares of the classes that it may know."""


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
