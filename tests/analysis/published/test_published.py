from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, permutation_test, spearmanr

from foldgrid.analysis.published.comparability import differences_from_paper, verdict
from foldgrid.analysis.published.published import (
    PublishedComparison,
    compare_with_published,
    rank_correlation,
)
from foldgrid.analysis.published.study import published_models
from foldgrid.analysis.ranking.build import rank_sweep
from foldgrid.analysis.stacking.meta_learners import META_LEARNERS
from foldgrid.cli.main import main
from foldgrid.models import known_backbones
from foldgrid.specs.recipe import TrainingRecipe

SMALL: dict[str, Any] = {"num_folds": 2, "num_subjects": 8}
PAPERS_OWN: dict[str, Any] = {
    "backbones": ("resnet18", "vgg11"),
    "num_subjects": 7,
    "num_visits": 2,
    "policy": "held_out_fold",
    "sweep": {"data": {"manifest": "photos/manifest.csv", "tile_pixels": 128}},
}


def test_the_study_s_tables_are_whole_and_agree() -> None:
    models = published_models()
    kinds = [model.kind for model in models.values()]
    assert (kinds.count("base_learner"), kinds.count("meta_learner")) == (29, 4)
    learners = {name for name, model in models.items() if model.kind == "base_learner"}
    assert learners <= set(known_backbones())
    best = min(models.values(), key=lambda model: model.metric_values["mae"])
    assert (best.model, best.metric_values["mae"], best.metric_values["mse"]) == (
        "resnet34",
        3.336,
        27.191,
    )
    assert max(models, key=lambda name: models[name].metric_values["ccc"]) == "shufflenet_v2_x0_5"
    by_error = sorted(models, key=lambda name: models[name].metric_values["mae"])
    assert by_error.index("meta_learner_ridge") == 7
    assert sum(model.num_decimals == 3 for model in models.values()) == 10
    root = Path(__file__).parents[3] / "analysis/published/one_step_pasi_table_s1.csv"
    for row in csv.DictReader(root.read_text().splitlines()):
        for metric, value in models[row["model"]].metric_values.items():
            assert value == pytest.approx(float(row[metric]), abs=0.00501), row["model"]


def test_ours_stand_beside_theirs(make_run: Any) -> None:
    store = make_run(**SMALL, unfinished={("vgg11", 1)}).write()
    ranking = rank_sweep(store)
    comparison = compare_with_published(store, ranking)
    rows = {row.model or row.paper_name: row for row in comparison.rows}
    ours = {row.model: row for row in ranking.rows}
    resnet = rows["resnet18"]
    assert (resnet.published["mae"], resnet.published["ccc"]) == (3.94, 0.80)
    assert (resnet.oof, resnet.test) == (ours["resnet18"].oof, ours["resnet18"].test)
    assert rows["logit_ridge"].published["mae"] == 3.781
    assert rows["logit_ridge"].paper_name == "meta_learner_ridge"
    assert rows["ridge"].published["mae"] is None
    assert rows["resnet34"].left_out == "not in this sweep"
    assert rows["resnet34"].published_rank == 1
    assert "fold 1 not trained" in rows["vgg11"].left_out
    assert {each.num_models for each in comparison.correlations} == {2}
    assert {each.spearman for each in comparison.correlations} == {None}
    unpublished = len(META_LEARNERS) - 4 + 1
    assert len(comparison.rows) == 33 + unpublished, "those the paper has not, and the baseline"


def test_correlations_are_of_the_values_in_the_rows(make_run: Any) -> None:
    backbones = ("resnet18", "resnet34", "vgg11", "alexnet", "mnasnet1_0")
    store = make_run(**SMALL, backbones=backbones).write()
    comparison = compare_with_published(store, rank_sweep(store))
    for each in comparison.correlations:
        pairs = [
            (getattr(row, each.partition)[each.metric], row.published[each.metric])
            for row in comparison.rows
            if row.model in backbones
        ]
        assert each.num_models == len(pairs) == 5
        assert each.spearman == pytest.approx(spearmanr(*zip(*pairs, strict=True)).statistic)
        assert each.kendall == pytest.approx(kendalltau(*zip(*pairs, strict=True)).statistic)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=12))
