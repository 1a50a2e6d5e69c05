"""The paper's stacked regressions in two readings; decision 0009 says why and how.

    fractional logit   the mean fraction of the scale is a logistic function of the learners'
                       predictions, each taken as the logit of its fraction (Papke and Wooldridge
                       1996)
    linear             the fraction is a weighted sum of the fractions that the learners predict

A fraction counts from the lowest to the highest of the task's scale (C / 72 of a region's
composite). A scale that is open at an end has no such fractions: the logit is not asked then, and
the linear reading takes the numbers as they are.

Each comes plain, with an intercept, with a ridge penalty, and with both. The strength of the
penalty is chosen inside the data it is fitted on, by leaving one group of subjects out.

N samples, L base learners, A principal axes of their predictions, P penalties.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from foldgrid.analysis.stacking.axes import NOISE_FRACTION, principal_axes
from foldgrid.analysis.stacking.meta_learner import FloatArray, Numbers
from foldgrid.tasks.scale import Scale

MAX_STEPS = 200
"""Newton steps; it needs about ten, and forty where every truth is the lowest and an intercept runs
off."""

GRADIENT_FRACTION = 1e-9
"""Newton stops where no slope of the mean loss is steeper."""

ROUNDING = 1e-12
"""A loss that rises by a smaller fraction has not risen; it also keeps a flat curvature regular."""


def maximise_likelihood(
    design: FloatArray, fraction: FloatArray, penalties: FloatArray, start: FloatArray
) -> FloatArray:
    """Fractional logistic regression by Newton's method with halved steps.

    A fraction p counts as p of a success and 1 - p of a failure.

    Args:
        design: Samples by parameters.
        fraction: The target of each sample, 0 to 1.
        penalties: By parameter, what is added to the squared column; half of it times the squared
            parameter is added to the loss.
        start: Where to begin.

    Returns:
        The parameters with the smallest penalised negative log-likelihood.
    """

    def loss(parameters: FloatArray) -> float:
        predictor = design @ parameters
        likelihood = np.logaddexp(0.0, predictor) - fraction * predictor
        return float(likelihood.sum() + 0.5 * penalties @ parameters**2)

    parameters, current = start, loss(start)
    for _ in range(MAX_STEPS):
        mean = expit(design @ parameters)
        slope = design.T @ (mean - fraction) + penalties * parameters
        if not slope.size or np.abs(slope).max() <= GRADIENT_FRACTION * len(fraction):
            break
        curvature = (design.T * (mean * (1.0 - mean))) @ design + np.diag(penalties)
        curvature[np.diag_indices_from(curvature)] += ROUNDING * np.trace(curvature)
        step = np.linalg.solve(curvature, slope)
        while loss(parameters - step) > current + ROUNDING * abs(current):
            step /= 2
        parameters = parameters - step
        current = loss(parameters)
    return parameters


SEPARATION_GUARD = 1e-8
"""A ridge penalty too small to see; it keeps a logit finite where every truth is at an end."""

PENALTIES = (10.0, 1.0, 0.1, 0.01, 0.001)
"""The ridge penalties that are tried, strongest first so that a tie goes to the simpler model."""

FALLBACK_PENALTY = 0.1
"""The ridge penalty where fewer than two groups of subjects leave nothing to choose it by."""


def choose_penalty(
    groups: NDArray[Any] | None, left_out: Callable[[NDArray[np.bool_]], Sequence[float]]
) -> float:
    """The one of ``PENALTIES`` with the smallest mean loss on left-out groups of subjects.

    Args:
        groups: The group of each sample.
        left_out: By sample whether it is fitted on in, the loss on the others out, for each
            penalty.
    """
    if groups is None or len(np.unique(groups)) < 2:
        return FALLBACK_PENALTY
    losses_P = np.zeros(len(PENALTIES))
    for group in np.unique(groups):
        losses_P += left_out(np.asarray(groups) != group)
    return PENALTIES[int(np.argmin(losses_P))]


class StackedRegression(Numbers):
    """What both readings share: penalty, intercept, and the axes they are solved along.

    Args:
        intercept: Fit an intercept; it is never penalised.
        penalty: Ridge penalty as a fraction of the features' mean square (about their mean where
            there is an intercept): in the linear reading 1 halves the weight of an average
            direction. 0 is plain: where directions are missing, the smallest weights that fit.
            None chooses among ``PENALTIES`` by the squared error on left-out groups.
        scale: See ``Numbers``.

    Attributes:
        weights_: A weight a base learner.
        offset_: The intercept, 0.0 without.
        penalty_: The penalty that was given or chosen.
    """

    def __init__(
        self, intercept: bool = False, penalty: float | None = 0.0, scale: Scale | None = None
    ) -> None:
        super().__init__(scale)
        self.intercept = intercept
        self.penalty = penalty

    def _fit(
        self, values_NLK: FloatArray, truth_N: NDArray[Any], groups: NDArray[Any] | None
    ) -> None:
        features_NL = self._features(values_NLK[:, :, 0])
        centre_L = self._centre(features_NL)
        axes = principal_axes(features_NL - centre_L, NOISE_FRACTION * _norm(features_NL))
        features_NA = (features_NL - centre_L) @ axes.directions_LA
        fraction_N = self.ends.fraction(truth_N)
        num_learners = features_NL.shape[1]
        self.penalty_ = self.penalty
        if self.penalty is None:
            self.penalty_ = self._choose_penalty(features_NA, fraction_N, groups, num_learners)
        if self.penalty_:
            size = max(_norm(features_NA), axes.noise)
            ridges = [self.penalty_ * size**2 / num_learners]
            weights_A, self.offset_ = self._path(features_NA, fraction_N, ridges)[0]
        else:
            # Along axes of one size a plain fit is well conditioned, and of all weights that fit
            # equally well it takes the smallest: learners that repeat each other share theirs.
            scale_A = np.sqrt(len(fraction_N)) / axes.sizes_A
            weights_A, self.offset_ = self._path(features_NA * scale_A, fraction_N, [0.0])[0]
            weights_A = scale_A * weights_A
        self.weights_ = axes.directions_LA @ weights_A
        self.offset_ -= float(centre_L @ self.weights_)

    def _combine(self, values_NLK: FloatArray) -> FloatArray:
        predictor_N = self._features(values_NLK[:, :, 0]) @ self.weights_ + self.offset_
        return self.ends.of_fraction(self._fraction(predictor_N))[:, None]

    def _choose_penalty(
        self,
        features_NA: FloatArray,
        fraction_N: FloatArray,
        groups: NDArray[Any] | None,
        num_learners: int,
    ) -> float:
        """The penalty with the smallest mean over groups of the left-out group's squared error."""

        def left_out(others_N: NDArray[np.bool_]) -> list[float]:
            centre_A = self._centre(features_NA[others_N])
            known_NA = features_NA[others_N] - centre_A
            size = max(_norm(known_NA), NOISE_FRACTION * _norm(features_NA[others_N]))
            ridges = [penalty * size**2 / num_learners for penalty in PENALTIES]
            losses = []
            for weights_A, offset in self._path(known_NA, fraction_N[others_N], ridges):
                predictor = (features_NA[~others_N] - centre_A) @ weights_A + offset
                fraction = self.ends.fraction(
                    self.ends.clip(self.ends.of_fraction(self._fraction(predictor)))
                )
                losses.append(float(np.mean((fraction - fraction_N[~others_N]) ** 2)))
            return losses

        return choose_penalty(groups, left_out)

    def _centre(self, features: FloatArray) -> FloatArray:
        return features.mean(axis=0) if self.intercept else np.zeros(features.shape[1])

    @abstractmethod
    def _features(self, numbers: FloatArray) -> FloatArray:
        """What the regression sees of the predicted numbers."""

    @abstractmethod
    def _fraction(self, predictor: FloatArray) -> FloatArray:
        """The fraction of the scale from the linear predictor."""

    @abstractmethod
    def _path(
        self, features_NA: FloatArray, fraction_N: FloatArray, ridges: list[float]
    ) -> list[tuple[FloatArray, float]]:
        """Weights and offset for each ridge (added to the squared features), in their order."""


