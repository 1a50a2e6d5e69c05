"""Ranking, comparison and checks of the tasks of classes, through the commands."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foldgrid.analysis.checks.catalogue import CATALOGUE
from foldgrid.analysis.checks.report import CheckResult, load_current
from foldgrid.analysis.checks.run_contents import read_contents
from foldgrid.analysis.comparison.build import compare_sweeps
from foldgrid.analysis.evaluation import evaluate, unit_predictions
from foldgrid.analysis.ranking.build import evaluate_and_rank, rank_sweep
from foldgrid.analysis.ranking.formats import TEXT_FORMATS
from foldgrid.analysis.stacking import nested
from foldgrid.cli.main import main
from foldgrid.metrics import METRICS, class_metrics
from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError
from tests.analysis.fake_class_run import TASKS, FakeClassRun

CELL = ("plain_cnn", 1)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A written run by the task's name; its tests change nothing."""
    made: dict[str, tuple[FakeClassRun, RunStore]] = {}

    def get(task: str) -> tuple[FakeClassRun, RunStore]:
        if task not in made:
            fake = FakeClassRun(tmp_path_factory.mktemp("runs") / "tiny", task)
            made[task] = fake, fake.write()
        return made[task]

    return get


@pytest.mark.parametrize("task", TASKS)
def test_every_metric_orders_the_ranking(written: Any, task: str) -> None:
    fake, store = written(task)
    evaluated, ranking = evaluate_and_rank(store)
    assert ranking.by == "auc"
    metrics = class_metrics(len(ranking.scoring.evaluated_classes), task == "binary")
    assert list(ranking.metrics) == list(metrics)
    for name, metric in metrics.items():
        rows = ranking.ordered_by(name).rows
        found = [row.value("oof", name) for row in rows if row.value("oof", name) is not None]
        assert found == sorted(found, reverse=metric.direction == "higher")
        for row in rows:
            for part, table in (("oof", evaluated.oof), ("test", evaluated.test)):
                folds = table.units["fold"].to_numpy()
                value = metric(table.reference, table.predicted_by(row.model), folds)
                assert row.value(part, name) == (None if np.isnan(value) else value)
    names = {row.model: row.kind for row in ranking.rows}
    assert names["class_shares"] == "baseline"
    assert [name for name, kind in names.items() if kind == "base_learner"] == [*fake.backbones]
    with pytest.raises(SweepError, match="accuracy"):
        ranking.ordered_by("acuracy")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("style", [*TEXT_FORMATS, "table"])
