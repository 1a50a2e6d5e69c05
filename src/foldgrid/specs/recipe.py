"""How one model is trained: the paper's recipe, and what may differ from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self, get_origin

from pydantic import (
    BaseModel,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from foldgrid.specs.base import Spec
from foldgrid.specs.by_name import NameIn, OwnSettings, SettingsIn, read_settings, settings_of
from foldgrid.specs.heads import ATTENTION, DEFAULT_HEAD, HEADS, Head, OwnHead, Pooling
from foldgrid.specs.normalization import OF_NETWORK, Normalization
from foldgrid.specs.optimizers import DEFAULT_OPTIMIZER, OPTIMIZERS
from foldgrid.specs.phases import Phase, phases_problem
from foldgrid.specs.registry import Registry

Value = bool | int | float | str | None
"""What a key of the recipe may hold that can be searched: one number, word or truth value."""

OwnValue = Annotated[
    Annotated[Value, Tag("value")] | Annotated[tuple[Phase, ...], Tag("phases")],
    Discriminator(lambda given: "phases" if isinstance(given, list | tuple) else "value"),
]
"""What a backbone may change of a key: a value, or the whole list of phases."""

EarlyStoppingPolicy = Literal["inner_split", "held_out_fold", "none"]
Schedule = Literal["plateau", "steps", "constant"]
InputSize = Literal["data", "network"] | Annotated[int, Field(ge=8, le=2048)]


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


class TrainingRecipe(Spec):
    """The training of one fit. The defaults are those of One-Step PASI (science note, section 1).

    Attributes:
        max_epochs: The most epochs.
        max_batches_per_epoch: Cuts an epoch short after so many batches; null trains on all.
        batch_size: Pictures a step.
        optimizer: What follows the gradients, by name: ``sgd``, stochastic gradient descent with
            momentum, or one that another package adds.
        optimizer_settings: By an optimiser's name, what it alone has to set.
        learning_rate: Of the optimiser; ``--set training.lr=…`` sets it too.
        momentum: Of optimisers that have one, in [0, 1).
        weight_decay: L2 penalty on the weights.
        schedule: How the learning rate falls: ``plateau``, when the validation loss no longer
            does; ``steps``, at fixed epochs; or ``constant``, never.
        plateau: When it falls with ``schedule: plateau``.
        steps: When it falls with ``schedule: steps``.
        phases: What trains when, in order; without any, everything trains in every epoch, or the
            head alone where it is one that is solved.
        head: What makes outputs of a network's features, by name: ``linear``, a last layer that the
            recipe trains; ``ridge`` and ``logistic``, solved in one epoch on the features of a
            frozen backbone; ``mlp``, hidden layers that the recipe trains; or one that another
            package adds.
        head_settings: By a head's name, what it alone has to set.
        pooling: Where the features come from: ``network``, the network's own last hidden layer;
            of its last map, or of the tokens of its patches, the ``mean``, or mean and maximum one
            after the other, ``mean_max``; a transformer's ``class_token``; or ``attention``, a
            weighted mean over all photographs of an evaluation unit (a mosaic's, or those of one
            subject, visit and case), its weights learned with the head on a frozen backbone: gated
            attention (Ilse et al. 2018).
        early_stopping: When the fit ends, and which samples decide.
        augmentation: What varies between epochs.
        normalization: What a network sees: ``network`` standardises by the channel means and
            deviations that its weights were trained with; ``imagenet`` by ImageNet's, ``clip`` by
            CLIP's; ``minus_one_to_one`` scales to [-1, 1], ``zero_to_one`` leaves them in [0, 1];
            or the numbers, ``"0.5 0.5 0.5 / 0.25 0.25 0.25"``.
        input_size: Height and width of the pictures as a network sees them: ``data``, as large as
            ``data.tile_pixels`` makes them; ``network``, what its weights were trained at; or a
            number. They are resized last, after what is drawn at random.
        interpolation: How they are resized: ``network``, as for its weights, ``bilinear`` or
            ``bicubic``.
        training_fraction: The fraction of its training samples that a fit trains on, whole
            subjects, stratified, in (0, 1]; a smaller fraction is a part of a larger one. What it
            monitors and predicts stays the same, so shares can be compared.
        num_raters: How many raters' opinions a training label is the majority of, for photographs
            that several graded; null takes the label itself. What is monitored and predicted keeps
            its label.
        start_from_mean: Start the new last layer at what the task says of the training samples
            (of scores, their mean) instead of at random; a short budget then learns differences,
            not the mean.
        stage_heads: Add an auxiliary head at the end of each stage of the network.
        batch_norm_statistics: What batch normalisation predicts with. ``running`` is torch's moving
            average over training. ``recomputed`` measures anew after each epoch, on up to 8
            batches of training mosaics with the weights as they now are (Wu and Johnson 2021);
            after few steps the moving average still remembers its start, and deep networks
            predict nonsense.
        auxiliary_loss_weight: Weight of each auxiliary head's loss (GoogLeNet, Inception v3, stage
            heads), 0.3 as in Szegedy et al. 2015.
        features: How the features of a frozen backbone are kept.
        precision: ``auto`` is mixed precision on CUDA and float32 elsewhere; ``float32`` and
            ``bfloat16`` (autocast) force one.
    """

    max_epochs: int = Field(default=500, ge=1)
    max_batches_per_epoch: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=16, ge=2)
    optimizer: Annotated[str, NameIn(OPTIMIZERS)] = DEFAULT_OPTIMIZER
    optimizer_settings: Annotated[OwnSettings, SettingsIn(OPTIMIZERS)] = Field(
        default={}, validate_default=True
    )
    learning_rate: float = Field(default=0.01, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    schedule: Schedule = "plateau"
    plateau: Plateau = Plateau()
    steps: Steps = Steps()
    phases: tuple[Phase, ...] = ()
    head: Annotated[str, NameIn(HEADS)] = DEFAULT_HEAD
    head_settings: Annotated[OwnSettings, SettingsIn(HEADS)] = Field(
        default={}, validate_default=True
    )
    pooling: Pooling = "network"
    early_stopping: EarlyStopping = EarlyStopping()
    augmentation: Augmentation = Augmentation()
    normalization: Normalization = Field(default=OF_NETWORK, alias="pixels")
    input_size: InputSize = "data"
    interpolation: Literal["network", "bilinear", "bicubic"] = "network"
    training_fraction: float = Field(default=1.0, gt=0, le=1, alias="training_share")
    num_raters: int | None = Field(default=None, ge=1, alias="num_grades")
    start_from_mean: bool = False
    stage_heads: bool = False
    batch_norm_statistics: Literal["running", "recomputed"] = "running"
    auxiliary_loss_weight: float = Field(default=0.3, ge=0)
    features: Features = Features()
    precision: Literal["auto", "float32", "bfloat16"] = "auto"

    @field_validator("optimizer_settings", mode="before")
    @classmethod
    def _settings_are_the_optimizers(cls, given: object, info: ValidationInfo) -> object:
        return read_settings(OPTIMIZERS, given, info.data.get("optimizer"), DEFAULT_OPTIMIZER)

    @field_validator("head_settings", mode="before")
    @classmethod
    def _settings_are_the_heads(cls, given: object, info: ValidationInfo) -> object:
        return read_settings(HEADS, given, info.data.get("head"), DEFAULT_HEAD)

    @model_validator(mode="after")
    def _keys_go_together(self) -> Self:
        problem = phases_problem(self.phases, self.max_epochs) or self._head_problem()
        if problem:
            raise ValueError(problem)
        is_trained = self.solved_head is None
        if is_trained and self.early_stopping.policy == "none" and self.schedule == "plateau":
            raise ValueError(
                "schedule: plateau follows the validation loss, and with early_stopping.policy: "
                "none nothing may follow it: it is the held-out fold's. Take schedule: steps or "
                "constant, or another policy"
            )
        return self

    def _head_problem(self) -> str:
        thawed = [phase.name for phase in self.phases if phase.frozen != "backbone"]
        if self.pooling == ATTENTION and (problem := self._attention_problem(thawed)):
            return f"pooling: {ATTENTION} {problem}"
        if self.solved_head is not None and thawed:
            return (
                f"head: {self.head} is solved on the features of a frozen backbone, and in the "
                f"phase {thawed[0]} the backbone is trained. Take frozen: backbone in every phase, "
                f"drop the phases, or take head: {DEFAULT_HEAD}"
            )
        if self.stage_heads and self.own_head is not None:
            return (
                "stage_heads: true adds heads to the network's own, and head and pooling put "
                "another in its place. Drop one of the two"
            )
        return ""

    def _attention_problem(self, thawed: list[str]) -> str:
        """Why no attention can be learned, the end of a sentence; "" where it can."""
        if self.solved_head is not None:
            trained = [name for name, head in HEADS.items() if not head.is_solved]
            return (
                f"is trained together with the head, and head: {self.head} is solved at once. Take "
                f"head: {' or '.join(trained)}, or another pooling"
            )
        if not self.phases or thawed:
            where = f"in the phase {thawed[0]}" if thawed else "without phases"
            return (
                f"is trained on features of a frozen backbone, and {where} the backbone is trained "
                "too. Give phases, each with frozen: backbone, or take another pooling"
            )
        if self.num_raters is not None:
            return (
                "learns one truth of several photographs, and num_raters is about each photograph. "
                "Drop one of the two"
            )
        return ""

    def __hash__(self) -> int:
        # A mapping has no hash of its own.
        return hash(self.model_dump_json())

    def settings_of(self, optimizer: str) -> Spec:
        """What an optimiser has to set, as this recipe says it or by default."""
        return settings_of(OPTIMIZERS, optimizer, self.optimizer_settings)

    @property
    def trains_backbone(self) -> bool:
        """Whether anything but the head is trained in any of its phases."""
        if self.solved_head is not None:
            return False
        return not self.phases or any(phase.frozen != "backbone" for phase in self.phases)

    @property
    def solved_head(self) -> Head | None:
        """The head where it is solved on the features of a frozen backbone, else nothing."""
        if self.head == DEFAULT_HEAD:
            # Nothing is looked up for what everybody has.
            return None
        head = HEADS.named(self.head)
        return head if head.is_solved else None

    @property
    def own_head(self) -> OwnHead | None:
        """The head in the place of the network's own last layer; nothing where that one stays."""
        if (self.head, self.pooling) == (DEFAULT_HEAD, "network"):
            return None
        own = settings_of(HEADS, self.head, self.head_settings)
        return OwnHead(self.head, self.pooling, own.model_dump_json())

    @property
    def planned_epochs(self) -> int:
        """The most epochs that a fit trains: ``max_epochs``, or all that its phases name.

        One for a head that is solved.
        """
        if self.solved_head is not None:
            return 1
        if self.phases and self.phases[-1].epochs is not None:
            return sum(phase.epochs or 0 for phase in self.phases)
        return self.max_epochs


