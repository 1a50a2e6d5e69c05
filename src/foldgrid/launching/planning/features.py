"""What a plan computes once of frozen backbones: how many pictures, the room, why not others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from foldgrid.execution.fit_job import FitJob
from foldgrid.launching.planning.preparation import PreparedSweep
from foldgrid.specs.counted import counted
from foldgrid.specs.fits import content_digest
from foldgrid.specs.heads import ATTENTION, pooling_of_each
from foldgrid.training.bags import photographs_each
from foldgrid.training.feature_plan import FeaturePlan, first_weights, plan_features
from foldgrid.training.training_data import samples_with_partition

GIB = 2**30
_BYTES = {"float32": 4, "float16": 2}


@dataclass(frozen=True)
class FeatureNeed:
    """What of frozen backbones is computed once.

    Attributes:
        learners: The base learners whose heads train on such features.
        num_pictures: Passes of backbones, where nothing is in the cache yet.
        gib: The room in the cache, likewise.
        anew: By reason, the base learners whose frozen backbone runs in every epoch.
    """

    learners: tuple[str, ...]
    num_pictures: int
    gib: float
    anew: dict[str, tuple[str, ...]]


def feature_need(prepared: PreparedSweep) -> FeatureNeed:
    """Of the fits that are left."""
    samples = prepared.survey.samples
    is_training = samples_with_partition(samples, prepared.split)["partition"] != "test"
    photographs = photographs_each(samples, prepared.survey.grid)
    learners: dict[str, None] = {}
    anew: dict[str, dict[str, None]] = {}
    found: dict[str, tuple[int, float]] = {}
    for job in prepared.grid.left:
        if job.config.given is not None:
            continue
        plan = plan_features(job.config.backbone, job.config.training, prepared.survey.grid)
        if isinstance(plan, str):
            if plan:
                anew.setdefault(plan, {})[job.learner] = None
            continue
        learners[job.learner] = None
        each = photographs if job.config.training.pooling == ATTENTION else np.ones(len(samples))
        pictures = plan.num_pictures(int(each.sum()), int(each[is_training].sum()))
        size = pictures * plan.num_features * _BYTES[job.config.training.features.dtype]
        is_apart = job.config.training.pooling == ATTENTION and prepared.survey.grid > 1
        found[_shared_by(job, plan, is_apart)] = pictures, size / GIB
    return FeatureNeed(
        tuple(learners),
        sum(pictures for pictures, _ in found.values()),
        sum(gib for _, gib in found.values()),
        {reason: tuple(names) for reason, names in anew.items()},
    )


def _shared_by(job: FitJob, plan: FeaturePlan, is_apart: bool) -> str:
    """The same for fits that train on the same features, of mosaics or of their photographs."""
    config, recipe = job.config, job.config.training
    pooling = pooling_of_each(recipe.pooling)
    seen = recipe.normalization, recipe.input_size, recipe.interpolation, pooling, is_apart
    views = recipe.augmentation.model_dump(mode="json") if plan.num_views else None
    made_of = config.backbone, first_weights(config), *seen, views, recipe.features.dtype
    return content_digest(made_of)


def feature_facts(need: FeatureNeed, room: str) -> Iterator[tuple[str, str]]:
    """Rows of the plan.

    Args:
        need: See `feature_need`.
        room: ``need.gib`` in words.
    """
    topic = "features"
    if need.learners:
        pictures = f"{need.num_pictures:,} picture{'s' if need.num_pictures != 1 else ''}"
        which = ", ".join(need.learners)
        if len(need.learners) > 3:
            which = counted(len(need.learners), "base learner")
        yield topic, f"once for {which}: {pictures} at most, {room} in the cache"
        topic = ""
    for reason, names in need.anew.items():
        which = ", ".join(names) if len(names) <= 3 else counted(len(names), "base learner")
        yield topic, f"anew in every epoch of a frozen backbone, {which}: {reason}"
        topic = ""
