"""Batch normalisation folded into the convolutions before it: the same function, fewer passes.

In prediction it multiplies and moves each channel by numbers that are known, which the convolution
can do itself. Knows networks; does not know what is computed with them. Shape letters: C input
channels, O output channels.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_ALIKE = 1e-3
"""By so much of their spread outputs may differ; that of rounding is a thousandth of it."""


def folded(network: nn.Module, images_BCHW: Tensor) -> nn.Module:
    """A copy of a network in prediction mode, without the batch normalisation that can be folded.

    Whatever is not folded shares its tensors with the network, which stays as it is.

    Args:
        network: Any.
        images_BCHW: One or more pictures: what uses what is found by following them.

    Returns:
        The copy. Nothing is folded where its outputs are not the network's.
    """
    shared = {id(each): each for each in (*network.parameters(), *network.buffers())}
    plain, copy = (deepcopy(network, dict(shared)).eval() for _ in range(2))
    with torch.inference_mode(False), torch.no_grad():
        pairs = _pairs(copy, images_BCHW)
        for convolution, norm in pairs:
            _fold(copy, convolution, norm)
        if pairs and not _is_alike(copy(images_BCHW), plain(images_BCHW)):
            return plain
    return copy


def _is_alike(one: Tensor, other: Tensor) -> bool:
    spread = other.std() if other.numel() > 1 else other.abs().max()
    return bool((one - other).abs().max() <= _ALIKE * spread)


def _kinds(of_torch: type[nn.Module], of_timm: str) -> tuple[type[nn.Module], ...]:
    """A layer of torch and its like in timm, which is not imported for it: that takes a second.

    These alone are folded: other convolutions change their weights before they use them.
    """
    layers = sys.modules.get("timm.layers")
    return (of_torch,) if layers is None else (of_torch, getattr(layers, of_timm))


class _Uses(TorchFunctionMode):
    """Counts who computes with tensors that are monitored."""

    def __init__(self) -> None:
        super().__init__()
        self.monitored: dict[int, Tensor] = {}
        self.counts: dict[int, int] = {}

    def monitor(self, tensor: Tensor) -> None:
        """It is kept, so that no other has its identity."""
        self.monitored[id(tensor)], self.counts[id(tensor)] = tensor, 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        found = func(*args, **options)
        if isinstance(found, Tensor | tuple | list):
            for each in _tensors((*args, *options.values())):
                if id(each) in self.counts:
                    self.counts[id(each)] += 1
        return found


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    for each in values:
        if isinstance(each, Tensor):
            yield each
        elif isinstance(each, tuple | list):
            yield from _tensors(each)


def _pairs(network: nn.Module, images_BCHW: Tensor) -> list[tuple[str, str]]:
    """Convolutions whose output batch normalisation alone takes, both called once, by name."""
    uses, calls = _Uses(), dict[str, int]()
    made_by: dict[int, str] = {}
    takes: dict[str, int] = {}
    handles = []
    convolutions = _kinds(nn.Conv2d, "Conv2dSame")
    norms = _kinds(nn.BatchNorm2d, "BatchNormAct2d")

    def note(name: str, module: nn.Module) -> None:
        def after(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            calls[name] = calls.get(name, 0) + 1
            uses.monitor(output)
            made_by[id(output)] = name

        def before(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            calls[name] = calls.get(name, 0) + 1
            # Of what is monitored alone the identity stays its own.
            if id(inputs[0]) in uses.monitored:
                takes[name] = id(inputs[0])

        if type(module) in convolutions:
            handles.append(module.register_forward_hook(after))
        elif type(module) in norms and module.running_mean is not None:
            handles.append(module.register_forward_pre_hook(before))

    for name, module in network.named_modules():
        note(name, module)
    try:
        with uses:
            network(images_BCHW)
    finally:
        for handle in handles:
            handle.remove()
    return [
        (made_by[taken], norm)
        for norm, taken in takes.items()
        if uses.counts[taken] == 1 and calls[norm] == calls[made_by[taken]] == 1
    ]


def _fold(network: nn.Module, convolution: str, norm: str) -> None:
    layer: Any = network.get_submodule(convolution)
    own: Any = network.get_submodule(norm)
    scale_O = (own.running_var.double() + own.eps).rsqrt()
    if own.weight is not None:
        scale_O = scale_O * own.weight.double()
    moved_O = -own.running_mean.double() * scale_O
    if layer.bias is not None:
        moved_O = moved_O + layer.bias.double() * scale_O
    if own.bias is not None:
        moved_O = moved_O + own.bias.double()
    weight_OCHW = layer.weight.double() * scale_O[:, None, None, None]
    layer.weight = nn.Parameter(weight_OCHW.to(layer.weight.dtype), requires_grad=False)
    layer.bias = nn.Parameter(moved_O.to(layer.weight.dtype), requires_grad=False)
    is_plain = type(own) is nn.BatchNorm2d
    network.set_submodule(norm, nn.Identity() if is_plain else nn.Sequential(own.drop, own.act))
