"""How the learning rate falls within a phase."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_parts import Steps


def stepped_rate(first_rate: float, steps: Steps, num_epochs: int) -> float:
    """The learning rate after so many epochs at fixed steps, as torch's ``StepLR`` has it."""
    return first_rate * steps.factor ** (num_epochs // steps.every_epochs)


class Schedule:
    """Sets the rate of an optimiser after each epoch.

    Args:
        optimizer: At its first rate.
        recipe: Says how the rate falls.
        first_rate: The phase's own, or the recipe's.
    """

    def __init__(self, optimizer: Optimizer, recipe: TrainingRecipe, first_rate: float) -> None:
        self._optimizer, self._recipe, self._first_rate = optimizer, recipe, first_rate
        self._num_epochs = 0
        self._plateau = (
            ReduceLROnPlateau(
                optimizer,
                factor=recipe.plateau.factor,
                patience=recipe.plateau.patience,
                threshold=recipe.plateau.threshold,
            )
            if recipe.schedule == "plateau"
            else None
        )

    @property
    def rate(self) -> float:
        """What the next epoch trains with."""
        return float(self._optimizer.param_groups[0]["lr"])

    def step(self, validation_loss: float) -> None:
        """An epoch is over, with this loss."""
        self._num_epochs += 1
        if self._plateau is not None:
            self._plateau.step(validation_loss)
        else:
            self._set_rate()

    def _set_rate(self) -> None:
        rate = self._first_rate
        if self._recipe.schedule == "steps":
            rate = stepped_rate(rate, self._recipe.steps, self._num_epochs)
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def adopt_recipe(self) -> None:
        """Goes on by its default configuration after it took another's state."""
        self._set_rate()
        if self._plateau is not None:
            self._plateau.factor = self._recipe.plateau.factor
            self._plateau.patience = self._recipe.plateau.patience
            self._plateau.threshold = self._recipe.plateau.threshold

    def state_dict(self) -> dict[str, Any]:
        """Plain values, to go on from."""
        plateau = None if self._plateau is None else self._plateau.state_dict()
        return {"num_epochs": self._num_epochs, "plateau": plateau}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from ``state_dict``; the optimiser's rate is in the optimiser's own."""
        self._num_epochs = int(state["num_epochs"])
        if self._plateau is not None and state["plateau"] is not None:
            self._plateau.load_state_dict(state["plateau"])
