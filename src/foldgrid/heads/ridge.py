"""Ridge regression of a task's numbers, its strength chosen by inner folds of subjects.

Shape letters: N training samples, J inner samples, D features, K outputs, S strengths.
"""

from __future__ import annotations

import numpy as np

from foldgrid.heads.solving import (
    FloatArray,
    PenaltySettings,
    SampleSpace,
    Strengths,
    as_many_threads,
    chosen_strength,
    inner_folds,
)
from foldgrid.specs.heads import Solution, SolvedHead, TrainingFeatures


class RidgeSettings(PenaltySettings):
    """See ``PenaltySettings``; what scikit-learn calls ``alpha``."""

    strengths: Strengths = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5, 1e6)


class Ridge(SolvedHead):
    """Least squares with an L2 penalty on the weights, none on the intercept.

    Solved by the samples' inner products: features may be many times as many as samples. The
    strength is the one with the lowest mean squared error of samples of other subjects. See
    ``SolvedHead``.
    """

    title = "Ridge regression"
    suits = ("numbers",)
    settings = RidgeSettings

    def solve(self, training: TrainingFeatures, own: RidgeSettings) -> Solution:
        """See ``SolvedHead``."""
        with as_many_threads():
            space = SampleSpace.of(training.features_ND)
            columns, products_NN = space.columns, space.products_NN
            targets_NK = training.targets_NT.astype(np.float64)
            strengths = own.candidates
            strength, chosen = chosen_strength(
                strengths,
                _losses(products_NN, targets_NK, training, strengths) if strengths[1:] else (),
            )
            middle_K = targets_NK.mean(axis=0)
            axes = space.values_N, space.vectors_NN
            (dual_NK,) = _duals(axes, targets_NK - middle_K, (strength,))
            weight_KD, bias_K = columns.unfolded(dual_NK.T @ columns.values_ND, middle_K)
        return Solution(weight_KD, bias_K, chosen)

    def words(self, own: RidgeSettings) -> str:
        """See ``Head``."""
        return f"{self.title} with {own.words}"


def _duals(
    axes: tuple[FloatArray, FloatArray], targets_NK: FloatArray, strengths: tuple[float, ...]
) -> FloatArray:
    """(S, N, K) What each sample weighs.

    Args:
        axes: Eigenvalues and eigenvectors of the samples' inner products, whose columns add up to
            0, and so do those of the targets.
        targets_NK: What is to be predicted.
        strengths: The penalties.
    """
    values_N, vectors_NN = axes
    turned_NK = vectors_NN.T @ targets_NK
    # Inner products of real vectors: what is below 0 is rounding.
    values_N = np.maximum(values_N, 0.0)
    return np.stack([vectors_NN @ (turned_NK / (values_N + each)[:, None]) for each in strengths])


def _losses(
    products_NN: FloatArray,
    targets_NK: FloatArray,
    training: TrainingFeatures,
    strengths: tuple[float, ...],
) -> FloatArray:
    """(S,) The mean squared error of samples of subjects that were not fitted; () without folds."""
    errors_S, folds = np.zeros(len(strengths)), inner_folds(training)
    for fitted, seen in folds:
        own_NN = products_NN[np.ix_(fitted, fitted)]
        rows_N = own_NN.mean(axis=0)
        centred_NN = own_NN - rows_N - rows_N[:, None] + rows_N.mean()
        others_JN = products_NN[np.ix_(seen, fitted)]
        others_JN = others_JN - rows_N - others_JN.mean(axis=1, keepdims=True) + rows_N.mean()
        middle_K = targets_NK[fitted].mean(axis=0)
        duals_SNK = _duals(np.linalg.eigh(centred_NN), targets_NK[fitted] - middle_K, strengths)
        errors_SJK = others_JN @ duals_SNK + middle_K - targets_NK[seen]
        errors_S += np.square(errors_SJK).sum(axis=(1, 2))
    return errors_S / targets_NK.size if folds else np.zeros(0)
