"""How one model is trained: the paper's recipe, and what may differ from it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from foldgrid.specs.base import Spec

Value = bool | int | float | str | None
"""What a key of the recipe may hold."""

EarlyStoppingPolicy = Literal["inner_split", "held_out_fold"]


class Augmentation(Spec):
    """What is drawn anew for each training composite at each epoch.

    Attributes:
        rotate_tiles: Turn each tile by a random angle in ``[-rotation_degrees, rotation_degrees]``.
        rotation_degrees: The largest angle, in degrees, 0 to 180.
        shuffle_tiles: Put the four tiles in a random order.
        brightness: Half-width of the random factor on brightness: 0.2 draws from 0.8 to 1.2.
        contrast: Half-width of the random factor on contrast about the image's mean.
    """

    rotate_tiles: bool = True
    rotation_degrees: float = Field(default=180.0, ge=0, le=180)
    shuffle_tiles: bool = True
    brightness: float = Field(default=0.2, ge=0, lt=1)
    contrast: float = Field(default=0.2, ge=0, lt=1)


class Plateau(Spec):
    """When the learning rate falls: ``torch.optim.lr_scheduler.ReduceLROnPlateau``'s parameters.

    Attributes:
        factor: The learning rate is multiplied by this, in (0, 1).
        patience: Epochs without improvement that are borne.
        threshold: The smallest relative improvement that counts.
    """

    factor: float = Field(default=0.1, gt=0, lt=1)
    patience: int = Field(default=10, ge=0)
    threshold: float = Field(default=1e-4, ge=0)


class EarlyStopping(Spec):
    """When a fit ends before its last epoch, and which samples decide.

    Attributes:
        policy: ``held_out_fold`` watches the fold that the fit then predicts (the paper's way; its
            out-of-fold predictions are optimistic). ``inner_split`` watches whole subjects taken
            from the four training folds.
        patience: After so many epochs without a new lowest validation loss the fit ends.
        inner_share: The share of the training samples that ``inner_split`` sets aside.
    """

    policy: EarlyStoppingPolicy = "inner_split"
    patience: int = Field(default=50, ge=1)
    inner_share: float = Field(default=0.15, gt=0, lt=0.5)


class TrainingRecipe(Spec):
    """The training of one fit. The defaults are those of One-Step PASI (science note, section 1).

    Attributes:
        max_epochs: The most epochs.
        max_batches_per_epoch: Cuts an epoch short after so many batches; null trains on all.
        batch_size: Composites a step.
        learning_rate: Of stochastic gradient descent; ``--set training.lr=…`` sets it too.
        momentum: Of stochastic gradient descent, in [0, 1).
        weight_decay: L2 penalty on the weights.
        plateau: When the learning rate falls.
        early_stopping: When the fit ends, and which samples decide.
        augmentation: What varies between epochs.
        start_from_mean: Start the new last layer at the training samples' mean target instead of
            at random; a short budget then learns differences, not the mean.
        batch_norm_statistics: What batch normalisation predicts with. ``running`` is torch's moving
            average over training. ``recomputed`` measures anew after each epoch, on up to 8
            batches of training composites with the weights as they now are (Wu and Johnson 2021);
            after few steps the moving average still remembers its start, and deep networks
            predict nonsense.
        auxiliary_loss_weight: Weight of each auxiliary head's loss (GoogLeNet, Inception v3), 0.3
            as in Szegedy et al. 2015.
        precision: ``auto`` is mixed precision on CUDA and float32 elsewhere; ``float32`` and
            ``bfloat16`` (autocast) force one.
    """

    max_epochs: int = Field(default=500, ge=1)
    max_batches_per_epoch: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=16, ge=2)
    learning_rate: float = Field(default=0.01, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    plateau: Plateau = Plateau()
    early_stopping: EarlyStopping = EarlyStopping()
    augmentation: Augmentation = Augmentation()
    start_from_mean: bool = False
    batch_norm_statistics: Literal["running", "recomputed"] = "running"
    auxiliary_loss_weight: float = Field(default=0.3, ge=0)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"


SHARED_KEYS = ("early_stopping.policy", "early_stopping.inner_share")
"""What must be alike in all fits that are compared: which samples decide when a fit ends."""


def recipe_keys(model: type[BaseModel] = TrainingRecipe, prefix: str = "") -> Iterator[str]:
    """The keys that may differ from fit to fit, nested ones dotted: ``plateau.patience``."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from recipe_keys(inner, f"{prefix}{name}.")
        elif prefix + name not in SHARED_KEYS:
            yield prefix + name


def recipe_value(recipe: TrainingRecipe, name: str) -> Value:
    """What ``recipe`` says of the key ``name``."""
    found: Any = recipe
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def with_values(recipe: TrainingRecipe, values: Mapping[str, Value]) -> TrainingRecipe:
    """``recipe`` with some of its keys changed.

    Raises:
        ValidationError: A value that the recipe does not allow.
    """
    changed = copy.deepcopy(recipe.model_dump(mode="json"))
    for name, value in values.items():
        *parents, last = name.split(".")
        inner = changed
        for part in parents:
            inner = inner[part]
        inner[last] = value
    return TrainingRecipe.model_validate(changed)
