"""The last hidden layer: what a network makes of a picture before its last layer decides.

Shape letters: B batch, C channels, D hidden units, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from foldgrid.models.stages import StagedNetwork


def last_hidden(network: nn.Module, images_BCHW: Tensor) -> Tensor:
    """The input of the network's last layer, (B, D).

    Of a network that ends in a convolution (SqueezeNet) it is the mean over the map; of one with
    heads at its stages it is that of its own last layer; of one with several last layers whose
    outputs are averaged (DeiT's two tokens) it is the mean of their inputs, or all of them where
    they differ in size (CrossViT's two branches). EfficientNet-B4 has 1792 units.

    Args:
        network: In prediction mode; it is left as it is.
        images_BCHW: As the network takes them.
    """
    body = network.body if isinstance(network, StagedNetwork) else network
    heads = head_layers(body)
    with inputs_of([layer for head in heads for layer in head]) as inputs:
        body(images_BCHW)
    called = [[inputs[layer] for layer in inputs if layer in head] for head in heads]
    taken = [pooled(head[-1]) for head in called if head]
    if len({each.shape for each in taken}) > 1:
        return torch.cat(taken, dim=1)
    return taken[0] if len(taken) == 1 else torch.stack(taken).mean(dim=0)


def head_layers(network: nn.Module) -> list[list[nn.Module]]:
    """For each last layer what it may be: the last one that is called counts."""
    return [_layers_of(head) for head in _heads(network)]


def _heads(network: nn.Module) -> list[nn.Module]:
    """What timm's networks call their classifiers; of others the network, which ends with it."""
    own: Any = network
    found = own.get_classifier() if hasattr(network, "get_classifier") else network
    return list(found) if isinstance(found, (tuple, list, nn.ModuleList)) else [found]


@contextmanager
def inputs_of(layers: Sequence[nn.Module]) -> Iterator[dict[nn.Module, Tensor]]:
    """What layers are given inside, by layer, the last that is called last."""
    inputs: dict[nn.Module, Tensor] = {}

    def note(module: nn.Module, incoming: tuple[Tensor, ...]) -> None:
        # What is called again counts where it was called last.
        inputs.pop(module, None)
        inputs[module] = incoming[0]

    handles = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        yield inputs
    finally:
        for handle in handles:
            handle.remove()


def _layers_of(head: nn.Module) -> list[nn.Module]:
    return [each for each in head.modules() if isinstance(each, (nn.Linear, nn.Conv2d))]


def pooled(hidden: Tensor) -> Tensor:
    """A vector as it is; of a map the mean over its cells."""
    return hidden.mean(dim=(2, 3)) if hidden.dim() == 4 else hidden
