"""Networks side by side: what was published about them, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foldgrid.models.footprint import count_operations
from foldgrid.models.published import native_pixels, published_top5
from foldgrid.specs.architectures import Architecture, find_architecture


@dataclass(frozen=True)
class ComparedNetwork:
    """A network of a comparison.

    Attributes:
        backbone: Its name.
        architecture: The family and its paper; nothing where it is not known.
        paper_top5: The paper's top-5 accuracy on ImageNet's validation set, of one network, in
            percent; nothing where the paper's value is not known.
        torchvision_top5: That of torchvision's weights, one centre crop.
        pixels: The input size that the multiply-adds are of.
        num_parameters: All parameters, those of auxiliary heads among them.
        multiply_adds: Of one image's forward pass.
    """

    backbone: str
    architecture: Architecture | None
    paper_top5: float | None
    torchvision_top5: float | None
    pixels: int
    num_parameters: int
    multiply_adds: int


def compare_networks(
    backbones: Sequence[str], num_outputs: int, pixels: int | None = None
) -> tuple[ComparedNetwork, ...]:
    """The networks, the oldest architecture first.

    Args:
        backbones: Known names.
        num_outputs: The size of the last layer, and of each auxiliary head.
        pixels: The input size; without it each network's native one.

    Raises:
        ValueError: A network cannot take images of this size.
    """
    networks = [_compared(name, num_outputs, pixels or native_pixels(name)) for name in backbones]
    return tuple(sorted(networks, key=_year))


def _year(network: ComparedNetwork) -> int:
    return network.architecture.year if network.architecture else 9999


def _compared(backbone: str, num_outputs: int, pixels: int) -> ComparedNetwork:
    size = count_operations(backbone, num_outputs, pixels)
    architecture = find_architecture(backbone)
    error = architecture.top5_error.get(backbone) if architecture else None
    return ComparedNetwork(
        backbone=backbone,
        architecture=architecture,
        paper_top5=None if error is None else round(100 - error, 2),
        torchvision_top5=published_top5(backbone),
        pixels=pixels,
        num_parameters=size.num_parameters,
        multiply_adds=size.multiply_adds,
    )
