"""Each benchmark runs at its tiniest size and says something finite. What it says is not tested."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks import head_search, side_by_side, sweep_overhead
from benchmarks.side_by_side import Measurement, SideResult
from benchmarks.step_cost import refit
from benchmarks.stored_curves import read_curves
from benchmarks.study import Study
from foldgrid.execution.resources import plan_resources
from foldgrid.models.footprint import Footprint
from foldgrid.search.plan import StudyPlan
from foldgrid.specs.resolving import resolve_sweep
from foldgrid.specs.search_space import first_values
from tests.execution.small_grid import fit_job
from tests.made_once import MadeOnce

PROJECT = Path(__file__).resolve().parents[2]
BACKBONE = "shufflenet_v2_x0_5"


@dataclass
class Done:
    """What came of one benchmark: its exit code, what it printed and the figures that it wrote."""

    code: int
    out: str
    err: str
    results: Any


@dataclass
class Runner:
    """Runs benchmarks in this process, as ``python -m`` does in one of their own.

    Args:
        folder: The test's own folder.
        capture: Hears what they print.
    """

    folder: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, name: str, *options: str, output: str = "figures.json") -> Done:
        written = self.folder / output
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [name, *options, "--output", str(written)])
            code = side_by_side.run(importlib.import_module(f"benchmarks.{name}").app)
        said = self.capture.readouterr()
        results = json.loads(written.read_text(encoding="utf-8")) if written.exists() else None
        return Done(code, said.out, said.err, results)


@pytest.fixture
def run(
    tmp_path: Path,
    made_once: MadeOnce,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Runner:
    """Runs benchmarks; what they draw is drawn once."""
    monkeypatch.setenv("FOLDGRID_CACHE", str(made_once("cache", lambda folder: None)))
    # They set these for the processes that they start.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    return Runner(tmp_path, capsys)


def side_in_this_process(module: str, study: Study, folder: Path) -> Measurement:
    """As ``measure`` has it in a process of its own, which takes seconds to start."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    study.save(folder)
    importlib.import_module(module).main(folder)
    said = (folder / "result.json").read_text(encoding="utf-8")
    return Measurement(1.0, SideResult.model_validate_json(said))


@pytest.mark.exhaustive
@pytest.mark.parametrize("apart", [False, True], ids=["here", "apart"])
def test_sweep_overhead_prints_both_ratios(
    apart: bool, run: Runner, local_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not apart:
        monkeypatch.setattr(sweep_overhead, "measure", side_in_this_process)
    size = ["--folds=2", "--epochs=1", "--batches=1", "--subjects=7", "--cores=1", "--repeats=1"]
    done = run("sweep_overhead", "--backbones", "shufflenet_v2_x0_5", *size)

    assert done.code == 0, done.err
    assert "whole, starting and stopping included" in done.out
    assert "from the first fit to the last" in done.out
    found = done.results["ratios_whole"] + done.results["ratios_without_start_and_stop"]
    assert len(found) == 2
    assert all(math.isfinite(ratio) and ratio > 0 for ratio in found)
    assert done.results["num_fits"] == 2


def test_recipe_keys_measures_each_key_against_the_plain_recipe(run: Runner) -> None:
    sizes = ("--backbone", "timm:test_vit", "--pixels", "32", "--rounds", "1", "--batches", "1")
    done = run("recipe_keys", *sizes)
    assert done.code == 0, done.out + done.err
    costs = {each["key"]: each["ratio"] for each in done.results["costs"]}
    assert costs["plain"] == costs["plain, of classes"] == 1
    assert {"mixup: 0.2", "optimizer: adamw", "ema_decay: 0.99", "drop_path: 0.1"} < set(costs)
    assert all(math.isfinite(ratio) and ratio > 0 for ratio in costs.values())


def test_step_cost_measures_one_backbone(run: Runner) -> None:
    done = run("step_cost", "--backbones", "squeezenet1_1", "--seconds", "0.1")

    assert done.code == 0, done.err
    (cost,) = done.results["costs"]
    assert cost["backbone"] == "squeezenet1_1"
    assert all(cost[name] > 0 for name in ("train_ms", "predict_ms", "estimated_ms"))
    assert done.results["constants"]["refitted"] is None


def test_analysis_scale_times_both_commands_and_their_growth(run: Runner) -> None:
    size = ["--backbones=2", "--folds=2", "--visits=60", "--repeats=1", f"--against={PROJECT}"]
    growth = ["--statistics-sizes", "2", "4", "--stacking-sizes", "2"]
    done = run("analysis_scale", *size, *growth)

    assert done.code == 0, done.err
    assert "printed from the stored ranking" in done.out
    assert "grows like n to the" in done.out
    (ranked,), (stored,) = done.results["ranked_seconds"], done.results["stored_seconds"]
    assert ranked > 0
    assert stored > 0
    (here,), (there,) = (
        done.results[f"ranked_processor_seconds{side}"] for side in ("", "_against")
    )
    assert 0.2 < here / there < 5, "the same work"
    assert "here / there" in done.out
    assert list(done.results["growth_seconds"]["statistics"]) == ["2", "4"]
    assert done.results["growth_exponents"]["stacking"] is None


def test_search_efficiency_compares_every_rule_that_can_be_replayed(run: Runner) -> None:
    size = ["--seeds=2", "--trials=5", "--workers", "1", "2", "--processes=1"]
    done = run("search_efficiency", *size)

    assert done.code == 0, done.err
    assert "% of full training" in done.out
    assert list(done.results["by_workers"]) == ["1", "2"]
    for rules in done.results["by_workers"].values():
        assert list(rules) == ["none", "asha", "median", "paired_race"]
        assert rules["none"]["epochs"] == [1.0, 1.0, 1.0]
        assert rules["none"]["regret"] == [0.0, 0.0, 0.0]
        for rule in rules.values():
            assert 0 < rule["epochs"][0] <= 1
            assert rule["regret"][0] >= 0


def test_search_efficiency_says_which_studies_there_are() -> None:
    """As a user starts it."""
    command = [sys.executable, "-m", "benchmarks.search_efficiency", "--study", "7"]
    # The package of this tree, wherever the tests are started from.
    path = os.pathsep.join([str(PROJECT / "src"), str(PROJECT)])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)

    assert done.returncode == 2
    assert "--study: found 7" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.exhaustive
