"""Networks layer by layer: the rows add up, and every row obeys the lecture's formulas."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from foldgrid.describe.structure import _follow, describe
from foldgrid.models.backbones import build_on_meta
from foldgrid.models.footprint import count_operations, footprint, nearest_sizes
from foldgrid.models.layers import Layer, fold, join_side_layers
from foldgrid.models.published import native_pixels, published_top5
from foldgrid.specs.resolving import resolve_sweep
from tests.models.representatives import networks

SWEEPS = Path(__file__).resolve().parents[2] / "sweeps"
PAPER_S_29 = resolve_sweep(SWEEPS / "all_backbones.yaml", "paper").sweep.backbones
OTHER_KINDS = (
    ("inception_v3", 299),
    ("efficientnet_b4", 380),
    ("regnet_y_400mf", 224),
    ("vit_b_32", 224),
    ("swin_t", 224),
    ("convnext_tiny", 224),
    ("maxvit_t", 224),
)
ALL_KINDS = (*networks(PAPER_S_29, 64), *OTHER_KINDS)


def sums(layers: tuple[Layer, ...]) -> tuple[int, int]:
    return sum(each.parameters for each in layers), sum(each.multiply_adds for each in layers)


@pytest.mark.parametrize(("name", "pixels"), ALL_KINDS)
def test_the_rows_add_up_to_the_footprint(name: str, pixels: int) -> None:
    expected = count_operations(name, 4, pixels)
    found = describe(name, 4, pixels)
    assert found.num_parameters == expected.num_parameters
    assert found.multiply_adds == expected.multiply_adds
    rows = join_side_layers(found.layers)
    assert sums(rows) == sums(found.layers)
    assert all(sums(fold(rows, depth)) == sums(found.layers) for depth in (1, 2, 3))
    assert len({layer.name for layer in (*found.layers, *found.auxiliary)}) == len(
        found.layers
    ) + len(found.auxiliary)


@pytest.mark.parametrize(("name", "pixels"), ALL_KINDS)
def test_every_layer_obeys_the_lecture_s_formulas(name: str, pixels: int) -> None:
    num_windows = 0
    for layer in describe(name, 4, pixels).layers:
        if layer.stride:
            num_windows += 1
            for side in (0, 1):
                free = layer.input[side] - layer.kernel[side] + 2 * layer.padding[side]
                rounded = -(-free // layer.stride[side]) if layer.hangs_over else None
                steps = free // layer.stride[side] if rounded is None else rounded
                assert layer.output[side] == steps + 1
        if layer.kind == "conv":
            window = layer.kernel[0] * layer.kernel[1] * layer.input[-1] // layer.groups
            places = layer.output[0] * layer.output[1]
            assert layer.multiply_adds == places * layer.output[-1] * window
            # With a bias for each filter, or without.
            assert layer.parameters / layer.output[-1] in (window, window + 1)
        if layer.kind == "dense" and len(layer.input) == 1:
            assert layer.multiply_adds == layer.input[0] * layer.output[0]
            assert layer.parameters / layer.output[0] in (layer.input[0], layer.input[0] + 1)
        if layer.kind not in ("conv", "dense", "attention"):
            assert layer.multiply_adds == 0
    assert num_windows > 0


@pytest.mark.parametrize("name", ["vgg11_bn", "alexnet", "mobilenet_v2"])
def test_an_image_passes_from_row_to_row(name: str) -> None:
    rows = join_side_layers(describe(name, 4, 64).layers)
    assert rows[0].input == (64, 64, 3)
    assert rows[-1].output == (4,)
    for before, after in pairwise(rows):
        is_flattened = len(after.input) < len(before.output)
        size = before.output[0] * before.output[1] * before.output[2] if is_flattened else 0
        assert after.input == ((size,) if is_flattened else before.output)


@pytest.mark.parametrize(
    ("name", "row", "joined"),
    [
        ("resnet18", "layer2.0.conv1", ("bn", "relu")),
        ("resnet18", "layer2.0.conv2", ("bn", "add", "relu")),
        ("resnet18", "layer2.0.downsample.0", ("bn",)),
        ("alexnet", "classifier.1", ("dropout", "relu", "dropout")),
        ("densenet121", "features.conv0", ("bn", "relu")),
        ("densenet121", "features.transition1.conv", ("bn", "relu")),
        ("densenet121", "features.denseblock4.concat", ("bn",)),
        ("efficientnet_b4", "features.2.0.block.2.fc2", ("sigmoid", "scale")),
    ],
)
def test_norms_and_activations_join_the_layer_that_they_belong_to(
    name: str, row: str, joined: tuple[str, ...]
) -> None:
    pixels = dict(OTHER_KINDS).get(name, 64)
    rows = {layer.name: layer for layer in join_side_layers(describe(name, 4, pixels).layers)}
    assert rows[row].joined == joined


@pytest.mark.parametrize("name", networks(PAPER_S_29))
def test_a_pooling_has_no_parameters_even_where_norms_are_joined(name: str) -> None:
    for layer in join_side_layers(describe(name, 4, 64).layers):
        assert layer.parameters == 0 or not layer.kind.endswith("pool")


def test_modules_fold_into_rows() -> None:
    rows = join_side_layers(describe("googlenet", 4, 64).layers)
    modules = [layer for layer in fold(rows, 1) if layer.kind == "block"]
    assert [layer.name for layer in modules] == [
        f"inception{each}" for each in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
    ]
    assert {layer.num_layers for layer in modules} == {8}
    assert (modules[0].input[-1], modules[0].output[-1]) == (192, 256)
    blocks = fold(join_side_layers(describe("resnet34", 4, 64).layers), 2)
    assert sum(layer.kind == "block" for layer in blocks) == 3 + 4 + 6 + 3


def test_depthwise_and_grouped_convolutions_are_distinguished() -> None:
    layers = describe("mobilenet_v2", 4, 64).layers
    assert sum(layer.is_depthwise for layer in layers) == 17
    grouped = [each for each in describe("resnext50_32x4d", 4, 64).layers if each.groups > 1]
    assert {layer.groups for layer in grouped} == {32}
    assert not any(layer.is_depthwise for layer in grouped)


def test_auxiliary_heads_stand_apart() -> None:
    found = describe("googlenet", 1000, 224)
    assert {layer.name.split(".")[0] for layer in found.auxiliary} == {"aux1", "aux2"}
    assert sums(found.layers)[0] == 6_624_904
    assert found.num_parameters == 13_004_888
    assert describe("resnet18", 4, 64).auxiliary == ()


def test_a_picture_too_small_for_an_auxiliary_head_can_be_predicted_and_not_trained() -> None:
    small, enough = describe("inception_v3", 1000, 298), describe("inception_v3", 1000, 299)
    assert "Kernel size can't be greater" in small.auxiliary_problem
    assert enough.auxiliary_problem == ""
    assert small.num_parameters == enough.num_parameters == 27_161_264
    assert footprint("inception_v3", 1000, 299).num_parameters == 27_161_264
    with pytest.raises(ValueError, match=r"inception_v3 cannot be trained on 298x298 pixels"):
        footprint("inception_v3", 1000, 298)


def test_the_nearest_sizes_that_fit_are_found() -> None:
    assert nearest_sizes("alexnet", 32) == (64,)
    describe("alexnet", 4, 63)
    with pytest.raises(ValueError, match=r"^alexnet cannot take 62x62 pixels \("):
        describe("alexnet", 4, 62)
    assert nearest_sizes("vit_b_32", 100) == (96, 128)
    assert nearest_sizes("timm:vit_small_patch14_dinov2", 128) == (126, 140)
    assert nearest_sizes("timm:vit_small_patch14_dinov2", 128, 4) == (112, 140)
    assert nearest_sizes("inception_v3", 298) == (299,)


@pytest.mark.parametrize(
    ("name", "pixels", "top5"),
    [("resnet50", 224, 92.862), ("inception_v3", 299, 93.45), ("efficientnet_b4", 380, 96.594)],
)
def test_what_torchvision_publishes(name: str, pixels: int, top5: float) -> None:
    assert native_pixels(name) == pixels
    assert published_top5(name) == top5
    # Later weights were tested at 518 pixels, which this network does not take.
    assert native_pixels("vit_h_14") == 224


def test_following_leaves_the_network_and_the_random_numbers_as_they_were() -> None:
    before = torch.get_rng_state()
    network = build_on_meta("squeezenet1_1", 4).eval()
    _follow(network, 64)
    hooks = [len(each._forward_hooks) + len(each._forward_pre_hooks) for each in network.modules()]
    assert sum(hooks) == 0
    assert torch.equal(torch.get_rng_state(), before)
    assert nn.Linear(1, 1).weight.device.type == "cpu"
