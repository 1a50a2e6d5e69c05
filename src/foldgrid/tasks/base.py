"""The half of a task that trains: its scoring, and a loss.

Laws, kept by every task beside those of `foldgrid.tasks.scoring`: ``loss`` of (outputs, targets)
is a mean over the batch, so that parts of a batch can be added up, and at its lowest for perfect
outputs. Shape letters: B batch, N samples, T targets, K outputs.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from foldgrid.tasks.scoring import FloatArray, Scoring


class Task(Scoring, Protocol):
    """What is predicted, and how a network learns it."""

    def loss(self, outputs_BK: Tensor, targets_BT: Tensor) -> Tensor:
        """The training loss, a scalar."""
        ...

    def start_bias(self, targets_NT: FloatArray) -> FloatArray:
        """(K,) The bias of a last layer that says the same for every picture, as well as can be.

        Args:
            targets_NT: The training samples' targets.
        """
        ...
