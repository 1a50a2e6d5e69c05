"""The network under training as state: its best weights, its batch-norm averages, its precision.

Shape letters: B batch, C channels, D hidden units, H and W pixels, I photographs, K outputs,
P photographs of the largest bag, S samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foldgrid.models import HeadedNetwork, forward_all, last_hidden, load_state, train_mode
from foldgrid.models.attention import Bags
from foldgrid.models.freezing import batch_norms
from foldgrid.specs.heads import OutputKind
from foldgrid.specs.recipe_parts import VIEWS
from foldgrid.training.bags import PhotographBags
from foldgrid.training.batches import Indices, MosaicSource
from foldgrid.training.device import Precision, autocast, to_device

PREDICTION_BATCH = 64


class BestWeights:
    """A copy of the weights of the best epoch, kept in the computer's memory."""

    def __init__(self) -> None:
        self.state: dict[str, Tensor] = {}
        self._is_in_network = False

    def keep(self, network: nn.Module, *, is_last: bool = False) -> None:
        """Copies the network's state, into the same buffers each time.

        Args:
            network: The network after the best epoch so far.
            is_last: It will not be trained further: its own weights are the best, and no copy
                of some hundred megabytes is needed.
        """
        self._is_in_network = is_last
        if is_last:
            self.state = {}
            return
        for name, value in network.state_dict().items():
            if name in self.state:
                self.state[name].copy_(value)
            else:
                self.state[name] = value.detach().to("cpu", copy=True)

    def of(self, network: nn.Module) -> dict[str, Tensor]:
        """The best weights, wherever they are."""
        return network.state_dict() if self._is_in_network else self.state

    def restore(self, network: nn.Module) -> None:
        """Puts the kept state back."""
        if self.state and not self._is_in_network:
            load_state(network, self.state)


class MovingAverage:
    """An exponential moving average over the steps, of a network's parameters and buffers.

    Rules: outside of ``training`` the network holds the average, so that whoever evaluates, keeps
    or predicts need not know of it; inside, the weights that are trained. Numbers are averaged,
    counters copied, as by timm's ``ModelEmaV3``.

    Args:
        network: As its training begins, on its device.
        decay: How much of the average stays at a step, in (0, 1).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._weight = 1 - decay
        # What the network does not hold just now.
        self._others = {each: each.detach().clone() for each in _tensors(network)}

    @contextmanager
    def training(self) -> Iterator[None]:
        """Inside, the network holds the weights that are trained."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        for own, other in self._others.items():
            own.data, other.data = other.data, own.data

    @torch.no_grad()
    def update(self, part: nn.Module) -> None:
        """A step has been taken; of nothing but ``part``, the network itself or its head."""
        pairs = [(self._others[each], each) for each in _tensors(part)]
        numbers = [pair for pair in pairs if pair[1].is_floating_point()]
        averages, values = ([pair[place] for pair in numbers] for place in (0, 1))
        torch._foreach_lerp_(averages, values, self._weight)
        for average, value in pairs:
            if not value.is_floating_point():
                average.copy_(value)

    @property
    def unaveraged(self) -> list[Tensor]:
        """The weights that are trained, between two epochs."""
        return list(self._others.values())

    @torch.no_grad()
    def go_on_from(self, unaveraged: Iterable[Tensor] | None) -> None:
        """Takes the trained weights of a state; without any, those that the network holds."""
        for own, other in zip(unaveraged or self._others, self.unaveraged, strict=True):
            other.copy_(own)


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]


@torch.no_grad()
def take_unaveraged(network: nn.Module, unaveraged: Iterable[Tensor]) -> None:
    """Puts the trained weights of a fit with a moving average into the network of one without."""
    for own, other in zip(_tensors(network), unaveraged, strict=True):
        own.copy_(other)


def recompute_batch_norm(
    network: nn.Module,
    source: MosaicSource,
    batches: Iterable[Indices],
    device: torch.device,
    precision: Precision,
    *,
    auxiliary_heads: bool = True,
) -> None:
    """Measures batch normalisation's means and variances anew, as the mean over ``batches``.

    The weights stay as they are, and so does what is frozen; ``auxiliary_heads`` as in
    ``models.train_mode``. Source: "precise BN", Wu and Johnson 2021, arXiv:2105.07576.
    """
    layers = batch_norms(network, is_frozen=False)
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        # None lets torch keep the plain mean over the batches.
        layer.momentum = None
    train_mode(network, auxiliary_heads=auxiliary_heads)
    with torch.no_grad(), autocast(device, precision):
        for rows in batches:
            forward_all(network, source.normalise(source.take(rows)))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def predict(
    network: nn.Module,
    source: MosaicSource,
    indices: Indices,
    device: torch.device,
    precision: Precision,
    batch_size: int = PREDICTION_BATCH,
    views: Sequence[tuple[int, bool]] = VIEWS["none"],
    kind: OutputKind | None = None,
) -> NDArray[np.float32]:
    """The network's outputs for the mosaics ``indices``, unaugmented, as (S, K).

    Args:
        network: In any mode; it predicts.
        source: The pictures.
        indices: Which.
        device: Where to compute.
        precision: Of the products.
        batch_size: Pictures at a time.
        views: Views of each picture whose mean is taken; see ``specs.recipe_parts.VIEWS``.
        kind: What the outputs are: of classes the mean is that of their probabilities.
    """

    def outputs_of(images_BCHW: Tensor) -> Tensor:
        outputs = [
            forward_all(network, torch.rot90(_mirrored(images_BCHW, flips), turns, (-2, -1)))[0]
            for turns, flips in views
        ]
        return outputs[0] if len(outputs) == 1 else mean_output(torch.stack(outputs), kind)

    return _in_batches(outputs_of, network, source, indices, device, precision, batch_size)


