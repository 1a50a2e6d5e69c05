"""A task that foldgrid does not have, added from outside, goes all the way; docs/tasks.md.

The task is `tests.tasks.ordinal_task`, three classes and three registry lines. Nothing else here
knows it.
"""

from __future__ import annotations

import json

import pandas as pd
import pytest

from analysis.__main__ import main as analyse
from foldgrid.metrics.classification import class_metrics
from foldgrid.records import RunStore
from foldgrid.specs.task import TASK_SPECS
from foldgrid.tasks.losses import TASKS
from foldgrid.tasks.registry import SCORINGS
from tests.launching.tiny_sweep import Launcher

STAGES = """\
title: stages in their order
task: {name: ordinal, classes: [normal, early, late]}
data:
  tile_pixels: 40
  synthetic: {study: ssc_skin, num_subjects: 20}
split: {num_folds: 2, num_seeds: 20, test_share: 0.2}
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


def predictions_of(store: RunStore) -> dict[str, pd.DataFrame]:
    """What each fit predicted."""
    return {fit_id: store.read_predictions(fit_id) for fit_id in sorted(store.finished_fits())}


def test_it_trains_ranks_stacks_and_reports(launcher: Launcher, ordinal_task: None) -> None:
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
    assert analyse(["check", str(run)]) == 0
    assert analyse(["report", str(run)]) == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "2 outputs, one for each threshold between the classes" in page
    assert "binary cross-entropy of every threshold" in page
    assert "softmax" not in page
    for name in CLASSES:
        assert name in page


def test_every_metric_orders_its_ranking(launcher: Launcher, ordinal_task: None) -> None:
    launcher.done_before(STAGES, "--only", "backbone=plain_cnn")
    run = launcher.storage / "tiny"
    for name, metric in class_metrics(len(CLASSES)).items():
        launcher.capture.readouterr()
        assert analyse(["rank", str(run), "--by", name, "--format", "json"]) == 0
        ranking = json.loads(launcher.capture.readouterr().out)
        assert ranking["by"] == name
        figures = [row["oof"][name] for row in ranking["rows"]]
        told = [value for value in figures if value is not None]
        assert told == sorted(told, key=metric.sort_key), name
    assert analyse(["rank", str(run), "--by", "mae"]) == 2


def test_ray_s_workers_know_it_too(launcher: Launcher, ordinal_task: None, local_ray: None) -> None:
    path = launcher.done_before(STAGES)
    here = predictions_of(launcher.store())
    there = launcher.folder / "through_ray"
    one = ("--only", "backbone=plain_cnn", "--only", "fold=0")
    done = launcher(path, *one, "--storage", str(there), executor="ray")
    assert done.code == 0, done.out + done.err
    [(fit_id, predictions)] = predictions_of(RunStore.open(str(there / "tiny"))).items()
    pd.testing.assert_frame_equal(predictions, here[fit_id], check_exact=True)


def test_its_words_are_checked_like_any_task_s(launcher: Launcher, ordinal_task: None) -> None:
    missing = launcher(launcher.write(STAGES.replace("normal, early", "early")))
    assert missing.code == 2
    assert 'the label "normal"' in missing.err
    unknown = launcher(launcher.write(STAGES.replace("name: ordinal", "name: ordinals")))
    assert unknown.code == 2
    assert 'Did you mean "ordinal"?' in unknown.err
    assert not launcher.storage.exists()


def test_where_it_is_not_known_its_run_folder_says_so(
    launcher: Launcher,
    ordinal_task: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    launcher.done_before(STAGES, "--only", "backbone=plain_cnn")
    run = launcher.storage / "tiny"
    for registry in (TASK_SPECS, SCORINGS, TASKS):
        monkeypatch.delitem(registry, "ordinal")  # type: ignore[arg-type]
    launcher.capture.readouterr()
    assert analyse(["report", str(run)]) == 2
    said = launcher.capture.readouterr().err
    assert 'no task is called "ordinal"' in said
    assert "docs/tasks.md" in said
    assert "pydantic" not in said
    assert "validation error" not in said
