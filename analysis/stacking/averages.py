"""Meta-learners with nothing to learn, or only which: means, median, the best single learner."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldgrid.analysis.stacking.meta_learner import (
    FloatArray,
    LogPool,
    MetaLearner,
    Numbers,
    Probabilities,
    WeightedSum,
)


class EqualWeights(MetaLearner):
    """The same weight for every base learner.

    Attributes:
        weights_: 1 / the number of base learners, each.
    """

    def _fit(
        self, values_NLK: FloatArray, truth_N: NDArray[Any], groups: NDArray[Any] | None
    ) -> None:
        num_learners = values_NLK.shape[1]
        self.weights_ = np.full(num_learners, 1.0 / num_learners)


class Mean(EqualWeights, WeightedSum, Numbers):
    """The mean of the base learners."""


class MeanProbability(EqualWeights, WeightedSum, Probabilities):
    """The mean of the base learners' probabilities."""


class GeometricMean(EqualWeights, LogPool):
    """The geometric mean of the probabilities; one learner that is sure of a no weighs much."""


class MiddleValue(MetaLearner):
    """The median of the base learners, sample by sample; one that is far off moves it little."""

    def _fit(
        self, values_NLK: FloatArray, truth_N: NDArray[Any], groups: NDArray[Any] | None
    ) -> None:
        pass

    def _combine(self, values_NLK: FloatArray) -> FloatArray:
        return np.maximum(np.median(values_NLK, axis=1), self.least)


class Median(MiddleValue, Numbers):
    """The median of the predicted numbers."""


class MedianProbability(MiddleValue, Probabilities):
    """The median of each class's probabilities.

    Where more than half of the learners give every class nothing, all classes are alike.
    """


class ChosenLearner(WeightedSum):
    """The base learner with the smallest loss in the samples that it is fitted on.

    Evaluated by nested folds this is the unbiased value of "train them all, take the best": the
    learner is chosen without the subjects that it is then evaluated on.

    Attributes:
        weights_: 1 for the chosen base learner (the first of equals), 0 for the others.
    """

    def _fit(
        self, values_NLK: FloatArray, truth_N: NDArray[Any], groups: NDArray[Any] | None
    ) -> None:
        self.weights_ = np.zeros(values_NLK.shape[1])
        self.weights_[int(np.argmin(self._losses(values_NLK, truth_N)))] = 1.0


class BestSingle(ChosenLearner, Numbers):
    """The base learner with the smallest mean absolute error."""


class BestSingleProbability(ChosenLearner, Probabilities):
    """The base learner with the lowest log loss."""
