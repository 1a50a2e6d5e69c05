"""The last hidden layer: what a network makes of a picture before its last layer decides.

Shape letters: B batch, C channels, D hidden units, H and W pixels.
"""

from __future__ import annotations

from torch import Tensor, nn

from foldgrid.models.stages import StagedNetwork


def last_hidden(network: nn.Module, images_BCHW: Tensor) -> Tensor:
    """The input of the network's last layer, (B, D).

    Of a network that ends in a convolution (SqueezeNet) it is the mean over the map; of one with
    heads at its stages it is that of its own last layer. EfficientNet-B4 has 1792 units.

    Args:
        network: In prediction mode; it is left as it is.
        images_BCHW: As the network takes them.
    """
    body = network.body if isinstance(network, StagedNetwork) else network
    inputs: list[Tensor] = []

    def note(_module: nn.Module, incoming: tuple[Tensor, ...]) -> None:
        inputs[:] = incoming[:1]

    layers = [each for each in body.modules() if isinstance(each, (nn.Linear, nn.Conv2d))]
    handles = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        body(images_BCHW)
    finally:
        for handle in handles:
            handle.remove()
    (hidden,) = inputs
    return hidden.mean(dim=(2, 3)) if hidden.dim() == 4 else hidden