def test_every_format_tells_every_model(
    written: Any, task: str, style: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, store = written(task)
    more = [] if style == "table" else ["--format", style]
    assert main(["rank", store.location, "--by", "specificity", *more]) == 0
    shown = capsys.readouterr().out
    for model in ("mobilenet_v2", "logit_stack", "class_shares"):
        assert model.replace("_", r"\_" if style == "latex" else "_") in shown
    if style == "csv":
        rows = list(csv.DictReader(io.StringIO(shown)))
        assert float(rows[0]["oof_specificity"]) == max(
            float(row["oof_specificity"]) for row in rows if row["oof_specificity"]
        )
        assert "oof_mae" not in rows[0]
    if style == "json":
        assert json.loads(shown)["by"] == "specificity"
    assert not re.search(r"PASI|physician|\bMAE\b", shown)


def test_the_command_refuses_a_metric_of_another_task(
    written: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    _, store = written("binary")
    assert main(["rank", store.location, "--by", "mae"]) == 2
    assert "auc" in capsys.readouterr().err


@pytest.mark.parametrize("task", TASKS)
def test_predictions_of_a_model_have_a_column_a_class(written: Any, task: str) -> None:
    fake, store = written(task)
    evaluated = evaluate(store)
    table = unit_predictions(evaluated, "mean")
    columns = [f"predicted_{name}" for name in evaluated.table.scoring.evaluated_classes]
    assert list(table.columns[-len(columns) :]) == columns
    assert table[columns].sum(axis=1).to_numpy() == pytest.approx(np.ones(len(fake.split)))
    assert set(table["photograph"]) == set(fake.split["sample"])


def test_a_sweep_beside_itself_and_beside_a_better_one(written: Any, tmp_path: Path) -> None:
    _, store = written("classification")
    better = FakeClassRun(tmp_path / "better", skills=(5.0, 4.0)).write()
    same = compare_sweeps([store, FakeClassRun(tmp_path / "same").write()])
    for row in same.rows:
        assert row.minus_reference[1].value == 0.0
    found = compare_sweeps([store, better])
    for row in found.rows:
        assert row.minus_reference[1].value > 0
        assert row.minus_reference[1].low >= 0


def test_sweeps_of_unlike_tasks_are_not_compared(written: Any) -> None:
    stores = [written(task)[1] for task in ("classification", "binary")]
    with pytest.raises(SweepError) as refused:
        compare_sweeps(stores)
    assert "task" in str(refused.value)


def look(store: RunStore, code: str) -> CheckResult:
    [check] = [each for each in CATALOGUE if each.code == code]
    return check.run(read_contents(store))


@pytest.mark.parametrize("task", TASKS)
def test_a_sound_run_passes_every_check(
    written: Any, task: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, store = written(task)
    assert main(["check", store.location]) == 0
    assert "each one photograph" in capsys.readouterr().out
    report = load_current(store)
    assert report is not None
    found = {each.code: each.status for each in report.results}
    not_passed = {code: status for code, status in found.items() if status != "passed"}
    assert not_passed == {"FG104": "not applicable", "FG501": "not applicable"}


def predict_twice(fake: FakeClassRun) -> None:
    table = fake.predictions[CELL]
    fake.predictions[CELL] = pd.concat([table, table[table["partition"] == "oof"].head(1)])


def forget_a_sample(fake: FakeClassRun) -> None:
    fake.predictions[CELL] = fake.predictions[CELL].iloc[1:]


def predict_a_fold_it_saw(fake: FakeClassRun) -> None:
    stray = fake.predictions["plain_cnn", 2].head(1)
    fake.predictions[CELL] = pd.concat([fake.predictions[CELL], stray])


def forget_a_test_sample(fake: FakeClassRun) -> None:
    fake.predictions[CELL] = fake.predictions[CELL].iloc[:-1]


def label_otherwise(fake: FakeClassRun) -> None:
    labels = fake.predictions[CELL]["label"].to_numpy()
    other = next(label for label in fake.labels if label != labels[0])
    fake.predictions[CELL].loc[0, "label"] = other


def say_the_fractions(fake: FakeClassRun) -> None:
    said = fake.predictions[CELL].filter(like="predicted_").columns
    fake.predictions[CELL].loc[:, said] = np.float32(1 / len(said))


def not_finite(fake: FakeClassRun) -> None:
    said = fake.predictions[CELL].filter(like="predicted_").columns
    fake.predictions[CELL].loc[0, said[0]] = np.nan


def monitor_the_fold(fake: FakeClassRun) -> None:
    fake.__init__(fake.folder, fake.task, policy="held_out_fold")  # type: ignore[misc]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("break_it", "code", "status", "reported"),
    [
        (not_finite, "FG201", "failed", "not finite"),
        (predict_twice, "FG301", "failed", "more than once"),
        (forget_a_sample, "FG301", "failed", "did not predict 1 sample"),
        (predict_a_fold_it_saw, "FG301", "failed", "a fold that it trained on"),
        (forget_a_test_sample, "FG302", "failed", "1 sample"),
        (label_otherwise, "FG303", "failed", "another truth"),
        (say_the_fractions, "FG304", "warning", "plain_cnn fold 1"),
        (monitor_the_fold, "FG401", "warning", "6 of 6 fits"),
    ],
)
def test_a_falsified_prediction_is_found(
    tmp_path: Path,
    task: str,
    break_it: Callable[[FakeClassRun], None],
    code: str,
    status: str,
    reported: str,
) -> None:
    fake = FakeClassRun(tmp_path / "tiny", task)
    break_it(fake)
    result = look(fake.write(), code)
    assert result.status == status
    assert reported in " ".join((result.evidence, *result.places))


nested_stack = nested.stack


def know_the_truth(table: Any, *_: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A stack that looks at the labels of what it predicts."""
    oof, test = nested_stack(table)
    num_classes = oof.columns.get_level_values(1).nunique()
    truth = np.eye(num_classes)[table.train_samples["reference"].astype(int)]
    leaky = 0.5 * oof["mean"] + 0.5 * truth
    return oof.drop(columns="mean", level=0).join(pd.concat({"mean": leaky}, axis=1)), test


def centre_by_the_test_set(table: Any, *_: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A stack that makes the test set's mean probabilities those of training."""
    oof, test = nested_stack(table)
    return oof, test - test.mean() + oof.mean()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("stack", "code"), [(know_the_truth, "FG402"), (centre_by_the_test_set, "FG403")]
)
def test_a_stack_that_looks_is_caught(
    written: Any, monkeypatch: pytest.MonkeyPatch, task: str, stack: Any, code: str
) -> None:
    _, store = written(task)
    monkeypatch.setattr(nested, "stack", stack)
    result = look(store, code)
    assert result.status == "failed"
    assert result.places


def test_a_missing_fit_leaves_its_learner_out(tmp_path: Path) -> None:
    fake = FakeClassRun(tmp_path / "tiny", "tree", ("mobilenet_v2", "plain_cnn", "resnet18"))
    fake.unfinished.add(CELL)
    ranking = rank_sweep(fake.write())
    left_out = {row.model: row.left_out for row in ranking.rows if row.left_out}
    assert left_out == {"plain_cnn": "fold 1 not trained yet"}
    assert any(row.kind == "meta_learner" for row in ranking.rows)


def test_nothing_to_stack_and_no_test_set_is_ranked_all_the_same(tmp_path: Path) -> None:
    fake = FakeClassRun(tmp_path / "tiny", "binary", ("plain_cnn",), num_test_subjects=0)
    ranking = rank_sweep(fake.write())
    assert {row.kind for row in ranking.rows} == {"base_learner", "baseline"}
    assert ranking.best.model == "plain_cnn"
    assert set(ranking.best.test.values()) == {None}


@pytest.mark.parametrize(
    ("task", "name"), [("classification", "mcc"), ("binary", "average_precision")]
)
def test_a_metric_beside_the_standard_ones_is_computed_when_it_is_asked_for(
    written: Any, capsys: pytest.CaptureFixture[str], task: str, name: str
) -> None:
    fake, store = written(task)
    assert main(["rank", str(fake.folder)]) == 0
    standard = pd.read_csv(fake.folder / "leaderboard.csv").columns
    assert f"oof_{name}" not in standard
    capsys.readouterr()
    assert main(["rank", str(fake.folder), "--by", name]) == 0
    assert METRICS[name].heading in capsys.readouterr().out
    assert f"oof_{name}_low" in pd.read_csv(fake.folder / "leaderboard.csv").columns
    evaluated, ranking = evaluate_and_rank(store, name)
    for row in ranking.rows:
        oof = evaluated.oof
        told = oof.reference, oof.predicted_by(row.model), oof.units["fold"].to_numpy()
        value = ranking.metrics[name](*told)
        assert row.value("oof", name) == (None if np.isnan(value) else value)
    with pytest.raises(SweepError, match=f"holds auc, .* and no {name}"):
        rank_sweep(store).ordered_by(name)


def test_a_metric_of_other_targets_is_refused_with_those_that_there_are(
    written: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    fake, _ = written("classification")
    for option in ("--by", "--metric"):
        assert main(["rank", str(fake.folder), option, "average_precision"]) == 2
        said = capsys.readouterr().err
        assert f'{option}: a ranking has no metric "average_precision"' in said
        assert "balanced_accuracy, mcc" in said
