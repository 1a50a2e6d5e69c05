"""Each benchmark runs at its tiniest size and says something finite. What it says is not tested."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.step_cost import refit
from benchmarks.stored_curves import read_curves
from foldgrid.models.footprint import Footprint

PROJECT = Path(__file__).resolve().parents[2]


def run(folder: Path, name: str, *options: str) -> tuple[subprocess.CompletedProcess[str], Any]:
    """Runs a benchmark as a user does; returns what it printed and what it wrote."""
    output = folder / "figures.json"
    command = [sys.executable, "-m", f"benchmarks.{name}", *options, "--output", str(output)]
    environment = {**os.environ, "FOLDGRID_CACHE": str(folder / "cache")}
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=240
    )
    figures = json.loads(output.read_text(encoding="utf-8")) if output.exists() else None
    return done, figures


@pytest.mark.slow
def test_sweep_overhead_prints_both_ratios(tmp_path: Path) -> None:
    size = ["--folds=2", "--epochs=1", "--batches=1", "--subjects=7", "--cores=1", "--repeats=1"]
    done, figures = run(tmp_path, "sweep_overhead", "--backbones", "shufflenet_v2_x0_5", *size)

    assert done.returncode == 0, done.stderr
    assert "whole, starting and stopping included" in done.stdout
    assert "from the first fit to the last" in done.stdout
    found = figures["ratios_whole"] + figures["ratios_without_start_and_stop"]
    assert len(found) == 2
    assert all(math.isfinite(ratio) and ratio > 0 for ratio in found)
    assert figures["num_fits"] == 2


@pytest.mark.slow
def test_step_cost_measures_one_backbone(tmp_path: Path) -> None:
    done, figures = run(tmp_path, "step_cost", "--backbones", "squeezenet1_1", "--seconds", "0.1")

    assert done.returncode == 0, done.stderr
    (cost,) = figures["costs"]
    assert cost["backbone"] == "squeezenet1_1"
    assert all(cost[name] > 0 for name in ("train_ms", "predict_ms", "estimated_ms"))
    assert figures["constants"]["refitted"] is None


def test_analysis_scale_times_both_commands_and_their_growth(tmp_path: Path) -> None:
    size = ["--backbones=2", "--folds=2", "--visits=60", "--repeats=1"]
    growth = ["--statistics-sizes", "2", "4", "--stacking-sizes", "2"]
    done, figures = run(tmp_path, "analysis_scale", *size, *growth)

    assert done.returncode == 0, done.stderr
    assert "printed from the stored ranking" in done.stdout
    assert "grows like n to the" in done.stdout
    (ranked,), (stored,) = figures["ranked_seconds"], figures["stored_seconds"]
    assert ranked > 0
    assert stored > 0
    assert list(figures["growth_seconds"]["statistics"]) == ["2", "4"]
    assert figures["growth_exponents"]["stacking"] is None


def test_search_efficiency_compares_every_rule_that_can_be_replayed(tmp_path: Path) -> None:
    size = ["--seeds=2", "--trials=5", "--workers", "1", "2"]
    done, figures = run(tmp_path, "search_efficiency", *size)

    assert done.returncode == 0, done.stderr
    assert "% of full training" in done.stdout
    assert list(figures["by_workers"]) == ["1", "2"]
    for rules in figures["by_workers"].values():
        assert list(rules) == ["none", "asha", "median", "paired_race"]
        assert rules["none"]["epochs"] == [1.0, 1.0, 1.0]
        assert rules["none"]["regret"] == [0.0, 0.0, 0.0]
        for rule in rules.values():
            assert 0 < rule["epochs"][0] <= 1
            assert rule["regret"][0] >= 0


def test_search_efficiency_says_which_studies_there_are(tmp_path: Path) -> None:
    done, _ = run(tmp_path, "search_efficiency", "--study", "7")

    assert done.returncode == 2
    assert "--study: found 7" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_learning_curves_are_made_kept_and_gone_on_with(tmp_path: Path) -> None:
    output = tmp_path / "curves"
    size = ["--configurations=2", "--epochs=2", "--batches=1", "--subjects=12"]
    place = ["--data-seeds", "3", "--cpu-processes=1", "--gpu-processes=0"]
    place += [f"--folder={tmp_path / 'work'}"]
    command = [sys.executable, "-m", "benchmarks.learning_curves", *size, *place]
    environment = {**os.environ, "FOLDGRID_CACHE": str(tmp_path / "cache")}
    written = []
    for _ in range(2):
        done = subprocess.run(
            [*command, f"--output={output}"],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        written.append(output.with_suffix(".parquet").read_bytes())

    assert written[0] == written[1]
    study = read_curves(output)["3"]
    assert [curve.number for curve in study.curves] == [0, 1]
    assert study.curves[0].values["learning_rate"] == 0.01
    assert all(len(curve.epochs) == 2 for curve in study.curves)


def test_refitting_finds_the_constants_that_made_the_times() -> None:
    sizes = [Footprint(10**6, 10**9, 0), Footprint(10**7, 10**8, 0), Footprint(10**8, 10**10, 0)]
    times = [
        2.0 + 50.0 * size.multiply_adds / 1e9 + 3.0 * size.num_parameters / 1e6 / 16
        for size in sizes
    ]

    found = refit(sizes, times, 16)

    assert found is not None
    assert list(found.values()) == pytest.approx([2.0, 50.0, 3.0])


@pytest.mark.skipif(
    importlib.util.find_spec("lightning") is not None, reason="lightning is installed here"
)
def test_without_lightning_the_peer_says_how_to_get_it(tmp_path: Path) -> None:
    done, _ = run(tmp_path, "against_lightning")

    assert done.returncode == 2
    assert "benchmarks/requirements.txt" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without GPUs")
@pytest.mark.parametrize("name", ["gpu_sharing", "gpu_memory"])
def test_what_measures_a_gpu_says_so_where_there_is_none(name: str, tmp_path: Path) -> None:
    done, figures = run(tmp_path, name)

    assert done.returncode == 2
    assert done.stderr.startswith(f"{name}: torch sees no GPU on this machine")
    assert "Traceback" not in done.stderr
    assert figures is None
