"""Networks with heads of their own: features, what is stripped, parameters, freezing, states."""

from __future__ import annotations

from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from foldgrid.models import (
    HeadedNetwork,
    build_network,
    check_backbones,
    freeze,
    last_hidden,
    load_state,
    parameter_counts,
    with_own_head,
)
from foldgrid.models.backbones import build_on_meta, set_head_bias
from foldgrid.models.cut import CutNetwork, cut_of
from foldgrid.models.footprint import footprint
from foldgrid.models.headed import feature_width, pooling_fault
from foldgrid.specs.heads import OwnHead
from tests.models.representatives import networks
from tests.models.test_backbones import PAPER_S_29
from tests.models.test_timm_families import NETWORKS as FAMILIES

LITE = "tf_efficientnet_lite0"
REPRESENTATIVES = ("resnet18", "squeezenet1_1", "googlenet", "vit_b_32", "regnet_y_400mf", LITE)
OTHERS = (
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "inception_v3", "maxvit_t"),
    *("mnasnet0_5", "mobilenet_v3_small", "plain_cnn", "seresnet101", "shufflenet_v2_x0_5"),
    *("swin_t", "swin_v2_t", "vgg11", "vit_h_14"),
)
NETWORKS = [
    *REPRESENTATIVES,
    *(pytest.param(name, marks=pytest.mark.exhaustive) for name in OTHERS),
]
PIXELS = {"inception_v3": 139, "maxvit_t": 224, "vit_h_14": 98}


def pixels_of(name: str) -> int:
    return PIXELS.get(name, 160 if name == "timm:test_vit" else 96)


def pictures(name: str) -> Tensor:
    return torch.rand(2, 3, pixels_of(name), pixels_of(name))


def headed(
    name: str, head: str = "ridge", pooling: Any = "network", pixels: int = 0
) -> HeadedNetwork:
    torch.manual_seed(0)
    network = build_network(name, 2, pixels=pixels or pixels_of(name))
    return with_own_head(network, name, OwnHead(head, pooling), 3).eval()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_body_gives_the_network_s_own_last_hidden_layer(name: str) -> None:
    """To the bit what a network is cut into gives, so that both can share what is computed once."""
    torch.manual_seed(0)
    whole = build_network(name, 2, pixels=pixels_of(name)).eval()
    images_BCHW = pictures(name)
    network = headed(name)
    with torch.no_grad():
        features_BD = network.features(images_BCHW)
        assert torch.equal(last_hidden(network, images_BCHW), features_BD)
        if cut_of(name).problem:
            torch.testing.assert_close(features_BD, last_hidden(whole, images_BCHW))
        else:
            cut = CutNetwork(whole, cut_of(name))
            assert torch.equal(features_BD, cut.features(images_BCHW))
    assert features_BD.shape == (2, feature_width(name, "network"))


@pytest.mark.parametrize(("architecture", "pixels"), FAMILIES)
def test_so_it_does_in_each_of_timm_s_families(architecture: str, pixels: int) -> None:
    name = f"timm:{architecture}"
    torch.manual_seed(0)
    whole = build_network(name, 2, pixels=pixels).eval()
    images_BCHW = torch.rand(2, 3, pixels, pixels)
    network = headed(name, pixels=pixels)
    with torch.no_grad():
        found, expected = network.features(images_BCHW), last_hidden(whole, images_BCHW)
    torch.testing.assert_close(found, expected)
    assert found.shape[1] == feature_width(name, "network")
    for pooling in ("mean", "mean_max", "class_token"):
        if pooling_fault(name, pooling):
            with pytest.raises(ValueError, match=f"cannot have pooling: {pooling}"):
                headed(name, pooling=pooling, pixels=pixels)
            continue
        pooled = headed(name, pooling=pooling, pixels=pixels)
        with torch.no_grad():
            features_BD = pooled.features(images_BCHW)
        assert features_BD.isfinite().all()
        assert features_BD.shape == (2, feature_width(name, pooling))
        assert features_BD[0].ne(features_BD[1]).any()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_map_s_mean_is_what_the_network_pools_and_its_maximum_is_above(name: str) -> None:
    if fault := pooling_fault(name, "mean_max"):
        assert "Take network" in fault
        return
    images_BCHW = pictures(name)
    both = headed(name, pooling="mean_max")
    with torch.no_grad():
        mean_BC, most_BC = both.features(images_BCHW).chunk(2, dim=1)
        assert torch.equal(headed(name, pooling="mean").features(images_BCHW), mean_BC)
    assert (most_BC >= mean_BC - 1e-5).all()
    assert (most_BC > mean_BC).any()
    assert mean_BC.shape[1] == feature_width(name, "mean")


OTHERWISE = {
    "alexnet": "dense layers come after its map",
    "vgg": "dense layers come after its map",
    "mobilenet_v3": "a dense layer comes after its map",
    "squeezenet": "it ends in a convolution",
}


@pytest.mark.parametrize("pooling", ["network", "mean"])
@pytest.mark.parametrize(
    "name", networks([*PAPER_S_29, LITE, "timm:densenet121"], also=[LITE, "timm:densenet121"])
)
def test_of_its_features_a_network_s_own_last_layer_makes_its_outputs(
    name: str, pooling: str
) -> None:
    """Where its map is averaged, of the averages too: activations behind the last module count."""
    why = next((why for kind, why in OTHERWISE.items() if name.startswith(kind)), "")
    if cut_of(name).problem:
        assert "convolution" in cut_of(name).problem
        return
    if pooling == "mean" and why:
        assert feature_width(name, "mean") != cut_of(name).num_features
        return
    torch.manual_seed(0)
    whole, images_BCHW = build_network(name, 2, pixels=96).eval(), torch.rand(2, 3, 96, 96)
    last = whole.get_submodule(cut_of(name).last)
    with torch.no_grad():
        features_BD = headed(name, pooling=pooling, pixels=96).features(images_BCHW)
        torch.testing.assert_close(last(features_BD), whole(images_BCHW))
    assert feature_width(LITE, "mean_max") == 2560


