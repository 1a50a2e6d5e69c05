"""The network of a fit, the same for whoever trains it and whoever predicts with it later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foldgrid.models import WeightFile, build_network, set_head_bias, with_own_head
from foldgrid.specs.errors import SweepError
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.normalization import OF_NETWORK
from foldgrid.tasks.scoring import Scoring
from foldgrid.training.training_data import body_seed


def build_for(
    config: FitConfig,
    num_outputs: int,
    pretrained: Mapping[str, Tensor] | None = None,
    *,
    pixels: int,
) -> nn.Module:
    """The network that ``config`` trains, on the CPU.

    Args:
        config: What decides the outcome.
        num_outputs: The size of the last layer.
        pretrained: Weights to start from; nothing for random ones, or where a whole state is
            loaded next.
        pixels: Height and width of the pictures that it sees.
    """
    recipe = config.training
    own = recipe.own_head
    # Where nothing of the fit decides them, features can be shared by folds.
    with nullcontext() if own is None else _seeded(body_seed(config)):
        network = build_network(
            config.backbone,
            num_outputs if own is None else 2,
            pretrained,
            stage_heads=recipe.stage_heads,
            pixels=pixels,
            drop_path=recipe.drop_path,
        )
    if hasattr(network, "transform_input"):
        # torchvision's GoogLeNet and Inception v3 weights expect inputs in [-1, 1], which the
        # network makes of ImageNet's scaling itself where it is asked to. No weight file tells.
        shifts = config.weights != "random" and recipe.normalization in ("imagenet", OF_NETWORK)
        network.transform_input = shifts  # type: ignore[assignment]
    if own is not None:
        network = with_own_head(network, config.backbone, own, num_outputs)
    return network


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Inside, weights are drawn by ``seed``; outside, the next are the same as without."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def build_first(
    config: FitConfig,
    task: Scoring,
    weights: WeightFile | None,
    targets_NK: NDArray[np.float32],
    pixels: int,
) -> nn.Module:
    """The network as a fit begins with it.

    Args:
        config: What decides the outcome.
        task: What is predicted.
        weights: Pre-trained weights; nothing for random ones.
        targets_NK: The training samples' targets, for ``start_from_mean``.
        pixels: Height and width of the pictures that it sees.

    Raises:
        SweepError: Not the weight file that the fit was planned with, or none at all.
    """
    weights = weights and weights.on_this_machine()
    if weights and weights.sha256() != config.weights:
        raise SweepError(
            f"{weights.path}: not the file that the sweep was planned with (its SHA-256 "
            f"is {weights.sha256()}, planned was {config.weights}).\n"
            "Every machine needs the same file: `foldgrid weights fetch` gets it."
        )
    pretrained = weights.load() if weights else None
    network = build_for(config, task.num_outputs, pretrained, pixels=pixels)
    if config.training.start_from_mean:
        set_head_bias(network, config.backbone, torch.from_numpy(task.start_bias(targets_NK)))
    return network
