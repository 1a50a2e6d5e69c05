"""The parts of a training recipe: augmentation, features, schedules, early stopping."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from foldgrid.specs.base import Spec

EarlyStoppingPolicy = Literal["inner_split", "held_out_fold", "none"]
Schedule = Literal["plateau", "steps", "cosine", "constant"]


class Augmentation(Spec):
    """What is drawn anew for each training picture at each epoch, or once, with ``copies``.

    A mosaic has four tiles, each with draws of its own; a single photograph is one tile.

    Attributes:
        rotate_tiles: Turn each tile by a random angle in ``[-rotation_degrees, rotation_degrees]``.
        rotation_degrees: The largest angle, in degrees, 0 to 180.
        flip_horizontally: Mirror a tile left to right, with a chance of one half.
        flip_vertically: Mirror a tile top to bottom, with a chance of one half.
        smallest_crop: The smallest fraction of a tile's side, in (0, 1], that a random window has:
            its size is drawn from there to the whole, its place at random, and it is scaled back.
            1 never crops.
        zoom: Half-width of the random factor on a tile's scale about its centre: 0.2 draws from
            0.8 to 1.2; what comes in from beyond the border is black.
        shuffle_tiles: Put the four tiles in a random order; a single one stays.
        brightness: Half-width of the random factor on brightness: 0.2 draws from 0.8 to 1.2.
        contrast: Half-width of the random factor on contrast about the image's mean.
        copies: How many augmented copies of each training picture are drawn, once and for all by
            the seed, the sample and the copy; an epoch then passes over all copies of all training
            pictures. Null draws anew at each epoch.
    """

    rotate_tiles: bool = True
    rotation_degrees: float = Field(default=180.0, ge=0, le=180)
    flip_horizontally: bool = False
    flip_vertically: bool = False
    smallest_crop: float = Field(default=1.0, gt=0, le=1)
    zoom: float = Field(default=0.0, ge=0, lt=1)
    shuffle_tiles: bool = True
    brightness: float = Field(default=0.2, ge=0, lt=1)
    contrast: float = Field(default=0.2, ge=0, lt=1)
    copies: int | None = Field(default=None, ge=1, le=1000)

    @property
    def draws_anything(self) -> bool:
        """Whether anything is drawn of a picture; of a single photograph no shuffling."""
        moves = self.rotate_tiles or self.smallest_crop < 1 or self.zoom > 0
        mirrors = self.flip_horizontally or self.flip_vertically
        return moves or mirrors or self.brightness > 0 or self.contrast > 0

    @model_validator(mode="after")
    def _copies_differ(self) -> Self:
        if self.copies is not None and not (self.draws_anything or self.shuffle_tiles):
            raise ValueError(
                f"augmentation.copies: found {self.copies}, and nothing varies: the copies would "
                "be alike. Leave it out, or let something vary"
            )
        return self


OF_A_BACKBONE: dict[str, Any] = {"layer_decay": 1.0, "drop_path": None}
"""Keys that only a backbone that trains would notice, at the values that leave it alone."""

OF_CLASSES: dict[str, Any] = {
    "label_smoothing": 0.0,
    "mixup": 0.0,
    "cutmix": 0.0,
    "class_weights": "none",
    "sampler": "shuffled",
}
"""Keys that only classes whose probabilities add up to 1 have a sense for, at their defaults."""

OF_GRADIENTS: dict[str, Any] = {
    "warmup.epochs": 0,
    "clip_gradients": None,
    "ema_decay": None,
    "loss": "task",
    **OF_CLASSES,
}
"""Keys that only a head that is trained would notice, at their defaults."""

UNAUGMENTED: dict[str, Any] = {
    "rotate_tiles": False,
    "shuffle_tiles": False,
    "flip_horizontally": False,
    "flip_vertically": False,
    "smallest_crop": 1.0,
    "zoom": 0.0,
    "brightness": 0.0,
    "contrast": 0.0,
    "copies": None,
}
"""The keys of an augmentation that leaves every picture as it is."""


class Features(Spec):
    """How the features of a frozen backbone are kept: what it makes of a picture, for the head.

    Attributes:
        dtype: ``float32``, or ``float16`` to halve the room and the precision.
    """

    dtype: Literal["float32", "float16"] = "float32"


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


class Steps(Spec):
    """A learning rate that falls at fixed epochs.

    Attributes:
        every_epochs: It falls after every so many epochs of a phase.
        factor: It is multiplied by this, in (0, 1).
    """

    every_epochs: int = Field(default=20, ge=1)
    factor: float = Field(default=0.1, gt=0, lt=1)


class Cosine(Spec):
    """A learning rate that falls along half a cosine, step by step, to the end of its phase.

    As timm's ``CosineLRScheduler``, which counts steps. Source: Loshchilov and Hutter 2017.

    Attributes:
        final_fraction: The fraction of the phase's rate that is left at its end, in [0, 1).
    """

    final_fraction: float = Field(default=0.0, ge=0, lt=1)


class Warmup(Spec):
    """A learning rate that first rises, in even steps; the schedule begins when it is up.

    Each phase has a warm-up of its own. Source: Goyal and others 2017.

    Attributes:
        epochs: How many epochs of a phase it takes; 0 for none.
        start_fraction: The fraction of the phase's rate that the first step has, in [0, 1].
    """

    epochs: int = Field(default=0, ge=0)
    start_fraction: float = Field(default=0.01, ge=0, le=1)


TestTimeAugmentation = Literal["none", "flips", "turns", "flips_and_turns"]

VIEWS: dict[str, tuple[tuple[int, bool], ...]] = {
    "none": ((0, False),),
    "flips": ((0, False), (0, True), (2, True), (2, False)),
    "turns": ((0, False), (1, False), (2, False), (3, False)),
    "flips_and_turns": tuple((turns, flips) for flips in (False, True) for turns in range(4)),
}
"""By ``test_time_augmentation`` the views of a picture that is predicted: turns by 90 degrees, and
whether it is mirrored before."""


class EarlyStopping(Spec):
    """When a fit ends before its last epoch, and which samples decide.

    Attributes:
        policy: ``held_out_fold`` monitors the fold that the fit then predicts (the paper's way; its
            out-of-fold predictions are optimistic). ``inner_split`` monitors whole subjects taken
            from the four training folds. ``none`` chooses nothing: all epochs are trained and the
            last weights predict; the held-out fold's loss is reported, and decides nothing.
        patience: After so many epochs without a new lowest validation loss the fit ends; with
            phases, so many of the last phase.
        inner_fraction: The fraction of the training samples that ``inner_split`` sets aside.
    """

    policy: EarlyStoppingPolicy = "inner_split"
    patience: int = Field(default=50, ge=1)
    inner_fraction: float = Field(default=0.15, gt=0, lt=0.5, alias="inner_share")