def test_the_class_token_is_the_vision_transformer_s_last_hidden_layer() -> None:
    for name, pixels in (("vit_b_32", 224), ("timm:test_vit", 160)):
        network = with_own_head(
            build_on_meta(name, 2), name, OwnHead("ridge", "class_token"), 3
        ).eval()
        assert network.features(torch.empty(1, 3, pixels, pixels, device="meta")).dim() == 2
        assert not pooling_fault(name, "mean_max")
    torch.manual_seed(0)
    images_BCHW = torch.rand(2, 3, 160, 160)
    with torch.no_grad():
        token = headed("timm:test_vit", pooling="class_token").features(images_BCHW)
        torch.testing.assert_close(token, headed("timm:test_vit").features(images_BCHW))


@pytest.mark.parametrize(
    ("name", "pooling", "said"),
    [
        (
            "resnet18",
            "class_token",
            "resnet18 cannot have pooling: class_token, it has no class token. "
            "Take network or mean or mean_max.",
        ),
        ("swin_t", "class_token", "Take network or mean or mean_max."),
        ("timm:crossvit_9_240", "mean", "Take network."),
    ],
)
def test_features_that_a_network_has_not_are_refused_with_those_it_has(
    name: str, pooling: str, said: str
) -> None:
    fault = pooling_fault(name, pooling)
    assert fault.endswith(said)
    with pytest.raises(ValueError, match="cannot have pooling"):
        with_own_head(build_on_meta(name, 2), name, OwnHead("ridge", pooling), 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("pooling", ["network", "mean_max"])
@pytest.mark.parametrize("name", NETWORKS)
def test_layers_behind_the_features_do_not_count(name: str, pooling: str) -> None:
    if pooling_fault(name, pooling):
        return
    own = OwnHead("ridge", pooling)  # type: ignore[arg-type]
    pixels = pixels_of(name)
    network = build_on_meta(name, 3, False, pixels, own)
    num_features = feature_width(name, pooling)  # type: ignore[arg-type]
    body, plain = network.body, build_on_meta(name, 3, pixels=pixels)
    assert isinstance(network, HeadedNetwork)
    assert network.last_layer.weight.shape == (3, num_features)
    sizes = [sum(each.numel() for each in net.parameters()) for net in (body, plain, network)]  # type: ignore[union-attr]
    assert sizes[0] < sizes[1]
    assert sizes[2] == sizes[0] + 3 * num_features + 3
    size = footprint(name, 3, pixels, own_head=own)
    assert size.num_parameters == sizes[2]
    if pooling == "mean_max" and name == "vgg11":
        # None of its hidden dense layers, of 4,096 units each.
        assert sizes[0] < 10_000_000 < 120_000_000 < sizes[1]
        assert size.multiply_adds < footprint(name, 3, 96).multiply_adds


@pytest.mark.parametrize("pooling", ["network", "mean_max"])
@pytest.mark.parametrize("name", ["resnet18", "googlenet", "timm:test_vit"])
def test_a_frozen_backbone_is_all_but_the_head(name: str, pooling: str) -> None:
    network = build_on_meta(name, 3, own_head=OwnHead("mlp", pooling))  # type: ignore[arg-type]
    freeze(network, name, "backbone")
    trained = {key for key, each in network.named_parameters() if each.requires_grad}
    assert trained == {f"head.{key}" for key, _ in network.head.named_parameters()}  # type: ignore[union-attr]
    freeze(network, name, 2)
    counts = parameter_counts(network)
    assert 0 < counts.frozen < counts.trained
    freeze(network, name, "nothing")
    assert parameter_counts(network).frozen == 0


@pytest.mark.parametrize("name", ["mnasnet0_5", "googlenet", LITE])
def test_a_state_is_whole_through_a_file(name: str) -> None:
    """MNASNet refuses states without its mark, which a safetensors file does not hold."""
    network, images_BCHW = headed(name, "mlp", "mean_max"), torch.rand(2, 3, 96, 96)
    kept = safetensors.torch.save(network.state_dict())
    torch.manual_seed(9)
    other = with_own_head(build_network(name, 2), name, OwnHead("mlp", "mean_max"), 3).eval()
    load_state(other, safetensors.torch.load(kept))
    with torch.no_grad():
        assert torch.equal(other(images_BCHW), network(images_BCHW))


def test_a_solved_layer_keeps_its_digits_whatever_the_precision_around_it() -> None:
    network, images_BCHW = headed("resnet18"), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        features_BD = network.features(images_BCHW)
        plain = network.head(features_BD)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(network.head(features_BD), plain)
    assert plain.dtype == torch.float32


def test_the_head_s_bias_can_be_set() -> None:
    network = headed("resnet18", "mlp")
    set_head_bias(network, "resnet18", torch.tensor([1.0, 2.0, 3.0]))
    assert network.last_layer.bias.tolist() == [1.0, 2.0, 3.0]


def test_it_takes_names_that_sweeps_take() -> None:
    check_backbones([LITE], "mine.yaml", {})