def test_rank_correlations_are_scipy_s_ties_included(pairs: list[tuple[int, int]]) -> None:
    ours, theirs = np.array(pairs, dtype=float).T
    rho, rho_p, tau, tau_p = rank_correlation(ours, theirs)
    if np.ptp(ours) == 0 or np.ptp(theirs) == 0:
        assert all(math.isnan(value) for value in (rho, rho_p, tau, tau_p))
        return
    assert rho == pytest.approx(spearmanr(ours, theirs).statistic)
    assert tau == pytest.approx(kendalltau(ours, theirs).statistic)
    assert 0 < rho_p <= 1
    assert 0 < tau_p <= 1


def test_the_p_value_is_the_fraction_of_orders_at_least_as_far_from_chance() -> None:
    random = np.random.default_rng(4)
    ours = random.normal(size=6)
    theirs = ours + random.normal(0, 0.7, 6)
    _, rho_p, _, tau_p = rank_correlation(ours, theirs)
    for measure, found in ((spearmanr, rho_p), (kendalltau, tau_p)):
        exact = permutation_test(
            (ours,),
            lambda x, measure=measure: measure(x, theirs).statistic,
            permutation_type="pairings",
            n_resamples=np.inf,
        )
        assert found == pytest.approx(exact.pvalue, abs=0.03)


def test_equal_orders_are_unlikely_by_chance() -> None:
    values = np.arange(20.0)
    assert rank_correlation(values, values**2) == (pytest.approx(1), 1 / 2000, 1, 1 / 2000)


def test_a_synthetic_smoke_run_may_not_be_compared_and_says_why(make_run: Any) -> None:
    names = ("resnet18", "shufflenet_v2_x0_5", "vgg11")
    weights = dict.fromkeys(names, "random")
    fake = make_run(**SMALL, weights=weights, budget="smoke", max_batches=2)
    store = fake.write()
    comparison = compare_with_published(store, rank_sweep(store))
    text = comparison.verdict
    assert text.startswith("Neither the order of the models nor the sizes")
    for reason in ("drawn", "from random weights", "epochs of 2 batches"):
        assert reason in text
    found = [each.topic for each in comparison.differences]
    assert found == ["data", "weights", "training", "folds", "cohort", "stopping"]


@pytest.mark.parametrize(
    ("changes", "start", "reason"),
    [
        ({}, "The order of the models may be compared", "other patients"),
        ({"weights": {"vgg11": "random"}}, "Neither the order", "1 of 2 base learners"),
        ({"max_batches": 5, "budget": "smoke"}, "Neither the order", "of 5 batches"),
        ({"num_folds": 3}, "The order of the models may", "mean of 3 fits, not of 5"),
        (
            {"sweep": {"data": {"manifest": "m.csv", "tile_pixels": 64}}},
            "The order of the models may",
            "64 pixels a side, not 128",
        ),
    ],
)
def test_the_verdict_follows_from_what_was_run(
    make_run: Any, changes: dict[str, Any], start: str, reason: str
) -> None:
    assert TrainingRecipe().max_epochs > 50
    store = make_run(**(PAPERS_OWN | changes)).write()
    found = differences_from_paper(store, rank_sweep(store))
    assert verdict(found).startswith(start)
    assert reason in verdict(found)


def test_without_differences_both_may_be_compared() -> None:
    assert verdict(()).startswith("Order and sizes may be compared")


def test_the_command_prints_every_format(
    make_run: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    fake = make_run(**SMALL)
    fake.write()
    printed = {}
    for name in ("terminal", "md", "csv", "json"):
        assert main(["published", str(fake.folder), "--format", name]) == 0
        printed[name] = capsys.readouterr().out
    assert "Neither the order" in printed["terminal"]
    assert max(map(len, printed["terminal"].splitlines())) <= 80
    assert "| `resnet18` | 3.94 |" in printed["md"]
    assert "30 models of the paper are not in this sweep" not in printed["md"]
    assert "26 models of the paper are not in this sweep" in printed["md"]
    rows = list(csv.DictReader(io.StringIO(printed["csv"])))
    assert len(rows) == 33 + len(META_LEARNERS) - 4 + 1
    comparison = PublishedComparison.model_validate_json(printed["json"])
    assert [row.paper_name for row in comparison.rows] == [row["paper_name"] for row in rows]
    assert json.loads(printed["json"])["source"].startswith("Xing et al. 2023")


def test_an_unknown_format_exits_2(make_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    fake = make_run(**SMALL)
    fake.write()
    assert main(["published", str(fake.folder), "--format", "jsn"]) == 2
    assert 'no format "jsn". Did you mean "json"?' in capsys.readouterr().err
