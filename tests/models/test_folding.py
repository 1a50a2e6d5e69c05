"""Batch normalisation folded into convolutions: where it may be, and to the same function."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from foldgrid.models import build_network
from foldgrid.models.folding import folded

NUM_LEFT = {
    "resnet18": 0,
    "mobilenet_v2": 0,
    # Of its auxiliary heads, which predict nothing.
    "googlenet": 2,
    "squeezenet1_1": 0,
    # Between a dense block's layers it normalises what several convolutions gave.
    "densenet121": 62,
    "tf_efficientnet_lite0": 0,
    # Its shortcuts take what is not yet normalised.
    "timm:resnetv2_50": 17,
}


def norms(network: nn.Module) -> int:
    return sum(isinstance(each, nn.BatchNorm2d) for each in network.modules())


def with_made_up_statistics(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    for each in network.modules():
        if isinstance(each, nn.BatchNorm2d):
            for values in (each.running_mean, each.weight.data, each.bias.data):
                values += torch.randn(values.shape, generator=generator) / 10
            each.running_var *= 0.5 + torch.rand(each.running_var.shape, generator=generator)
    return network


@pytest.mark.parametrize("name", NUM_LEFT)
def test_a_folded_network_is_the_network(name: str) -> None:
    torch.manual_seed(0)
    network = with_made_up_statistics(build_network(name, 3, pixels=48)).double().eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    images = torch.rand(2, 3, 48, 48, dtype=torch.float64)
    copy = folded(network, images[:1])
    assert (norms(copy), norms(copy) < norms(network)) == (NUM_LEFT[name], norms(network) > 0)
    with torch.no_grad():
        torch.testing.assert_close(copy(images), network(images), rtol=1e-10, atol=1e-10)
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], before[key]) for key in before)


class Branching(nn.Module):
    """Convolutions whose outputs more than batch normalisation takes."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.first, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

    def forward(self, images: Tensor) -> Tensor:
        found = self.first(images)
        if self.kind == "shortcut":
            return self.norm(found) + found
        if self.kind == "in place":
            return self.norm(found.relu_())
        if self.kind == "called twice":
            return self.norm(self.first(found))
        return self.norm(found)


@pytest.mark.parametrize("kind", ["shortcut", "in place", "called twice", "alone"])
def test_what_others_take_too_is_not_folded(kind: str) -> None:
    network: Any = with_made_up_statistics(Branching(kind)).eval()
    images = torch.rand(2, 3, 8, 8)
    copy = folded(network, images[:1])
    assert norms(copy) == (0 if kind == "alone" else 1)
    torch.testing.assert_close(copy(images), network(images))


def test_nothing_is_folded_where_it_would_be_another_function() -> None:
    """A module that asks its batch normalisation for its numbers finds them."""

    class Asking(Branching):
        def forward(self, images: Tensor) -> Tensor:
            scale = 1.0 if isinstance(self.norm, nn.Identity) else 2.0
            return self.norm(self.first(images)) * scale

    network = Asking("alone").eval()
    images = torch.rand(2, 3, 8, 8)
    copy = folded(network, images[:1])
    assert norms(copy) == 1
    torch.testing.assert_close(copy(images), network(images))
