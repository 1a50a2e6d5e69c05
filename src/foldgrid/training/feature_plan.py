"""Which fits train a head on features that are computed once, and of which pictures.

Knows recipes and networks' names; computes nothing and needs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foldgrid.models.cut import cut_of
from foldgrid.models.naming import feature_width
from foldgrid.specs.phases import Phase
from foldgrid.specs.recipe import Augmentation, TrainingRecipe


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
        return FeaturePlan(feature_width(backbone, recipe.pooling), 0, 1, recipe.planned_epochs)
    if not any(phase.frozen == "backbone" for phase in recipe.phases):
        return ""
    first = leading_phases(recipe.phases)
    if not first:
        return "the backbone is trained before it is frozen"
    num_views = count_views(recipe.augmentation, grid)
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
        width = feature_width(backbone, recipe.pooling)
        return FeaturePlan(width, num_views, len(first), num_epochs)
    cut = cut_of(backbone)
    if recipe.auxiliary_loss_weight > 0 and cut.has_auxiliary_heads:
        return "auxiliary heads are trained too; auxiliary_loss_weight: 0 leaves them out"
    if cut.problem:
        return f"{cut.problem} ({backbone})"
    return FeaturePlan(cut.num_features, num_views, len(first), num_epochs)


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
