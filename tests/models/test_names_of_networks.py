"""Which network a name means: shared names, tags, repositories, files; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch

from foldgrid.launching.planning.grid import SampleCounts, Selection, plan_grid
from foldgrid.launching.planning.networks import (
    check_licences,
    check_networks,
    check_weight_files,
    footprints,
)
from foldgrid.models import build_network, check_backbones, find_weight_file, resolve_weights
from foldgrid.models.backbones import build_on_meta
from foldgrid.models.footprint import footprint
from foldgrid.models.published import native_pixels
from foldgrid.models.sources import all_backbones, find_source, known_backbones, source_of
from foldgrid.specs.backbone_names import known_by_hash, read_file_name, slug_of
from foldgrid.specs.errors import InputError
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.normalization import channel_statistics
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.resolving import ResolvedSweep, resolve_sweep
from foldgrid.specs.sweep import Sweep
from foldgrid.specs.task import default_task
from foldgrid.tracking.runs import run_id_of
from tests.models.representatives import networks

SHARED = sorted(
    name
    for name in known_backbones()
    if timm.is_model(name) and source_of(name).title == "torchvision"
)
NAMES = (
    "resnet18",
    "timm:resnet18",
    "timm-resnet18",
    "resnet18.a1_in1k",
    "hf-hub:owner/name",
    "hf-hub:Owner/name",
    "hf-hub:owner/name@main",
    "file:0123456789abcdef:resnet18",
    "file:0123456789abcdee:resnet18",
    "a" * 200,
    "a" * 201,
)


def refused(*names: str) -> dict[str, str]:
    with pytest.raises(InputError) as caught:
        check_backbones(names, "mine.yaml", {})
    return {problem.what: problem.message for problem in caught.value.problems}


def test_there_are_shared_names_and_thousands_more() -> None:
    assert {"resnet18", "vgg16", "densenet121", "efficientnet_b0", "inception_v3"} <= set(SHARED)
    assert len(all_backbones()) > 3000
    assert set(known_backbones()) <= set(all_backbones())


@pytest.mark.parametrize("name", SHARED)
def test_a_shared_name_is_torchvision_s_unless_timm_is_asked_for(name: str) -> None:
    assert source_of(name).title == "torchvision"
    assert source_of(f"timm:{name}").title == "timm"
    tags = [each for each in timm.list_pretrained(f"{name}.*") if each.startswith(f"{name}.")]
    assert all(source_of(each).title == "timm" for each in tags)
    assert slug_of(name) == name


@pytest.mark.parametrize("name", networks(SHARED, also=("vgg11",)))
def test_both_of_a_shared_name_can_be_built(name: str) -> None:
    names = [name, f"timm:{name}"]
    check_backbones(names, "mine.yaml", {})
    theirs, timms = (build_on_meta(each, 3) for each in names)
    assert type(theirs).__module__.startswith("torchvision")
    assert type(timms).__module__.startswith("timm")


def test_slugs_are_safe_and_differ() -> None:
    slugs = [slug_of(name) for name in NAMES]
    assert len({slug.lower() for slug in slugs}) == len(NAMES)
    assert all(len(slug) <= 80 for slug in slugs)
    safe = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert all(set(slug) <= safe for slug in slugs)
    assert all(slug[0] not in ".-" and slug[-1] != "." for slug in slugs)
    assert len({run_id_of("sweep", f"{slug}-fold0") for slug in slugs}) == len(NAMES)


def test_a_fit_s_id_is_a_name_for_a_folder() -> None:
    values: dict[str, Any] = {
        "fold": 0,
        "task": default_task().model_dump(mode="json"),
        "data_fingerprint": "d",
        "split_fingerprint": "s",
        "weights": "random",
        "seed": 0,
        "budget": "paper",
        "training": {},
    }
    ids = {
        FitConfig.model_validate_json(json.dumps(values | {"backbone": name})).fit_id
        for name in NAMES
    }
    assert len(ids) == len(NAMES)
    assert not [each for each in ids if set(each) & set("/\\:@ ")]


def test_an_unknown_name_comes_with_its_nearest_five() -> None:
    found = refused("resnet35", "vit_smal_patch14_dinov2")
    assert found["resnet35"].count('"') == 10
    assert "vit_small_patch14_dinov2" in found["vit_smal_patch14_dinov2"]


def test_a_tag_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    found = refused("resnet50.a1_in2k", "timm:no_such_net", "seresnet101.a1_in1k")
    assert 'resnet50 has no weights called "a1_in2k"' in found["resnet50.a1_in2k"]
    assert "a1_in1k" in found["resnet50.a1_in2k"]
    assert "no architecture" in found["timm:no_such_net"]
    assert "seresnet101 has no weights" in found["seresnet101.a1_in1k"]


def test_two_spellings_of_one_network_are_refused() -> None:
    found = refused("resnet50", "timm:resnet50", "resnet50.a1_in1k", "timm:resnet50.a2_in1k")
    assert list(found) == ["resnet50.a1_in1k"]
    assert "timm:resnet50" in found["resnet50.a1_in1k"]


def test_a_network_without_a_last_layer_is_refused() -> None:
    assert "no last layer" in refused("gemma4_vit_167m_enc")["gemma4_vit_167m_enc"]


def test_weights_of_a_tag_are_on_the_hub_with_their_licence() -> None:
    file = source_of("convnext_tiny.dinov3_lvd1689m").published_weights(
        "convnext_tiny.dinov3_lvd1689m"
    )
    assert file is not None
    assert (file.name, file.hub) == ("dinov3_lvd1689m", "timm/convnext_tiny.dinov3_lvd1689m")
    assert file.licence == "dinov3-license"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A repository in timm's format in Hugging Face's cache, its weights with it."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--owner--skin" / "snapshots" / "0123abcd"
    snapshot.mkdir(parents=True)
    refs = tmp_path / "models--owner--skin" / "refs"
    refs.mkdir()
    (refs / "main").write_text("0123abcd")
    described = {
        "architecture": "test_vit",
        "num_classes": 4,
        "pretrained_cfg": {
            "input_size": [3, 96, 96],
            "fixed_input_size": True,
            "interpolation": "bicubic",
            "mean": [0.1, 0.2, 0.3],
            "std": [0.4, 0.5, 0.6],
            "license": "mit",
            "classifier": "head",
            "first_conv": "patch_embed.proj",
        },
        "model_args": {"depth": 2},
    }
    (snapshot / "config.json").write_text(json.dumps(described))
    torch.manual_seed(1)
    network = timm.create_model("test_vit", depth=2, num_classes=4, img_size=96)
    safetensors.torch.save_file(network.state_dict(), snapshot / "model.safetensors")
    return "hf-hub:owner/skin"


def test_a_repository_in_the_cache_is_built_as_it_says(repository: str) -> None:
    check_backbones([repository], "mine.yaml", {})
    own = source_of(repository).preprocessing(repository)
    assert own.mean == (0.1, 0.2, 0.3)
    assert (own.interpolation, native_pixels(repository)) == ("bicubic", 96)
    file = find_weight_file(repository)
    assert file is not None
    assert (file.is_here, file.licence) == (True, "mit")
    published = file.load()
    network: Any = build_network(repository, 3, published, pixels=64)
    assert len(network.blocks) == 2
    assert torch.equal(network.blocks[1].mlp.fc1.weight, published["blocks.1.mlp.fc1.weight"])
    assert network.pos_embed.shape[1] == 17
    assert network.eval()(torch.rand(1, 3, 64, 64)).shape == (1, 3)


def test_a_repository_that_is_not_here_is_refused_and_nothing_is_downloaded(
    repository: str,
) -> None:
    found = refused("hf-hub:owner/other", "hf-hub:owner", "hf-hub:owner/skin@v2")
    assert "`hf download owner/other` gets it" in found["hf-hub:owner/other"]
    assert "hf-hub:OWNER/NAME" in found["hf-hub:owner"]
    assert "--revision v2" in found["hf-hub:owner/skin@v2"]


def test_a_repository_of_another_format_is_refused(repository: str, tmp_path: Path) -> None:
    config = tmp_path / "models--owner--skin" / "snapshots" / "0123abcd" / "config.json"
    for content, words in (
        ({"model_type": "vit"}, "not in timm's format"),
        ({"architecture": "vit_from_mars", "pretrained_cfg": {}}, "it is a vit_from_mars"),
    ):
        config.write_text(json.dumps(content))
        assert words in refused(repository)[repository]


SWEEP = """\
title: Weights of a file
backbones:
  - resnet18
  - file:weights/mine.safetensors:timm:test_vit
