"""When to stop, and which epoch was best. Plain numbers; the schedule lowers the rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from foldgrid.specs.phases import epochs_before
from foldgrid.specs.recipe import TrainingRecipe


@dataclass
class EarlyStopping:
    """Remembers the lowest validation loss and counts the epochs since.

    Attributes:
        patience: Epochs without a new lowest loss after which the fit is over. Null chooses
            nothing: no epoch ends the fit, and the last counts as the best.
        not_before: Epochs that belong to earlier phases: none of them ends the fit, and none of
            them uses patience up.
        best_loss: The lowest loss so far.
        best_epoch: Its epoch; 0 before the first.
        epoch: The last epoch seen.
    """

    patience: int | None
    not_before: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0
    epoch: int = 0

    @classmethod
    def of(cls, recipe: TrainingRecipe) -> Self:
        """As a recipe says it, before the first epoch."""
        stopping = recipe.early_stopping
        chooses = stopping.policy != "none" and recipe.solved_head is None
        patience = stopping.patience if chooses else None
        return cls(patience, epochs_before(recipe.phases, len(recipe.phases) - 1))

    def update(self, epoch: int, loss: float) -> bool:
        """Takes the loss of ``epoch``; returns whether it is the best so far."""
        self.epoch = epoch
        if self.patience is None or loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, epoch
            return True
        return False

    @property
    def is_over(self) -> bool:
        """Whether ``patience`` epochs have passed without a new lowest loss."""
        if self.patience is None:
            return False
        return self.epoch - max(self.best_epoch, self.not_before) >= self.patience
