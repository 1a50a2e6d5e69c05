"""The networks that this project itself holds."""

from __future__ import annotations

from torch import nn

from foldgrid.models.sources.plain_cnn import NATIVE_PIXELS, PlainCnn
from foldgrid.models.sources.source import NetworkSource


class OwnNetworks(NetworkSource):
    """Networks without published weights: they always start at random."""

    title = "this project"
    library = "torch"

    def names(self) -> tuple[str, ...]:
        """The networks that it builds."""
        return ("plain_cnn",)

    def construct(self, name: str, num_outputs: int) -> nn.Module:
        """The network with fresh weights."""
        return PlainCnn(num_outputs)

    def native_pixels(self, name: str) -> int:
        """The input size of the study that it comes from."""
        return NATIVE_PIXELS