SHARED_KEYS = ("early_stopping.policy", "early_stopping.inner_fraction")
"""What must be alike in all fits that are compared: which samples decide when a fit ends."""

LIST_KEYS = ("phases", "input_size")
"""What is no single value, or what a network is built for: a backbone may replace it as a whole, a
search cannot vary it."""

_OWN_SETTINGS: dict[str, Registry[Any]] = {
    "optimizer_settings": OPTIMIZERS,
    "head_settings": HEADS,
}
"""Below these keys each thing's settings are keys of their own."""

_HAVE_OWN_SETTINGS = {"optimizer": "optimizer_settings", "head": "head_settings"}

LATER_KEYS = (
    "optimizer",
    "schedule",
    "steps",
    "phases",
    "head",
    "pooling",
    "pixels",
    "input_size",
    "interpolation",
    "training_share",
    "num_grades",
    "stage_heads",
    "augmentation.flip_horizontally",
    "augmentation.flip_vertically",
    "augmentation.smallest_crop",
    "augmentation.zoom",
    "augmentation.copies",
    "features",
)
"""Keys that came after the first release, as files have them. At its default such a key changes
nothing of what was trained before there was one, so it stays out of what a fit's id is made of:
finished fits stay finished. Whoever adds a key to the recipe adds it here; its default must be what
was done before.
"""


