"""One fit, an epoch at a time: what every executor drives, and a ten-line script can.

Shape letters: B batch, K outputs, N samples.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from contextlib import nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foldgrid.models import WeightFile, forward_all, train_mode
from foldgrid.models.attention import Bags
from foldgrid.models.headed import last_linear
from foldgrid.records import FitFolder
from foldgrid.specs.fits import EpochRecord, FitConfig, FitRecord
from foldgrid.specs.heads import SolvedHead, TrainingFeatures
from foldgrid.specs.phases import phase_index
from foldgrid.training import checkpoint, finalize
from foldgrid.training.augmentation import apply_draws, draw, draw_copies
from foldgrid.training.batches import Indices, even_parts, training_batches
from foldgrid.training.checkpoint_interval import CheckpointInterval
from foldgrid.training.device import (
    autocast,
    to_device,
)
from foldgrid.training.features import mirror_images
from foldgrid.training.mixing import draw_mix
from foldgrid.training.network_state import (
    recompute_batch_norm,
)
from foldgrid.training.state import FitState, GivenFeatures
from foldgrid.training.training_data import TrainingData, inner_seed
from foldgrid.training.training_loss import balanced_weights

logger = logging.getLogger(__name__)

BATCH_NORM_BATCHES = 8
"""Batches that ``batch_norm_statistics: recomputed`` measures on."""


class Fit(FitState):
    """Trains one backbone on all folds but one and predicts that fold and the test set.

    Rules: the same configuration, data, device and number of threads give the same bits; a fit that
    goes on from its checkpoint ends as an uninterrupted one; ``finalize`` writes the record last.

    Args:
        config: As all others that are not named here, see ``FitState``.
        folder: Where the fit writes; a checkpoint found there is gone on from.
        keep_state: Whether it writes checkpoints by itself.
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
        keep_state: bool = True,
        micro_batch_size: int | None = None,
        given: GivenFeatures | None = None,
    ) -> None:
        started = time.perf_counter()
        super().__init__(
            config,
            data,
            folder,
            weights,
            keep_weights=keep_weights,
            keep_features=keep_features,
            num_threads=num_threads,
            device=device,
            micro_batch_size=micro_batch_size,
            given=given,
        )
        self._log(logging.INFO, "opened on %s, %s", self.device, self.precision)
        checkpoint.resume(self)
        self.setup_seconds = time.perf_counter() - started
        self._pace = CheckpointInterval.of(self.trained) if keep_state else None

    @property
    def is_over(self) -> bool:
        """Whether ``finalize`` is next."""
        return self.stopped_because is not None

    def run_epoch(self) -> EpochRecord:
        """Trains one epoch, looks at the validation samples, and records both."""
        started = time.perf_counter()
        index = phase_index(self.config.training.phases, self.epoch + 1)
        if index != self.phase_index:
            self.enter_phase(index)
        rate = self.last_learning_rate = self.schedule.rate
        train_loss = self._train() if self.config.training.solved_head is None else self._solve()
        outputs = self.predict(self.roles.validation)
        validation_loss = self._loss_of(outputs, self.roles.validation)
        self.epoch += 1
        self.has_diverged = not (math.isfinite(train_loss) and math.isfinite(validation_loss))
        is_best = not self.has_diverged and self.stopping.update(self.epoch, validation_loss)
        metrics: Mapping[str, float] = {}
        if not self.has_diverged:
            self.schedule.end_epoch(validation_loss)
            metrics = self.evaluate(outputs, self.roles.validation)
        if is_best:
            self.best_outputs = self.epoch, outputs
            chooses = self.stopping.patience is not None
            self.best.keep(self.trained, is_last=self.is_over or not chooses)
        seconds = time.perf_counter() - started
        self.train_seconds += seconds
        record = EpochRecord(
            epoch=self.epoch,
            learning_rate=rate,
            train_loss=train_loss,
            validation_loss=validation_loss,
            metrics=dict(metrics),
            is_best=is_best,
            wall_seconds=seconds,
            phase=self.phase.name if self.phase else "",
        )
        self.folder.append_epoch(record)
        self._log_epoch(record)
        if self._pace is not None and not self.is_over and self._pace.is_due():
            with self._pace.writing():
                self.save_checkpoint()
        return record

    def _train(self) -> float:
        recipe = self.config.training
        weighs = recipe.auxiliary_loss_weight > 0
        if self.head is not None:
            # The rest of the network is not asked; going through it takes longer than a step.
            self.head.train()
        else:
            is_frozen = self.phase is not None and self.phase.frozen == "backbone"
            head = self.head_modules if is_frozen else None
            train_mode(self.network, auxiliary_heads=weighs, head=head)
        batches = training_batches(
            self._trained_on(),
            recipe.batch_size,
            recipe.max_batches_per_epoch,
            self.generator,
            self._sampling_weights(),
        )
        total = torch.zeros((), device=self.device)
        with nullcontext() if self.average is None else self.average.training():
            for pictures in batches:
                total += self._step(pictures) * len(pictures)
        if recipe.batch_norm_statistics == "recomputed" and self.head is None:
            measured = [
                self._rows_and_copies(pictures)[0][part]
                for pictures in batches[:BATCH_NORM_BATCHES]
                for part in self._parts(pictures)
            ]
            recompute_batch_norm(
                self.network,
                self.source,
                measured,
                self.device,
                self.precision,
                auxiliary_heads=weighs,
            )
        return float(total) / sum(len(pictures) for pictures in batches)

    def _solve(self) -> float:
        """Writes the head's solution on all training samples into the network; returns its loss."""
        rows, recipe = self.roles.train, self.config.training
        head, own = recipe.solved_head, recipe.own_head
        assert isinstance(head, SolvedHead)
        assert own is not None
        assert self.task.output_kind is not None
        training = TrainingFeatures(
            features_ND=self.features_of(rows),
            targets_NT=self.targets_NK[rows],
            subjects_N=self.data.samples["subject"].to_numpy()[rows],
            output_kind=self.task.output_kind,
            num_outputs=self.task.num_outputs,
            seed=inner_seed(self.config),
        )
        solution = head.solve(training, own.own)
        with torch.no_grad():
            layer = last_linear(self.trained)
            layer.weight.copy_(torch.from_numpy(solution.weight_KD))
            layer.bias.copy_(torch.from_numpy(solution.bias_K))
        self.chosen = solution.chosen
        said = ", ".join(f"{name} {value:.4g}" for name, value in solution.chosen.items())
        self._log(logging.INFO, "the head is solved: %s", said or "nothing to choose")
        return self._loss_of(self.predict(rows), rows)

    def _sampling_weights(self) -> NDArray[np.float64] | None:
        """How often each picture of an epoch is drawn; nothing where each comes once."""
        if self.config.training.sampler != "balanced":
            return None
        rows, _ = self._rows_and_copies(self._trained_on())
        classes_N = self.targets_NK[rows, 0].astype(np.intp)
        weights_K = balanced_weights(classes_N, self.task.num_outputs)
        return np.asarray(weights_K[classes_N])

    def _rows_and_copies(self, pictures: Indices) -> tuple[Indices, Indices]:
        copies, rows = np.divmod(pictures, len(self.data.samples))
        return rows, copies

    def _step(self, pictures: Indices) -> Tensor:
        rows, copies = self._rows_and_copies(pictures)
        given_B = self._given(rows, copies)
        targets_BK = self.loss.targets(
            to_device(torch.from_numpy(self.targets_NK[rows]), self.device)
        )
        mix = draw_mix(self.config.training, self.source.pixels, self.generator)
        if mix is not None:
            assert isinstance(given_B, Tensor), "photographs that are pooled are not mixed"
            given_B, targets_BK = mix.images(given_B), mix.targets(targets_BK)
        self.optimizer.zero_grad(set_to_none=True)
        parts = self._parts(rows)
        if len(parts) == 1:
            loss = self._backward(given_B, targets_BK)
        else:
            # The mean over the batch is the mean of its parts' means, weighted by their sizes.
            fractions = [len(rows[part]) / len(rows) for part in parts]
            assert isinstance(given_B, Tensor), "a head is trained on whole batches"
            losses = [
                self._backward(given_B[part], targets_BK[part], fraction) * fraction
                for part, fraction in zip(parts, fractions, strict=True)
            ]
            loss = torch.stack(losses).sum()
        self._take_step()
        return loss

    def _take_step(self) -> None:
        largest = self.config.training.clip_gradients
        if largest is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.trained.parameters(), largest)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.end_step()
        if self.average is not None:
            self.average.update(self.network if self.head is None else self.head)

    def _given(self, rows: Indices, copies: Indices) -> Tensor | Bags:
        """What is trained on: augmented pictures as the network takes them, or their features."""
        settings, grid = self.config.training.augmentation, 1 if self.bags else self.data.grid
        num_each = self.pictures_each(rows)
        if settings.copies is not None:
            if self.head is not None:
                return self.head_input(rows, np.repeat(copies, num_each))
            names = self.data.samples["sample"].to_numpy()[rows].tolist()
            draws = draw_copies(names, copies.tolist(), settings, self.config.seed, grid)
        else:
            draws = draw(int(num_each.sum()), settings, self.generator, grid)
            if self.head is not None:
                return self.head_input(rows, mirror_images(draws))
        return self.source.normalise(apply_draws(self.source.take(rows), draws, grid))

    def _parts(self, rows: Indices) -> list[slice]:
        """What of a batch is on the device at a time."""
        most = self.micro_batch_size if self.head is None else None
        return even_parts(len(rows), most or len(rows))

    def _backward(
        self, given_B: Tensor | Bags, targets_BK: Tensor, fraction: float = 1.0
    ) -> Tensor:
        """Adds the gradient of ``fraction`` times the loss; returns the loss of the main head."""
        weight = self.config.training.auxiliary_loss_weight
        trained = self.network if self.head is None else self.head
        with autocast(self.device, self.precision):
            outputs, auxiliary = forward_all(trained, given_B)
        loss = self.loss(outputs.float(), targets_BK)
        total = loss
        for head in auxiliary if weight else ():
            total = total + weight * self.loss(head.float(), targets_BK)
        if fraction != 1.0:
            total = total * fraction
        self.scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _loss_of(self, outputs: np.ndarray, rows: Indices) -> float:
        targets = torch.from_numpy(self.targets_NK[rows])
        return float(self.task.loss(torch.from_numpy(outputs), targets))

    def _log(self, level: int, message: str, *values: object) -> None:
        # A trial's folds write into one log.
        logger.log(level, f"fold %d: {message}", self.config.fold, *values)

    def _log_epoch(self, record: EpochRecord) -> None:
        metric_values = ", ".join(f"{name} {value:.4g}" for name, value in record.metrics.items())
        self._log(
            logging.INFO,
            "epoch %d: learning rate %.3g, training loss %.5g, validation loss %.5g%s%s, %.2f s",
            record.epoch,
            record.learning_rate,
            record.train_loss,
            record.validation_loss,
            " (best)" if record.is_best else "",
            f", {metric_values}" if metric_values else "",
            record.wall_seconds,
        )
        if self.has_diverged:
            self._log(
                logging.WARNING,
                "diverged in epoch %d at a learning rate of %.3g: the loss is no longer finite",
                record.epoch,
                record.learning_rate,
            )

    def save_checkpoint(self) -> None:
        """Writes ``last.pt``, from which another process can go on after this epoch."""
        checkpoint.save(self)

    def finalize(self) -> FitRecord:
        """Restores the best weights, predicts, and writes the records; ``fit.json`` last."""
        return finalize.finalize(self)

    def run(self) -> FitRecord:
        """Trains to the end and finalizes."""
        while not self.is_over:
            self.run_epoch()
        return self.finalize()
