"""Grades of severity from a sweep to a report, ordered by quadratic-weighted kappa."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from foldgrid.analysis.exhibits.classes.by_class import fold_spreads
from foldgrid.analysis.run import Run
from foldgrid.cli.main import main as analyse
from foldgrid.metrics.classification import class_metrics
from tests.launching.test_added_task import STAGES
from tests.launching.tiny_sweep import Launcher

GRADES = ["normal", "early", "late"]


def test_it_trains_ranks_stacks_and_reports(launcher: Launcher) -> None:
    text = STAGES.replace("one_vs_rest", "ordinal").replace("stages, each for itself", "grades")
    done = launcher(launcher.write(text), ranked=True)
    assert done.code == 0, done.out + done.err
    run = launcher.storage / "tiny"
    store = launcher.store()
    for fit_id in store.finished_fits():
        said = store.read_predictions(fit_id)
        columns = [f"predicted_{name}" for name in GRADES]
        assert list(said) == ["sample", "partition", "label", *columns]
        assert said[columns].sum(axis=1).to_numpy() == pytest.approx(1)
        assert said[columns].min(axis=None) >= 0
        assert {"oof/quadratic_kappa", "test/quadratic_kappa"} <= set(
            store.read_fit(fit_id).metrics
        )
    table = pd.read_csv(run / "leaderboard.csv")
    assert {"oof_quadratic_kappa", "test_quadratic_kappa"} <= set(table)
    assert (table["kind"] == "meta_learner").sum() >= 5
    for name, metric in class_metrics(len(GRADES), is_ordered=True).items():
        launcher.capture.readouterr()
        assert analyse(["rank", str(run), "--by", name, "--format", "json"]) == 0
        ranking = json.loads(launcher.capture.readouterr().out)
        reported = [row["oof"][name] for row in ranking["rows"] if row["oof"][name] is not None]
        assert reported == sorted(reported, key=metric.sort_key), name
    assert analyse(["rank", str(run), "--by", "mae"]) == 2
    assert analyse(["check", str(run)]) == 0
    assert analyse(["report", str(run)]) == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    for words in (
        "2 outputs, one for each threshold between the classes",
        "binary cross-entropy of every threshold",
        "Quadratic kappa",
        *GRADES,
    ):
        assert words in page, words
    assert "softmax" not in page
    spreads = fold_spreads(Run(store))["plain_cnn"]
    assert list(spreads) == ["quadratic_kappa", "accuracy", "sensitivity", "specificity", "auc"]
    of_fits = [store.read_fit(each).metrics for each in store.finished_fits() if "plain" in each]
    kappas = [metrics["oof/quadratic_kappa"] for metrics in of_fits]
    assert spreads["quadratic_kappa"].mean == pytest.approx(sum(kappas) / len(kappas))


def test_ordered_classes_without_names_are_every_label(launcher: Launcher) -> None:
    text = STAGES.replace("name: one_vs_rest, classes: [normal, early, late]", "name: ordinal")
    done = launcher(launcher.write(text), "--only", "backbone=plain_cnn")
    assert done.code == 0, done.out + done.err
    # Words have no order of their own but the alphabet's.
    assert list(launcher.store().read_sweep()["task"]["classes"]) == ["early", "late", "normal"]
