"""The networks that this project itself holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foldgrid.models.sources.source import NetworkSource

if TYPE_CHECKING:
    from torch import nn


class BuiltInNetworks(NetworkSource):
    """Networks without published weights: they always start at random."""

    title = "this project"
    library = "torch"

    def names(self) -> tuple[str, ...]:
        """The networks that it builds."""
        return ("plain_cnn",)

    def construct(self, name: str, num_outputs: int) -> nn.Module:
        """The network with fresh weights."""
        from foldgrid.models.sources.plain_cnn import PlainCnn

        return PlainCnn(num_outputs)

    def native_pixels(self, name: str) -> int:
        """The input size of the study that it comes from."""
        from foldgrid.models.sources.plain_cnn import NATIVE_PIXELS

        return NATIVE_PIXELS
