"""What a sweep asks of its networks is looked at before any photograph is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foldgrid.launching.planning.networks import check_networks, footprints
from foldgrid.specs.errors import InputError
from foldgrid.specs.resolving import ResolvedSweep, resolve_sweep


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


def test_more_layers_frozen_than_there_are_is_told_for_each_network(tmp_path: Path) -> None:
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


def test_heads_at_stages_are_counted_where_a_network_has_them(tmp_path: Path) -> None:
    own = {"resnet18": {"stage_heads": True}}
    resolved = sweep_with(tmp_path, {}, "resnet18", "resnet34", per_backbone=own)
    plain = sweep_with(tmp_path, {}, "resnet18", "resnet34")
    found, without = (footprints(each.sweep, "here", 3) for each in (resolved, plain))
    assert found["resnet18"].num_parameters > without["resnet18"].num_parameters
    assert found["resnet34"] == without["resnet34"]
