"""The size of networks, against their own parameters and the lecture's arithmetic."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from foldgrid.models import build_network, forward_all
from foldgrid.models.backbones import build_on_meta
from foldgrid.models.footprint import footprint
from foldgrid.models.sources.torchvision_networks import TorchvisionNetworks
from tests.models.representatives import networks


@pytest.mark.parametrize(
    ("name", "num_outputs", "num_parameters"),
    [
        ("resnet18", 4, 11_178_564),
        ("resnet18", 1000, 11_689_512),
        ("alexnet", 1000, 61_100_840),
        ("vgg16", 1000, 138_357_544),
        ("squeezenet1_0", 1000, 1_248_424),
        ("mobilenet_v2", 1000, 3_504_872),
    ],
)
def test_parameters_are_those_that_are_published(
    name: str, num_outputs: int, num_parameters: int
) -> None:
    assert footprint(name, num_outputs, 224).num_parameters == num_parameters


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "shufflenet_v2_x0_5"])
def test_parameters_are_those_of_the_real_network(name: str) -> None:
    network = build_network(name, 4)
    found = footprint(name, 4, 64)
    assert found.num_parameters == sum(value.numel() for value in network.parameters())
    assert found.weights_gib == pytest.approx(found.num_parameters * 4 / 2**30)


@pytest.mark.parametrize(
    ("name", "giga"),
    [("resnet18", 1.814), ("resnet34", 3.664), ("vgg16", 15.470), ("alexnet", 0.714)],
)
def test_multiply_adds_are_those_that_torchvision_publishes(name: str, giga: float) -> None:
    assert footprint(name, 1000, 224).multiply_adds / 1e9 == pytest.approx(giga, abs=5e-4)


def test_activations_and_multiply_adds_grow_with_the_picture_and_parameters_do_not() -> None:
    small, large = (footprint("resnet18", 4, pixels) for pixels in (64, 128))
    assert large.num_parameters == small.num_parameters
    # All but the pooled features and the head quadruple.
    assert large.activations == pytest.approx(4 * small.activations, rel=0.01)
    assert large.multiply_adds == pytest.approx(4 * small.multiply_adds, rel=0.01)
    assert large.memory_gib(16) > small.memory_gib(16) > small.memory_gib(8) > small.weights_gib
    assert large.train_ms(16) > small.train_ms(16)


def test_larger_networks_take_longer_and_need_more() -> None:
    # What is relied on is the order: the longest fits start first.
    sizes = [footprint(name, 4, 64) for name in ("resnet18", "resnet34", "resnet50", "vgg19")]
    times = [size.train_ms(16) for size in sizes]
    assert times == sorted(times)
    memories = [size.memory_gib(16) for size in sizes]
    assert memories[0] == min(memories)
    assert memories[-1] == max(memories)


@pytest.mark.parametrize(
    ("name", "pixels"), [("alexnet", 32), ("vgg11", 16), ("inception_v3", 64), ("vit_b_16", 100)]
)
def test_a_picture_too_small_for_a_network_is_refused(name: str, pixels: int) -> None:
    with pytest.raises(ValueError, match=rf"^{name} cannot take {pixels}x{pixels} pixels \("):
        footprint(name, 4, pixels)


@pytest.mark.parametrize("name", TorchvisionNetworks().names()[::6])
def test_any_network_is_measured_at_the_size_that_it_was_made_for(name: str) -> None:
    found = footprint(name, 1000, 224)
    published = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].meta
    assert found.num_parameters == published["num_params"]


@pytest.mark.parametrize("name", ["densenet121", "regnet_y_400mf", "vit_b_32", "swin_t"])
def test_multiply_adds_are_right_for_every_kind_of_network(name: str) -> None:
    # Attention multiplies matrices that no layer of its own holds.
    published = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].meta["_ops"]
    assert footprint(name, 1000, 224).multiply_adds / 1e9 == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize("name", ["squeezenet1_1", "googlenet", "mnasnet0_5"])
def test_measuring_draws_no_random_number_and_keeps_the_default_device(name: str) -> None:
    footprint.cache_clear()
    before = torch.get_rng_state()
    footprint(name, 4, 64)
    assert torch.equal(torch.get_rng_state(), before)
    assert nn.Linear(1, 1).weight.device.type == "cpu"


class LiveTensors(TorchDispatchMode):
    """Counts the bytes of all tensors that are alive, and remembers the most."""

    def __init__(self, *there: torch.Tensor) -> None:
        super().__init__()
        self.live, self.peak = 0, 0
        self._sizes: dict[int, int] = {}
        for tensor in there:
            self._add(tensor)

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            if isinstance(each, torch.Tensor):
                self._add(each)
        return result

    def _add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._sizes:
            self._sizes[storage._cdata] = storage.nbytes()
            self.live += storage.nbytes()
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._remove, storage._cdata)

    def _remove(self, key: int) -> None:
        self.live -= self._sizes.pop(key)


@pytest.mark.parametrize(
    "name",
    networks(
        ("alexnet", "vgg11", "resnet18", "resnet50", "squeezenet1_0", "googlenet", "mobilenet_v2")
    ),
)
def test_the_estimate_holds_the_tensors_of_a_training_step_and_of_a_prediction(name: str) -> None:
    pixels, batch, prediction_batch = 256, 16, 64
    network = build_on_meta(name, 4)
    weights = list(network.parameters())
    momenta = [torch.empty_like(value) for value in weights]
    images = torch.empty(prediction_batch, 3, pixels, pixels, device="meta")
    with LiveTensors(*weights, *momenta, *network.buffers()) as tensors:
        outputs, auxiliary = forward_all(network.train(), images[:batch])
        torch.stack([each.square().mean() for each in (outputs, *auxiliary)]).sum().backward()
        del outputs, auxiliary
        with torch.no_grad():
            network.eval()(images)
    counted = tensors.peak / 2**30
    assert counted > 3 * footprint(name, 4, pixels).weights_gib
    assert counted <= footprint(name, 4, pixels).memory_gib(batch) <= 2.5 * counted
