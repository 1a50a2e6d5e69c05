"""Where a frozen backbone ends: head(features(x)) is network(x)."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from foldgrid.models import build_network, freeze, known_backbones, train_mode
from foldgrid.models.cut import CutNetwork, cut_of
from foldgrid.models.published import native_pixels
from tests.models.representatives import networks

UNCUT = {
    "squeezenet1_0": "convolution",
    "squeezenet1_1": "convolution",
    "legacy_seresnet101": "dropout is no module",
    "legacy_seresnext101_32x4d": "dropout is no module",
}


@pytest.mark.parametrize("name", networks(known_backbones(), also=("tf_efficientnet_lite0",)))
def test_the_head_makes_of_features_what_the_network_makes_of_pictures(name: str) -> None:
    cut = cut_of(name)
    if name in UNCUT:
        assert UNCUT[name] in cut.problem
        return
    assert not cut.problem
    torch.manual_seed(0)
    network = build_network(name, 3).eval()
    pixels = 64 if name in ("densenet121", "resnet18") else native_pixels(name)
    images = torch.rand(2, 3, pixels, pixels)
    parts = CutNetwork(network, cut)
    with torch.inference_mode():
        features = parts.features(images)
        assert features.shape == (2, cut.num_features)
        assert torch.equal(parts.head(features), network(images))
    assert not any(module._forward_pre_hooks for module in network.modules())


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "inception_v3", "efficientnet_b0", "vgg11"])
def test_of_a_frozen_backbone_the_head_s_own_dropout_alone_is_active(name: str) -> None:
    network = build_network(name, 3)
    freeze(network, name, "backbone")
    cut = cut_of(name)
    train_mode(network, head=cut.head)
    active = {
        name
        for name, module in network.named_modules()
        if module.training and (not list(module.children()))
    }
    auxiliary = {each for each in active if each.startswith("AuxLogits")}
    assert active - auxiliary == set(cut.head)
    assert bool(auxiliary) == (name == "inception_v3")
    dropouts = [each for each in network.modules() if isinstance(each, _DropoutNd)]
    assert sum(each.training for each in dropouts) == 1
    # A phase that freezes less trains as ever.
    freeze(network, name, "nothing")
    train_mode(network)
    assert all(module.training for module in network.modules())


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("deit_tiny_distilled_patch16_224", "more than its last layer"),
        ("timm:vgg11", ""),
        ("convnext_atto", ""),
        ("mobilenetv3_small_050", ""),
    ],
)
def test_timm_s_networks_are_asked_too(name: str, problem: str) -> None:
    cut = cut_of(name)
    assert (problem in cut.problem) if problem else not cut.problem
    if not problem:
        network = build_network(name, 3).eval()
        assert isinstance(network.get_submodule(cut.last), nn.Linear)
        images = torch.rand(2, 3, 64, 64)
        with torch.inference_mode():
            parts = CutNetwork(network, cut)
            assert torch.equal(parts.head(parts.features(images)), network(images))
