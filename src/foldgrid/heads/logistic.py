"""Logistic regression of a task's classes, its strength chosen by inner folds of subjects.

All inner folds are solved side by side, from the strongest penalty to the weakest, in the space
that the samples span: an L2 penalty has its minimum there, so nothing is lost, and features may be
many times as many as samples. Shape letters: N samples, D features, R their rank, F folds, K
outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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

_ROUGH, _FINE = 1e-2, 1e-7
"""The largest entry of a gradient that is left: where strengths are compared, and in the end."""

_MOST_STEPS = 2000

_NEVER = -1e30
"""The logit of a class that none of a fold's samples have, while the others are fitted."""


class LogisticSettings(PenaltySettings):
    """See ``PenaltySettings``; what scikit-learn calls ``1 / C``."""

    strengths: Strengths = (1.0, 10.0, 100.0, 300.0, 1e3, 3e3, 1e4, 1e5)


class Logistic(SolvedHead):
    """Multinomial logistic regression with an L2 penalty on the weights, none on the intercepts.

    Binomial where there are two classes, and one for each threshold between grades. The strength is
    the one with the lowest cross-entropy of samples of other subjects. A class of which the
    training samples have none gets the chance of half a sample. See ``SolvedHead``.
    """

    title = "Logistic regression"
    suits = ("classes", "thresholds")
    settings = LogisticSettings

    def solve(self, training: TrainingFeatures, own: LogisticSettings) -> Solution:
        """See ``SolvedHead``."""
        with as_many_threads():
            space = SampleSpace.of(training.features_ND)
            basis_RS, reduced_NR = _row_space(space)
            likelihood = _Likelihood.of(training)
            strengths, folds = own.candidates, inner_folds(training)
            losses: list[float] = []
            if strengths[1:] and folds:
                fitted_NF = np.zeros((len(reduced_NR), len(folds)))
                for fold, (fitted, _) in enumerate(folds):
                    fitted_NF[fitted, fold] = 1.0
                path = _Path(reduced_NR, fitted_NF, likelihood)
                losses = [path.unseen_loss(*path.solve(each, _ROUGH)) for each in strengths]
            strength, chosen = chosen_strength(strengths, losses)
            whole = _Path(reduced_NR, np.ones((len(reduced_NR), 1)), likelihood)
            weight_RFK, bias_FK = whole.solve(strength, _FINE)
            weight_KR = space.weights(basis_RS.T @ weight_RFK[:, 0])
            weight_KD, bias_K = space.columns.unfolded(weight_KR, bias_FK[0])
        if likelihood.is_halved:
            # Two classes, one number: the softmax of (-z/2, z/2) is the logistic function of z.
            weight_KD, bias_K = (np.concatenate([-x, x]) / 2 for x in (weight_KD, bias_K))
        return Solution(weight_KD, bias_K, chosen)

    def words(self, own: LogisticSettings) -> str:
        """See ``Head``."""
        return f"{self.title} with {own.words}"


def _row_space(space: SampleSpace) -> tuple[FloatArray, FloatArray]:
    """A basis of what samples span, (R, S) as `SampleSpace` has it; (N, R) the samples in it."""
    values_S, vectors_SS = space.values_S, space.vectors_SS
    precision = np.finfo(np.float64).eps * len(values_S)
    kept = values_S > max(values_S[-1], 0.0) * precision
    if space.is_of_features:
        return vectors_SS[:, kept].T, space.columns.values_ND @ vectors_SS[:, kept]
    lengths_R = np.sqrt(values_S[kept])
    return vectors_SS[:, kept].T / lengths_R[:, None], vectors_SS[:, kept] * lengths_R


