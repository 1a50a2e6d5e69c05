"""Ridge regression of a task's numbers, its strength chosen by inner folds of subjects.

Shape letters: N training samples, J inner samples, D features, K outputs, S strengths, R samples
or features, whichever a solution is found in.
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

    Solved by the samples' inner products, of thousands of samples by the features': either may be
    many times as many as the other. The strength is the one with the lowest mean squared error of
    samples of other subjects. See ``SolvedHead``.
    """

    title = "Ridge regression"
    suits = ("numbers",)
    settings = RidgeSettings

    def solve(self, training: TrainingFeatures, own: RidgeSettings) -> Solution:
        """See ``SolvedHead``."""
        with as_many_threads():
            space = SampleSpace.of(training.features_ND)
            targets_NK = training.targets_NT.astype(np.float64)
            strengths = own.candidates
            strength, chosen = chosen_strength(
                strengths,
                _losses(space, targets_NK, training, strengths) if strengths[1:] else (),
            )
            middle_K = targets_NK.mean(axis=0)
            moments_RK = space.moments(slice(None), targets_NK - middle_K)
            (found_RK,) = _solutions((space.values_S, space.vectors_SS), moments_RK, (strength,))
            weight_KD, bias_K = space.columns.unfolded(space.weights(found_RK), middle_K)
        return Solution(weight_KD, bias_K, chosen)

    def words(self, own: RidgeSettings) -> str:
        """See ``Head``."""
        return f"{self.title} with {own.words}"


def _solutions(
    axes: tuple[FloatArray, FloatArray], moments_RK: FloatArray, strengths: tuple[float, ...]
) -> FloatArray:
    """(S, R, K) What each sample or feature weighs, by strength.

    Args:
        axes: Eigenvalues and eigenvectors of inner products of what has a mean of 0.
        moments_RK: What is to be predicted, in their space.
        strengths: The penalties.
    """
    values_R, vectors_RR = axes
    turned_RK = vectors_RR.T @ moments_RK
    # Inner products of real vectors: what is below 0 is rounding.
    values_R = np.maximum(values_R, 0.0)
    return np.stack([vectors_RR @ (turned_RK / (values_R + each)[:, None]) for each in strengths])


def _losses(
    space: SampleSpace,
    targets_NK: FloatArray,
    training: TrainingFeatures,
    strengths: tuple[float, ...],
) -> FloatArray:
    """(S,) The mean squared error of samples of subjects that were not fitted; () without folds."""
    errors_S, folds = np.zeros(len(strengths)), inner_folds(training)
    for fitted, seen in folds:
        own_RR, others_JR = space.without(fitted, seen)
        middle_K = targets_NK[fitted].mean(axis=0)
        moments_RK = space.moments(fitted, targets_NK[fitted] - middle_K)
        found_SRK = _solutions(np.linalg.eigh(own_RR), moments_RK, strengths)
        errors_SJK = others_JR @ found_SRK + middle_K - targets_NK[seen]
        errors_S += np.square(errors_SJK).sum(axis=(1, 2))
    return errors_S / targets_NK.size if folds else np.zeros(0)
