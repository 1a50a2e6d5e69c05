"""What a sweep asks of its networks is looked at before any photograph is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from foldgrid.launching.planning import networks
from foldgrid.launching.planning.networks import check_networks, facts_kept_in, footprints
from foldgrid.models.footprint import Footprint, count_operations, footprint
from foldgrid.models.sources import NETWORK_SOURCES
from foldgrid.specs.checksums import checksummed_json, open_json
from foldgrid.specs.errors import InputError
from foldgrid.specs.resolving import ResolvedSweep, resolve_sweep
from tests.outside.site.pocket import POCKET


def sweep_with(
    tmp_path: Path, training: dict[str, Any], *backbones: str, **keys: Any
) -> ResolvedSweep:
    path = tmp_path / "networks.yaml"
    values = {"title": "t", "backbones": backbones, "training": training, **keys}
    path.write_text(json.dumps(values, indent=1))
    return resolve_sweep(path, "paper")


def refusal(resolved: ResolvedSweep) -> str:
    with pytest.raises(InputError) as caught:
        check_networks(resolved)
    return str(caught.value)


def phases(frozen: int | str) -> dict[str, Any]:
    return {
        "phases": [
            {"name": "head", "epochs": 1, "frozen": "backbone"},
            {"name": "fine", "frozen": frozen},
        ]
    }


def test_more_layers_frozen_than_there_are_is_reported_for_each_network(tmp_path: Path) -> None:
    resolved = sweep_with(tmp_path, phases(30), "resnet18", "mobilenet_v2", "squeezenet1_1")
    reported = refusal(resolved)
    assert "phases.fine" in reported
    assert "resnet18 has 21 layers" in reported
    assert "squeezenet1_1 has 26 layers" in reported
    assert "mobilenet_v2" not in reported.split("networks.yaml", 1)[1]
    assert reported.count("line ") == 2


@pytest.mark.parametrize("frozen", ["backbone", "nothing", 0, 20])
def test_what_can_be_frozen_passes(frozen: int | str, tmp_path: Path) -> None:
    check_networks(sweep_with(tmp_path, phases(frozen), "resnet18", "mobilenet_v2"))


def test_heads_at_stages_are_refused_where_there_are_none(tmp_path: Path) -> None:
    staged = {"stage_heads": True}
    reported = refusal(sweep_with(tmp_path, staged, "resnet18", "googlenet"))
    assert "googlenet cannot have heads at the ends of its stages" in reported
    assert "resnet18" not in reported
    own = {"googlenet": {"stage_heads": False}}
    check_networks(sweep_with(tmp_path, staged, "resnet18", "googlenet", per_backbone=own))


def test_blocks_left_out_are_refused_where_there_are_none(tmp_path: Path) -> None:
    dropping = {"drop_path": 0.1}
    reported = refusal(sweep_with(tmp_path, dropping, "convnext_tiny", "resnet18"))
    assert "resnet18 has no blocks that can be left out (drop_path)" in reported
    assert "line 8 " in reported
    assert "convnext_tiny" not in reported
    own = {"resnet18": {"drop_path": None}}
    resolved = sweep_with(tmp_path, dropping, "convnext_tiny", "resnet18", per_backbone=own)
    check_networks(resolved)
    # Blocks that are left out at times are as large as others.
    found, plain = (
        footprints(sweep_with(tmp_path, each, "convnext_tiny").sweep, "here", 3)
        for each in (dropping, {})
    )
    assert found == plain


@pytest.mark.parametrize(
    ("key", "value", "needed"),
    [("mixup", 0.2, "classes"), ("sampler", "balanced", "classes"), ("loss", "focal", "classes")],
)
def test_keys_of_classes_are_refused_for_scores(
    tmp_path: Path, key: str, value: str | float, needed: str
) -> None:
    reported = refusal(sweep_with(tmp_path, {key: value}, "resnet18"))
    assert f"found {value}, which is for {needed}, and the task pasi predicts numbers" in reported
    assert "line 7 " in reported
    check_networks(sweep_with(tmp_path, {"loss": "huber"}, "resnet18"))


def test_a_search_over_a_key_of_classes_is_refused_for_scores(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text("title: s\nparameters:\n  mixup: {type: float, low: 0.1, high: 1.0}\n")
    sweep = tmp_path / "searched.yaml"
    sweep.write_text(
        "title: t\nbackbones: [resnet18]\nsearch_space: space.yaml\ntraining: {mixup: 0.2}\n"
    )
    reported = refusal(resolve_sweep(sweep, "paper", spaces=(tmp_path,)))
    assert "which is for classes, and the task pasi predicts numbers" in reported


def test_a_search_for_how_many_asks_every_backbone(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text("title: s\nparameters:\n  drop_path: {type: choice, choices: [null, 0.2]}\n")
    sweep = tmp_path / "searched.yaml"
    sweep.write_text("title: t\nbackbones: [resnet18]\nsearch_space: space.yaml\n")
    assert "resnet18 has no blocks" in refusal(resolve_sweep(sweep, "paper", spaces=(tmp_path,)))


def test_a_moving_average_and_adam_s_means_are_counted(tmp_path: Path) -> None:
    plain, both = (
        footprints(sweep_with(tmp_path, each, "resnet18").sweep, "here", 3)["resnet18"]
        for each in ({}, {"optimizer": "adamw", "ema_decay": 0.9})
    )
    assert (plain.num_states, both.num_states) == (1, 3)
    assert both.memory_gib(1) > plain.memory_gib(1)
    assert both.state_gib == pytest.approx(plain.state_gib * 5 / 3)


def test_heads_at_stages_are_counted_where_a_network_has_them(tmp_path: Path) -> None:
    own = {"resnet18": {"stage_heads": True}}
    resolved = sweep_with(tmp_path, {}, "resnet18", "resnet34", per_backbone=own)
    plain = sweep_with(tmp_path, {}, "resnet18", "resnet34")
    found, without = (footprints(each.sweep, "here", 3) for each in (resolved, plain))
    assert found["resnet18"].num_parameters > without["resnet18"].num_parameters
    assert found["resnet34"] == without["resnet34"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The networks that are followed to find out how large they are, from now on."""
    found: list[str] = []

    def note(name: str, *rest: Any) -> Footprint:
        found.append(name)
        return count_operations(name, *rest)

    monkeypatch.setattr("foldgrid.models.footprint.count_operations", note)
    footprint.cache_clear()
    yield found
    footprint.cache_clear()