class FractionalLogit(StackedRegression):
    """Fractional logistic regression of the fraction on the logits of the predicted fractions."""

    needs_both_ends = True

    def _features(self, numbers: FloatArray) -> FloatArray:
        # Half a step keeps a prediction's logit finite at the ends.
        half = self.ends.step / 2
        return np.asarray(logit((numbers - self.ends.origin + half) / (self.ends.width + 2 * half)))

    def _fraction(self, predictor: FloatArray) -> FloatArray:
        return np.asarray(expit(predictor))

    def _path(
        self, features_NA: FloatArray, fraction_N: FloatArray, ridges: list[float]
    ) -> list[tuple[FloatArray, float]]:
        num_samples, num_axes = features_NA.shape
        ones = np.ones((num_samples, int(self.intercept)))
        design = np.hstack([features_NA, ones])
        parameters = np.zeros(design.shape[1])
        path = []
        for ridge in ridges:
            penalties = np.zeros(len(parameters))
            penalties[:num_axes] = max(ridge, SEPARATION_GUARD * num_samples * (not ridge))
            parameters = maximise_likelihood(design, fraction_N, penalties, parameters)
            path.append((parameters[:num_axes], float(parameters[num_axes:].sum())))
        return path


class LinearStack(StackedRegression):
    """Least squares or ridge regression of the fraction on the predicted fractions."""

    def _features(self, numbers: FloatArray) -> FloatArray:
        return self.ends.fraction(numbers)

    def _fraction(self, predictor: FloatArray) -> FloatArray:
        return predictor

    def _path(
        self, features_NA: FloatArray, fraction_N: FloatArray, ridges: list[float]
    ) -> list[tuple[FloatArray, float]]:
        offset = float(fraction_N.mean()) if self.intercept else 0.0
        left, sizes, right = np.linalg.svd(features_NA, full_matrices=False)
        along = left.T @ (fraction_N - offset)
        # One decomposition serves every ridge: it only shrinks each axis by another factor.
        return [
            (right.T @ (along * sizes / np.maximum(sizes**2 + ridge, np.finfo(float).tiny)), offset)
            for ridge in ridges
        ]


def _norm(features: FloatArray) -> float:
    return float(np.linalg.norm(features))
