"""A network from its name, with fresh weights or as shapes alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from foldgrid.models.pooling import make_pooling_deterministic
from foldgrid.models.sources import source_of

_CHANGE_NUMBERS_ALONE = (
    *(nn.init.constant_, nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_),
    *(Tensor.fill_, Tensor.zero_, Tensor.normal_, Tensor.uniform_),
    *(Tensor.add_, Tensor.mul_, Tensor.clamp_, Tensor.erfinv_),
)
"""What initialisers are made of; the last four draw from a truncated normal distribution."""


def has_auxiliary_heads(name: str) -> bool:
    """Whether the network has further heads than its last layer, in training, by its authors."""
    return source_of(name).has_auxiliary_heads(name)


def construct(
    name: str, num_outputs: int, pixels: int | None = None, drop_path: float | None = None
) -> nn.Module:
    """The network with fresh weights, from torch's global generator.

    Args:
        name: A known name.
        num_outputs: The size of the last layer.
        pixels: Height and width of the pictures; nothing for the network's own size.
        drop_path: How often the last residual block is left out in training; nothing for what its
            library builds.

    Raises:
        ValueError: It cannot be built for pictures of this size, or no block can be left out.
    """
    source = source_of(name)
    if drop_path is not None:
        return source.construct_with_drop_path(name, num_outputs, pixels, drop_path)
    if pixels is None:
        return source.construct(name, num_outputs)
    try:
        return source.construct_at(name, num_outputs, pixels)
    except ValueError as error:
        raise ValueError(f"{name} cannot take {pixels}x{pixels} pixels ({error})") from error


def construct_on_meta(
    name: str, num_outputs: int, pixels: int | None = None, drop_path: float | None = None
) -> nn.Module:
    """The network as shapes without numbers, on torch's meta device; draws nothing at random."""
    try:
        with torch.device("meta"), _WithoutNumbers():
            network = construct(name, num_outputs, pixels, drop_path)
    except (NotImplementedError, RuntimeError):
        # RegNet computes its widths with tensors, and the meta device (where whoever asks may be)
        # computes nothing.
        on_cpu = torch.device("cpu")
        with on_cpu, torch.random.fork_rng(devices=[]), _EmptyOnMeta(), _WithoutNumbers():
            network = construct(name, num_outputs, pixels, drop_path).to("meta")
    return make_pooling_deterministic(network)


def follow(network: nn.Module, pixels: int) -> None:
    """Leads one image through a network on the meta device, for whoever monitors its layers.

    Args:
        network: In prediction mode; nothing of it asks for gradients afterwards.
        pixels: Height and width of the image.
    """
    # Whoever counts operations looks for a gradient of each input that asks for one.
    network.requires_grad_(False)
    with torch.no_grad(), _NormsAtOnce():
        network(torch.empty(1, 3, pixels, pixels, device="meta"))


class _NormsAtOnce(TorchFunctionMode):
    """Norms in prediction leave the shape as it is; torch finds that out in a dozen steps."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        is_norm = func is F.layer_norm or (func is F.batch_norm and not options["training"])
        return torch.empty_like(args[0]) if is_norm else func(*args, **options)


class _WithoutNumbers(TorchFunctionMode):
    """Leaves out the initialisers' arithmetic where there are no numbers."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        if func in _CHANGE_NUMBERS_ALONE:
            tensor = args[0] if args else options["tensor"]
            if tensor.is_meta:
                return tensor
        return func(*args, **options)


class _EmptyOnMeta(TorchFunctionMode):
    """Puts on the meta device what layers allocate for their weights, and nothing else."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        return func(*args, **(options | {"device": "meta"} if func is torch.empty else options))
