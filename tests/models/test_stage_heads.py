"""A linear classifier at the end of each stage, read from the network's own graph."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from foldgrid.models import (
    build_network,
    check_backbones,
    forward_all,
    load_state,
    set_head_bias,
)
from foldgrid.models.backbones import build_on_meta, head_parameters
from foldgrid.models.footprint import footprint
from foldgrid.models.stages import StagedNetwork, stages_of
from foldgrid.specs.architectures import known_architectures
from foldgrid.specs.errors import InputError
from foldgrid.specs.resolving import resolve_sweep
from tests.models.representatives import networks

SWEEPS = Path(__file__).resolve().parents[2] / "sweeps"
PAPER_S_29 = resolve_sweep(SWEEPS / "all_backbones.yaml", "paper").sweep.backbones
FAMILIES = (
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "maxvit_t",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "plain_cnn",
    "regnet_y_400mf",
    "resnet18",
    "legacy_seresnet101",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "vgg11_bn",
)
WITHOUT = ("googlenet", "inception_v3", "swin_t", "swin_v2_t", "vit_b_16")


def build(name: str, num_outputs: int = 3, seed: int = 0) -> StagedNetwork:
    torch.manual_seed(seed)
    network = build_network(name, num_outputs, stage_heads=True)
    assert isinstance(network, StagedNetwork)
    return network


def keep_copy(
    maps: dict[str, Tensor], key: str, _module: nn.Module, _inputs: object, output: Tensor
) -> None:
    # Copied, for what follows may write into it.
    maps[key] = output.clone()


def pixels_of(name: str) -> int:
    return 224 if name == "maxvit_t" else 64


@pytest.mark.parametrize(
    ("name", "modules"),
    [
        ("efficientnet_b4", [f"features.{stage}" for stage in range(1, 8)]),
        ("resnet18", ["layer1", "layer2", "layer3", "layer4"]),
        ("legacy_seresnet101", ["layer1", "layer2", "layer3", "layer4"]),
        ("densenet121", [f"features.denseblock{block}" for block in (1, 2, 3, 4)]),
        ("convnext_tiny", [f"features.{stage}" for stage in (1, 3, 5, 7)]),
        ("mnasnet0_5", [f"layers.{stage}" for stage in range(8, 14)]),
        # MobileNetV2's paper has seven rows of bottlenecks, of 1, 2, 3, 4, 3, 3 and 1 blocks.
        ("mobilenet_v2", [f"features.{block}" for block in (1, 3, 6, 10, 13, 16, 17)]),
        ("vgg11", [f"features.{pool}" for pool in (2, 5, 10, 15, 20)]),
        ("squeezenet1_1", [f"features.{module}" for module in (2, 5, 8, 12)]),
        ("plain_cnn", [f"features.{pool}" for pool in (2, 5, 8, 11, 14)]),
    ],
)
def test_the_stages_are_those_of_the_papers(name: str, modules: list[str]) -> None:
    assert [stage.module for stage in stages_of(name)] == modules


def test_efficientnet_b4_has_seven_auxiliary_heads_and_eight_outputs() -> None:
    network = build_on_meta("efficientnet_b4", 3, stage_heads=True).train()
    outputs, auxiliary = forward_all(network, torch.empty(2, 3, 64, 64, device="meta"))
    assert len(auxiliary) == 7
    assert {head.shape for head in (outputs, *auxiliary)} == {(2, 3)}
    channels = [stage.channels for stage in stages_of("efficientnet_b4")]
    assert channels == [24, 32, 56, 112, 160, 272, 448]


@pytest.mark.parametrize("name", networks(PAPER_S_29))
def test_each_of_the_paper_s_networks_takes_them_or_says_that_it_cannot(name: str) -> None:
    if name in WITHOUT:
        assert stages_of(name) == ()
        return
    network = build_on_meta(name, 3, stage_heads=True).train()
    outputs, auxiliary = forward_all(network, torch.empty(2, 3, 64, 64, device="meta"))
    assert len(auxiliary) == len(stages_of(name)) >= 3
    state = network.state_dict()
    assert {state[key].shape[0] for key in head_parameters(name, stage_heads=True)} == {3}
    assert {head.shape for head in (outputs, *auxiliary)} == {(2, 3)}
    assert network.eval()(torch.empty(2, 3, 64, 64, device="meta")).shape == (2, 3)


def test_only_transformers_and_networks_with_auxiliary_heads_have_none() -> None:
    one_of_each = [each.backbones[0] for each in known_architectures()]
    without = {name for name in one_of_each if not stages_of(name)}
    assert without == set(WITHOUT)


@pytest.mark.parametrize("name", networks(FAMILIES, also=["convnext_tiny"]))
def test_the_body_is_the_very_network_and_the_outputs_are_its_heads_on_its_maps(name: str) -> None:
    torch.manual_seed(0)
    plain = build_network(name, 3).eval()
    staged = build(name).eval()
    own, body = plain.state_dict(), staged.body.state_dict()
    assert set(own) == set(body)
    assert all(torch.equal(own[key], body[key]) for key in own)

    maps: dict[str, Tensor] = {}
    for stage in stages_of(name):
        keep = partial(keep_copy, maps, stage.module)
        plain.get_submodule(stage.module).register_forward_hook(keep)
    images = torch.rand(2, 3, pixels_of(name), pixels_of(name))
    with torch.no_grad():
        outputs = [plain(images)]
        heads = zip(staged.stage_heads, stages_of(name), strict=True)
        outputs += [head(maps[stage.module]) for head, stage in heads]
        found = staged(images)
    assert torch.equal(found, torch.stack(outputs).mean(dim=0))


@pytest.mark.parametrize("name", ["mobilenet_v2", "shufflenet_v2_x0_5", "plain_cnn"])
def test_in_training_each_head_gets_its_loss_and_all_weights_move(name: str) -> None:
    network = build(name).train()
    images = torch.rand(4, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    outputs, auxiliary = forward_all(network, images)
    assert len(auxiliary) == len(stages_of(name))
    torch.stack([each.square().mean() for each in (outputs, *auxiliary)]).sum().backward()
    assert [key for key, value in network.named_parameters() if value.grad is None] == []


def test_it_learns_and_predicts_the_same_again() -> None:
    def train() -> Tensor:
        network = build("squeezenet1_1").train()
        optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
        for _ in range(2):
            outputs, auxiliary = forward_all(network, torch.full((2, 3, 48, 48), 0.5))
            torch.stack([outputs, *auxiliary]).square().mean().backward()
            optimizer.step()
        with torch.no_grad():
            return forward_all(network.eval(), torch.full((2, 3, 48, 48), 0.5))[0]

    assert torch.equal(train(), train())


def test_going_to_prediction_and_back_changes_what_it_returns() -> None:
    network = build("mobilenet_v2")
    images = torch.rand(2, 3, 64, 64)
    for _ in range(2):
        assert len(forward_all(network.train(), images)[1]) == 7
        outputs, auxiliary = forward_all(network.eval(), images)
        assert (tuple(outputs.shape), auxiliary) == ((2, 3), ())
        # Batch normalisation predicts with its averages: a picture by itself gives the same.
        alone = forward_all(network, images[:1])[0]
        torch.testing.assert_close(alone, outputs[:1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["mobilenet_v2", "mnasnet0_5", "regnet_y_400mf"])
def test_a_file_brings_it_back(name: str) -> None:
    kept = safetensors.torch.save(build(name).state_dict())
    network = build(name, seed=5)
    load_state(network, safetensors.torch.load(kept))
    assert safetensors.torch.save(network.state_dict()) == kept
    with pytest.raises(RuntimeError, match="Missing key"):
        load_state(build_network(name, 3), safetensors.torch.load(kept))


@pytest.mark.parametrize("name", ["mobilenet_v2", "mnasnet0_5", "densenet121"])
def test_pretrained_weights_go_into_the_body_and_no_head(name: str) -> None:
    torch.manual_seed(1)
    published = build_network(name, 1000).state_dict()
    torch.manual_seed(2)
    staged = build_network(name, 3, published, stage_heads=True)
    heads = set(head_parameters(name, stage_heads=True))
    state = staged.state_dict()
    assert all(
        torch.equal(value, published[key.removeprefix("body.")])
        for key, value in state.items()
        if key not in heads
    )
    assert {state[key].shape[0] for key in heads} == {3}


def test_head_parameters_are_those_of_all_heads() -> None:
    heads = head_parameters("resnet18", stage_heads=True)
    layers = ["body.fc", *(f"stage_heads.{stage}.classifier" for stage in range(4))]
    assert sorted(heads) == sorted(
        f"{layer}.{part}" for layer in layers for part in ("weight", "bias")
    )
    assert head_parameters("resnet18") == ("fc.weight", "fc.bias")


def test_heads_without_weights_predict_their_bias() -> None:
    network = build("shufflenet_v2_x0_5")
    bias = torch.tensor([1.5, 2.5, 0.5])
    set_head_bias(network, "shufflenet_v2_x0_5", bias)
    parameters = dict(network.named_parameters())
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        for key in head_parameters("shufflenet_v2_x0_5", stage_heads=True):
            if key.endswith("weight"):
                parameters[key].zero_()
        outputs, auxiliary = forward_all(network.train(), images)
        mean, _ = forward_all(network.eval(), images)
    for head in (outputs, *auxiliary, mean):
        torch.testing.assert_close(head, bias.expand(2, 3))


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_b4", "resnet18"])
def test_the_footprint_counts_them(name: str) -> None:
    without, with_heads = footprint(name, 3, 64), footprint(name, 3, 64, stage_heads=True)
    channels = sum(stage.channels for stage in stages_of(name))
    num_heads = len(stages_of(name))
    assert with_heads.num_parameters - without.num_parameters == 3 * (channels + num_heads)
    assert with_heads.multiply_adds - without.multiply_adds == 3 * channels
    # A head's map of one cell, and its outputs.
    assert with_heads.activations - without.activations == channels + 3 * num_heads
    weights = sum(each.numel() for each in build(name).parameters())
    assert with_heads.num_parameters == weights


def test_asking_for_them_draws_no_random_number() -> None:
    for cached in (stages_of, head_parameters, footprint):
        cached.cache_clear()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    stages_of("mobilenet_v2")
    head_parameters("squeezenet1_1", stage_heads=True)
    footprint("mnasnet0_5", 3, 64, stage_heads=True)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", WITHOUT)
def test_networks_without_stages_say_so(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} cannot have heads at the ends of its stages"):
        build_network(name, 3, stage_heads=True)


def test_all_of_them_are_reported_at_once_with_their_lines() -> None:
    check_backbones(["resnet18", "plain_cnn"], "mine.yaml", {}, stage_heads=True)
    check_backbones(["googlenet"], "mine.yaml", {})
    with pytest.raises(InputError) as caught:
        check_backbones(
            ["resnet18", "swin_t", "resnet35", "googlenet"],
            "mine.yaml",
            {"swin_t": 4},
            stage_heads=True,
        )
    first, second, third = caught.value.problems
    assert (first.where, first.what) == ("line 4", "swin_t")
    assert "Convolutional networks can" in first.message
    assert "there is no network" in second.message
    assert "auxiliary heads of their own" in third.message
