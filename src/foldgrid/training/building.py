"""The network of a fit, the same for whoever trains it and whoever predicts with it later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foldgrid.heads.solving import Standardised
from foldgrid.models import (
    HeadedNetwork,
    WeightFile,
    build_network,
    set_head_bias,
    with_own_head,
)
from foldgrid.models.headed import Standardise, build_head, head_on_features, last_linear
from foldgrid.specs.errors import SweepError
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.normalization import OF_NETWORK
from foldgrid.tasks.scoring import Scoring
from foldgrid.training.training_data import Indices, body_seed, fit_seed


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
    with nullcontext() if own is None else seeded(body_seed(config)):
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
def seeded(seed: int) -> Iterator[None]:
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
            f"{weights.place}: not the file that the sweep was planned with (its SHA-256 "
            f"is {weights.sha256()}, planned was {config.weights}).\n"
            "Every machine needs the same file: `foldgrid weights fetch` gets it."
        )
    pretrained = weights.load() if weights else None
    network = build_for(config, task.num_outputs, pretrained, pixels=pixels)
    if config.training.start_from_mean:
        set_head_bias(network, config.backbone, torch.from_numpy(task.start_bias(targets_NK)))
    return network


def build_on_features(
    config: FitConfig,
    task: Scoring,
    features_ND: NDArray[np.float32],
    targets_NK: NDArray[np.float32],
    train: Indices,
) -> HeadedNetwork:
    """The head that a fit on given features begins with, in the units of its training samples.

    Args:
        config: What decides the outcome.
        task: What is predicted.
        features_ND: Of all samples.
        targets_NK: Of all samples.
        train: The rows that the fit trains on.
    """
    recipe = config.training
    network = head_on_features(recipe.head_of_table, features_ND.shape[1], task.num_outputs)
    columns = Standardised.of(features_ND[train])
    for module in network.modules():
        if isinstance(module, Standardise):
            module.set(torch.from_numpy(columns.mean_D), torch.from_numpy(columns.unit_D))
    if recipe.start_from_mean:
        bias_K = torch.from_numpy(task.start_bias(targets_NK[train]))
        set_head_bias(network, config.backbone, bias_K)
    return network


_HEADS_KEPT = 64
_first_heads: dict[tuple[object, ...], tuple[nn.Module, Tensor]] = {}
"""By what decides them, heads as they were drawn, and the random state behind the network."""


def first_head(
    config: FitConfig, task: Scoring, targets_NK: NDArray[np.float32], pixels: int
) -> nn.Module | None:
    """The head of `build_first`'s network, where it is known without the network.

    Torch's random state is then what it would be behind the whole network. A head of its own is
    drawn apart from the body. A network's own last layer is drawn somewhere among the others: it is
    known where this process built the network before, see `keep_first_head`.

    Args:
        config: As of `build_first`, and so are the others.
        task: What is predicted.
        targets_NK: The training samples' targets.
        pixels: Height and width of the pictures.
    """
    recipe = config.training
    if recipe.own_head is not None:
        head = build_head(config.backbone, recipe.own_head, task.num_outputs)
    else:
        kept = _first_heads.get(_first_head_key(config, task.num_outputs, pixels))
        if kept is None:
            return None
        head = deepcopy(kept[0])
        torch.set_rng_state(kept[1])
    if recipe.start_from_mean:
        with torch.no_grad():
            last_linear(head).bias.copy_(torch.from_numpy(task.start_bias(targets_NK)))
    return head


def keep_first_head(config: FitConfig, num_outputs: int, pixels: int, head: nn.Module) -> None:
    """Remembers the head of a network that was just built, for `first_head`."""
    if config.training.own_head is None:
        while len(_first_heads) >= _HEADS_KEPT:
            del _first_heads[next(iter(_first_heads))]
        key = _first_head_key(config, num_outputs, pixels)
        _first_heads[key] = deepcopy(head).cpu(), torch.get_rng_state()


def _first_head_key(config: FitConfig, num_outputs: int, pixels: int) -> tuple[object, ...]:
    starts = config.training.start_from_mean
    return config.backbone, config.weights, fit_seed(config), num_outputs, pixels, starts
