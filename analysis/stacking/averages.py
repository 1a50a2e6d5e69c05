"""Meta-learners with nothing to learn, or only which: mean, median, the best single learner."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.stacking.meta_learner import FloatArray, MetaLearner, WeightedSum


class Mean(WeightedSum):
    """The mean of the base learners: the same weight each.

    Attributes:
        weights_: 1 / the number of base learners, each.
    """

    def _fit(self, composites: FloatArray, truth: FloatArray, groups: NDArray[Any] | None) -> None:
        num_learners = composites.shape[1]
        self.weights_ = np.full(num_learners, 1.0 / num_learners)


class Median(MetaLearner):
    """The median of the base learners, sample by sample; one that is far off moves it little."""

    def _fit(self, composites: FloatArray, truth: FloatArray, groups: NDArray[Any] | None) -> None:
        pass

    def _combine(self, composites: FloatArray) -> FloatArray:
        return np.asarray(np.median(composites, axis=1))


class BestSingle(WeightedSum):
    """The base learner with the smallest mean absolute error in the samples it is fitted on.

    Judged by nested folds this is the honest figure of "train them all, take the best": the
    learner is chosen without the subjects that it is then judged on.

    Attributes:
        weights_: 1 for the chosen base learner (the first of equals), 0 for the others.
    """

    def _fit(self, composites: FloatArray, truth: FloatArray, groups: NDArray[Any] | None) -> None:
        errors = np.abs(composites - truth[:, None]).mean(axis=0)
        self.weights_ = np.zeros(composites.shape[1])
        self.weights_[int(np.argmin(errors))] = 1.0