@dataclass(frozen=True)
class _Likelihood:
    """What the outputs say of a sample's truth.

    Attributes:
        truth_NK: 1 where a sample is of a class, or above a threshold.
        is_softmax: Whether one of K classes is true; else each output is a question of its own.
        is_halved: Whether the one output stands for two classes.
    """

    truth_NK: FloatArray
    is_softmax: bool
    is_halved: bool

    @classmethod
    def of(cls, training: TrainingFeatures) -> _Likelihood:
        index_N1 = training.targets_NT[:, :1]
        num_outputs = training.num_outputs
        if training.output_kind == "thresholds":
            return cls((index_N1 > np.arange(num_outputs)).astype(np.float64), False, False)
        truth_NK = (index_N1 == np.arange(num_outputs)).astype(np.float64)
        if num_outputs == 2:
            return cls(truth_NK[:, 1:], False, True)
        return cls(truth_NK, True, False)

    def loss_and_gradient(self, logits_NFK: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(N, F) Cross-entropy, and (N, F, K) its derivative by the logits."""
        truth_NFK = self.truth_NK[:, None]
        if not self.is_softmax:
            loss_NFK = np.logaddexp(0.0, logits_NFK) - truth_NFK * logits_NFK
            chance_NFK = 1 / (1 + np.exp(-logits_NFK.clip(-500, 500)))
            return loss_NFK.sum(axis=2), chance_NFK - truth_NFK
        top_NF1 = logits_NFK.max(axis=2, keepdims=True)
        odds_NFK = np.exp(logits_NFK - top_NF1)
        total_NF1 = odds_NFK.sum(axis=2, keepdims=True)
        loss_NF = (np.log(total_NF1) + top_NF1)[..., 0] - (truth_NFK * logits_NFK).sum(axis=2)
        return loss_NF, odds_NFK / total_NF1 - truth_NFK

    @property
    def curvature(self) -> float:
        """The second derivative by a logit where all outputs are equally likely."""
        num_classes = self.truth_NK.shape[1] if self.is_softmax else 2
        return (num_classes - 1) / num_classes**2


class _Path:
    """The solutions of several folds at once, a strength after another; each begins at the last.

    Args:
        reduced_NR: The samples.
        fitted_NF: 1 where a fold fits a sample, 0 where it does not see it.
        likelihood: Of their truth.
    """

    def __init__(
        self, reduced_NR: FloatArray, fitted_NF: FloatArray, likelihood: _Likelihood
    ) -> None:
        self._reduced_NR, self._fitted_NF, self._likelihood = reduced_NR, fitted_NF, likelihood
        counts_FK = fitted_NF.T @ likelihood.truth_NK
        self._num_F1 = fitted_NF.sum(axis=0)[:, None]
        self._none_FK = counts_FK == 0
        self._all_FK = counts_FK == self._num_F1
        occurs = ~self._none_FK if likelihood.is_softmax else ~(self._none_FK | self._all_FK)
        self._occurs_FK = occurs.astype(np.float64)
        num_folds, num_outputs = counts_FK.shape
        self._shape = (reduced_NR.shape[1] + 1, num_folds, num_outputs)
        self._state = np.zeros(self._shape)

    def solve(self, strength: float, gradient_left: float) -> tuple[FloatArray, FloatArray]:
        """The weights (R, F, K) and intercepts (F, K) at a strength.

        L-BFGS in coordinates in which the curvature is about the same in every direction: it needs
        a fifth of the steps that it needs in the features' own.
        """
        from scipy.optimize import minimize

        curvature = self._likelihood.curvature
        lengths_R = np.square(self._reduced_NR).sum(axis=0)
        scale_R = 1 / np.sqrt(curvature * lengths_R + strength)
        scale_1 = 1 / np.sqrt(curvature * len(self._reduced_NR))
        scale = np.append(scale_R, scale_1)[:, None, None]
        scaled_NR = self._reduced_NR * scale_R
        penalty = np.append(strength * np.square(scale_R), 0.0)[:, None, None]
        rest_FK = _NEVER * (1 - self._occurs_FK) * self._likelihood.is_softmax

        def value(point: FloatArray) -> tuple[float, Any]:
            at = point.reshape(self._shape) * self._occurs_FK
            weights = at[:-1].reshape(len(scale_R), -1)
            logits = (scaled_NR @ weights).reshape(-1, *self._shape[1:])
            logits += at[-1] * scale_1 + rest_FK
            loss_NF, slope_NFK = self._likelihood.loss_and_gradient(logits)
            slope_NFK *= self._fitted_NF[:, :, None] * self._occurs_FK
            by_weight = scaled_NR.T @ slope_NFK.reshape(len(scaled_NR), -1)
            by_intercept = slope_NFK.sum(axis=0)[None] * scale_1
            gradient = np.concatenate([by_weight.reshape(at[:-1].shape), by_intercept])
            gradient += penalty * at
            total = float((loss_NF * self._fitted_NF).sum() + 0.5 * (penalty * at * at).sum())
            return total, gradient.ravel()

        start = (self._state / scale).ravel()
        found = minimize(
            value,
            start,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _MOST_STEPS, "gtol": gradient_left, "ftol": 1e-15, "maxfun": 10**6},
        )
        self._state = found.x.reshape(self._shape) * scale * self._occurs_FK
        weight_RFK = self._state[:-1]
        return weight_RFK, self._with_absent(weight_RFK, self._state[-1].copy())

    def _with_absent(self, weight_RFK: FloatArray, bias_FK: FloatArray) -> FloatArray:
        """The intercepts, those of outputs that a fold cannot learn at half a sample's chance."""
        half_F1 = np.log(0.5 / (self._num_F1 + 0.5))
        if not self._likelihood.is_softmax:
            sign_FK = np.where(self._none_FK, 1.0, -1.0)
            return np.where(self._occurs_FK > 0, bias_FK, sign_FK * half_F1)
        logits = np.einsum("nr,rfk->nfk", self._reduced_NR, weight_RFK, optimize=True) + bias_FK
        logits = np.where(self._occurs_FK > 0, logits, -np.inf)
        top = logits.max(axis=2, keepdims=True)
        total_NF = (np.log(np.exp(logits - top).sum(axis=2, keepdims=True)) + top)[..., 0]
        mean_F1 = ((total_NF * self._fitted_NF).sum(axis=0) / self._num_F1[:, 0])[:, None]
        return np.where(self._occurs_FK > 0, bias_FK, half_F1 + mean_F1)

    def unseen_loss(self, weight_RFK: FloatArray, bias_FK: FloatArray) -> float:
        """The mean cross-entropy of each sample by the fold that did not see it."""
        logits = np.einsum("nr,rfk->nfk", self._reduced_NR, weight_RFK, optimize=True) + bias_FK
        loss_NF, _ = self._likelihood.loss_and_gradient(logits)
        # Of thresholds a loss is the mean, and of classes there is one.
        num_questions = 1 if self._likelihood.is_softmax else logits.shape[2]
        return float((loss_NF * (1 - self._fitted_NF)).sum() / (len(logits) * num_questions))
