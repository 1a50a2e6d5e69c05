"""A network from its name, with fresh weights or as shapes alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from foldgrid.models.pooling import make_pooling_deterministic
from foldgrid.models.sources import source_of


def has_auxiliary_heads(name: str) -> bool:
    """Whether the network has further heads than its last layer, in training, by its authors."""
    return source_of(name).has_auxiliary_heads(name)


def construct(name: str, num_outputs: int) -> nn.Module:
    """The network with fresh weights, from torch's global generator."""
    return source_of(name).construct(name, num_outputs)


def construct_on_meta(name: str, num_outputs: int) -> nn.Module:
    """The network as shapes without numbers, on torch's meta device; draws nothing at random."""
    try:
        with torch.device("meta"):
            network = construct(name, num_outputs)
    except NotImplementedError:
        # RegNet computes its widths with tensors, and the meta device computes nothing.
        with _EmptyOnMeta():
            network = construct(name, num_outputs).to("meta")
    return make_pooling_deterministic(network)


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
