"""What a fit is between two epochs: its network, optimiser, schedule, best weights, random state.

Knows how to build it, to enter a phase and to predict; not how an epoch is trained (`fit`), how it
is kept (`checkpoint`) or what it leaves (`finalize`). Shape letters: K outputs, D features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foldgrid.models import HeadedNetwork, WeightFile, freeze
from foldgrid.models.attention import Bags, attention_of
from foldgrid.models.cut import Backbone, as_backbone, cut_of, put_head
from foldgrid.models.parameter_groups import parameter_groups
from foldgrid.records import FitFolder
from foldgrid.specs.errors import SweepError
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.heads import ATTENTION
from foldgrid.specs.optimizers import OPTIMIZERS
from foldgrid.specs.phases import Phase, epochs_before
from foldgrid.specs.recipe_parts import VIEWS
from foldgrid.tasks.registry import make_scoring
from foldgrid.training.bags import bags_of
from foldgrid.training.batches import Indices, MosaicSource, count_batches, seen_by
from foldgrid.training.building import (
    build_first,
    build_on_features,
    first_head,
    keep_first_head,
    seeded,
)
from foldgrid.training.device import (
    choose_device,
    choose_precision,
    prepare_torch,
    start_on_card,
    to_device,
)
from foldgrid.training.early_stopping import EarlyStopping
from foldgrid.training.feature_plan import FeaturePlan, plan_features, pooling_refusal
from foldgrid.training.features import FrozenFeatures
from foldgrid.training.network_state import (
    PREDICTION_BATCH,
    BestWeights,
    MovingAverage,
    bag_input,
    bag_outputs,
    head_outputs,
    hidden_values,
    predict,
)
from foldgrid.training.schedule import Schedule
from foldgrid.training.training_data import TrainingData, fit_seed, roles_of, torch_seed
from foldgrid.training.training_loss import TrainingLoss


@dataclass(frozen=True)
class GivenFeatures:
    """A table of features that were made elsewhere.

    Attributes:
        features_ND: float32, a row a sample, in the samples' order.
        columns: What the table calls them, D; kept with the weights, for tables of new samples.
    """

    features_ND: NDArray[np.float32]
    columns: tuple[str, ...]


class FitState:
    """One backbone on all folds but one, as it stands after so many epochs.

    Args:
        config: What decides the outcome.
        data: The samples, shared by all fits.
        folder: Where the fit writes; nothing is read or written here.
        weights: Pre-trained weights to start from; nothing for random ones.
        keep_weights: Whether to leave ``best.safetensors``.
        keep_features: Whether to leave ``features.parquet``: the last hidden layer of what is
            predicted.
        num_threads: Threads of this process; the executor keeps the sum within the cores.
        device: Where to train; chosen by what is there.
        micro_batch_size: The most samples on the device at a time, at least 2; gradients are
            summed up over a batch's parts, so the batch and its loss stay the recipe's. Only batch
            normalization notices: it standardises by each part's own mean and variance.
        given: Features that were made elsewhere, in place of a network's.
    """

    def __init__(
        self,
        config: FitConfig,
        data: TrainingData,
        folder: FitFolder,
        weights: WeightFile | None = None,
        *,
        keep_weights: bool = True,
        keep_features: bool = False,
        num_threads: int = 1,
        device: torch.device | None = None,
        micro_batch_size: int | None = None,
        given: GivenFeatures | None = None,
    ) -> None:
        self.given = given
        self.config, self.data, self.folder, self.weights = config, data, folder, weights
        self.keep_weights, self.keep_features = keep_weights, keep_features
        self.micro_batch_size = micro_batch_size
        recipe = config.training
        seed = fit_seed(config)
        prepare_torch(num_threads, torch_seed(config))
        self.device = device or choose_device()
        start_on_card(self.device)
        self.precision = choose_precision(self.device, recipe.precision)
        self.roles = roles_of(data, config, seed)
        task = make_scoring(config.task)
        self.learned = task.learned(data.samples.iloc[self.roles.train])
        self.task = task.with_learned(self.learned)
        self.targets_NK = self._targets()
        self.bags = bags_of(data) if recipe.pooling == ATTENTION else None
        tiles = self.bags.tiles if self.bags else None
        self.source = MosaicSource(data.mosaics_NHWC, self.device, *seen_by(recipe), tiles)
        self._network: nn.Module | None = None
        self._lone_head: nn.Module | None = None
        self.features: FrozenFeatures | None = None
        if given is None:
            self._open_network()
        else:
            features_ND, train = given.features_ND, self.roles.train
            network = build_on_features(config, self.task, features_ND, self.targets_NK, train)
            self._network = network.to(self.device)
            self._lone_head = network.head
        self.loss = TrainingLoss(self.task, recipe, self.targets_NK[self.roles.train], self.device)
        decay = recipe.ema_decay
        self.average = None if decay is None else MovingAverage(self.trained, decay)
        self.chosen: dict[str, float] = {}
        self.enter_phase(0)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "float16")
        self.stopping = EarlyStopping.of(recipe)
        self.best = BestWeights()
        self.generator = torch.Generator().manual_seed(seed)
        self._evaluated: tuple[Indices, pd.DataFrame] | None = None
        self.best_outputs: tuple[int, NDArray[np.float32]] | None = None
        self.epoch = 0
        self.has_diverged = False
        self.last_learning_rate: float | None = None
        self.train_seconds = 0.0
        self.setup_seconds = 0.0

    def _open_network(self) -> None:
        """The network, or its head alone, and what is computed of pictures once."""
        recipe = self.config.training
        plan = plan_features(self.config.backbone, recipe, self.data.grid)
        if isinstance(plan, str) and self.bags is not None:
            raise SweepError(pooling_refusal(plan))
        if isinstance(plan, str) or recipe.trains_backbone:
            self._network = self._build()
        else:
            self._lone_head = self._first_head()
        self.features = self._features(plan)

    @property
    def network(self) -> nn.Module:
        """The whole network.

        Where nothing but its head is trained, on features that are computed once, it is built when
        somebody asks for it: who finds them in the cache does without.
        """
        if self._network is None:
            assert self._lone_head is not None
            # As at the start of the fit, whatever was drawn since.
            with seeded(torch_seed(self.config)):
                network = self._build()
            put_head(network, self.config.backbone, self._lone_head)
            freeze(network, self.config.backbone, "backbone")
            self._network = network
        return self._network

    @property
    def trains_head_alone(self) -> bool:
        """Whether nothing but the head is trained, on features that are computed once."""
        return self._lone_head is not None

    @property
    def trained(self) -> nn.Module:
        """What training may change: the network, or its head alone."""
        return self._lone_head if self._lone_head is not None else self.network

    def _build(self) -> nn.Module:
        targets_NK = self.targets_NK[self.roles.train]
        pixels = self.source.pixels
        shared = self.data.shared
        weights = self.weights and self.weights.on_this_machine(shared.copy_to if shared else None)
        network = build_first(self.config, self.task, weights, targets_NK, pixels)
        return network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def _first_head(self) -> nn.Module:
        """The network's head as it begins, without the network where that is possible."""
        targets_NK, pixels = self.targets_NK[self.roles.train], self.source.pixels
        head = first_head(self.config, self.task, targets_NK, pixels)
        if head is not None:
            return head.to(self.device)
        self._network = self._build()
        freeze(self._network, self.config.backbone, "backbone")
        head = self.backbone.head
        keep_first_head(self.config, self.task.num_outputs, pixels, head)
        return head

    def _features(self, plan: FeaturePlan | str) -> FrozenFeatures | None:
        """What the frozen backbone makes of pictures, where the recipe lets it be computed once."""
        if isinstance(plan, str):
            return None
        self._num_feature_phases = plan.num_phases
        return FrozenFeatures(
            lambda: self.network,
            self.source,
            self.bags.photographs if self.bags else self.data,
            self.config,
            plan,
            precision=self.precision,
            most=self.micro_batch_size,
        )

    @cached_property
    def backbone(self) -> Backbone:
        """The whole network as features and a head."""
        return as_backbone(self.network, self.config.backbone)

    @property
    def head_modules(self) -> tuple[str, ...]:
        """What stays in training mode where the backbone is frozen, by name."""
        is_own = isinstance(self.network, HeadedNetwork)
        return ("head",) if is_own else cut_of(self.config.backbone).head

    @property
    def head(self) -> nn.Module | None:
        """The network's head, in a phase that trains it on features; nothing in any other."""
        if self._lone_head is not None:
            return self._lone_head
        is_frozen = self.features is not None and self.phase_index < self._num_feature_phases
        return self.backbone.head if is_frozen else None

    def features_of(self, rows: Indices, views: Indices | None = None) -> np.ndarray:
        """What the frozen backbone makes of pictures; see ``FrozenFeatures.of``.

        Args:
            rows: Samples; photographs, where attention pools them.
            views: Which view of each.

        Returns:
            (len(rows), D), float32.

        Raises:
            ValueError: The recipe freezes no backbone, or its features are not computed once.
        """
        if self.given is not None:
            found: np.ndarray = self.given.features_ND[rows]
            return found
        if self.features is None:
            raise ValueError("this recipe has no features that are computed once")
        return self.features.of(rows, views)

    def pictures_each(self, rows: Indices) -> Indices:
        """How many pictures the head takes of each sample: one, or its bag's photographs."""
        if self.bags is None:
            return np.ones(len(rows), np.intp)
        sizes: Indices = np.count_nonzero(self.bags.of(rows) >= 0, axis=1)
        return sizes

    def head_input(self, rows: Indices, views: Indices | None = None) -> Tensor | Bags:
        """What the head takes of samples, in a phase that trains it on features.

        Args:
            rows: Samples.
            views: Which view of each of their pictures; see `pictures_each`.
        """
        if self.bags is None:
            return to_device(torch.from_numpy(self.features_of(rows, views)), self.device)
        return bag_input(
            self.bags, lambda pictures: self.features_of(pictures, views), rows, self.device
        )

    def _values_by(self, layers: nn.Module, rows: Indices) -> np.ndarray:
        """What the head, or its first layers, make of the samples' features."""
        if self.bags is None:
            return head_outputs(layers, self.features_of(rows), self.device, self.precision)
        return bag_outputs(layers, self.bags, self.features_of, rows, self.device, self.precision)

    @property
    def phase(self) -> Phase | None:
        """The phase that the last epoch was of; nothing where the recipe has none."""
        phases = self.config.training.phases
        return phases[self.phase_index] if phases else None

    def enter_phase(self, index: int) -> None:
        """Freezes what a phase freezes; the optimiser and the schedule start anew.

        Args:
            index: Which of the recipe's phases, from 0; 0 where it has none.
        """
        self.phase_index = index
        recipe = self.config.training
        first_rate = recipe.learning_rate
        if self.phase is not None:
            first_rate = self.phase.learning_rate or first_rate
            if self._lone_head is None:
                freeze(self.network, self.config.backbone, self.phase.frozen)
        self.optimizer = self._make_optimizer(first_rate)
        planned = recipe.planned_epochs - epochs_before(recipe.phases, index)
        num_epochs = (self.phase and self.phase.epochs) or planned
        most = recipe.max_batches_per_epoch
        num_batches = count_batches(len(self._trained_on()), recipe.batch_size, most)
        self.schedule = Schedule(self.optimizer, recipe, first_rate, num_epochs, num_batches)

    def _trained_on(self) -> Indices:
        """The pictures of an epoch: samples or, where there are several of each, their copies.

        Of samples whose photographs are pooled together one stands for all.
        """
        num_copies = self.config.training.augmentation.copies or 1
        firsts = np.arange(num_copies) * len(self.data.samples)
        rows = self.roles.train
        return (firsts[:, None] + (self.bags.first_rows(rows) if self.bags else rows)).ravel()

    def _make_optimizer(self, first_rate: float) -> torch.optim.Optimizer:
        recipe = self.config.training
        named, own = OPTIMIZERS.named(recipe.optimizer), recipe.settings_of(recipe.optimizer)
        # Frozen parameters have no gradient, and what has none is passed over.
        parameters = parameter_groups(self.trained, self.config.backbone, recipe, first_rate)
        made = named.build(parameters, first_rate, recipe, own)
        if not isinstance(made, torch.optim.Optimizer):
            raise SweepError(
                f'the optimizer "{recipe.optimizer}" ({type(named).__module__}) cannot be used.\n'
                f"  build: found {made!r}, which is no torch.optim.Optimizer"
            )
        return made

    def _targets(self) -> NDArray[np.float32]:
        """What is to be predicted; of training samples perhaps by fewer raters."""
        samples, num_raters = self.data.samples, self.config.training.num_raters
        targets = self.task.targets(samples)
        if num_raters is not None:
            train = self.roles.train
            targets[train] = self.task.rated_targets(samples.iloc[train], num_raters)
        return targets

    @property
    def stopped_because(self) -> Literal["max_epochs", "early_stopping", "diverged"] | None:
        """Why there is no further epoch, or nothing while there is one."""
        if self.has_diverged:
            return "diverged"
        if self.stopping.is_over:
            return "early_stopping"
        return "max_epochs" if self.epoch >= self.config.training.planned_epochs else None

    def predict(self, rows: Indices) -> np.ndarray:
        """The network's outputs for the samples ``rows``, as (len(rows), K)."""
        head = self.head
        if head is not None:
            return self._values_by(head, rows)
        size = min(PREDICTION_BATCH, self.micro_batch_size or PREDICTION_BATCH)
        return predict(self.network, self.source, rows, self.device, self.precision, size)

    def predict_finally(self, rows: Indices) -> np.ndarray:
        """The outputs that are recorded: with test-time augmentation, where the recipe has it."""
        views = VIEWS[self.config.training.test_time_augmentation]
        if len(views) == 1 or self.given is not None:
            return self.predict(rows)
        size = min(PREDICTION_BATCH, self.micro_batch_size or PREDICTION_BATCH)
        views_and_kind = views, self.task.output_kind
        about = self.network, self.source, rows, self.device, self.precision, size
        return predict(*about, *views_and_kind)

    def predict_held_out(self) -> np.ndarray:
        """The recorded outputs for the held-out fold; not computed twice where monitored alike."""
        rows, (epoch, outputs) = self.roles.held_out, self.best_outputs or (0, None)
        # An earlier epoch's are computed anew: its phase may have predicted in another way.
        is_now = outputs is not None and epoch == self.epoch
        is_plain = self.config.training.test_time_augmentation == "none"
        if is_now and is_plain and np.array_equal(self.roles.validation, rows):
            return np.asarray(outputs)
        return self.predict_finally(rows)

    def hidden_values(self, rows: Indices) -> np.ndarray:
        """The network's last hidden layer for the samples ``rows``, as (len(rows), D)."""
        head = self.head
        if head is not None:
            attention = attention_of(head) if self.bags else None
            return self._values_by(attention, rows) if attention else self.features_of(rows)
        size = min(PREDICTION_BATCH, self.micro_batch_size or PREDICTION_BATCH)
        return hidden_values(self.network, self.source, rows, self.device, self.precision, size)

    def evaluate(self, outputs: np.ndarray, rows: Indices) -> dict[str, float]:
        """The task's metrics for ``outputs`` of the samples ``rows``."""
        if self._evaluated is None or self._evaluated[0] is not rows:
            # The same rows after every epoch; picking them takes as long as a step.
            self._evaluated = rows, self.data.samples.iloc[rows]
        return self.task.evaluate(self._evaluated[1], outputs)

    def adopt_recipe(self) -> None:
        """Goes on by its own configuration after it took another fit's state."""
        own = self._make_optimizer(self.config.training.learning_rate)
        for group, fresh in zip(self.optimizer.param_groups, own.param_groups, strict=True):
            group |= {name: value for name, value in fresh.items() if name != "params"}
        # The schedule sets the rate.
        self.schedule.adopt_recipe()
