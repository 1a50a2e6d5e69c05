"""How one model is trained: the paper's recipe, and what may differ from it."""

from __future__ import annotations

from operator import attrgetter
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from foldgrid.specs.base import Spec
from foldgrid.specs.by_name import NameIn, SettingsByName, SettingsIn, read_settings, settings_of
from foldgrid.specs.heads import ATTENTION, DEFAULT_HEAD, HEADS, Head, OwnHead, Pooling
from foldgrid.specs.normalization import OF_NETWORK, Normalization
from foldgrid.specs.optimizers import DEFAULT_OPTIMIZER, OPTIMIZERS
from foldgrid.specs.phases import Phase, phases_problem
from foldgrid.specs.recipe_parts import (
    OF_A_BACKBONE,
    OF_GRADIENTS,
    Augmentation,
    Cosine,
    EarlyStopping,
    Features,
    Plateau,
    Schedule,
    Steps,
    TestTimeAugmentation,
    Warmup,
)

InputSize = Literal["data", "network"] | Annotated[int, Field(ge=8, le=2048)]


class TrainingRecipe(Spec):
    """The training of one fit. The defaults are those of One-Step PASI (science note, section 1).

    Attributes:
        max_epochs: The most epochs.
        max_batches_per_epoch: Cuts an epoch short after so many batches; null trains on all.
        batch_size: Pictures a step.
        optimizer: What follows the gradients, by name: ``sgd``, stochastic gradient descent with
            momentum; ``adam``, ``adamw``, ``nadamw``, ``adoptw``, ``lamb`` and ``lion``, as torch
            and timm have them; or one that another package adds.
        optimizer_settings: By an optimiser's name, what it alone has to set.
        learning_rate: Of the optimiser; ``--set training.lr=…`` sets it too.
        momentum: Of optimisers that have one, in [0, 1).
        weight_decay: How strongly weights are pulled to 0; of ``sgd`` and ``adam`` an L2 penalty,
            of others apart from the gradient.
        decay_norms_and_biases: Whether norms, biases, class tokens and embeddings of positions
            decay, too; false spares them, as recipes for transformers do.
        layer_decay: How many times as fast each layer learns as the one behind it, in (0, 1]; the
            head learns at the full rate. Layers are timm's groups of its networks, and elsewhere
            blocks. 0.65 to 0.8 are usual for transformers (Bao and others 2022).
        schedule: How the learning rate falls: ``plateau``, when the validation loss no longer
            does; ``steps``, at fixed epochs; ``cosine``, at each step, to the end of its phase; or
            ``constant``, never.
        plateau: When it falls with ``schedule: plateau``.
        steps: When it falls with ``schedule: steps``.
        cosine: How far it falls with ``schedule: cosine``.
        warmup: How it rises before any of these.
        clip_gradients: The largest norm that the gradient of a whole batch may have, over all
            parameters; a longer one is shortened to it (Pascanu and others 2013). Null leaves it.
        ema_decay: How much of an exponential moving average of the weights stays at each step, in
            (0, 1): 0.99 averages over some 100 steps. The average is monitored, kept and predicts;
            it should be short beside the training, because it starts at the first weights. Null
            takes the trained weights themselves (Polyak and Juditsky 1992).
        drop_path: How often the last of a network's residual blocks is left out for a picture in
            training, in [0, 1); blocks before it in proportion to their depth (stochastic depth,
            Huang and others 2016). Null is what the network's library builds: 0 in timm,
            torchvision's own value in EfficientNet, ConvNeXt, Swin and MaxViT.
        loss: What a step descends on: ``task``, the task's own loss; ``huber`` for numbers, squared
            up to an error of 1 and absolute beyond (Huber 1964); ``focal`` for classes, which
            weighs down what is predicted well (Lin and others 2017). What is monitored stays the
            task's own.
        focal_gamma: How much ``focal`` weighs it down; 0 is cross-entropy.
        label_smoothing: The fraction of each label that is spread over all classes, in [0, 1)
            (Szegedy and others 2016).
        mixup: Pictures of a batch are mixed in pairs, and their classes with them; the parameter of
            the Beta distribution that the fraction is drawn of, 0 for none (Zhang and others 2018).
        cutmix: A window of each picture comes from another; likewise (Yun and others 2019). Of both
            each batch takes one at random.
        class_weights: ``balanced`` weighs each class by the inverse of its number of training
            samples; ``none`` weighs none.
        sampler: ``balanced`` draws training pictures with replacement so that each class comes
            equally often; ``shuffled`` passes over all.
        test_time_augmentation: Predictions are the mean over several views of each picture, of
            classes that of their probabilities: ``flips``, four with mirrorings, ``turns``, four by
            90 degrees, ``flips_and_turns``, all eight, or ``none``. What is monitored is the
            picture as it is.
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
    optimizer_settings: Annotated[SettingsByName, SettingsIn(OPTIMIZERS)] = Field(
        default={}, validate_default=True
    )
    learning_rate: float = Field(default=0.01, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    decay_norms_and_biases: bool = True
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    schedule: Schedule = "plateau"
    plateau: Plateau = Plateau()
    steps: Steps = Steps()
    cosine: Cosine = Cosine()
    warmup: Warmup = Warmup()
    clip_gradients: float | None = Field(default=None, gt=0)
    ema_decay: float | None = Field(default=None, gt=0, lt=1)
    drop_path: float | None = Field(default=None, ge=0, lt=1)
    loss: Literal["task", "huber", "focal"] = "task"
    focal_gamma: float = Field(default=2.0, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    mixup: float = Field(default=0.0, ge=0)
    cutmix: float = Field(default=0.0, ge=0)
    class_weights: Literal["none", "balanced"] = "none"
    sampler: Literal["shuffled", "balanced"] = "shuffled"
    test_time_augmentation: TestTimeAugmentation = "none"
    phases: tuple[Phase, ...] = ()
    head: Annotated[str, NameIn(HEADS)] = DEFAULT_HEAD
    head_settings: Annotated[SettingsByName, SettingsIn(HEADS)] = Field(
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
        problem = (
            phases_problem(self.phases, self.max_epochs)
            or self._head_problem()
            or self._frozen_problem()
            or self._balance_problem()
        )
        if problem:
            raise ValueError(problem)
        is_trained = self.solved_head is None
        if is_trained and self.early_stopping.policy == "none" and self.schedule == "plateau":
            raise ValueError(
                "schedule: plateau follows the validation loss, and with early_stopping.policy: "
                "none nothing may follow it: it is the held-out fold's. Take schedule: steps, "
                "cosine or constant, or another policy"
            )
        return self

    def _head_problem(self) -> str:
        thawed = [phase.name for phase in self.phases if phase.frozen != "backbone"]
        if self.pooling == ATTENTION and (problem := self._attention_problem(thawed)):
            return f"pooling: {ATTENTION} {problem}"
        if self.solved_head is not None and thawed:
            return (
                f"head: {self.head} is solved on the features of a frozen backbone, and phases: "
                f"{thawed[0]} trains the backbone. Take frozen: backbone in every phase, drop the "
                f"phases, or take head: {DEFAULT_HEAD}"
            )
        if self.stage_heads and self.own_head is not None:
            return (
                "stage_heads: true adds heads to the network's own, and head and pooling put "
                "another in its place. Drop one of the two"
            )
        return ""

    def _frozen_problem(self) -> str:
        """What only a backbone that trains, or gradients, could notice."""
        plain = OF_A_BACKBONE | (OF_GRADIENTS if self.solved_head is not None else {})
        found = [key for key in plain if self.says(key)]
        if self.trains_backbone or not found:
            return ""
        why = (
            f"head: {self.head} is solved at once, on the features of a frozen backbone"
            if self.solved_head is not None
            else "phases freeze the backbone (frozen: backbone) from the first to the last"
        )
        return (
            f"{' and '.join(found)}: {why}, so nothing would notice. Leave it out here "
            "(drop_path, clip_gradients, ema_decay: null; layer_decay: 1; warmup.epochs: 0), or "
            "train the backbone"
        )

    def _balance_problem(self) -> str:
        if self.class_weights == "balanced" and self.sampler == "balanced":
            return (
                "class_weights: balanced and sampler: balanced: each makes up for rare classes, so "
                "both together do it twice. Take one of the two"
            )
        if self.test_time_augmentation != "none" and self.pooling == ATTENTION:
            return (
                f"test_time_augmentation: {self.test_time_augmentation} and pooling: {ATTENTION}: "
                "attention takes features that are computed once, of photographs as they are. Drop "
                "one of the two"
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

    def says(self, key: str) -> bool:
        """Whether it sets one of the keys ``OF_A_BACKBONE`` or ``OF_GRADIENTS``, ``focal`` too."""
        plain = OF_A_BACKBONE | OF_GRADIENTS
        return bool(attrgetter(key)(self) != plain[key])

    @property
    def mixes(self) -> bool:
        """Whether pictures of a batch are mixed."""
        return self.mixup > 0 or self.cutmix > 0

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
        return own_head_of(self.head, self.pooling, self.head_settings)

    @property
    def head_of_table(self) -> OwnHead:
        """The head as it is put on features that are given, where no network has one of its own."""
        settings = settings_of(HEADS, self.head, self.head_settings)
        return OwnHead(self.head, "network", settings.model_dump_json())

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


def own_head_of(
    head: str, pooling: Pooling, settings: SettingsByName | None = None
) -> OwnHead | None:
    """The head in the place of a network's own last layer; nothing where that one stays.

    Args:
        head: Its name.
        pooling: Where its features come from.
        settings: By a head's name what it has to set; without, its defaults.
    """
    if (head, pooling) == (DEFAULT_HEAD, "network"):
        return None
    return OwnHead(head, pooling, settings_of(HEADS, head, settings or {}).model_dump_json())
