"""A network layer by layer: volumes, kernels, parameters and multiply-adds, without running it.

One image is followed on torch's meta device, where no arithmetic happens and nothing is stored.
Hooks see the modules, a function mode what the networks do between them (sums, concatenations,
pooling by function). Volumes are height x width x depth, or tokens x depth, or the depth alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from foldgrid.models.backbones import build_on_meta
from foldgrid.models.construction import follow, has_auxiliary_heads
from foldgrid.models.layers import Layer
from foldgrid.models.tracing import LayerTrace
from foldgrid.specs.heads import OwnHead


@dataclass(frozen=True)
class Structure:
    """A network's layers at one input size.

    Attributes:
        backbone: The network's name.
        pixels: Height and width of its input.
        num_outputs: The size of its last layer, and of each auxiliary head.
        layers: What an image passes, in the order of the computation, down to each activation.
        auxiliary: The same of the heads that help in training and are left out in prediction.
        auxiliary_problem: Why the auxiliary heads cannot take images so small, so that the network
            predicts and does not train on them; "" where they can. Then ``auxiliary`` holds one row
            a head, with its parameters alone.
        own_head: The head in the place of its last layer; nothing where that one stays.
    """

    backbone: str
    pixels: int
    num_outputs: int
    layers: tuple[Layer, ...]
    auxiliary: tuple[Layer, ...] = ()
    auxiliary_problem: str = ""
    own_head: OwnHead | None = None

    @property
    def num_parameters(self) -> int:
        """All parameters, those of auxiliary heads among them."""
        return sum(layer.parameters for layer in (*self.layers, *self.auxiliary))

    @property
    def multiply_adds(self) -> int:
        """Of one image's forward pass in prediction, where auxiliary heads take no part."""
        return sum(layer.multiply_adds for layer in self.layers)


@lru_cache(maxsize=64)
def describe(
    backbone: str, num_outputs: int, pixels: int, own_head: OwnHead | None = None
) -> Structure:
    """Follows one image of ``pixels`` x ``pixels`` through ``backbone``.

    Raises:
        ValueError: The network cannot take images of this size, or has no features such as
            ``own_head`` asks for; the message says so.
    """
    network = build_on_meta(backbone, num_outputs, pixels=pixels, own_head=own_head).eval()
    try:
        layers = _follow(network, pixels)
    except (RuntimeError, AssertionError) as error:
        # Vision transformers assert their one picture size.
        raise ValueError(f"{backbone} cannot take {pixels}x{pixels} pixels ({error})") from error
    if own_head is not None:
        return Structure(backbone, pixels, num_outputs, layers, own_head=own_head)
    if not has_auxiliary_heads(backbone):
        return Structure(backbone, pixels, num_outputs, layers)
    # The network asks itself whether it trains; its layers stay as in prediction.
    network.training = True
    seen = {layer.name for layer in layers}
    try:
        in_training = _follow(network, pixels)
    except RuntimeError as error:
        heads = _unfollowed(network, layers)
        return Structure(backbone, pixels, num_outputs, layers, heads, str(error))
    auxiliary = tuple(layer for layer in in_training if layer.name not in seen)
    return Structure(backbone, pixels, num_outputs, layers, auxiliary)


def _unfollowed(network: nn.Module, layers: Sequence[Layer]) -> tuple[Layer, ...]:
    followed = {layer.name.split(".")[0] for layer in layers}
    return tuple(
        Layer(name, "block", "", (), (), parameters=sum(each.numel() for each in head.parameters()))
        for name, head in network.named_children()
        if name not in followed and any(True for _ in head.parameters())
    )


def _follow(network: nn.Module, pixels: int) -> tuple[Layer, ...]:
    operations = FlopCounterMode(display=False)
    trace = LayerTrace(network, operations)
    try:
        with operations, trace:
            follow(network, pixels)
    finally:
        trace.remove_hooks()
    return _with_unentered(network, trace.layers)


def _with_unentered(network: nn.Module, layers: list[Layer]) -> tuple[Layer, ...]:
    """The layers and, before the module around them, weights of modules that nobody enters.

    BEiT takes the weights of its queries without calling the module that holds them.
    """
    names = {layer.name for layer in layers}
    found = list(layers)
    for module_name, module in network.named_modules():
        around = module_name.rpartition(".")[0]
        own = sum(each.numel() for each in module.parameters(recurse=False))
        if not own or module_name in names or not around:
            continue
        if any(name.startswith(f"{module_name}.") for name in names):
            continue
        place = [row for row, each in enumerate(found) if each.name.startswith(f"{around}.")]
        if place and not _is_inside_row(module_name, names):
            row = Layer(module_name, "weights", "weights", (), (own,), parameters=own)
            found.insert(place[0], row)
    return tuple(found)


def _is_inside_row(name: str, rows: set[str]) -> bool:
    """Whether a module is a part of one that has a row, as attention's projections are."""
    parts = name.split(".")
    return any(".".join(parts[:depth]) in rows for depth in range(1, len(parts)))
