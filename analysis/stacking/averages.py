"""Meta-learners with nothing to learn, or only which: mean, median, the best single learner."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.stacking.meta_learner import (
    ClassMetaLearner,
    FloatArray,
    IntArray,
    LinearPool,
    LogPool,
    MetaLearner,
    WeightedSum,
    mean_log_losses,
)
from foldgrid.metrics.classification import LEAST_PROBABILITY


class Mean(WeightedSum):
    """The mean of the base learners: the same weight each.

    Attributes:
        weights_: 1 / the number of base learners, each.
    """

    def _fit(self, numbers: FloatArray, truth: FloatArray, groups: NDArray[Any] | None) -> None:
        num_learners = numbers.shape[1]
        self.weights_ = np.full(num_learners, 1.0 / num_learners)


class Median(MetaLearner):
    """The median of the base learners, sample by sample; one that is far off moves it little."""

    def _fit(self, numbers: FloatArray, truth: FloatArray, groups: NDArray[Any] | None) -> None:
        pass

    def _combine(self, numbers: FloatArray) -> FloatArray:
        return np.asarray(np.median(numbers, axis=1))


class BestSingle(WeightedSum):
    """The base learner with the smallest mean absolute error in the samples it is fitted on.

    Judged by nested folds this is the honest figure of "train them all, take the best": the
    learner is chosen without the subjects that it is then judged on.

    Attributes:
        weights_: 1 for the chosen base learner (the first of equals), 0 for the others.
    """

    def _fit(self, numbers: FloatArray, truth: FloatArray, groups: NDArray[Any] | None) -> None:
        errors = np.abs(numbers - truth[:, None]).mean(axis=0)
        self.weights_ = np.zeros(numbers.shape[1])
        self.weights_[int(np.argmin(errors))] = 1.0


class MeanProbability(LinearPool):
    """The mean of the base learners' probabilities.

    Attributes:
        weights_: 1 / the number of base learners, each.
    """

    def _fit(
        self, probabilities_NLK: FloatArray, truth_N: IntArray, groups: NDArray[Any] | None
    ) -> None:
        self.weights_ = _equal_weights(probabilities_NLK)


class GeometricMean(LogPool):
    """The geometric mean of the probabilities; one learner that is sure of a no weighs much.

    Attributes:
        weights_: 1 / the number of base learners, each.
    """

    def _fit(
        self, probabilities_NLK: FloatArray, truth_N: IntArray, groups: NDArray[Any] | None
    ) -> None:
        self.weights_ = _equal_weights(probabilities_NLK)


class MedianProbability(ClassMetaLearner):
    """The median of each class's probabilities; one learner that is far off moves it little.

    Where more than half of the learners give every class nothing, all classes are alike.
    """

    def _fit(
        self, probabilities_NLK: FloatArray, truth_N: IntArray, groups: NDArray[Any] | None
    ) -> None:
        pass

    def _combine(self, probabilities_NLK: FloatArray) -> FloatArray:
        return np.maximum(np.median(probabilities_NLK, axis=1), LEAST_PROBABILITY)


class BestSingleProbability(LinearPool):
    """The base learner with the lowest log loss in the samples it is fitted on.

    Judged by nested folds this is the honest figure of "train them all, take the best".

    Attributes:
        weights_: 1 for the chosen base learner (the first of equals), 0 for the others.
    """

    def _fit(
        self, probabilities_NLK: FloatArray, truth_N: IntArray, groups: NDArray[Any] | None
    ) -> None:
        self.weights_ = np.zeros(probabilities_NLK.shape[1])
        self.weights_[int(np.argmin(mean_log_losses(probabilities_NLK, truth_N)))] = 1.0


def _equal_weights(probabilities_NLK: FloatArray) -> FloatArray:
    num_learners = probabilities_NLK.shape[1]
    return np.full(num_learners, 1.0 / num_learners)
