"""The input of the last layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from foldgrid.models import build_network, known_backbones, last_hidden
from foldgrid.models.backbones import build_on_meta, head_parameters
from foldgrid.models.published import native_pixels
from tests.models.representatives import networks


@pytest.mark.parametrize("name", networks(known_backbones()))
def test_it_is_what_the_last_layer_multiplies(name: str) -> None:
    network = build_on_meta(name, 3).eval()
    images = torch.empty(2, 3, *[native_pixels(name)] * 2, device="meta")
    weight = [each for each in head_parameters(name) if each.endswith("weight")][-1]
    expected = dict(network.named_parameters())[weight].shape[1]
    assert last_hidden(network, images).shape == (2, expected)


@pytest.mark.parametrize("stage_heads", [False, True])
def test_efficientnet_b4_has_1792_units(stage_heads: bool) -> None:
    network = build_on_meta("efficientnet_b4", 3, stage_heads).eval()
    assert last_hidden(network, torch.empty(2, 3, 64, 64, device="meta")).shape == (2, 1792)


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("mobilenet_v2", "classifier.1"),
        ("resnet18", "fc"),
        ("plain_cnn", "classifier.3"),
        ("densenet121", "classifier"),
        ("alexnet", "classifier.6"),
        pytest.param("vgg11", "classifier.6", marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.parametrize("stage_heads", [False, True])
def test_the_last_layer_makes_the_outputs_of_it(name: str, last: str, stage_heads: bool) -> None:
    torch.manual_seed(0)
    plain = build_network(name, 3).eval()
    torch.manual_seed(0)
    network = build_network(name, 3, stage_heads=stage_heads).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        before = network(images)
        hidden = last_hidden(network, images)
        layer = plain.get_submodule(last)
        assert torch.equal(layer(hidden), plain(images))
        assert torch.equal(network(images), before)
    hooks = [len(module._forward_pre_hooks) for module in network.modules()]
    assert sum(hooks) == 0


def test_a_convolution_as_last_layer_gives_the_mean_over_its_map() -> None:
    torch.manual_seed(0)
    network = build_network("squeezenet1_1", 3).eval()
    features = network.get_submodule("features")
    assert isinstance(features, nn.Sequential)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(last_hidden(network, images), features(images).mean(dim=(2, 3)))
