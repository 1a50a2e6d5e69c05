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