def test_learning_curves_are_made_kept_and_gone_on_with(run: Runner) -> None:
    size = ["--configurations=2", "--epochs=2", "--batches=1", "--subjects=8"]
    size += ["--pretraining-epochs=1"]
    place = ["--data-seeds", "3", "--cpu-processes=1", "--gpu-processes=0"]
    place += [f"--folder={run.folder / 'work'}"]
    written = []
    for num_started in (1, 0):
        done = run("learning_curves", *size, *place, output="curves")
        assert done.code == 0, done.err
        assert f"{num_started} processes started" in done.out
        written.append((run.folder / "curves.parquet").read_bytes())

    assert written[0] == written[1]
    study = read_curves(run.folder / "curves")["3"]
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
def test_without_lightning_the_peer_says_how_to_get_it(run: Runner) -> None:
    done = run("against_lightning")

    assert done.code == 2
    assert "benchmarks/requirements.txt" in done.err
    assert "Traceback" not in done.err


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without GPUs")
@pytest.mark.parametrize("name", ["gpu_sharing", "gpu_memory"])
def test_what_measures_a_gpu_says_so_where_there_is_none(name: str, run: Runner) -> None:
    done = run(name)

    assert done.code == 2
    assert done.err.startswith(f"{name}: torch sees no GPU on this machine")
    assert "Traceback" not in done.err
    assert done.results is None


def test_what_starting_takes_is_shown_with_who_imports_what(run: Runner) -> None:
    done = run("start_up", "--commands", "help", "--repeats", "1")

    assert done.code == 0, done.err
    results = done.results["commands"]["help"]
    assert results["wall"] > 0
    assert results["ratio"] > 1
    milliseconds = {each["package"]: each["milliseconds"] for each in results["imports"]}
    assert milliseconds["foldgrid"] > 0
    assert any(each["chain"][-1:] == ["foldgrid.cli.main"] for each in results["imports"])
    assert run("start_up", "--commands", "hlp").code == 2


def test_the_search_over_heads_suits_its_space_and_its_features_are_known_before(
    tmp_path: Path,
) -> None:
    values = {"backbone": BACKBONE, "weights": "none", "subjects": 12, "tile": 16}
    path = head_search.write_sweep(tmp_path, ("ridge", "linear"), **values)
    resolved = resolve_sweep(path, "paper", spaces=(tmp_path,))
    assert resolved.space is not None
    jobs = [fit_job(BACKBONE, fold) for fold in range(5)]
    resources = plan_resources(resolved.sweep.resources, {})
    prepared: Any = SimpleNamespace(
        sweep=resolved.sweep, grid=SimpleNamespace(jobs=jobs), resources=resources
    )
    first = first_values(resolved.space, resolved.sweep, BACKBONE)
    plan = StudyPlan(prepared, resolved.space, "heads", (BACKBONE,), first)
    poolings = [fit.config.training.pooling for fit in plan.feature_fits()]
    assert Counter(poolings) == {"network": 5, "mean": 5, "mean_max": 5}


@pytest.mark.exhaustive
@pytest.mark.timeout(900)  # three launches
def test_a_search_over_heads_is_timed_without_and_with_wandb(run: Runner) -> None:
    small = (f"--backbone={BACKBONE}", "--weights=none", "--subjects=12", "--tile=16")
    done = run("head_search", "--trials=3", *small)
    assert done.code == 0, done.err
    assert [each["num_trials"] for each in done.results["searches"]] == [3, 3]
    assert all(math.isfinite(each["best"]) for each in done.results["searches"])


def test_frozen_features_predict_the_same_either_way(run: Runner) -> None:
    size = ["--subjects=12", "--pixels=48", "--epochs=2", "--copies=2", "--probe-epochs=2"]
    done = run("frozen_features", "--backbone=plain_cnn", *size, "--folds=2", "--sizes=64")

    assert done.code == 0, done.err
    assert "Same predictions" in done.out
    phase, probe = done.results["parts"]
    assert phase["ratio"] > 0
    assert probe["ratio"] > 0
    assert phase["num_epochs"] == probe["num_epochs"] == 2
    assert [each["num_pictures"] for each in done.results["growth"]] == [64]


@pytest.mark.exhaustive
def test_scale_times_a_grid_and_a_search_that_nobody_trains(run: Runner) -> None:
    done = run("scale", "--fits", "50", "100", "--trials", "3", "6")
    assert done.code == 0, done.err
    for sizes in done.results["results"].values():
        assert len(sizes) == 2
        for took in sizes.values():
            assert set(took) == {"plan", "launch", "plan of what is done", "status"}
            assert all(each["seconds"] > 0 and each["gib"] > 0 for each in took.values())
