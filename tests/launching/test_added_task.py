"""A task of another package, one file with an entry point, all the way; docs/how-to/tasks.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from foldgrid.cli.main import main as analyse
from foldgrid.metrics.classification import class_metrics
from foldgrid.records import RunStore
from foldgrid.specs.task import TASKS
from tests.launching.tiny_sweep import Launcher
from tests.outside.packages import installed, write_package

ROOT = Path(__file__).parents[2]
CODE = ROOT / "tests/tasks/one_vs_rest.py"
STAGES = """\
title: stages, each for itself
task: {name: one_vs_rest, classes: [normal, early, late]}
data:
  tile_pixels: 40
  synthetic: {study: ssc_skin, num_subjects: 20}
split: {num_folds: 2, num_seeds: 20, test_fraction: 0.2}
backbones: [plain_cnn, shufflenet_v2_x0_5]
weights: none
training:
  max_epochs: 1
  max_batches_per_epoch: 3
  batch_size: 8
  learning_rate: 0.003
  start_from_mean: true
  batch_norm_statistics: recomputed
"""
CLASSES = ["normal", "early", "late"]


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    """The package's folder, while this process has it on its path."""
    folder = tmp_path / "site"
    write_task(folder, CODE.read_text(encoding="utf-8"))
    with installed(folder):
        yield folder


def write_task(folder: Path, code: str) -> Path:
    """The package in a folder; returns its only module."""
    entry = "foldgrid.tasks: one_vs_rest = their_task:ONE_VS_REST"
    return write_package(folder, "their-task", "their_task", code, entry)


def predictions_of(store: RunStore) -> dict[str, pd.DataFrame]:
    """What each fit predicted."""
    return {fit_id: store.read_predictions(fit_id) for fit_id in sorted(store.finished_fits())}


def test_it_trains_ranks_stacks_and_reports(launcher: Launcher, package: Path) -> None:
    done = launcher(launcher.done_before(STAGES), ranked=True)
    assert done.code == 0, done.out + done.err
    run = launcher.storage / "tiny"
    for predictions in predictions_of(launcher.store()).values():
        columns = [f"predicted_{name}" for name in CLASSES]
        assert list(predictions.columns) == ["sample", "partition", "label", *columns]
        assert predictions[columns].sum(axis=1).to_numpy() == pytest.approx(1)
        assert predictions[columns].min(axis=None) >= 0
    kinds = pd.read_csv(run / "leaderboard.csv")["kind"].value_counts()
    assert kinds["base_learner"] == 2
    assert kinds["meta_learner"] >= 5
    assert kinds["baseline"] == 1
    launcher.capture.readouterr()
    status = launcher.raw("--status", str(run))
    assert status.code == 0, status.out + status.err
    assert "4 of 4" in status.out, status.out
    assert analyse(["check", str(run)]) == 0
    assert analyse(["report", str(run)]) == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "3 outputs, one a class, each for itself" in page
    assert "binary cross-entropy of every class" in page
    assert "softmax" not in page
    for name in CLASSES:
        assert name in page


def test_every_metric_orders_its_ranking(launcher: Launcher, package: Path) -> None:
    launcher.done_before(STAGES, "--only", "backbone=plain_cnn")
    run = launcher.storage / "tiny"
    for name, metric in class_metrics(len(CLASSES)).items():
        launcher.capture.readouterr()
        assert analyse(["rank", str(run), "--by", name, "--format", "json"]) == 0
        ranking = json.loads(launcher.capture.readouterr().out)
        assert ranking["by"] == name
        metric_values = [row["oof"][name] for row in ranking["rows"]]
        reported = [value for value in metric_values if value is not None]
        assert reported == sorted(reported, key=metric.sort_key), name
    assert analyse(["rank", str(run), "--by", "mae"]) == 2


@pytest.mark.exhaustive
def test_ray_s_workers_find_it_by_its_entry_point(launcher: Launcher, package: Path) -> None:
    path = launcher.done_before(STAGES)
    here = predictions_of(launcher.store())
    there = launcher.folder / "through_ray"
    command = [
        sys.executable, str(ROOT / "launch.py"), "--sweep", str(path), "--storage", str(there),
        "--budget", "smoke",
        "--only", "backbone=plain_cnn", "--only", "fold=0", "--wandb", "disabled",
    ]  # fmt: skip
    paths = os.pathsep.join([str(package), str(ROOT / "src"), str(ROOT)])
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [(fit_id, predictions)] = predictions_of(RunStore.open(str(there / "tiny"))).items()
    pd.testing.assert_frame_equal(predictions, here[fit_id], check_exact=True)


def test_its_words_are_checked_like_any_task_s(launcher: Launcher, package: Path) -> None:
    missing = launcher(launcher.write(STAGES.replace("normal, early", "early")))
    assert missing.code == 2
    assert 'the label "normal"' in missing.err
    unknown = launcher(launcher.write(STAGES.replace("one_vs_rest", "one_vs_rast")))
    assert unknown.code == 2
    assert 'Did you mean "one_vs_rest"?' in unknown.err
    assert not launcher.storage.exists()


def test_a_mistake_in_its_file_is_reported_with_its_name_and_file(
    launcher: Launcher, tmp_path: Path
) -> None:
    module = write_task(tmp_path / "broken", "from foldgrid import no_such_room\n")
    with installed(tmp_path / "broken"):
        done = launcher(launcher.write(STAGES))
    assert done.code == 2
    for words in (str(module), '"one_vs_rest"', "their-task", "no_such_room"):
        assert words in done.err
    assert "Traceback" not in done.err


def test_not_installed_its_run_folder_says_so(launcher: Launcher, package: Path) -> None:
    launcher.done_before(STAGES, "--only", "backbone=plain_cnn")
    run = launcher.storage / "tiny"
    launcher.capture.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(TASKS, "one_vs_rest")  # type: ignore[arg-type]
        assert analyse(["report", str(run)]) == 2
    said = launcher.capture.readouterr().err
    assert 'no task is called "one_vs_rest"' in said
    assert "docs/how-to/tasks.md" in said
    assert "pydantic" not in said
    assert "validation error" not in said
