"""How the learning rate rises and falls within a phase."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_parts import Steps


def stepped_rate(first_rate: float, steps: Steps, num_epochs: int) -> float:
    """The learning rate after so many epochs at fixed steps, as torch's ``StepLR`` has it."""
    return first_rate * steps.factor ** (num_epochs // steps.every_epochs)


class Schedule:
    """Sets the rate of an optimiser after each step and after each epoch.

    A warm-up and a cosine move at each step, plateau and steps at the end of an epoch. A group that
    has an ``lr_scale`` trains with that fraction of the rate.

    Args:
        optimizer: What trains.
        recipe: Says how the rate rises and falls.
        first_rate: The phase's own, or the recipe's: the highest.
        num_epochs: The most epochs of the phase; where early stopping ends it before, a cosine has
            not come down.
        steps_per_epoch: Batches of an epoch.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        recipe: TrainingRecipe,
        first_rate: float,
        num_epochs: int = 1,
        steps_per_epoch: int = 1,
    ) -> None:
        self._optimizer, self._recipe, self._first_rate = optimizer, recipe, first_rate
        self._planned_epochs, self._steps_per_epoch = num_epochs, steps_per_epoch
        # Epochs that are over, and steps of the one that is not.
        self._num_epochs, self._num_steps = 0, 0
        plateau = recipe.plateau
        # Follows the one rate, of which each group of the optimiser has its fraction.
        self._plateau_rate = SGD([torch.zeros(())], lr=first_rate)
        self._plateau = (
            ReduceLROnPlateau(
                self._plateau_rate,
                factor=plateau.factor,
                patience=plateau.patience,
                threshold=plateau.threshold,
            )
            if recipe.schedule == "plateau"
            else None
        )
        self._set_rate()

    @property
    def rate(self) -> float:
        """What the next step trains with, in the groups at the full rate."""
        warmup, first = self._recipe.warmup, self._first_rate
        num_steps = self._num_epochs * self._steps_per_epoch + self._num_steps
        num_rising = warmup.epochs * self._steps_per_epoch
        if num_steps < num_rising:
            start = warmup.start_fraction
            return first * (start + (1 - start) * num_steps / num_rising)
        if self._recipe.schedule == "cosine":
            num_falling = self._planned_epochs * self._steps_per_epoch - num_rising
            done = min((num_steps - num_rising) / max(num_falling, 1), 1.0)
            final = self._recipe.cosine.final_fraction
            return first * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done)))
        if self._recipe.schedule == "steps":
            return stepped_rate(first, self._recipe.steps, self._num_epochs - warmup.epochs)
        if self._plateau is not None:
            return float(self._plateau_rate.param_groups[0]["lr"])
        return first

    def end_step(self) -> None:
        """A batch has been trained on."""
        self._num_steps += 1
        self._set_rate()

    def end_epoch(self, validation_loss: float) -> None:
        """An epoch is over, with this loss; a plateau sees those after the warm-up."""
        self._num_epochs, self._num_steps = self._num_epochs + 1, 0
        if self._plateau is not None and self._num_epochs > self._recipe.warmup.epochs:
            self._plateau.step(validation_loss)
        self._set_rate()

    def _set_rate(self) -> None:
        rate = self.rate
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group.get("lr_scale", 1.0)

    def adopt_recipe(self) -> None:
        """Goes on by its default configuration after it took another's state."""
        self._plateau_rate.param_groups[0]["lr"] = self._first_rate
        if self._plateau is not None:
            self._plateau.factor = self._recipe.plateau.factor
            self._plateau.patience = self._recipe.plateau.patience
            self._plateau.threshold = self._recipe.plateau.threshold
        self._set_rate()

    def state_dict(self) -> dict[str, Any]:
        """Plain values after an epoch, to go on from."""
        plateau = None if self._plateau is None else self._plateau.state_dict()
        rate = self._plateau_rate.param_groups[0]["lr"]
        return {"num_epochs": self._num_epochs, "plateau": plateau, "plateau_rate": rate}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from ``state_dict``."""
        self._num_epochs = int(state["num_epochs"])
        if self._plateau is not None and state["plateau"] is not None:
            self._plateau.load_state_dict(state["plateau"])
            # Earlier versions noted the rate there alone.
            rate = state.get("plateau_rate", state["plateau"]["_last_lr"][0])
            self._plateau_rate.param_groups[0]["lr"] = rate
        self._set_rate()