data:
  tile_pixels: 32
per_backbone:
  file:weights/mine.safetensors:timm:test_vit:
    learning_rate: 0.5
"""


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep with a file of weights beside it."""
    (tmp_path / "weights").mkdir()
    torch.manual_seed(2)
    state = build_network("timm:test_vit", 9).state_dict()
    safetensors.torch.save_file(state, tmp_path / "weights" / "mine.safetensors")
    path = tmp_path / "mine.yaml"
    path.write_text(SWEEP)
    return path


def resolved(path: Path) -> ResolvedSweep:
    found = resolve_sweep(path, "paper")
    check_networks(found)
    return found


def test_a_file_is_known_by_its_hash_and_its_path_stays_at_home(sweep: Path) -> None:
    found = resolved(sweep).sweep
    name = found.backbones[1]
    known = read_file_name(name)
    assert known is not None
    assert (known.architecture, known.path) == ("timm:test_vit", "")
    assert found.recipe_of(name).learning_rate == 0.5
    assert "weights/" not in found.model_dump_json()
    assert str(sweep.parent) not in found.model_dump_json()
    files = resolve_weights(found.backbones, "auto", "fetch", found.weight_files)
    file = files[name]
    assert file is not None
    assert file.sha256().startswith(known.hash)
    assert "mine" not in file.record().model_dump_json()
    check_weight_files(found, files)
    network = build_network(name, 3, file.load(), pixels=64)
    assert network.eval()(torch.rand(1, 3, 64, 64)).shape == (1, 3)
    # The same file elsewhere is the same network.
    moved = sweep.parent / "moved.safetensors"
    moved.write_bytes((sweep.parent / "weights" / "mine.safetensors").read_bytes())
    assert known_by_hash(f"file:{moved}:timm:test_vit", Path()) == (name, moved)


