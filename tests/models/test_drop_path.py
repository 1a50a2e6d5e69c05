"""Residual blocks left out at random: the libraries' own chances, scaled to what is asked for."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
import torchvision
from torch import nn
from torchvision.ops import StochasticDepth

from foldgrid.models import build_network
from foldgrid.models.construction import construct_on_meta
from foldgrid.models.naming import drop_path_fault


def chances(network: nn.Module) -> list[float]:
    """Of each block that may be left out, in order."""
    return [
        float(each.p if isinstance(each, StochasticDepth) else each.drop_prob)  # type: ignore[arg-type]
        for each in network.modules()
        if isinstance(each, StochasticDepth) or getattr(each, "drop_prob", None) is not None
    ]


def built(name: str, drop_path: float | None) -> nn.Module:
    return construct_on_meta(name, 2, drop_path=drop_path)


@pytest.mark.parametrize("name", ["efficientnet_b0", "convnext_tiny"])
def test_torchvision_s_networks_are_as_torchvision_builds_them_with_it(name: str) -> None:
    with torch.device("meta"):
        theirs = torchvision.models.get_model(name, stochastic_depth_prob=0.35, num_classes=2)
    assert chances(built(name, 0.35)) == pytest.approx(chances(theirs))


@pytest.mark.parametrize("name", ["swin_t", "swin_v2_t", "maxvit_t"])
def test_where_torchvision_takes_no_other_value_its_own_are_scaled(name: str) -> None:
    own, halved = chances(built(name, None)), chances(built(name, 0.1))
    assert max(own) == 0.2
    assert halved == pytest.approx([chance / 2 for chance in own])
    assert set(chances(built(name, 0.0))) == {0.0}


@pytest.mark.parametrize("name", ["test_vit", "test_convnext", "resnet18"])
def test_timm_s_are_timm_s(name: str) -> None:
    theirs = timm.create_model(name, drop_path_rate=0.3)
    found = chances(built(f"timm:{name}", 0.3))
    assert found == pytest.approx(chances(theirs))
    assert max(found) == pytest.approx(0.3)
    assert not any(chances(built(f"timm:{name}", 0.0)))


@pytest.mark.parametrize("name", ["timm:test_vit", "efficientnet_b0"])
def test_it_draws_nothing_when_a_network_is_built_and_adds_no_weights(name: str) -> None:
    states: list[Any] = []
    for drop_path in (None, 0.3):
        torch.manual_seed(0)
        states.append(build_network(name, 2, pixels=160, drop_path=drop_path).state_dict())
    assert list(states[0]) == list(states[1])
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize("name", ["resnet18", "plain_cnn", "timm:vgg11"])
def test_a_network_without_such_blocks_says_so(name: str) -> None:
    fault = drop_path_fault(name)
    assert fault.startswith(f"{name} has no blocks that can be left out (drop_path)")
    assert drop_path_fault("efficientnet_b0") == drop_path_fault("timm:test_vit") == ""
