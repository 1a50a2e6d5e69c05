"""Sweeps of classes through the whole analysis: figures by hand, honesty, gaps, every page."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from foldgrid.analysis.checks.catalogue import stored_or_checked
from foldgrid.analysis.checks.label_permutation_check import class_by_class
from foldgrid.analysis.checks.method_checks import CHECKS
from foldgrid.analysis.checks.report import load_current as load_checks
from foldgrid.analysis.checks.shuffled_skill import assess_skill
from foldgrid.analysis.comparison.build import compare_sweeps
from foldgrid.analysis.drawing.blocks import Figure
from foldgrid.analysis.evaluation import evaluate, unit_predictions
from foldgrid.analysis.exhibits.folds import fold_matrix
from foldgrid.analysis.predictions.predictions import read_prediction_table
from foldgrid.analysis.ranking.build import rank_and_save, rank_sweep, stored_or_ranked
from foldgrid.analysis.ranking.formats import render_csv
from foldgrid.analysis.ranking.ranking import Ranking
from foldgrid.analysis.report.build import make_report
from foldgrid.analysis.run import Run
from foldgrid.analysis.stacking.meta_learners import CLASS_META_LEARNERS
from foldgrid.analysis.stacking.nested import stack
from foldgrid.cli.main import main
from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.classification.scoring import LabelScoring
from tests.analysis.made_up_labels import GRADES, LESIONS, REFERABLE, STAGES, LabelledRun
from tests.analysis.report.conftest import quickly_made

TASKS: dict[str, TaskSpec] = {
    "stages": STAGES,
    "grades": GRADES,
    "referable": REFERABLE,
    "lesions": LESIONS,
}
Maker = Callable[..., LabelledRun]


@pytest.fixture
def labelled(tmp_path: Path) -> Maker:
    """Makes a run of classes; ``write`` it when it is as it should be."""
    return lambda name="classes", **settings: LabelledRun(
        tmp_path / name, **{"num_folds": 3, "noise": 1.5, **settings}
    )


def said_by(run: LabelledRun, backbone: str) -> pd.DataFrame:
    """What a base learner said out of fold, by sample."""
    parts = [run.predictions[backbone, fold] for fold in range(run.num_folds)]
    table = pd.concat(parts).query("partition == 'oof'").set_index("sample")
    return table.sort_index()


def folds_by(run: LabelledRun, backbone: str) -> np.ndarray:
    """Which fit said it, in the same order."""
    parts = [run.predictions[backbone, fold].assign(fold=fold) for fold in range(run.num_folds)]
    table = pd.concat(parts).query("partition == 'oof'").set_index("sample")
    return table.sort_index()["fold"].to_numpy()


class Ranked(NamedTuple):
    run: LabelledRun
    store: RunStore
    ranking: Ranking


@pytest.fixture(scope="module", params=TASKS.values(), ids=list(TASKS))
def ranked(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Ranked:
    """A ranked run of every task; its tests change nothing."""
    folder = tmp_path_factory.mktemp("runs") / "classes"
    run = LabelledRun(folder, num_folds=3, noise=1.5, task=request.param)
    store = run.write()
    return Ranked(run, store, rank_and_save(store))


def test_the_metrics_are_those_of_the_photographs(ranked: Ranked) -> None:
    run, _, ranking = ranked
    by = "quadratic_kappa" if run.task == GRADES else "auc"
    assert (ranking.by, ranking.task, ranking.columns()) == (by, run.task, run.scoring.shown)
    assert (ranking.num_units, ranking.num_subjects) == (
        {"oof": 36, "test": 12},
        {"oof": 12, "test": 4},
    )
    for row in (each for each in ranking.rows if each.kind == "base_learner"):
        said = said_by(run, row.model)
        values = run.scoring.values(said)
        truth = run.scoring.reference(said[["label"]]).to_numpy()
        if values.shape[1] == 2:
            auc = roc_auc_score(truth, values.iloc[:, 1])
        else:
            auc = np.mean([roc_auc_score(truth == k, values.iloc[:, k]) for k in set(truth)])
        assert row.oof["auc_pooled"] == pytest.approx(auc)
        within = run.scoring.metrics["auc"](truth, values.to_numpy(), folds_by(run, row.model))
        assert row.oof["auc"] == pytest.approx(within)
        assert row.oof["accuracy"] == pytest.approx(
            accuracy_score(truth, values.to_numpy().argmax(axis=1))
        )
    names = {row.model for row in ranking.rows}
    assert names == {*run.backbones, *CLASS_META_LEARNERS, LabelScoring.baseline}
    assert ranking.rows[-1].kind == "baseline"


def test_a_test_photograph_gets_the_mean_of_the_copies(labelled: Maker) -> None:
    run = labelled()
    table = read_prediction_table(run.write())
    copies = [
        run.predictions["vgg11", fold].query("partition == 'test'").set_index("sample")
        for fold in range(3)
    ]
    mean = sum(copy[list(run.scoring.prediction_names)].astype(float) for copy in copies) / 3
    np.testing.assert_allclose(table.test["vgg11"], mean.loc[table.test.index])
    for row in run.split.itertuples():
        labels = list(STAGES.classes.values())[int(table.samples.loc[row.sample, "reference"])]
        assert row.label in labels


def test_it_can_be_ordered_by_any_of_its_metrics_and_by_no_other_task_s(
    ranked: Ranked, capsys: pytest.CaptureFixture[str]
) -> None:
    run, store, ranking = ranked
    for name, metric in run.scoring.metrics.items():
        ordered = stored_or_ranked(store, name)
        keys = [metric.sort_key(row.oof[name]) for row in ordered.rows]
        assert keys == sorted(keys)
        assert name in ordered.columns()
    assert main(["rank", str(run.folder), "--by", "mae"]) == 2
    assert 'a ranking has no metric "mae"' in capsys.readouterr().err
    (first, *_) = csv.DictReader(io.StringIO(render_csv(ranking)))
    assert float(first["oof_auc"]) == ranking.rows[0].oof["auc"]


def test_a_reader_gets_probabilities_by_their_names(labelled: Maker) -> None:
    run = labelled()
    evaluation = evaluate(run.write())
    frame = unit_predictions(evaluation, "resnet18")
    assert list(frame) == [
        "model", "partition", "subject", "photograph", "reference",
        "predicted_normal", "predicted_early", "predicted_late",
    ]  # fmt: skip
    own = frame[frame["partition"] == "oof"].set_index("photograph")
    np.testing.assert_allclose(
        own[list(run.scoring.prediction_names)].sort_index(),
        said_by(run, "resnet18")[list(run.scoring.prediction_names)],
    )
    with pytest.raises(SweepError, match='Did you mean "resnet18"'):
        unit_predictions(evaluation, "resnet81")


def test_a_folds_predictions_do_not_depend_on_that_folds_labels(ranked: Ranked) -> None:
    table = read_prediction_table(ranked.store)
    rows = table.samples["fold"] == 1
    num_classes = len(table.oof.columns.get_level_values(1).unique())
    truth = table.samples["reference"]
    falsified = replace(
        table,
        samples=table.samples.assign(reference=truth.mask(rows, (truth + 1) % num_classes)),
    )
    (before, before_test), (after, after_test) = stack(table), stack(falsified)
    own = table.train_samples["fold"] == 1
    pd.testing.assert_frame_equal(before[own], after[own])
    assert (before[~own] != after[~own]).any(axis=None)
    assert (before_test != after_test).any(axis=None)


def test_all_that_is_checked_holds(ranked: Ranked) -> None:
    report = stored_or_checked(ranked.store)
    found = {each.code: each.status for each in report.results}
    assert {code for code, status in found.items() if status == "failed"} == set()
    held = {code for code, status in found.items() if status == "passed"}
    assert {"FG103", "FG204", "FG303", "FG304", *(check.code for check in CHECKS)} <= held


def test_another_label_is_found(labelled: Maker) -> None:
    run = labelled()
    table = run.predictions["vgg11", 1]
    table.loc[table.index[0], "label"] = "very_late"
    store = run.write()
    name = table["sample"].iloc[0]
    with pytest.raises(SweepError, match=rf"vgg11 fold 1 .*another truth .*{name}"):
        read_prediction_table(store)


def test_classes_in_another_order_are_another_task(labelled: Maker) -> None:
    run = labelled()
    turned = STAGES.model_copy(update={"classes": dict(reversed(STAGES.classes.items()))})
    plain = run.config
    run.config = lambda backbone, fold: plain(backbone, fold).model_copy(  # type: ignore[method-assign]
        update={"task": turned if (backbone, fold) == ("vgg11", 1) else STAGES}
    )
    with pytest.raises(SweepError, match=r"task differs.*vgg11 fold 1"):
        read_prediction_table(run.write())


MISSING: dict[str, dict[str, Any]] = {
    "no test set": {"num_test_subjects": 0},
    "one base learner": {"backbones": ("resnet18",)},
    "nothing watched": {"policy": "none"},
    "a variant": {"backbones": ("resnet18", "resnet18@training_fraction=0.5")},
}


def missing_things() -> Iterator[Any]:
    """Each with one task and each task with one thing missing; all pairs in ``make test-all``."""
    for row, (name, task) in enumerate(TASKS.items()):
        for column, (missing, settings) in enumerate(MISSING.items()):
            marks = () if column in (0, row) else pytest.mark.exhaustive
            yield pytest.param(task, settings, marks=marks, id=f"{name}-{missing}")


@pytest.mark.parametrize(("task", "settings"), list(missing_things()))
def test_it_is_read_whatever_is_missing(
    labelled: Maker, task: TaskSpec, settings: dict[str, Any]
) -> None:
    run = labelled(task=task, **settings)
    store = run.write()
    ranking = rank_and_save(store)
    report = load_checks(store)
    assert report is not None
    ranked = {row.model for row in ranking.rows if row.kind == "base_learner"}
    assert ranked == set(run.backbones)
    is_stacked = any(row.kind == "meta_learner" for row in ranking.rows)
    assert is_stacked == (len([name for name in run.backbones if "@" not in name]) > 1)
    assert [each for each in report.results if each.status == "failed"] == []
    assert "auc" in ranking.rows[0].oof


def test_where_only_ablations_are_complete_nothing_is_stacked(labelled: Maker) -> None:
    names = ("resnet18", "resnet18@training_fraction=0.5", "resnet18@training_fraction=0.25")
    run = labelled(backbones=names)
    run.unfinished.add(("resnet18", 0))
    ranking = rank_sweep(run.write())
    assert {row.model for row in ranking.rows if not row.left_out} == {
        *names[1:],
        LabelScoring.baseline,
    }


def test_two_sweeps_of_classes_are_compared_on_the_same_photographs(labelled: Maker) -> None:
    first, second = labelled("a", noise=2.5), labelled("b", noise=0.8)
    comparison = compare_sweeps([first.write(), second.write()])
    assert (comparison.by, comparison.num_units) == ("auc", 36)
    for row in comparison.rows:
        difference = row.minus_reference[1]
        assert difference is not None
        assert difference.value is not None
        truth = first.scoring.reference(said_by(first, row.model)[["label"]]).to_numpy()
        own = [
            first.scoring.metrics["auc"](
                truth,
                said_by(run, row.model)[list(run.scoring.prediction_names)].to_numpy(),
                folds_by(run, row.model),
            )
            for run in (first, second)
        ]
        assert difference.value == pytest.approx(own[1] - own[0])
    assert any("Higher is better: AUC" in note.text for note in comparison.notes)


def test_unlike_tasks_are_not_compared(labelled: Maker) -> None:
    other = STAGES.model_copy(
        update={"classes": {"normal": ("normal",), "SSc": ("early", "late", "very_late")}}
    )
    runs = [labelled("a").write(), labelled("b", task=other).write()]
    with pytest.raises(SweepError, match="do not predict the same thing"):
        compare_sweeps(runs)


@pytest.mark.parametrize(
    "task",
    [
        STAGES,
        GRADES,
        pytest.param(REFERABLE, marks=pytest.mark.exhaustive),
        pytest.param(LESIONS, marks=pytest.mark.exhaustive),
    ],
    ids=list(TASKS),
)
def test_its_report_is_written_and_names_nobody(labelled: Maker, task: TaskSpec) -> None:
    run = labelled(task=task)
    with quickly_made():
        report = make_report(run.write())
    for words in (*run.scoring.evaluated_classes, "photographs", "cross-entropy"):
        assert words in report.html
    for words in ("PASI", "erythema"):
        assert words not in report.html, words
    assert [name for name in run.split["sample"] if name in report.html] == []


def test_a_fold_of_one_class_has_no_auc_and_the_report_says_so(labelled: Maker) -> None:
    run = labelled(task=REFERABLE)
    in_fold = run.split["fold"] == 1
    run.split.loc[in_fold, "label"] = "normal"
    for (_, _), table in run.predictions.items():
        table["label"] = run.split.set_index("sample").loc[table["sample"], "label"].to_numpy()
    store = run.write()
    opened = Run(store)
    facts, shown = fold_matrix(opened), opened.exhibit("folds")
    late = run.split["label"].eq("late").groupby(run.split["fold"]).mean()
    alone = {fold for fold in range(3) if late[fold] in (0, 1)}
    assert 1 in alone
    assert {cell.fold for cell in facts.undefined} == alone
    assert {cell.fold for cell in facts.complete} == {0, 1, 2} - alone
    (matrix,) = (each for each in shown.section.blocks if isinstance(each, Figure))
    assert "whose fold the AUC is not defined" in matrix.caption
    assert "n/a" in matrix.drawing.wide


def test_classes_are_evaluated_for_skill_one_by_one() -> None:
    random = np.random.default_rng(0)
    index = [f"p{place}" for place in range(60)]
    samples = pd.DataFrame(
        {"subject": [f"s{place // 3:02}" for place in range(60)], "fold": np.arange(60) // 3 % 4},
        index=index,
    ).assign(reference=np.repeat(random.integers(3, size=20), 3))
    knows = np.eye(3)[samples["reference"]] * 0.5 + random.dirichlet(np.ones(3), 60) * 0.5
    guesses = random.dirichlet(np.ones(3), 60)
    predicted = pd.DataFrame(
        np.hstack([knows, guesses]),
        index,
        pd.MultiIndex.from_product([["knows", "guesses"], list("abc")]),
    )
    rows, said = class_by_class(samples, predicted)
    assert (len(rows), list(said)) == (180, ["knows", "guesses"])
    assert rows.index.equals(said.index)
    assert rows.index.is_unique
    np.testing.assert_allclose(said["knows"].groupby(lambda name: name.split()[0]).sum(), 1)
    assert rows.groupby(lambda name: name.split()[0])["reference"].sum().eq(1).all()
    p_values = {skill.model: skill.p_value for skill in assess_skill(rows, said)}
    assert p_values["knows"] < 0.01
    assert p_values["guesses"] > 0.05