def test_a_file_of_which_only_the_hash_is_known_is_found_among_the_user_s_or_refused(
    sweep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FOLDGRID_WEIGHTS", raising=False)
    names = resolved(sweep).sweep.backbones
    with pytest.raises(InputError, match="only its hash was written down") as caught:
        resolve_weights(names, "auto", "fetch")
    assert "Put the file into the folder that FOLDGRID_WEIGHTS names, under any name" in str(
        caught.value
    )
    assert resolve_weights(names, "none", "fetch") == dict.fromkeys(names)
    monkeypatch.setenv("FOLDGRID_WEIGHTS", str(sweep.parent))
    with pytest.raises(InputError, match="only its hash was written down"):
        resolve_weights(names, "auto", "fetch")
    (sweep.parent / "other.safetensors").write_bytes(b"another file's")
    (sweep.parent / "weights" / "mine.safetensors").rename(sweep.parent / "z.safetensors")
    file = resolve_weights(names, "auto", "fetch")[names[1]]
    assert file is not None
    assert file.path == sweep.parent / "z.safetensors"
    assert file.source == "file"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("mine.safetensors:", "none.safetensors:"), "cannot be read (No such file"),
        ((":timm:test_vit", ""), "file:PATH:NAME"),
        ((":timm:test_vit", ":timm:test_vti"), "timm has no architecture of this name"),
    ],
)
def test_a_file_that_is_not_there_or_of_no_network_is_refused(
    sweep: Path, change: tuple[str, str], words: str
) -> None:
    sweep.write_text(SWEEP.split("per_backbone")[0].replace(*change))
    with pytest.raises(InputError) as caught:
        resolved(sweep)
    assert words in str(caught.value)
    assert caught.value.source == str(sweep)


def test_weights_of_another_network_are_refused_with_the_layers_that_differ(sweep: Path) -> None:
    sweep.write_text(SWEEP.split("per_backbone")[0].replace("timm:test_vit", "vit_b_32"))
    found = resolved(sweep).sweep
    files = resolve_weights(found.backbones, "auto", "fetch", found.weight_files)
    with pytest.raises(InputError, match=r"these weights are not .*class_token is missing"):
        check_weight_files(found, files)
    (sweep.parent / "weights" / "mine.safetensors").write_bytes(b"no weights")
    found = resolved(sweep).sweep
    files = resolve_weights(found.backbones, "auto", "fetch", found.weight_files)
    with pytest.raises(InputError, match="its file cannot be read"):
        check_weight_files(found, files)