def deciding_values(training: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe as a fit's id is made of it: without the ``LATER_KEYS`` that are at their default.

    Of ``optimizer_settings`` those of the recipe's own optimiser count, whatever their value, and
    of ``head_settings`` those of its head.

    Args:
        training: A recipe's ``model_dump(mode="json")``, of this version or an earlier one.
    """
    found = dict(training)
    defaults = TrainingRecipe().model_dump(mode="json")
    # What other optimisers or heads would have to set decides nothing.
    for key, settings in _HAVE_OWN_SETTINGS.items():
        own, chosen = found.pop(settings, {}), found.get(key, defaults[key])
        if own.get(chosen):
            found[settings] = {chosen: own[chosen]}
    if found.get("pixels") == "imagenet":
        # The default of before; planning gives it to networks of ImageNet's values.
        del found["pixels"]
    for key in LATER_KEYS:
        *parents, last = key.split(".")
        inner, default = found, defaults
        for part in parents:
            inner[part] = dict(inner.get(part, {}))
            inner, default = inner[part], default[part]
        if last in inner and inner[last] == default[last]:
            del inner[last]
    return found


def recipe_keys(model: type[BaseModel] = TrainingRecipe, prefix: str = "") -> Iterator[str]:
    """The keys that may differ from fit to fit, nested ones dotted: ``plateau.patience``.

    Those of a single value only; see ``LIST_KEYS``.
    """
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from recipe_keys(inner, f"{prefix}{name}.")
        elif prefix + name in _OWN_SETTINGS:
            for called, thing in _OWN_SETTINGS[name].items():
                yield from recipe_keys(thing.settings, f"{name}.{called}.")
        elif prefix + name not in (*SHARED_KEYS, *LIST_KEYS) and get_origin(inner) is not tuple:
            yield prefix + name


def current_key(name: str, model: type[BaseModel] = TrainingRecipe) -> str:
    """A dotted key by today's names; one that is not known stays as it is.

    Example:
        >>> current_key("early_stopping.inner_share")
        'early_stopping.inner_fraction'
    """
    parts: list[str] = []
    inner: type[BaseModel] | None = model
    for part in name.split("."):
        fields = inner.model_fields if inner is not None else {}
        found = next((own for own, field in fields.items() if field.alias == part), part)
        parts.append(found)
        annotation = fields[found].annotation if found in fields else None
        inner = None
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            inner = annotation
    return ".".join(parts)


def recipe_value(recipe: TrainingRecipe, name: str) -> Value:
    """What ``recipe`` says of the key ``name``, one of ``recipe_keys`` or its earlier name."""
    found: Any = recipe
    parts = current_key(name).split(".")
    if parts[0] in _OWN_SETTINGS:
        own: OwnSettings = getattr(recipe, parts[0])
        found, parts = settings_of(_OWN_SETTINGS[parts[0]], parts[1], own), parts[2:]
    for part in parts:
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def with_values(
    recipe: TrainingRecipe, values: Mapping[str, Value | tuple[Phase, ...]]
) -> TrainingRecipe:
    """``recipe`` with some of its keys changed; a list of phases is replaced as a whole.

    Keys may go by their earlier names.

    Raises:
        ValidationError: A value that the recipe does not allow.
    """
    changed = recipe.model_dump(mode="json", by_alias=False)
    for name, value in values.items():
        *parents, last = current_key(name).split(".")
        inner = changed
        for part in parents:
            inner = inner.setdefault(part, {})
        inner[last] = (
            [phase.model_dump(mode="json") for phase in value]
            if isinstance(value, tuple)
            else value
        )
    # Through JSON, because strict models then take lists for tuples.
    return TrainingRecipe.model_validate_json(json.dumps(changed))
