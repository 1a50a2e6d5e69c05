"""A name in, a network with the right head out: for the 29 of the paper and for all the others."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch

from foldgrid.models import (
    build_network,
    check_backbones,
    forward_all,
    known_backbones,
    load_state,
    set_head_bias,
)
from foldgrid.models.backbones import build_on_meta, head_parameters
from foldgrid.models.construction import has_auxiliary_heads
from foldgrid.specs.errors import InputError
from foldgrid.specs.resolving import resolve_sweep
from tests.models.representatives import networks

SWEEPS = Path(__file__).resolve().parents[2] / "sweeps"
PAPER_S_29 = resolve_sweep(SWEEPS / "all_backbones.yaml", "paper").sweep.backbones


@pytest.mark.parametrize("name", networks(PAPER_S_29))
def test_each_of_the_paper_s_networks_predicts_what_it_is_asked(name: str) -> None:
    for num_outputs, is_training in ((4, True), (1, False)):
        network = build_on_meta(name, num_outputs).train(is_training)
        outputs, auxiliary = forward_all(network, torch.empty(2, 3, 64, 64, device="meta"))
        assert len(auxiliary) == (2 if name == "googlenet" and is_training else 0)
        assert {head.shape for head in (outputs, *auxiliary)} == {(2, num_outputs)}
        shapes = {key: value.shape for key, value in network.named_parameters()}
        assert all(shapes[key][0] == num_outputs for key in head_parameters(name))


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "squeezenet1_1", "mnasnet0_5"])
def test_a_network_really_runs_and_really_learns(name: str) -> None:
    torch.manual_seed(0)
    network = build_network(name, 4).train()
    outputs, _ = forward_all(network, torch.rand(2, 3, 64, 64))
    outputs.square().sum().backward()
    assert torch.isfinite(outputs).all()
    unmoved = [key for key, value in network.named_parameters() if value.grad is None]
    assert unmoved == []


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("resnet18", ["fc"]),
        ("shufflenet_v2_x1_0", ["fc"]),
        ("alexnet", ["classifier.6"]),
        ("vgg11", ["classifier.6"]),
        ("squeezenet1_0", ["classifier.1"]),
        ("densenet121", ["classifier"]),
        ("mobilenet_v2", ["classifier.1"]),
        ("mobilenet_v3_small", ["classifier.3"]),
        ("mnasnet0_5", ["classifier.1"]),
        ("googlenet", ["aux1.fc2", "aux2.fc2", "fc"]),
        ("inception_v3", ["AuxLogits.fc", "fc"]),
    ],
)
def test_the_head_is_the_last_layer_and_only_that(name: str, layers: list[str]) -> None:
    expected = [f"{layer}.{part}" for layer in layers for part in ("weight", "bias")]
    assert sorted(head_parameters(name)) == sorted(expected)


@pytest.mark.parametrize("name", networks(known_backbones(), also=PAPER_S_29))
def test_every_network_has_a_head(name: str) -> None:
    head = head_parameters(name)
    layers = {key.rpartition(".")[0] for key in head}
    assert {f"{layer}.weight" for layer in layers} <= set(head)
    # MaxViT's head has no bias.
    assert {key.rpartition(".")[2] for key in head} <= {"weight", "bias"}
    assert len(layers) == {"googlenet": 3, "inception_v3": 2}.get(name, 1)
    assert has_auxiliary_heads(name) == (len(layers) > 1)


def test_the_same_seed_gives_the_same_network() -> None:
    def build() -> dict[str, torch.Tensor]:
        torch.manual_seed(3)
        return build_network("squeezenet1_1", 4).state_dict()

    first, second = build(), build()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "mnasnet0_5", "googlenet"])
def test_a_network_takes_back_what_a_file_kept_of_it(name: str) -> None:
    torch.manual_seed(0)
    kept = safetensors.torch.save(build_network(name, 4).state_dict())
    network = build_network(name, 4)
    load_state(network, safetensors.torch.load(kept))
    assert safetensors.torch.save(network.state_dict()) == kept
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_state(build_network(name, 3), safetensors.torch.load(kept))


def test_asking_for_the_head_draws_no_random_number() -> None:
    # Else the first fit of a process would train differently from the later ones.
    head_parameters.cache_clear()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for name in (
        "squeezenet1_1",
        "googlenet",
        "mnasnet0_5",
        "densenet121",
        "vit_b_16",
        "regnet_y_400mf",
    ):
        head_parameters(name)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "googlenet"])
def test_a_head_without_weights_predicts_its_bias(name: str) -> None:
    torch.manual_seed(0)
    network = build_network(name, 3).train()
    bias = torch.tensor([1.5, 2.5, 0.5])
    set_head_bias(network, name, bias)
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for key in head_parameters(name):
            if key.endswith("weight"):
                parameters[key].zero_()
        outputs, auxiliary = forward_all(network, torch.rand(2, 3, 64, 64))
    for head in (outputs, *auxiliary):
        torch.testing.assert_close(head, bias.expand(2, 3))


def test_unknown_names_are_refused_all_at_once_with_their_lines_and_the_nearest() -> None:
    check_backbones(["resnet18", "vgg11_bn"], "mine.yaml", {})
    with pytest.raises(InputError) as caught:
        check_backbones(
            ["resnet18", "resnet35", "mobilnet_v2", "ResNet34"], "mine.yaml", {"resnet35": 7}
        )
    assert str(caught.value).splitlines()[0] == "mine.yaml: 3 problems"
    first, second, third = caught.value.problems
    assert (first.where, first.what) == ("line 7", "resnet35")
    assert first.message.startswith("there is no network of this name. ")
    assert '"resnet34"' in first.message
    assert (second.where, second.what) == ("backbones", "mobilnet_v2")
    assert 'Did you mean "mobilenet_v2"' in second.message
    assert 'Did you mean "resnet34"' in third.message


def test_networks_for_boxes_masks_and_films_are_no_backbones() -> None:
    assert not {"fasterrcnn_resnet50_fpn", "fcn_resnet50", "r3d_18", "raft_large"} & set(
        known_backbones()
    )
    assert len(known_backbones()) >= 70
