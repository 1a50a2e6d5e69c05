"""What torchvision publishes about a network beside its weights."""

from __future__ import annotations

from typing import Any

import torchvision

USUAL_PIXELS = 224


def native_pixels(backbone: str) -> int:
    """The input size that the published weights were tested at; 224 where none are published."""
    weights = _weights(backbone)
    return USUAL_PIXELS if weights is None else _pixels(weights)


def published_top5(backbone: str) -> float | None:
    """The top-5 accuracy of the published weights on ImageNet, in percent, of one centre crop."""
    weights = _weights(backbone)
    return None if weights is None else float(weights.meta["_metrics"]["ImageNet-1K"]["acc@5"])


def _weights(backbone: str) -> Any:
    """The first recipe's weights, or those that were tested at the smallest size."""
    try:
        weights = list(torchvision.models.get_model_weights(backbone))
    except ValueError:
        return None
    # Weights of later recipes were also tested at larger sizes, and some change the network.
    first = [each for each in weights if each.name == "IMAGENET1K_V1"]
    return min(first or weights, key=_pixels, default=None)


def _pixels(weights: Any) -> int:
    return int(weights.transforms().crop_size[0])
