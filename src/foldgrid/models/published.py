"""What is published about a network beside its weights."""

from __future__ import annotations

from foldgrid.models.sources import fact_of_network, source_of
from foldgrid.specs.normalization import normalization_of


def native_pixels(backbone: str) -> int:
    """The input size that the published weights were tested at, or the network was made for."""
    return source_of(backbone).native_pixels(backbone)


@fact_of_network
def published_normalization(backbone: str) -> str:
    """The value of a recipe's ``normalization`` that the published weights were trained with."""
    own = source_of(backbone).preprocessing(backbone)
    return normalization_of(own.mean, own.std)


@fact_of_network
def published_interpolation(backbone: str) -> str:
    """How pictures were resized for the published weights: ``bilinear`` or ``bicubic``."""
    named = source_of(backbone).preprocessing(backbone).interpolation
    # timm's ``random`` and ``lanczos`` are none of torch's.
    return named if named == "bilinear" else "bicubic"


def published_top5(backbone: str) -> float | None:
    """The top-5 accuracy of the published weights on ImageNet, in percent, of one centre crop."""
    return source_of(backbone).published_top5(backbone)