def _mirrored(images_BCHW: Tensor, is_mirrored: bool) -> Tensor:
    return images_BCHW.flip(-1) if is_mirrored else images_BCHW


def mean_output(outputs_VBK: Tensor, kind: OutputKind | None) -> Tensor:
    """One output for several views: their mean, of classes the log of their mean probability."""
    if kind != "classes":
        return outputs_VBK.float().mean(dim=0)
    log_VBK = torch.log_softmax(outputs_VBK.float(), dim=-1)
    return torch.logsumexp(log_VBK, dim=0) - math.log(len(log_VBK))


def hidden_values(
    network: nn.Module,
    source: MosaicSource,
    indices: Indices,
    device: torch.device,
    precision: Precision,
    batch_size: int = PREDICTION_BATCH,
) -> NDArray[np.float32]:
    """The last hidden layer for the mosaics ``indices``, unaugmented, as (S, D)."""

    def hidden_of(images_BCHW: Tensor) -> Tensor:
        return last_hidden(network, images_BCHW)

    return _in_batches(hidden_of, network, source, indices, device, precision, batch_size)


def pooled_features(
    network: HeadedNetwork,
    source: MosaicSource,
    indices: Indices,
    device: torch.device,
    precision: Precision,
) -> NDArray[np.float32]:
    """What the head of a network sees of the pictures ``indices``, unaugmented, as (S, D)."""
    return _in_batches(
        network.features, network, source, indices, device, precision, PREDICTION_BATCH
    )


def head_outputs(
    head: nn.Module,
    features_SD: NDArray[np.float32],
    device: torch.device,
    precision: Precision,
    batch_size: int = PREDICTION_BATCH,
) -> NDArray[np.float32]:
    """What a network's head makes of features, as (S, K)."""
    parts = (
        to_device(torch.from_numpy(features_SD[start : start + batch_size]), device)
        for start in range(0, len(features_SD), batch_size)
    )
    return _outputs_of_parts(head, parts, device, precision)


def bag_outputs(
    head: nn.Module,
    bags: PhotographBags,
    features_of: Callable[[Indices], NDArray[np.float32]],
    rows: Indices,
    device: torch.device,
    precision: Precision,
    batch_size: int = PREDICTION_BATCH,
) -> NDArray[np.float32]:
    """What a network's head makes of the photographs of each sample's bag, as (S, K).

    Samples of one bag have the same outputs, to the bit.

    Args:
        head: One that takes bags; see ``models.attention``.
        bags: Of all samples.
        features_of: (I, D) of photographs.
        rows: Samples, S.
        device: Where to compute.
        precision: Of the head's products.
        batch_size: Samples at a time.
    """
    _, firsts, bag_S = np.unique(bags.bag_N[rows], return_index=True, return_inverse=True)
    parts = (
        bag_input(bags, features_of, rows[firsts[start : start + batch_size]], device)
        for start in range(0, len(firsts), batch_size)
    )
    outputs_BK = _outputs_of_parts(head, parts, device, precision)
    return outputs_BK[bag_S] if len(rows) else outputs_BK


def bag_input(
    bags: PhotographBags,
    features_of: Callable[[Indices], NDArray[np.float32]],
    rows: Indices,
    device: torch.device,
) -> Bags:
    """The features of the photographs of each sample's bag; see `bag_outputs`."""
    members_BP = bags.of(rows)
    is_there_BP = members_BP >= 0
    features_ID = features_of(members_BP[is_there_BP])
    features_BPD = np.zeros((*members_BP.shape, features_ID.shape[1]), np.float32)
    features_BPD[is_there_BP] = features_ID
    return Bags(
        to_device(torch.from_numpy(features_BPD), device),
        to_device(torch.from_numpy(is_there_BP), device),
    )


def _outputs_of_parts(
    head: nn.Module, parts: Iterable[Tensor | Bags], device: torch.device, precision: Precision
) -> NDArray[np.float32]:
    head.eval()
    found = []
    for part in parts:
        with torch.inference_mode(), autocast(device, precision):
            found.append(head(part).float().cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, 0), np.float32)


def _in_batches(
    values_of: Callable[[Tensor], Tensor],
    network: nn.Module,
    source: MosaicSource,
    indices: Indices,
    device: torch.device,
    precision: Precision,
    batch_size: int,
) -> NDArray[np.float32]:
    network.eval()
    found = []
    for start in range(0, len(indices), batch_size):
        images = source.normalise(source.take(indices[start : start + batch_size]))
        with torch.inference_mode(), autocast(device, precision):
            values = values_of(images)
        found.append(values.float().cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, 0), np.float32)
