"""Frozen layers stand still, norms and all, and thaw again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from foldgrid.models import (
    batch_norms,
    build_network,
    check_frozen,
    forward_all,
    freeze,
    known_backbones,
    parameter_counts,
    train_mode,
    weight_layers,
)
from foldgrid.models.backbones import build_on_meta, head_parameters
from foldgrid.specs.resolving import resolve_sweep
from tests.models.representatives import networks

SWEEPS = Path(__file__).resolve().parents[2] / "sweeps"
PAPER_S_29 = resolve_sweep(SWEEPS / "all_backbones.yaml", "paper").sweep.backbones
OTHERS = ("plain_cnn", "vit_b_32", "swin_t", "convnext_tiny")


def frozen_names(network: nn.Module) -> set[str]:
    return {name for name, value in network.named_parameters() if not value.requires_grad}


def test_mobilenet_v2_has_the_paper_s_53_layers() -> None:
    layers = weight_layers("mobilenet_v2")
    network = build_on_meta("mobilenet_v2", 3)
    kinds = [type(network.get_submodule(layer.name)) for layer in layers]
    assert len(layers) == 53
    assert [kind is nn.Linear for kind in kinds] == [False] * 52 + [True]
    assert all(issubclass(kind, nn.Conv2d) for kind in kinds[:52])
    # Each convolution with its norm, the last layer with its bias.
    assert {len(layer.parameters) for layer in layers[:52]} == {3}
    assert layers[-1].parameters == ("classifier.1.weight", "classifier.1.bias")
    assert layers[0].parameters == (
        "features.0.0.weight",
        "features.0.1.weight",
        "features.0.1.bias",
    )


@pytest.mark.parametrize(
    ("name", "num_layers"),
    [("alexnet", 8), ("vgg16", 16), ("vgg19_bn", 19), ("plain_cnn", 7), ("densenet121", 121)],
)
def test_networks_have_the_layers_that_their_names_count(name: str, num_layers: int) -> None:
    assert len(weight_layers(name)) == num_layers


@pytest.mark.parametrize("name", networks((*PAPER_S_29, "seresnet101", *OTHERS), also=OTHERS))
def test_every_parameter_of_the_body_belongs_to_one_layer(name: str) -> None:
    found = [each for layer in weight_layers(name) for each in layer.parameters]
    assert len(found) == len(set(found))
    every = {key for key, _ in build_on_meta(name, 1).named_parameters()}
    # GoogLeNet's auxiliary heads see no image in prediction.
    left = {key.split(".")[0] for key in every - set(found)}
    assert left == ({"aux1", "aux2"} if name == "googlenet" else set())
    head = [each for each in head_parameters(name) if not each.startswith("aux")]
    assert set(head) <= set(weight_layers(name)[-1].parameters)


@pytest.mark.parametrize(
    ("name", "stage_heads"),
    [
        ("mobilenet_v2", False),
        ("mobilenet_v2", True),
        ("googlenet", False),
        ("resnet18", True),
        ("squeezenet1_1", False),
    ],
)
def test_a_frozen_backbone_leaves_the_heads(name: str, stage_heads: bool) -> None:
    network = build_on_meta(name, 3, stage_heads)
    freeze(network, name, "backbone")
    trained = {key for key, _ in network.named_parameters()} - frozen_names(network)
    heads = set(head_parameters(name, stage_heads))
    assert heads <= trained
    assert all(key.startswith("aux") for key in trained - heads)


@given(frozen=st.integers(0, 52), after=st.sampled_from(["nothing", "backbone", 0, 7]))
def test_the_first_layers_freeze_and_what_was_frozen_before_does_not_matter(
    frozen: int, after: int | str
) -> None:
    network = build_on_meta("mobilenet_v2", 3)
    freeze(network, "mobilenet_v2", after)
    freeze(network, "mobilenet_v2", frozen)
    first = weight_layers("mobilenet_v2")[:frozen]
    expected = {each for layer in first for each in layer.parameters}
    assert frozen_names(network) == expected
    assert len(batch_norms(network, is_frozen=True)) == frozen
    assert len(batch_norms(network, is_frozen=False)) == 52 - frozen
    counts = parameter_counts(network)
    assert counts.frozen + counts.trained == 2_223_872 + 3 * 1_281
    assert counts.running_statistics == 34_112


def take_a_step(network: nn.Module) -> None:
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5, momentum=0.9, weight_decay=0.1)
    for _ in range(2):
        outputs, auxiliary = forward_all(network, torch.rand(4, 3, 64, 64))
        optimizer.zero_grad()
        torch.stack([each.square().mean() for each in (outputs, *auxiliary)]).sum().backward()
        optimizer.step()


@pytest.mark.parametrize("frozen", ["backbone", 10])
@pytest.mark.parametrize(
    ("name", "stage_heads"),
    [
        ("mobilenet_v2", False),
        ("mobilenet_v2", True),
        ("shufflenet_v2_x0_5", True),
        ("googlenet", False),
    ],
)
def test_what_is_frozen_keeps_its_bits_and_what_is_not_moves(
    name: str, frozen: int | str, stage_heads: bool
) -> None:
    torch.manual_seed(0)
    network = build_network(name, 3, stage_heads=stage_heads)
    freeze(network, name, frozen)
    still = frozen_names(network)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    train_mode(network)
    take_a_step(network)
    after = network.state_dict()
    owners = {key.rpartition(".")[0] for key in still}
    for key, value in after.items():
        owner, _, last = key.rpartition(".")
        is_statistic = last in ("running_mean", "running_var", "num_batches_tracked")
        stands_still = owner in owners if is_statistic else key in still
        assert torch.equal(value, before[key]) == stands_still, key


def test_thawed_layers_train_again_and_their_statistics_move() -> None:
    torch.manual_seed(0)
    network = build_network("mobilenet_v2", 3)
    for frozen in ("backbone", 5, "nothing"):
        freeze(network, "mobilenet_v2", frozen)
        train_mode(network)
    norms = [each for each in network.modules() if isinstance(each, _BatchNorm)]
    assert all(norm.training for norm in norms)
    before = [norm.running_mean.clone() for norm in norms if norm.running_mean is not None]
    take_a_step(network)
    after = [norm.running_mean for norm in norms if norm.running_mean is not None]
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert frozen_names(network) == set()


def test_a_gradient_of_the_phase_before_moves_nothing() -> None:
    torch.manual_seed(0)
    network = build_network("plain_cnn", 2)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    network(torch.rand(2, 3, 32, 32)).sum().backward()
    freeze(network, "plain_cnn", 2)
    before = network.state_dict()["features.0.weight"].clone()
    optimizer.step()
    assert torch.equal(network.state_dict()["features.0.weight"], before)


def test_the_papers_way_of_counting() -> None:
    network = build_on_meta("mobilenet_v2", 1)
    freeze(network, "mobilenet_v2", "backbone")
    counts = parameter_counts(network)
    assert (counts.frozen, counts.trained, counts.running_statistics) == (2_223_872, 1_281, 34_112)
    # As Keras prints them of its own MobileNetV2 with one output.
    assert (counts.keras_total, counts.keras_non_trainable) == (2_259_265, 2_257_984)


@pytest.mark.parametrize("frozen", [53, 54, -1, "head", "10"])
def test_what_leaves_nothing_to_train_is_refused(frozen: int | str) -> None:
    network = build_on_meta("mobilenet_v2", 3)
    with pytest.raises(ValueError, match=r"^frozen: found "):
        freeze(network, "mobilenet_v2", frozen)
    with pytest.raises(ValueError, match=r"^frozen: found "):
        check_frozen("mobilenet_v2", frozen)
    assert frozen_names(network) == set()
    check_frozen("mobilenet_v2", 52)


def test_layers_are_in_the_order_of_the_computation() -> None:
    order: list[str] = []
    network = build_network("resnet18", 2).eval()
    for name, module in network.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):

            def note(_module: nn.Module, _inputs: tuple[Tensor, ...], name: str = name) -> None:
                order.append(name)

            module.register_forward_pre_hook(note)
    network(torch.rand(1, 3, 64, 64))
    assert [layer.name for layer in weight_layers("resnet18")] == order


@pytest.mark.parametrize("name", networks(known_backbones()[::7]))
def test_all_networks_have_layers(name: str) -> None:
    assert len(weight_layers(name)) > 6


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_heads_that_weigh_nothing_are_not_asked(name: str) -> None:
    network = build_network(name, 2)
    pictures = torch.rand(2, 3, 96, 96)
    train_mode(network, auxiliary_heads=False)
    outputs, auxiliary = forward_all(network, pictures)
    assert (outputs.shape, auxiliary) == ((2, 2), ())
    inner = [module for module in network.modules() if module is not network]
    assert all(module.training for module in inner)
    train_mode(network)
    assert network.training
