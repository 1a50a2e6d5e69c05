"""Networks whose first weights are a file of the user's: ``file:weights.safetensors:resnet18``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from foldgrid.models.sources.source import (
    NETWORK_SOURCES,
    NetworkSource,
    Preprocessing,
    PublishedWeights,
)
from foldgrid.specs.backbone_names import FILE_PREFIX, read_file_name
from foldgrid.specs.errors import did_you_mean

if TYPE_CHECKING:
    from torch import Tensor, nn


class WeightFiles(NetworkSource):
    """Any other source's networks; only where their weights come from is this one's."""

    title = "a file of weights"
    library = "torch"

    def names(self) -> tuple[str, ...]:
        """None: each is written as ``file:PATH:NAME``."""
        return ()

    def builds(self, name: str) -> bool:
        """Whether it names a file."""
        return name.startswith(FILE_PREFIX)

    def refusal(self, name: str) -> str | None:
        """No such network, or one that is refused itself."""
        try:
            source, architecture = _of(name)
        except ValueError as error:
            return str(error)
        return source.refusal(architecture)

    def construct(self, name: str, num_outputs: int) -> nn.Module:
        """The network with fresh weights."""
        source, architecture = _of(name)
        return source.construct(architecture, num_outputs)

    def construct_at(self, name: str, num_outputs: int, pixels: int) -> nn.Module:
        """The same for pictures of ``pixels``."""
        source, architecture = _of(name)
        return source.construct_at(architecture, num_outputs, pixels)

    def adapt_state(
        self, name: str, network: nn.Module, state: Mapping[str, Tensor], pixels: int | None
    ) -> Mapping[str, Tensor]:
        """As the network's own weights are."""
        source, architecture = _of(name)
        return source.adapt_state(architecture, network, state, pixels)

    def has_auxiliary_heads(self, name: str) -> bool:
        """As the network has."""
        source, architecture = _of(name)
        return source.has_auxiliary_heads(architecture)

    def published_weights(self, name: str) -> PublishedWeights | None:
        """The file, by its hash; nobody publishes it, and nobody knows its licence."""
        found = read_file_name(name)
        assert found is not None
        return replace(PublishedWeights("file"), sha256=found.hash)

    def native_pixels(self, name: str) -> int:
        """As the network's."""
        source, architecture = _of(name)
        return source.native_pixels(architecture)

    def preprocessing(self, name: str) -> Preprocessing:
        """As the network's."""
        source, architecture = _of(name)
        return source.preprocessing(architecture)


def _of(name: str) -> tuple[NetworkSource, str]:
    """Who builds the network of a file's weights, and its name.

    Raises:
        ValueError: Nobody does, or the name is not written as it must be.
    """
    found = read_file_name(name)
    assert found is not None
    architecture = found.architecture
    others = [each for each in NETWORK_SOURCES.values() if not isinstance(each, WeightFiles)]
    for has in (lambda each: architecture in each.names(), lambda each: each.builds(architecture)):
        for source in others:
            if has(source):
                return source, architecture
    names = [each for source in others for each in (*source.names(), *source.more_names())]
    hint = did_you_mean(architecture, names, most=5)
    raise ValueError(f'there is no network called "{architecture}". {hint}')
