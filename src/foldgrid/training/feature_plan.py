"""Which fits train a head on features that are computed once, of which pictures, kept where.

Knows recipes and networks' names; computes nothing and needs no torch. Shape letters: D features,
M samples, V views of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from foldgrid.data.cache import is_kept
from foldgrid.models.cut import cut_of
from foldgrid.models.naming import feature_width
from foldgrid.specs.backbone_names import slug_of
from foldgrid.specs.fits import FitConfig, content_digest
from foldgrid.specs.heads import ATTENTION, pooling_of_each
from foldgrid.specs.phases import Phase
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_parts import Augmentation
from foldgrid.tasks.registry import make_scoring
from foldgrid.tracking.provenance import package_versions
from foldgrid.training.bags import photographs_of
from foldgrid.training.training_data import Indices, TrainingData, body_seed, fit_seed

CHUNK = {"cpu": 32, "cuda": 128}
"""Pictures that pass a backbone at a time."""

FEATURE_FORMAT = 2
"""Raised when features are computed in another way. 2: batch normalisation is folded, and maps are
pooled behind activations that are no modules."""


@dataclass(frozen=True)
class FeaturePlan:
    """What of a frozen backbone is computed once.

    Attributes:
        num_features: D, for each picture.
        num_views: How many views of each training picture are trained on beside the picture
            itself: its mirror images, itself among them, or its augmented copies; 0 where training
            sees the pictures as they are.
        num_phases: In how many of the recipe's first phases.
        num_epochs: In how many epochs.
    """

    num_features: int
    num_views: int
    num_phases: int
    num_epochs: int

    def num_pictures(self, num_samples: int, num_training: int) -> int:
        """How many forward passes of the backbone it takes."""
        return num_samples + self.num_views * num_training


def plan_features(backbone: str, recipe: TrainingRecipe, grid: int) -> FeaturePlan | str:
    """Whether a head is trained on features that are computed once.

    Args:
        backbone: A known name.
        recipe: How it is trained.
        grid: Tiles a side of a picture.

    Returns:
        What is computed, or why nothing is; "" where no backbone is frozen.
    """
    if recipe.solved_head is not None:
        # On the pictures as they are: nothing else is trained, and no epoch draws anything.
        width = feature_width(backbone, recipe.pooling)
        return FeaturePlan(width, 0, 1, recipe.planned_epochs)
    if not any(phase.frozen == "backbone" for phase in recipe.phases):
        return ""
    if recipe.mixes:
        return "mixup and cutmix mix other pictures at each epoch"
    first = leading_phases(recipe.phases)
    if not first:
        return "the backbone is trained before it is frozen"
    # Attention takes a mosaic's photographs one by one.
    num_views = count_views(recipe.augmentation, 1 if recipe.pooling == ATTENTION else grid)
    if num_views is None:
        return (
            "the augmentation draws other pictures at each epoch; augmentation.copies would draw "
            "them once"
        )
    if recipe.stage_heads:
        return "heads at stages take more than the last layer's features"
    epochs = [phase.epochs for phase in first]
    num_epochs = sum(each or 0 for each in epochs)
    if None in epochs:
        num_epochs = recipe.planned_epochs
    if recipe.own_head is not None:
        width = feature_width(backbone, pooling_of_each(recipe.pooling))
        return FeaturePlan(width, num_views, len(first), num_epochs)
    cut = cut_of(backbone)
    if recipe.auxiliary_loss_weight > 0 and cut.has_auxiliary_heads:
        return "auxiliary heads are trained too; auxiliary_loss_weight: 0 leaves them out"
    if cut.problem:
        return f"{cut.problem} ({backbone})"
    return FeaturePlan(cut.num_features, num_views, len(first), num_epochs)


def pooling_refusal(reason: str) -> str:
    """Why attention cannot pool photographs, where `plan_features` says why nothing is computed."""
    return (
        f"training.pooling: {ATTENTION} pools features that are computed once, and {reason}. "
        "Change that, or take another pooling."
    )


def leading_phases(phases: Sequence[Phase]) -> Sequence[Phase]:
    """The first phases, as long as the backbone is frozen and so as it was at the start."""
    ends = (index for index, phase in enumerate(phases) if phase.frozen != "backbone")
    return phases[: next(ends, len(phases))]


def count_views(augmentation: Augmentation, grid: int) -> int | None:
    """How many pictures training may see of one; 0 for itself alone, nothing for endlessly many.

    Args:
        augmentation: What is drawn.
        grid: Tiles a side of a picture. Of a mosaic's mirrored or shuffled tiles there are too
            many pictures to compute them all.
    """
    shuffles = augmentation.shuffle_tiles and grid > 1
    if not (augmentation.draws_anything or shuffles):
        return 0
    if augmentation.copies is not None:
        return augmentation.copies
    unmirrored = augmentation.model_copy(
        update={"flip_horizontally": False, "flip_vertically": False}
    )
    if grid > 1 or unmirrored.draws_anything:
        return None
    return 4 if augmentation.flip_horizontally and augmentation.flip_vertically else 2


@dataclass(frozen=True)
class ComputedBy:
    """What features are computed by; other devices and batches give other bits.

    Attributes:
        device: ``cpu``, or the card's name.
        precision: Of the network's products.
        num_threads: Of the process, on a CPU.
        chunk: Pictures at a time; see `chunk_size`.
    """

    device: str
    precision: str
    num_threads: int | None
    chunk: int


def chunk_size(device: str, most: int | None) -> int:
    """How many pictures pass a backbone at a time.

    Args:
        device: ``cpu`` or ``cuda``.
        most: What memory holds, where it is known to hold less than usual.
    """
    return min(CHUNK[device], most or CHUNK[device])


@dataclass(frozen=True)
class Table:
    """One array of features, (V, M, D).

    Attributes:
        about: All that decides its numbers.
        rows: The samples that it holds, M.
        shape: (V, M, D).
        dtype: Of the numbers.
        path: Its file; nothing where no cache is.
    """

    about: dict[str, Any]
    rows: Indices = field(repr=False)
    shape: tuple[int, int, int]
    dtype: str
    path: Path | None

    @property
    def num_pictures(self) -> int:
        """Passes of the backbone that it takes."""
        return self.shape[0] * self.shape[1]

    @property
    def is_kept(self) -> bool:
        """Whether it is in the cache; its content is not read."""
        return self.path is not None and is_kept(self.path, self.shape, self.dtype, self.about)


def feature_tables(
    config: FitConfig, data: TrainingData, plan: FeaturePlan, by: ComputedBy
) -> tuple[Table, ...]:
    """Where a fit's features are kept: those of all samples, then those of training samples' views.

    Args:
        config: What decides the outcome.
        data: The samples.
        plan: Of which pictures.
        by: What computes them.
    """
    if config.training.pooling == ATTENTION:
        data = photographs_of(data)
    is_training = (data.samples["partition"] != "test").to_numpy()
    recipe, names = config.training, data.samples["sample"].to_numpy()
    parts: list[tuple[Indices, int, Augmentation | None]] = [(np.arange(len(names)), 1, None)]
    if plan.num_views:
        parts.append((np.flatnonzero(is_training), plan.num_views, recipe.augmentation))
    tables = []
    for rows, num_views, settings in parts:
        about = {
            "format": FEATURE_FORMAT,
            "backbone": config.backbone,
            "weights": first_weights(config),
            "pooling": pooling_of_each(recipe.pooling),
            "pictures": data.pictures,
            "grid": data.grid,
            "samples": content_digest(names[rows].tolist(), 16),
            "normalization": recipe.normalization,
            "input_size": recipe.input_size,
            "interpolation": recipe.interpolation,
            "augmentation": settings.model_dump(mode="json") if settings else None,
            "seed": config.seed if settings and settings.copies else None,
            "dtype": recipe.features.dtype,
            **asdict(by),
            "versions": _versions(),
        }
        path = None
        if data.cache is not None and data.pictures:
            name = f"{slug_of(config.backbone)}-{content_digest(about, 16)}.npy"
            path = data.cache / "features" / name
        shape = num_views, len(rows), plan.num_features
        tables.append(Table(about, rows, shape, recipe.features.dtype, path))
    return tuple(tables)


@lru_cache(maxsize=1)
def _versions() -> dict[str, str | None]:
    """Of what networks are made of."""
    return package_versions(["torch", "torchvision", "timm"])


def first_weights(config: FitConfig) -> str:
    """The backbone's: a hash, or what random ones are drawn by."""
    if config.weights != "random":
        return config.weights
    if config.training.own_head is not None:
        return f"random {body_seed(config)}"
    return f"random {fit_seed(config)}, {make_scoring(config.task).num_outputs} outputs"
