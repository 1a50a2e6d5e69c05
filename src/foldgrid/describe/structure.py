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
from foldgrid.models.published import native_pixels
from foldgrid.models.tracing import LayerTrace


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
    """

    backbone: str
    pixels: int
    num_outputs: int
    layers: tuple[Layer, ...]
    auxiliary: tuple[Layer, ...] = ()
    auxiliary_problem: str = ""

    @property
    def num_parameters(self) -> int:
        """All parameters, those of auxiliary heads among them."""
        return sum(layer.parameters for layer in (*self.layers, *self.auxiliary))

    @property
    def multiply_adds(self) -> int:
        """Of one image's forward pass in prediction, where auxiliary heads take no part."""
        return sum(layer.multiply_adds for layer in self.layers)


@lru_cache(maxsize=64)
def describe(backbone: str, num_outputs: int, pixels: int) -> Structure:
    """Follows one image of ``pixels`` x ``pixels`` through ``backbone``.

    Raises:
        ValueError: The network cannot take images of this size; the message says so.
    """
    network = build_on_meta(backbone, num_outputs).eval()
    try:
        layers = _follow(network, pixels)
    except (RuntimeError, AssertionError) as error:
        # Vision transformers assert their one picture size.
        raise ValueError(f"{backbone} cannot take {pixels}x{pixels} pixels ({error})") from error
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


def smallest_pixels(backbone: str, num_outputs: int, too_small: int) -> int | None:
    """The smallest input size above ``too_small`` that ``backbone`` takes.

    Returns:
        The size; nothing where even the network's native size is not above ``too_small``.
    """
    low, high = too_small, native_pixels(backbone)
    if high <= low:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        try:
            describe(backbone, num_outputs, middle)
            high = middle
        except ValueError:
            low = middle
    return high


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
    return tuple(trace.layers)
