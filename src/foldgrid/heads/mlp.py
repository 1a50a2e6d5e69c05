"""A multilayer perceptron, trained by the recipe."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from foldgrid.specs.base import Spec
from foldgrid.specs.counted import counted
from foldgrid.specs.heads import TrainedHead


class MlpSettings(Spec):
    """What a multilayer perceptron has to set.

    Attributes:
        hidden_units: The width of each hidden layer.
        num_hidden_layers: How many there are before the last layer.
        dropout: The chance that a hidden unit is left out in a training step, in [0, 1).
    """

    hidden_units: int = Field(default=256, ge=1)
    num_hidden_layers: int = Field(default=1, ge=1, le=8)
    dropout: float = Field(default=0.0, ge=0, lt=1)


class Mlp(TrainedHead):
    """Hidden layers of rectified linear units, each with dropout, and a linear layer.

    See ``TrainedHead``.
    """

    title = "A multilayer perceptron"
    settings = MlpSettings

    def build(self, num_features: int, num_outputs: int, own: MlpSettings) -> Any:
        """See ``TrainedHead``."""
        from torch import nn

        layers: list[nn.Module] = []
        width = num_features
        for _ in range(own.num_hidden_layers):
            layers += [nn.Linear(width, own.hidden_units), nn.ReLU(), nn.Dropout(own.dropout)]
            width = own.hidden_units
        return nn.Sequential(*layers, nn.Linear(width, num_outputs))

    def words(self, own: MlpSettings) -> str:
        """See ``TrainedHead``."""
        layers = counted(own.num_hidden_layers, "hidden layer")
        return f"{self.title} of {layers} of {own.hidden_units} units, dropout {own.dropout:g}"
