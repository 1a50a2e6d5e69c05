"""When to stop, and which epoch was best. Plain numbers; torch's scheduler lowers the rate."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class EarlyStopping:
    """Remembers the lowest validation loss and counts the epochs since.

    Attributes:
        patience: Epochs without a new lowest loss after which the fit is over.
        best_loss: The lowest loss so far.
        best_epoch: Its epoch; 0 before the first.
        epoch: The last epoch seen.
    """

    patience: int
    best_loss: float = math.inf
    best_epoch: int = 0
    epoch: int = 0

    def update(self, epoch: int, loss: float) -> bool:
        """Takes the loss of ``epoch``; returns whether it is the best so far."""
        self.epoch = epoch
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, epoch
            return True
        return False

    @property
    def is_over(self) -> bool:
        """Whether ``patience`` epochs have passed without a new lowest loss."""
        return self.epoch - self.best_epoch >= self.patience
