"""What a source of networks answers. Knows no network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import nn

USUAL_PIXELS = 224
"""The input size of most networks for ImageNet."""


@dataclass(frozen=True)
class PublishedWeights:
    """Weights of one network for ImageNet, as somebody publishes them.

    Attributes:
        name: What the publisher calls them, such as ``IMAGENET1K_V1``.
        url: Where the file is; its name ends with the start of its SHA-256.
    """

    name: str
    url: str


class NetworkSource(Protocol):
    """A library of networks, or a module of this project.

    Laws: ``names`` needs no library that may be lacking; ``construct`` draws random numbers from
    torch's global generator alone, and none on the meta device; all other methods draw none.
    """

    @property
    def library(self) -> str:
        """The package that must be installed."""
        ...

    def names(self) -> tuple[str, ...]:
        """The networks that it builds."""
        ...

    def construct(self, name: str, num_outputs: int) -> nn.Module:
        """The network with fresh weights and a last layer of ``num_outputs``."""
        ...

    def has_auxiliary_heads(self, name: str) -> bool:
        """Whether the network's authors gave it further heads than its last layer, in training."""
        ...

    def published_weights(self, name: str) -> PublishedWeights | None:
        """Its pre-trained weights; nothing where none are published."""
        ...

    def native_pixels(self, name: str) -> int:
        """The input size that it was made or tested for."""
        ...

    def published_top5(self, name: str) -> float | None:
        """The top-5 accuracy of its weights on ImageNet, in percent, of one centre crop."""
        ...