def size_of(cache: Path, name: str = "squeezenet1_1") -> Footprint:
    """As a process of its own would find it out."""
    footprint.cache_clear()
    with facts_kept_in(cache):
        size: Footprint = footprint(name, 3, 64)
    return size


def test_a_size_is_found_out_once_and_kept(tmp_path: Path, asked: list[str]) -> None:
    first = size_of(tmp_path)
    assert asked == ["squeezenet1_1"]
    assert size_of(tmp_path) == first
    assert asked == ["squeezenet1_1"]
    size_of(tmp_path, "shufflenet_v2_x0_5")
    assert len(asked) == 2, "another network's is another question"
    assert size_of(tmp_path) == first


def test_it_is_found_out_anew_by_other_versions(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = size_of(tmp_path)
    monkeypatch.setattr(networks, "package_versions", lambda names: dict.fromkeys(names, "9"))
    assert size_of(tmp_path) == first
    assert len(asked) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda facts: b"",
        lambda facts: facts[:-40],
        lambda facts: facts.replace(b'"num_parameters": ', b'"num_parameters": 9'),
        lambda facts: b"[1, 2]",
        lambda facts: checksummed_json(
            {key: {"num_parameters": "x"} for key in open_json(facts, "")}
        ),
    ],
    ids=["empty", "cut", "changed", "a-list", "of-another-shape"],
)
def test_a_corrupt_file_costs_time_alone(
    tmp_path: Path, asked: list[str], damage: Callable[[bytes], bytes]
) -> None:
    first = size_of(tmp_path)
    [file] = (tmp_path / "networks").iterdir()
    sound = file.read_bytes()
    file.write_bytes(damage(sound))
    assert size_of(tmp_path) == first
    assert len(asked) == 2
    assert file.read_bytes() == sound


def test_a_cache_that_cannot_be_written_costs_time_alone(tmp_path: Path, asked: list[str]) -> None:
    (tmp_path / "file").write_text("no folder")
    assert size_of(tmp_path / "file") == size_of(tmp_path)
    assert len(asked) == 2


def test_a_mistake_is_not_kept(tmp_path: Path, asked: list[str]) -> None:
    for _ in range(2):
        footprint.cache_clear()
        with facts_kept_in(tmp_path), pytest.raises(ValueError, match="cannot take 8x8"):
            footprint("inception_v3", 3, 8)
    assert len(asked) == 2


def test_of_another_package_s_network_nothing_is_kept(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORK_SOURCES, "pocket", POCKET)
    assert size_of(tmp_path, "pocket_cnn") == size_of(tmp_path, "pocket_cnn")
    assert len(asked) == 2
