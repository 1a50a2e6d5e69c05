"""Networks that torchvision lacks and timm has. timm is imported when one of them is asked for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from foldgrid.models.facts import fact
from foldgrid.models.sources.source import NetworkSource, PublishedWeights
from foldgrid.specs.errors import SweepError

if TYPE_CHECKING:
    from torch import nn

_NAMES = (
    "seresnet101",
    "seresnext101_32x4d",
    "legacy_seresnet101",
    "legacy_seresnext101_32x4d",
)
"""timm's own names. ``legacy_`` are the authors' networks (strides in the 1x1 convolutions), and
the only ones for which both have weights."""


class TimmNetworks(NetworkSource):
    """The squeeze-and-excitation ResNets; timm's package does not carry their top-5 figures."""

    title = "timm"
    library = "timm"

    def install_command(self) -> str:
        """It is in this project's list."""
        return "python -m pip install -r requirements.txt"

    def names(self) -> tuple[str, ...]:
        """The networks that it builds; timm has hundreds more, which nobody has tried here."""
        return _NAMES

    def construct(self, name: str, num_outputs: int) -> nn.Module:
        """The network as timm initialises it."""
        network: nn.Module = _timm(name).create_model(
            name, pretrained=False, num_classes=num_outputs
        )
        return network

    def published_weights(self, name: str) -> PublishedWeights | None:
        """What timm takes first for the network; ``seresnet101`` has none."""
        return _published(name)

    def native_pixels(self, name: str) -> int:
        """The input size that the network was trained at."""
        return int(_configuration(name).input_size[-1])


@lru_cache(maxsize=1024)
@fact
def _published(name: str) -> PublishedWeights | None:
    published = _configuration(name)
    return PublishedWeights(published.tag, published.url) if published.url else None


def _configuration(name: str) -> Any:
    return _timm(name).get_pretrained_cfg(name, allow_unregistered=False)


def _timm(name: str) -> Any:
    try:
        import timm
    except ModuleNotFoundError as error:
        if error.name != "timm":
            raise
        raise SweepError(
            f"{name}: needs timm, which is not installed here.\n"
            "`python -m pip install -r requirements.txt` brings it; all other networks do without."
        ) from error
    return timm
