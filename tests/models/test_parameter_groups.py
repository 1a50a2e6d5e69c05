"""Groups of parameters: timm's own where it has some, and the same of networks that both have."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from timm.optim import param_groups_layer_decay, param_groups_weight_decay
from torch import nn

from foldgrid.models import build_network, with_own_head
from foldgrid.models.backbones import build_on_meta
from foldgrid.models.construction import construct_on_meta
from foldgrid.models.parameter_groups import layer_depths, parameter_groups
from foldgrid.specs.heads import OwnHead
from foldgrid.specs.recipe import TrainingRecipe

RATE, DECAY = 0.5, 0.05


def by_name(network: nn.Module, groups: Any) -> dict[str, tuple[float, float]]:
    """By parameter, its decay and the fraction of the rate that it learns at."""
    names = {parameter: name for name, parameter in network.named_parameters()}
    return {
        names[each]: (group["weight_decay"], group.get("lr_scale", 1.0))
        for group in groups
        for each in group["params"]
    }


def grouped(network: nn.Module, name: str, **keys: Any) -> dict[str, tuple[float, float]]:
    recipe = TrainingRecipe(weight_decay=DECAY, **keys)
    groups: Any = parameter_groups(network, name, recipe, RATE)
    assert isinstance(groups, list)
    for group in groups:
        assert group.get("lr", RATE) == RATE * group.get("lr_scale", 1.0)
    found = by_name(network, groups)
    assert set(found) == {each for each, _ in network.named_parameters()}
    return found


TIMM = [
    "timm:test_vit",
    "timm:test_convnext",
    "timm:test_resnet",
    "timm:swin_tiny_patch4_window7_224",
]


@pytest.mark.parametrize("name", TIMM)
def test_what_decays_and_how_fast_each_layer_learns_is_timm_s(name: str) -> None:
    network: Any = construct_on_meta(name, 3)
    listed = network.no_weight_decay() if hasattr(network, "no_weight_decay") else ()
    spared = by_name(
        network, param_groups_weight_decay(network, DECAY, no_weight_decay_list=listed)
    )
    assert grouped(network, name, decay_norms_and_biases=False) == spared
    both = param_groups_layer_decay(network, DECAY, no_weight_decay_list=listed, layer_decay=0.5)
    mine = grouped(network, name, decay_norms_and_biases=False, layer_decay=0.5)
    theirs = by_name(network, both)
    assert {each: decay for each, (decay, _) in mine.items()} == {
        each: decay for each, (decay, _) in theirs.items()
    }
    assert {each: scale for each, (_, scale) in mine.items()} == pytest.approx(
        {each: scale for each, (_, scale) in theirs.items()}
    )
    assert {decay for decay, _ in mine.values()} == {0.0, DECAY}


def test_plain_parameters_stay_plain() -> None:
    network = build_network("plain_cnn", 2)
    groups: Any = parameter_groups(network, "plain_cnn", TrainingRecipe(weight_decay=DECAY), RATE)
    assert list(groups) == list(network.parameters())


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_a_network_that_both_libraries_have_has_the_same_depths(name: str) -> None:
    assert layer_depths(name) == layer_depths(f"timm:{name}")


def test_so_has_a_vit_under_other_names() -> None:
    def depths(name: str) -> Counter[tuple[int, tuple[int, ...]]]:
        sizes = {
            each: value.numel() for each, value in construct_on_meta(name, 2).named_parameters()
        }
        return Counter((depth, sizes[each]) for each, depth in layer_depths(name).items())

    assert depths("vit_b_16") == depths("timm:vit_base_patch16_224")


@pytest.mark.parametrize(
    ("name", "steps"),
    # AlexNet's layers; the stem, blocks, last convolution and head; blocks and what lies between.
    [
        ("alexnet", 8),
        ("mobilenet_v2", 20),
        ("densenet121", 63),
        ("swin_t", 17),
        ("convnext_tiny", 23),
    ],
)
def test_depth_grows_by_blocks_from_the_first_layer_to_the_last(name: str, steps: int) -> None:
    depths = layer_depths(name)
    network = construct_on_meta(name, 2)
    assert set(depths) == {each for each, _ in network.named_parameters()}
    assert sorted(set(depths.values())) == list(range(steps))
    first, *_, last = (each for each, _ in network.named_parameters())
    assert (depths[first], depths[last]) == (0, steps - 1)


@pytest.mark.parametrize("name", ["resnet18", "timm:test_vit"])
def test_a_head_of_its_own_learns_at_the_full_rate_and_the_body_as_without(name: str) -> None:
    plain = grouped(construct_on_meta(name, 3), name, decay_norms_and_biases=False, layer_decay=0.7)
    own = OwnHead("mlp")
    network = with_own_head(construct_on_meta(name, 3), name, own, 3)
    headed = grouped(network, name, decay_norms_and_biases=False, layer_decay=0.7)
    for each, (decay, scale) in headed.items():
        kind, _, rest = each.partition(".")
        if kind == "body":
            assert plain[rest] == (decay, scale), each
        else:
            assert (decay, scale) == (0.0 if each.endswith("bias") else DECAY, 1.0)


def test_heads_at_the_stages_learn_at_the_full_rate() -> None:
    network = build_on_meta("resnet18", 3, stage_heads=True)
    found = grouped(network, "resnet18", layer_decay=0.5)
    assert {found[each][1] for each in found if each.startswith("stage_heads")} == {1.0}
    assert found["body.conv1.weight"] == (DECAY, 0.5**9)
