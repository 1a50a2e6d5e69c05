"""The clinical facts of whole run folders, against sums made by hand from the same records."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from foldgrid.analysis.evaluation import Evaluation, evaluate
from foldgrid.analysis.exhibits.pasi.components import (
    error_by_region,
    error_by_score,
    quadratic_kappa,
)
from foldgrid.analysis.exhibits.pasi.distributions import score_distributions
from foldgrid.analysis.exhibits.pasi.reference_lines import reference_lines
from foldgrid.analysis.exhibits.pasi.visits import best_model, model_visits
from foldgrid.analysis.ranking.build import evaluate_and_rank
from foldgrid.analysis.ranking.ranking import Ranking
from foldgrid.analysis.stacking.nested import BASELINE
from foldgrid.metrics import METRICS
from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError
from foldgrid.tasks.pasi.arithmetic import SCORE_MAXIMA, SCORES, composite_score
from tests.analysis.conftest import FakeRun
from tests.analysis.exhibits.reading import read_clinically

SMALL: dict[str, Any] = {"backbones": ("resnet18", "vgg11"), "num_folds": 2, "num_subjects": 8}


class Read(NamedTuple):
    fake: FakeRun
    store: RunStore
    evaluation: Evaluation
    ranking: Ranking


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """A small sweep that its tests do not change."""
    fake = FakeRun(tmp_path_factory.mktemp("runs") / "tiny", **SMALL)
    store = fake.write()
    return Read(fake, store, *evaluate_and_rank(store))


def test_the_default_model_is_the_ranking_s_best(small: Read) -> None:
    evaluation = small.evaluation
    for metric in ("mae", "ccc"):
        assert best_model(evaluation, metric) == small.ranking.ordered_by(metric).best.model
    reading = read_clinically(evaluation)
    assert reading.model == best_model(evaluation) == reading.test.pairs.model
    with pytest.raises(SweepError, match="resnet18"):
        model_visits(evaluation, "resnet81")


def test_an_interval_is_the_same_in_the_ranking_and_in_the_reading(small: Read) -> None:
    ranking = small.ranking
    reading = read_clinically(small.evaluation)
    everything = reading.oof.severity.set_index("stratum").loc["all"]
    for name in ("mae", "bias"):
        interval = ranking.best.interval("oof", name)
        assert interval is not None
        assert [everything[f"{name}_low"], everything[f"{name}_high"]] == pytest.approx(
            [interval.low, interval.high], abs=1e-9
        )


def test_scores_are_evaluated_by_the_copies_that_may(make_run: Any) -> None:
    fake = make_run(**SMALL, noise=1.2)
    evaluation = evaluate(fake.write())
    copies = pd.concat(fake.predictions["resnet18", fold] for fold in range(2))
    for partition in ("oof", "test"):
        means = copies[copies["partition"] == partition].groupby("sample").mean(numeric_only=True)
        table = error_by_score(evaluation, "resnet18", partition).rows.set_index(
            ["score", "region"]
        )
        assert len(table) == 16
        for score in SCORES:
            truth = means[score].to_numpy()
            predicted = means[f"predicted_{score}"].clip(0, SCORE_MAXIMA[score]).to_numpy()
            row, grades = table.loc[score, "all"], np.floor(predicted + 0.5)
            assert row["num_samples"] == len(truth)
            assert row["mae"] == pytest.approx(np.abs(predicted - truth).mean())
            assert row["bias"] == pytest.approx((predicted - truth).mean())
            assert row["exact"] == pytest.approx((grades == truth).mean())
            assert row["within_one"] == pytest.approx((np.abs(grades - truth) <= 1).mean())
            expected = cohen_kappa_score(truth.astype(int), grades.astype(int), weights="quadratic")
            assert row["kappa"] == pytest.approx(expected)
            parts = table.loc[score].drop("all")
            assert parts["num_samples"].sum() == len(truth)
            assert row["mae"] == pytest.approx(np.average(parts["mae"], weights=parts.num_samples))


def test_regions_are_evaluated_by_their_composites(small: Read) -> None:
    fake, evaluation = small.fake, small.evaluation
    table = error_by_region(evaluation, "vgg11").rows.set_index("region")
    copies = pd.concat(fake.predictions["vgg11", fold] for fold in range(2))
    copies = copies[copies["partition"] == "oof"].set_index("sample")
    truth = composite_score(*(copies[name] for name in SCORES))
    predicted = composite_score(*(copies[f"predicted_{name}"] for name in SCORES), clip=True)
    assert table.loc["all", "mae"] == pytest.approx(np.abs(predicted - truth).mean())
    is_trunk = copies.index.str.endswith("trunk")
    assert table.loc["trunk", "bias"] == pytest.approx((predicted - truth)[is_trunk].mean())
    assert list(table.index) == ["upper_extremities", "trunk", "lower_extremities", "all"]


def test_meta_learners_have_regions_and_no_scores_and_the_baseline_has_neither(
    small: Read,
) -> None:
    evaluation = small.evaluation
    assert len(error_by_region(evaluation, "ridge", "test").rows) == 4
    scores = error_by_score(evaluation, "ridge")
    assert (scores.rows.empty, scores.not_applicable) == (True, "ridge predicts no single scores.")
    assert "PASI" in error_by_region(evaluation, BASELINE).not_applicable
    assert read_clinically(evaluation, BASELINE).oof.scores.not_applicable


def test_a_task_without_scores_says_so(make_run: Any) -> None:
    evaluation = evaluate(make_run(**SMALL, output="composite").write())
    reading = read_clinically(evaluation, "resnet18")
    assert "no single scores" in reading.oof.scores.not_applicable
    assert not reading.oof.regions.rows.empty
    distributions = score_distributions(evaluation)
    assert distributions.not_applicable
    assert distributions.scores.empty
    assert distributions.pasi["train"].sum() == evaluation.oof.num_units


def test_a_sweep_without_a_test_set_is_read(make_run: Any) -> None:
    store = make_run(**SMALL, num_test_subjects=0).write()
    evaluation = evaluate(store)
    test = read_clinically(evaluation).test
    assert test.pairs.visits.empty
    assert test.change.trajectories.empty
    assert math.isnan(test.agreement.sd.value)
    assert math.isnan(test.scatter.ccc.value)
    assert test.severity["num_visits"].sum() == 0
    assert test.regions.not_applicable
    found = score_distributions(evaluation, store)
    assert found.pasi["test"].sum() == 0
    assert math.isnan(found.differences["pasi"])
    lines = {(line.name, line.partition): line.mae for line in reference_lines(evaluation)}
    assert math.isnan(lines[BASELINE, "test"])


def test_a_first_visit_without_a_region_is_no_baseline(make_run: Any) -> None:
    fake = make_run(**SMALL)
    gone = "s03-v0-trunk"
    fake.split = fake.split[fake.split["sample"] != gone]
    fake.predictions = {
        cell: table[table["sample"] != gone] for cell, table in fake.predictions.items()
    }
    evaluation = evaluate(fake.write())
    facts = read_clinically(evaluation).oof.change
    assert facts.exclusions.incomplete_baseline == ("s03",)
    rows = facts.trajectories[facts.trajectories["subject"] == "s03"]
    assert rows["place"].tolist() == [2, 3]
    assert not rows["is_baseline"].any()
    assert rows["physician_change"].isna().all()
    counted = {r.num_subjects for r in facts.responses}
    assert counted == {evaluation.oof.num_subjects - 1}


def test_unknown_days_go_by_the_visit_s_name(make_run: Any) -> None:
    fake = make_run(**SMALL, num_visits=11)
    fake.split = fake.split.assign(day=math.nan, visit=fake.split["visit"].map("V{}".format))
    table = read_clinically(evaluate(fake.write()), "vgg11").oof.change.trajectories
    assert table["day"].isna().all()
    first = table[table["subject"] == table["subject"].iloc[0]]
    assert first["visit"].tolist() == [f"V{n}" for n in range(11)]


def test_distributions_count_every_sample_once(small: Read) -> None:
    fake, store, evaluation, _ = small
    found = score_distributions(evaluation, store)
    is_test = (fake.split.set_index("sample")["partition"] == "test").loc[fake.scores.index]
    for score in SCORES:
        rows = found.scores[found.scores["score"] == score].set_index("grade")
        assert len(rows) == SCORE_MAXIMA[score] + 1
        for name, part in (("train", ~is_test), ("test", is_test)):
            counts = fake.scores.loc[part, score].value_counts()
            assert rows[name][rows[name] > 0].to_dict() == counts.to_dict()
            assert rows[f"{name}_share"].sum() == pytest.approx(1)
        moved = sum(
            max(0.0, rows["train_share"][grade] - rows["test_share"][grade]) for grade in rows.index
        )
        assert found.differences[score] == pytest.approx(moved)
    assert found.pasi["high"].iloc[-1] >= 64.8
    assert found.pasi["train"].sum() == evaluation.oof.num_units
    assert found.pasi["test"].sum() == evaluation.test.num_units
    assert found.imbalance == 0.0123


def test_reference_lines_hold_the_baseline_as_it_is_ranked(small: Read) -> None:
    evaluation = small.evaluation
    row = next(row for row in small.ranking.rows if row.model == BASELINE)
    lines = {(line.name, line.partition): line for line in reference_lines(evaluation)}
    assert lines[BASELINE, "oof"].mae == row.oof["mae"]
    assert lines[BASELINE, "test"].mae == row.test["mae"]
    assert lines["between_raters", ""].mae == 3.3
    assert lines["within_rater", ""].source == "Fink et al. 2018"


def test_every_table_agrees_on_the_error(small: Read) -> None:
    evaluation = small.evaluation
    for part in (read_clinically(evaluation).oof, read_clinically(evaluation).test):
        truth, predicted = part.pairs.visits["physician"], part.pairs.visits["predicted"]
        mae = METRICS["mae"](truth, predicted)
        assert part.scatter.mae.value == mae
        assert part.severity["mae"].iloc[-1] == pytest.approx(mae)
        assert part.agreement.mean_difference.value == pytest.approx(part.scatter.bias.value)
        assert len(part.change.trajectories) == part.pairs.num_visits


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2))
def test_quadratic_kappa_is_scikit_learn_s(grades: list[tuple[int, int]]) -> None:
    first, second = np.array(grades).T
    found = quadratic_kappa(first, second, 5)
    if len(set(first) | set(second)) == 1:
        assert math.isnan(found)
    else:
        expected = cohen_kappa_score(first, second, labels=range(5), weights="quadratic")
        assert found == pytest.approx(expected)
