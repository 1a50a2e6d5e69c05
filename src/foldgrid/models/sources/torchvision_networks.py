"""torchvision's classification networks and what it publishes about them."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from foldgrid.models.facts import fact
from foldgrid.models.sources.source import (
    USUAL_PIXELS,
    NetworkSource,
    Preprocessing,
    PublishedWeights,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

_WITH_AUXILIARY_HEADS = ("googlenet", "inception_v3")


def _models() -> Any:
    # Imported here: torchvision and torch take seconds, and facts that are kept need neither.
    from torchvision import models

    return models


@lru_cache(maxsize=1024)
@fact
def _names() -> tuple[str, ...]:
    return tuple(_models().list_models(module=_models()))


@lru_cache(maxsize=1024)
@fact
def _published(name: str) -> PublishedWeights | None:
    members = list(_models().get_model_weights(name))
    chosen = next((each for each in members if each.name == "IMAGENET1K_V1"), None)
    chosen = chosen or next(iter(members), None)
    if chosen is None:
        return None
    # torchvision says it in MiB.
    num_bytes = round(chosen.meta.get("_file_size", 0) * 2**20)
    licence = "cc-by-nc-4.0" if "SWAG" in chosen.name else "bsd-3-clause"
    return PublishedWeights(chosen.name, chosen.url, num_bytes=num_bytes, licence=licence)


class TorchvisionNetworks(NetworkSource):
    """All of torchvision's classification networks, by its names."""

    title = "torchvision"
    library = "torchvision"

    def names(self) -> tuple[str, ...]:
        """The networks that it builds."""
        return _names()

    def construct(self, name: str, num_outputs: int) -> nn.Module:
        """The network as torchvision initialises it."""
        return self._create(name, num_outputs)

    def construct_at(self, name: str, num_outputs: int, pixels: int) -> nn.Module:
        """ViT's position embeddings and MaxViT's windows are made for pictures of ``pixels``."""
        if name.startswith("vit_") and pixels != self.native_pixels(name):
            patch = int(name.rpartition("_")[2])
            if pixels % patch:
                raise ValueError(f"it cuts pictures into patches of {patch}x{patch} pixels")
            return self._create(name, num_outputs, image_size=pixels)
        if name.startswith("maxvit_") and pixels != self.native_pixels(name):
            return self._create(name, num_outputs, input_size=(pixels, pixels))
        return self._create(name, num_outputs)

    def construct_with_drop_path(
        self, name: str, num_outputs: int, pixels: int | None, drop_path: float
    ) -> nn.Module:
        """EfficientNet, ConvNeXt, Swin and MaxViT with another chance than torchvision's."""
        from torchvision.ops import StochasticDepth

        size = self.native_pixels(name) if pixels is None else pixels
        network = self.construct_at(name, num_outputs, size)
        blocks = [each for each in network.modules() if isinstance(each, StochasticDepth)]
        if not blocks:
            return super().construct_with_drop_path(name, num_outputs, pixels, drop_path)
        last = max(block.p for block in blocks)
        if name.startswith("efficientnet"):
            # It counts one block more than it has, so that the last is left out less often.
            drop_path *= 1 - 1 / len(blocks)
        for block in blocks:
            block.p *= drop_path / last
        return network

    def adapt_state(
        self, name: str, network: nn.Module, state: Mapping[str, Tensor], pixels: int | None
    ) -> Mapping[str, Tensor]:
        """ViT's position embeddings are interpolated."""
        del network
        if not name.startswith("vit_") or pixels in (None, self.native_pixels(name)):
            return state
        assert pixels is not None
        from torchvision.models.vision_transformer import interpolate_embeddings

        patch = int(name.rpartition("_")[2])
        resized: Mapping[str, Tensor] = interpolate_embeddings(pixels, patch, OrderedDict(state))
        return resized

    def _create(self, name: str, num_outputs: int, **more: Any) -> nn.Module:
        options: dict[str, Any] = {"weights": None, "num_classes": num_outputs, **more}
        builder = _models().get_model_builder(name)
        if self.has_auxiliary_heads(name):
            # Unsaid, these two print a warning about what will change one day.
            options |= {"aux_logits": True, "init_weights": True}
        elif "init_weights" in inspect.signature(builder).parameters:
            options["init_weights"] = True
        network: nn.Module = builder(**options)
        return network

    def has_auxiliary_heads(self, name: str) -> bool:
        """GoogLeNet and Inception v3 alone."""
        return name in _WITH_AUXILIARY_HEADS

    def published_weights(self, name: str) -> PublishedWeights | None:
        """``IMAGENET1K_V1`` wherever it exists, else torchvision's first."""
        return _published(name)

    def native_pixels(self, name: str) -> int:
        """The input size that the published weights were tested at."""
        weights = _tested_weights(name)
        return USUAL_PIXELS if weights is None else _pixels(weights)

    def preprocessing(self, name: str) -> Preprocessing:
        """As the weights were tested: by ImageNet's statistics, all of them."""
        weights = _tested_weights(name)
        if weights is None:
            return Preprocessing()
        tested = weights.transforms()
        return Preprocessing(tuple(tested.mean), tuple(tested.std), tested.interpolation.value)

    def published_top5(self, name: str) -> float | None:
        """That of the same weights, in percent."""
        weights = _tested_weights(name)
        return None if weights is None else float(weights.meta["_metrics"]["ImageNet-1K"]["acc@5"])


def _tested_weights(name: str) -> Any:
    """The first recipe's weights, or those that were tested at the smallest size."""
    weights = list(_models().get_model_weights(name))
    # Weights of later recipes were also tested at larger sizes, and some change the network.
    first = [each for each in weights if each.name == "IMAGENET1K_V1"]
    return min(first or weights, key=_pixels, default=None)


def _pixels(weights: Any) -> int:
    return int(weights.transforms().crop_size[0])
