"""The report of a task of classes: its facts, and that each number can be had again."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ElementTree
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_score, recall_score, roc_auc_score

from foldgrid.analysis.drawing.blocks import Figure, Table
from foldgrid.analysis.drawing.palette import ROLES
from foldgrid.analysis.exhibits.classes.by_class import fold_spreads, fractions_of_model
from foldgrid.analysis.exhibits.classes.confusion import confusion, mistakes
from foldgrid.analysis.exhibits.classes.embedding import chosen_fit, embedding
from foldgrid.analysis.exhibits.classes.hierarchy import (
    level_metrics,
    node_fractions,
    side_roc,
    units_at,
)
from foldgrid.analysis.exhibits.classes.operating import points_of_models
from foldgrid.analysis.exhibits.classes.reliability import reliability
from foldgrid.analysis.exhibits.classes.roc import in_one_picture, roc_of_model, roc_of_models
from foldgrid.analysis.exhibits.classes.shared import class_units
from foldgrid.analysis.exhibits.folds import fold_matrix
from foldgrid.analysis.exhibits.methods.writing import write_statements
from foldgrid.analysis.exhibits.published import beside_the_paper
from foldgrid.analysis.exhibits.settings import (
    photographs_of,
    setting_curves,
    varied_learners,
    varied_section,
)
from foldgrid.analysis.report.build import make_report
from foldgrid.analysis.report.page import number_parts
from foldgrid.analysis.run import Run
from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError
from foldgrid.tasks.classification.operating_points import choose_threshold
from tests.analysis.fake_class_run import TASKS, FakeClassRun, retrained
from tests.analysis.report.conftest import Reported

OWN = {
    "classification": ["classes", "confusion", "roc", "calibration", "embedding"],
    "binary": ["classes", "confusion", "roc", "operating", "calibration", "embedding"],
    "tree": ["classes", "confusion", "roc", "tree", "calibration", "embedding"],
}
pytestmark = pytest.mark.xdist_group("reports")


@pytest.fixture(params=list(TASKS))
def reported(request: Any, reported_by_task: Any) -> Reported:
    """One after the other, every task of classes."""
    return reported_by_task(request.param)


def test_the_sections_are_the_task_s_in_order(reported: Reported) -> None:
    keys = [section.key for section in reported.report.sections]
    own = OWN[reported.fake.task]
    assert keys[2 : 2 + len(own)] == own
    assert ("varied" in keys) == (reported.fake.task == "binary")
    assert keys[-6:-3] == ["cost", "architectures", "checks"]
    assert not [section.key for section in reported.report.sections if section.left_out]


def test_every_number_can_be_had_again(reported: Reported) -> None:
    names = {"run": reported.run}
    exhibits = number_parts(reported.report.sections)
    assert len({exhibit.key for exhibit in exhibits}) == len(exhibits) > 15
    for exhibit in exhibits:
        assert exhibit.call, exhibit.key
        numbers = exhibit.call.splitlines()[0]
        assert len(eval(numbers, names)), numbers


def test_nobody_is_named_and_nothing_is_undefined(reported: Reported) -> None:
    texts = [reported.report.html, *(figure.drawing.svg for figure in reported.report.figures)]
    for text in texts:
        for name in {*reported.fake.split["sample"], *reported.fake.split["subject"]}:
            assert name not in text or not re.search(rf"\b{re.escape(name)}\b", text), name
        for word in ("nan", "None"):
            # A pattern that begins with letters is looked for ten times as fast.
            assert not re.search(rf"{word}(?<=\b{word})\b", text), word


def test_the_same_records_give_the_same_bytes(reported_by_task: Any, tmp_path: Path) -> None:
    reported = reported_by_task("binary")
    elsewhere = tmp_path / "another" / "place"
    shutil.copytree(reported.run.store.location, elsewhere)
    assert make_report(RunStore(str(elsewhere))).html == reported.report.html


def test_figures_are_sound_files_with_names_of_their_own(reported: Reported) -> None:
    keys = [figure.key for figure in reported.report.figures]
    assert len(set(keys)) == len(keys)
    for figure in reported.report.figures:
        ElementTree.fromstring(figure.drawing.svg)
        for size in ("wide", "narrow"):
            text = figure.drawing.inline(size)
            ElementTree.fromstring(text)
            assert not any(colour in text for colour in ROLES)


def test_the_words_are_of_classes(reported: Reported) -> None:
    text = unescape(re.sub(r"<[^>]+>", " ", reported.report.html))
    for word in ("PASI", "physician", "composite", "region", "visit", "mean absolute error"):
        # Provenance and checklists may speak of what others did; our own figures do not.
        shown = text.split("Methods text")[0]
        assert word not in shown, word
    assert "own out-of-fold mean Brier score" in text
    assert "A weight multiplies the learner's class probabilities" in text
    assert "cross-entropy" in text
    assert all(name in text for name in reported.run.scoring.evaluated_classes)
    methods = write_statements(reported.run)
    assert methods["augmentation"].startswith("Training photographs were augmented")
    assert "tile" not in methods["augmentation"]
    assert methods["backbones"].startswith("2 networks were compared: ")


def test_metrics_by_class_are_those_of_the_units(reported: Reported) -> None:
    run = reported.run
    for partition in ("oof", "test"):
        units = class_units(run, "plain_cnn", partition)
        found = fractions_of_model(run, "plain_cnn", partition)
        asked = [1] if units.is_binary else range(len(units.classes))
        assert [each.name for each in found] == [units.classes[place] for place in asked]
        for place, each in zip(asked, found, strict=True):
            is_it, is_called = units.reference_U == place, units.decided == place
            assert each.num_units == is_it.sum()
            assert each.specificity.value == pytest.approx(recall_score(~is_it, ~is_called))
            if not is_it.any():
                # The tree's test set lacks a node: nothing is said of it.
                assert np.isnan([each.sensitivity.value, each.auc]).all()
                continue
            assert each.sensitivity.value == pytest.approx(recall_score(is_it, is_called))
            if is_called.any():
                assert each.precision.value == pytest.approx(precision_score(is_it, is_called))
            aucs, pairs = [], []
            for fold in np.unique(units.folds_U):
                own = units.folds_U == fold
                if 0 < is_it[own].sum() < own.sum():
                    aucs.append(roc_auc_score(is_it[own], units.probabilities_UK[own, place]))
                    pairs.append(is_it[own].sum() * (~is_it[own]).sum())
            assert each.auc == pytest.approx(np.average(aucs, weights=pairs))
            if each.auc_interval.low is not None:
                assert each.auc_interval.low <= each.auc <= each.auc_interval.high


def test_one_class_has_the_ranking_s_interval(reported_by_task: Any) -> None:
    run = reported_by_task("binary").run
    row = next(row for row in run.ranking.rows if row.model == "plain_cnn")
    [positive] = fractions_of_model(run, "plain_cnn")
    assert positive.auc_interval == row.interval("oof", "auc")
    for name in ("sensitivity", "specificity"):
        ends, ranked = getattr(positive, name).interval, row.interval("oof", name)
        assert (ends.low, ends.high) == pytest.approx((ranked.low, ranked.high))


def test_the_spread_over_folds_is_that_of_the_fold_matrix(reported: Reported) -> None:
    cells = [cell for cell in fold_matrix(reported.run).cells if cell.backbone == "plain_cnn"]
    spread = fold_spreads(reported.run)["plain_cnn"]["auc"]
    assert spread.by_fold == pytest.approx({cell.fold: cell.value for cell in cells})
    assert spread.mean == pytest.approx(np.mean([cell.value for cell in cells]))
    assert spread.sd == pytest.approx(np.std([cell.value for cell in cells], ddof=1))


def test_confusion_is_counted_and_the_worst_is_reported(reported: Reported) -> None:
    units = class_units(reported.run, reported.run.best.model, "oof")
    facts = confusion(reported.run, reported.run.best.model)
    expected = confusion_matrix(units.reference_U, units.decided, labels=range(len(facts.classes)))
    assert facts.counts_KK.tolist() == expected.tolist()
    wrong = expected - np.diag(np.diag(expected))
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    worst = f"{facts.classes[row]} taken for {facts.classes[column]} ({wrong.max()} of"
    assert mistakes(facts)[0].startswith(worst)
    assert worst in reported.section("confusion").lead


def test_curves_are_of_each_class_and_of_every_model(reported: Reported) -> None:
    run = reported.run
    found = roc_of_model(run, run.best.model)
    assert all(len(each.folds) == 3 for each in found)
    if not run.scoring.is_binary:
        assert [each.name for each in found] == list(run.scoring.evaluated_classes)
        with pytest.raises(SweepError, match="binary"):
            roc_of_models(run)
        return
    assert [each.name for each in found] == ["referable"]
    models = roc_of_models(run)
    assert models[0].name == run.best.model
    assert {"mobilenet_v2", "plain_cnn", "mean"} <= {each.name for each in models}
    assert not any("@" in each.name for each in models)
    crowd = (*models[:1] * 12, *(each for each in models if each.name == "mean"))
    assert len(in_one_picture(crowd)) == 8
    assert in_one_picture(crowd)[-1].name == "mean"


def test_operating_points_are_chosen_out_of_fold(reported_by_task: Any) -> None:
    run = reported_by_task("binary").run
    points = points_of_models(run)
    for model in ("plain_cnn", "mobilenet_v2", "mean"):
        oof, test = class_units(run, model, "oof"), class_units(run, model, "test")
        sensitive, specific = points[model]
        assert sensitive.point.threshold == choose_threshold(
            oof.is_positive, oof.positive_score, sensitivity=0.9
        )
        assert (oof.positive_score[oof.is_positive] >= sensitive.point.threshold).mean() >= 0.9
        assert (oof.positive_score[~oof.is_positive] < specific.point.threshold).mean() >= 0.9
        called = test.positive_score >= sensitive.point.threshold
        assert sensitive.sensitivity.value == pytest.approx(called[test.is_positive].mean())
        assert sensitive.point.true_positives == (called & test.is_positive).sum()
    table = next(each for each in exhibits(reported_by_task("binary")) if each.key == "delong")
    assert isinstance(table, Table)
    sentence = reported_by_task("binary").section("operating").blocks[-1].paragraphs[0]
    assert "DeLong's interval takes the photographs as independent" in sentence
    assert "times as wide as that by subject" in sentence


def exhibits(reported: Reported) -> list[Figure | Table]:
    blocks = [block for section in reported.report.sections for block in section.blocks]
    return [block for block in blocks if isinstance(block, Figure | Table)]


def test_without_a_test_set_points_say_that_they_flatter(tmp_path: Path) -> None:
    fake = FakeClassRun(tmp_path / "tiny", "binary", num_test_subjects=0)
    report = make_report(fake.write())
    section = next(each for each in report.sections if each.key == "operating")
    assert "That flatters; there is no test set." in section.lead
    assert "evaluated there" in section.blocks[0].caption
    left_out = {each.key: each.left_out for each in report.sections if each.left_out}
    assert set(left_out) == {"embedding"}
    assert "keep_features: true" in left_out["embedding"]


def test_levels_are_sums_of_the_training_classes(reported_by_task: Any) -> None:
    run = reported_by_task("tree").run
    fine, five, three = (units_at(run, level) for level in ("training classes", "five", "three"))
    assert fine.classes == tuple(TASKS["tree"].classes)
    assert three.classes == ("benign", "malignant", "inflammatory")
    for units in (fine, five, three):
        assert units.probabilities_UK.sum(axis=1) == pytest.approx(np.ones(units.num_units))
        assert units.reference_U.tolist() == [
            next(place for place, node in enumerate(units.classes) if path.startswith(node))
            for path in (fine.classes[each] for each in fine.reference_U)
        ]
    benign = [place for place, path in enumerate(fine.classes) if path.startswith("benign")]
    summed = fine.probabilities_UK[:, benign].sum(axis=1)
    assert three.probabilities_UK[:, 0] == pytest.approx(summed)
    # The judged level is the ranking's, units in the same order.
    ranked = class_units(run, fine.model, "oof")
    assert three.probabilities_UK == pytest.approx(ranked.probabilities_UK)
    row = next(row for row in run.ranking.rows if row.model == fine.model)
    for part in ("oof", "test"):
        found = level_metrics(run)["three", part]
        for name, each in found.items():
            assert each.value == pytest.approx(row.value(part, name))
            assert each.interval == row.interval(part, name)
    assert len(node_fractions(run, "five")) == 5


def test_test_photographs_get_the_mean_of_the_copies(reported_by_task: Any) -> None:
    reported = reported_by_task("tree")
    units = units_at(reported.run, "training classes", "test")
    tables = [
        table[table["partition"] == "test"].set_index("sample").filter(like="predicted_")
        for (learner, _), table in reported.fake.predictions.items()
        if learner == units.model
    ]
    mean = sum(tables) / len(tables)
    assert units.probabilities_UK == pytest.approx(mean.sort_index().to_numpy(), abs=1e-6)


def test_one_side_against_the_other_leaves_neither_out(
    reported_by_task: Any, tmp_path: Path
) -> None:
    reported = reported_by_task("tree")
    run = reported.run
    fine = units_at(run, "training classes")
    side_K = np.array([path.split("/")[0] for path in fine.classes])
    positive_U = fine.probabilities_UK[:, side_K == "malignant"].sum(axis=1)
    negative_U = fine.probabilities_UK[:, side_K == "benign"].sum(axis=1)
    truth_U = side_K[fine.reference_U]
    kept_U = truth_U != "inflammatory"
    score_U = positive_U / (positive_U + negative_U)
    facts = side_roc(run, fine.model)
    expected = roc_auc_score(truth_U[kept_U] == "malignant", score_U[kept_U])
    assert facts.pooled == pytest.approx(expected)
    assert facts.num_positives + facts.num_negatives == kept_U.sum() < len(kept_U)
    # Without a negative node everything else is negative.
    fake = FakeClassRun(tmp_path / "tiny", "tree")
    fake.spec = TASKS["tree"].model_copy(update={"negative": None})
    against_all = side_roc(Run(fake.write()), fine.model)
    assert against_all.num_positives + against_all.num_negatives == len(kept_U)
    assert against_all.auc == pytest.approx(roc_auc_score(truth_U == "malignant", positive_U))


def test_calibration_is_of_the_positive_class_or_the_decided_one(reported: Reported) -> None:
    units = class_units(reported.run, "plain_cnn", "oof")
    facts = reliability(reported.run, "plain_cnn")
    assert sum(each.share.num_units for each in facts.bins) == units.num_units
    assert facts.says == ("referable" if units.is_binary else "the decided class")


def test_the_plane_shows_the_fit_with_the_median_metric(reported: Reported) -> None:
    run = reported.run
    chosen = chosen_fit(run)
    best = next(row.model for row in run.ranking.rows if row.kind == "base_learner")
    values = {cell.fold: cell.value for cell in fold_matrix(run).cells if cell.backbone == best}
    assert chosen.fit.backbone == best
    assert chosen.value == pytest.approx(np.median(list(values.values())))
    assert values[chosen.fit.fold] == pytest.approx(chosen.value)
    for partition, table in (("oof", run.evaluation.oof), ("test", run.evaluation.test)):
        facts = embedding(run, partition)
        expected = table.num_units
        if partition == "oof":
            expected = int((table.units["fold"] == chosen.fit.fold).sum())
        assert len(facts.coordinates_N2) == len(facts.reference_N) == expected
        assert facts.classes == run.scoring.evaluated_classes


def test_what_was_varied_is_reported_by_value(reported_by_task: Any) -> None:
    run = reported_by_task("binary").run
    learners = varied_learners(run, "training_fraction")
    assert [(each.backbone, each.value) for each in learners] == [
        ("mobilenet_v2", 0.25),
        ("mobilenet_v2", 1.0),
        ("plain_cnn", 0.25),
        ("plain_cnn", 1.0),
    ]
    curves = setting_curves(run, "training_fraction")
    assert [curves.written(each) for each in curves.settings] == ["25 %", "100 %"]
    for each in learners:
        points = {point.setting: point for point in curves.lines[each.backbone]}
        assert points[each.value].value == each.row.value("oof", "auc")
        assert points[each.value].low == each.row.interval("oof", "auc").low
    grades = setting_curves(run, "num_raters")
    assert [grades.written(each) for each in grades.settings] == ["1", "2", "label"]
    # 54 photographs in 3 folds: 36 are not held out, and 15 % of the others are watched.
    assert photographs_of(run, 1.0) == round(36 * 0.85)
    assert "about 8 photographs" in reported_by_task("binary").report.html.replace("\u202f", " ")
    text = write_statements(run)["backbones"]
    assert "one setting otherwise: training_fraction 0.25; num_raters 1 and 2." in text
    assert "Trained otherwise" not in write_statements(run)["optimiser"]


def test_settings_that_are_words_have_a_table_and_no_curve(tmp_path: Path) -> None:
    fake = FakeClassRun(tmp_path / "tiny", ablation={"normalization": ("minus_one_to_one",)})
    run = Run(fake.write())
    assert setting_curves(run, "normalization") is None
    values = [each.value for each in varied_learners(run, "normalization")]
    assert values == ["imagenet", "minus_one_to_one"] * 2
    assert "varied_normalization" in [each.key for each in varied_section(run).blocks]


def test_everything_on_the_held_out_fold_is_all_that_is_left(tmp_path: Path) -> None:
    fake = FakeClassRun(tmp_path / "tiny", policy="held_out_fold")
    retrained(fake, batch_size=8)
    assert photographs_of(Run(fake.write()), 0.5) == 18


def test_published_values_stand_beside_ours(reported: Reported) -> None:
    found = beside_the_paper(reported.run)
    rows = {row.model: row for row in reported.run.ranking.rows}
    assert found
    given = [(wanted, ours) for wanted, ours in found if ours["test"].value is not None]
    assert given
    for wanted, ours in given:
        model = reported.run.best.model if wanted.ours == "best" else wanted.ours
        if not (wanted.of_class or wanted.level or wanted.point):
            assert ours["oof"].value == rows[model].value("oof", wanted.measure)
    first = reported.section("published").blocks[1].paragraphs[0]
    assert first.startswith("The photographs here are drawn by a program.")


def test_a_sweep_of_another_name_has_no_published_values(tmp_path: Path) -> None:
    run = Run(FakeClassRun(tmp_path / "mine").write())
    assert beside_the_paper(run) == ()
    assert "published_classes" not in run.exhibits
