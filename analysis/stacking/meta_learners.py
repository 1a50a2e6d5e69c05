"""Every meta-learner by name: the base learners' predictions in, one prediction out."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sklearn.base import clone

from foldgrid.analysis.stacking.averages import (
    BestSingle,
    BestSingleProbability,
    GeometricMean,
    Mean,
    MeanProbability,
    Median,
    MedianProbability,
)
from foldgrid.analysis.stacking.greedy import (
    GreedyProbability,
    GreedySelection,
    WeightedProbability,
)
from foldgrid.analysis.stacking.meta_learner import MetaLearner, Numbers, Probabilities
from foldgrid.analysis.stacking.multinomial_logit import LogitStack
from foldgrid.analysis.stacking.regressions import FractionalLogit, LinearStack
from foldgrid.analysis.stacking.shrunken import ElasticNetStack, NonNegativeLeastSquares
from foldgrid.tasks.scale import Scale
from foldgrid.tasks.scoring import Scoring

META_LEARNERS: Mapping[str, Numbers] = MappingProxyType(
    {
        "logit": FractionalLogit(),
        "logit_w_intercept": FractionalLogit(intercept=True),
        "logit_ridge": FractionalLogit(penalty=None),
        "logit_ridge_w_intercept": FractionalLogit(intercept=True, penalty=None),
        "least_squares": LinearStack(),
        "least_squares_w_intercept": LinearStack(intercept=True),
        "ridge": LinearStack(penalty=None),
        "ridge_w_intercept": LinearStack(intercept=True, penalty=None),
        "mean": Mean(),
        "median": Median(),
        "best_single": BestSingle(),
        "nonnegative_least_squares": NonNegativeLeastSquares(),
        "elastic_net": ElasticNetStack(),
        "greedy_selection": GreedySelection(),
    }
)
"""Every meta-learner of numbers by name, unfitted, the paper's first; ``meta_learners`` brings them
onto a task's scale."""


def meta_learners(scale: Scale) -> dict[str, Numbers]:
    """Every meta-learner that can combine numbers on ``scale``, by name, unfitted."""
    return {
        name: clone(each).set_params(scale=scale)
        for name, each in META_LEARNERS.items()
        if scale.is_closed or not each.needs_both_ends
    }


PAPER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        name: name.replace("logit", "meta_learner")
        for name in META_LEARNERS
        if name.startswith("logit")
    }
)
"""What the paper calls a meta-learner, by our name: ``meta_learner_ridge`` and so on."""


CLASS_META_LEARNERS: Mapping[str, Probabilities] = MappingProxyType(
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


def meta_learners_of(scoring: Scoring) -> Mapping[str, MetaLearner]:
    """Every meta-learner of a task's values, by name, unfitted."""
    if scoring.target_kind == "classes":
        return CLASS_META_LEARNERS
    return meta_learners(scoring.scale)