@pytest.mark.parametrize(
    "written",
    ["weights: {policy: auto, licences: [mit]}", "weights: auto\nlicences: [mit]"],
)
def test_a_licence_that_is_not_allowed_is_refused(
    sweep: Path, repository: str, written: str
) -> None:
    sweep.write_text(SWEEP.split("per_backbone")[0] + f"{written}\n")
    found = resolved(sweep)
    assert (found.sweep.weights, found.sweep.licences) == ("auto", ("mit",))
    files = resolve_weights(found.sweep.backbones, "auto", "fetch", found.sweep.weight_files)
    with pytest.raises(InputError) as caught:
        check_licences(found, files)
    (problem,) = caught.value.problems
    assert problem.where.startswith("line ")
    assert "a licence that is not known" in problem.message
    allowed = {repository: find_weight_file(repository)}
    check_licences(found, allowed)


def test_a_strange_key_below_weights_is_refused(sweep: Path) -> None:
    sweep.write_text(SWEEP + "weights: {licenses: [mit]}\n")
    with pytest.raises(InputError, match=r'line 10 +weights.licenses .*"licences"'):
        resolve_sweep(sweep, "paper")


def planned(sweep: Sweep, weights: dict[str, Any] | None = None) -> dict[str, TrainingRecipe]:
    """By backbone the recipe of its first fit."""
    size = footprint("plain_cnn", 1, 64)
    grid = plan_grid(
        sweep,
        data_fingerprint="d",
        split_fingerprint="s",
        weights=weights or dict.fromkeys(sweep.backbones),
        footprints=dict.fromkeys(sweep.backbones, size),
        counts=SampleCounts(1, 1, 1),
        finished=set(),
        selection=Selection(),
    )
    return {job.config.backbone: job.config.training for job in grid.jobs}


def test_a_network_sees_what_its_weights_were_trained_with_unless_the_sweep_says_otherwise(
    repository: str, sweep: Path
) -> None:
    clip = "vit_base_patch32_clip_224.openai"
    names = ["resnet18", "tf_efficientnet_lite0", clip, repository, "plain_cnn"]
    written = f"title: What networks see\nbackbones: [{', '.join(names)}]\n"
    sweep.write_text(written)
    found = planned(resolved(sweep).sweep)
    assert [found[name].normalization for name in names] == [
        "imagenet",
        "minus_one_to_one",
        "clip",
        "0.1 0.2 0.3 / 0.4 0.5 0.6",
        "imagenet",
    ]
    assert channel_statistics(found[repository].normalization) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert {recipe.input_size for recipe in found.values()} == {"data"}
    sweep.write_text(written + "training: {normalization: imagenet, input_size: network}\n")
    said = planned(resolved(sweep).sweep)
    assert {recipe.normalization for recipe in said.values()} == {"imagenet"}
    assert [said[name].input_size for name in names] == [224, 224, 224, 96, 128]
    assert [said[name].interpolation for name in names[:2]] == ["bilinear", "bicubic"]


def test_a_size_of_pictures_that_does_not_fit_is_refused_with_those_that_do(sweep: Path) -> None:
    name = "timm:vit_small_patch14_dinov2"
    for key, words in (
        ("data: {tile_pixels: 64}", r"data.tile_pixels .*data.tile_pixels: 63 or 70 fits"),
        ("training: {input_size: 100}", r"training.input_size .*: 98 or 112 fits"),
    ):
        sweep.write_text(f"title: Patches\nbackbones: ['{name}']\n{key}\n")
        with pytest.raises(InputError, match=words) as caught:
            footprints(resolved(sweep).sweep, "mine.yaml", 3)
        assert "patches of 14x14 pixels" in str(caught.value)
    sweep.write_text(f"title: Patches\nbackbones: ['{name}']\ntraining: {{input_size: 98}}\n")
    assert set(footprints(resolved(sweep).sweep, "mine.yaml", 3)) == {name}


@pytest.mark.parametrize(
    "pixels", ["imagnet", "0.5 0.5", "1 1 1 / 0 1 1", "1 1 1", "a b c / 1 1 1"]
)
def test_what_a_network_sees_is_a_word_or_six_numbers(sweep: Path, pixels: str) -> None:
    sweep.write_text(SWEEP + f'training: {{normalization: "{pixels}"}}\n')
    with pytest.raises(InputError, match="three means / three deviations"):
        resolve_sweep(sweep, "paper")


def test_nobody_builds_nothing() -> None:
    assert find_source("no_such_network_anywhere") is None
