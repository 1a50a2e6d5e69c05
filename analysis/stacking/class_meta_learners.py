"""Every meta-learner of classes by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from analysis.stacking.class_averages import (
    BestSingleProbability,
    GeometricMean,
    MeanProbability,
    MedianProbability,
)
from analysis.stacking.class_logit import LogitStack
from analysis.stacking.class_meta_learner import ClassMetaLearner
from analysis.stacking.class_weights import GreedyProbability, WeightedProbability

CLASS_META_LEARNERS: Mapping[str, ClassMetaLearner] = MappingProxyType(
    {
        "mean": MeanProbability(),
        "geometric_mean": GeometricMean(),
        "median": MedianProbability(),
        "best_single": BestSingleProbability(),
        "greedy_selection": GreedyProbability(),
        "weighted_mean": WeightedProbability(),
        "logit_stack": LogitStack(),
    }
)
"""Every meta-learner of classes by name, unfitted; clone before fitting."""
