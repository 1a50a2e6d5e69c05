"""One linear layer, trained by the recipe."""

from __future__ import annotations

from typing import Any

from foldgrid.specs.base import Spec
from foldgrid.specs.heads import TrainedHead


class Linear(TrainedHead):
    """What every network ends with; with ``pooling: network`` it is the network's own last layer.

    See ``TrainedHead``.
    """

    title = "A linear layer"

    def build(self, num_features: int, num_outputs: int, own: Spec) -> Any:
        """See ``TrainedHead``."""
        from torch import nn

        return nn.Linear(num_features, num_outputs)

    def words(self, own: Spec) -> str:
        """See ``TrainedHead``."""
        return self.title
