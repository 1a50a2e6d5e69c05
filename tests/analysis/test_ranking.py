from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.analysis.evaluation import evaluate
from foldgrid.analysis.predictions.notes import Note
from foldgrid.analysis.ranking import build as module
from foldgrid.analysis.ranking.build import (
    evaluate_and_rank,
    rank_and_save,
    rank_sweep,
    stored_or_ranked,
)
from foldgrid.analysis.ranking.leaderboard import load_current, made_from_now
from foldgrid.analysis.ranking.notes import write_notes
from foldgrid.analysis.ranking.ranking import (
    FORMAT,
    RULES,
    RankedModel,
    Ranking,
    ranking_table,
)
from foldgrid.analysis.ranking.uncertainty import all_notes
from foldgrid.metrics import METRICS
from foldgrid.specs.errors import SweepError
from foldgrid.tasks.pasi.scoring import PasiScoring
from tests.analysis.conftest import FakeRun

METRIC_NAMES = PasiScoring.shown


def made_up(metric_values: dict[str, float | None]) -> Ranking:
    return Ranking(
        made_from="0",
        sweep="made_up",
        title="",
        location="runs/made_up",
        by="mae",
        num_units={"oof": 2, "test": 1},
        num_subjects={"oof": 2, "test": 1},
        rows=tuple(
            RankedModel(
                model=name, kind="base_learner", oof=dict.fromkeys(METRIC_NAMES, value), test={}
            )
            for name, value in metric_values.items()
        ),
        notes=(),
    )


def note(ranking: Ranking, topic: str) -> Note:
    return next(each for each in ranking.notes if each.topic == topic)


def test_the_rows_are_learners_meta_learners_and_the_baseline(make_run: Any) -> None:
    fake = make_run(num_folds=3)
    fake.diverged.add(("vgg11", 2))
    ranking = rank_sweep(fake.write())
    kinds = [row.kind for row in ranking.rows]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "base_learner": 3,
        "meta_learner": 14,
        "baseline": 1,
    }
    last = ranking.rows[-1]
    assert (last.model, last.rank, last.folds) == ("vgg11", None, "2/3")
    assert set(last.oof.values()) | set(last.test.values()) == {None}
    assert "fold 2 diverged" in note(ranking, "left out").text
    assert [row.rank for row in ranking.rows[:-1]] == list(range(1, 18))
    assert ranking.best.kind != "baseline"


def test_the_metrics_are_those_of_the_visits(make_run: Any) -> None:
    evaluation, ranking = evaluate_and_rank(make_run(num_folds=2, num_subjects=6).write())
    for row in ranking.rows:
        for partition, table in (("oof", evaluation.oof), ("test", evaluation.test)):
            for name in METRIC_NAMES:
                value = METRICS[name](table.units["reference"], table.predicted[row.model])
                expected = None if math.isnan(value) else value
                assert getattr(row, partition)[name] == expected
    assert (ranking.num_units, ranking.num_subjects) == (
        {"oof": 12, "test": 6},
        {"oof": 4, "test": 2},
    )


metric_values = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3),
    st.none() | st.sampled_from([0.0, 0.25, 0.5, -0.5, 1.0]),
    min_size=1,
    max_size=8,
)


@given(metric_values, st.sampled_from(METRIC_NAMES))
def test_the_order_is_the_metrics_own_with_ties_by_name(
    values: dict[str, float | None], by: str
) -> None:
    rows = made_up(values).ordered_by(by).rows
    assert {row.model for row in rows} == set(values)
    keys = [(METRICS[by].sort_key(row.oof[by]), row.model) for row in rows]
    assert keys == sorted(keys)
    assert [row.rank is None for row in rows] == [row.oof[by] is None for row in rows]


@given(metric_values, st.sampled_from(METRIC_NAMES))
def test_ordering_forgets_the_order_before(values: dict[str, float | None], by: str) -> None:
    ranking = made_up(values)
    assert ranking.ordered_by("ccc").ordered_by(by) == ranking.ordered_by(by)


def test_an_unknown_metric_is_answered_with_the_nearest() -> None:
    with pytest.raises(SweepError, match=r'--by: .*"mea".*"mae"'):
        made_up({"a": 1.0}).ordered_by("mea")


@pytest.fixture(scope="module")
def notes_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Note, ...]]:
    """The notes of a small run, by the settings that it does not share with the others."""
    small: dict[str, Any] = {
        "backbones": ("resnet18", "vgg11"), "num_folds": 2, "num_subjects": 4, "num_visits": 2,
    }  # fmt: skip

    @cache
    def notes(changed: str) -> tuple[Note, ...]:
        fake = FakeRun(tmp_path_factory.mktemp("noted") / "tiny", **(small | json.loads(changed)))
        fake.backbones = tuple(fake.backbones)
        store = fake.write()
        return write_notes(store, evaluate(store))

    return notes


@pytest.mark.parametrize(
    ("settings_", "topic", "words", "is_warning"),
    [
        ({"budget": "smoke", "max_batches": 2}, "budget", "they are not results", True),
        ({"budget": "smoke"}, "budget", "smoke: at most 500 epochs", False),
        ({}, "budget", "at most 500 epochs", False),
        ({"policy": "held_out_fold"}, "stopping", "OOF values are optimistic", True),
        ({}, "stopping", "inner_split", False),
        ({"weights": {"vgg11": "random"}}, "weights", "(vgg11) from random weights", True),
        ({}, "weights", "pre-trained", False),
        ({"weights": {"vgg11": "random", "resnet18": "random"}}, "weights", "random", True),
        ({"sweep": {"data": {"manifest": "/who/mine.csv"}}}, "data", "of mine.csv", False),
        ({"sweep": {"data": {"manifest": None}}}, "synthetic data", "No patient", True),
        ({"output": "composite"}, "output", "directly", False),
        ({}, "output", "0 to 64.8", False),
        ({}, "split", "0.0123", False),
        ({}, "order", "it has 4 visits of 2 subjects, and models chosen on it", False),
        ({}, "raters", "Fink et al. 2018", False),
        ({"backbones": ("vgg11",)}, "stacking", "No meta-learners", False),
    ],
)
def test_the_reading_stands_beside_the_metrics(
    notes_of: Any, settings_: dict[str, Any], topic: str, words: str, is_warning: bool
) -> None:
    found = next(each for each in notes_of(json.dumps(settings_)) if each.topic == topic)
    assert words in found.text
    assert found.is_warning == is_warning


def test_warnings_come_first(make_run: Any) -> None:
    fake = make_run(num_folds=2, policy="held_out_fold", budget="smoke", backbones=("vgg11",))
    warned = [each.is_warning for each in rank_sweep(fake.write()).notes]
    assert warned == sorted(warned, reverse=True)


def test_a_stored_ranking_is_used_until_a_fit_is_added(
    make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = make_run(backbones=("resnet18", "vgg11"), num_folds=2, num_subjects=6)
    fake.unfinished.add(("vgg11", 1))
    store = fake.write()
    saved = rank_and_save(store, "ccc")
    assert load_current(store) == saved.ordered_by("mae")
    with monkeypatch.context() as patch:
        patch.setattr(module, "rank_sweep", None)
        assert stored_or_ranked(store, "ccc") == saved
    fake.unfinished.clear()
    fake.finish(store, "vgg11", 1)
    assert load_current(store) is None
    assert [row.folds for row in stored_or_ranked(store).rows if row.folds] == ["2/2", "2/2"]
    assert load_current(store) is not None


@pytest.mark.parametrize("corrupt", [b"", b"{}", b'{"format": 1, "made_'])
def test_a_corrupt_leaderboard_is_made_again(make_run: Any, corrupt: bytes) -> None:
    store = make_run(backbones=("resnet18",), num_folds=2, num_subjects=6).write()
    ranking = rank_and_save(store)
    store.write_bytes("leaderboard.json", corrupt)
    assert load_current(store) is None
    assert stored_or_ranked(store) == ranking


def test_a_ranking_says_that_earlier_rules_made_the_one_before(make_run: Any) -> None:
    store = make_run(backbones=("resnet18",), num_folds=2, num_subjects=6).write()
    now = rank_and_save(store)
    assert (now.format, now.replaced) == (FORMAT, 0)
    assert not any(each.code == "FG705" for each in all_notes(now))
    store.write_json("leaderboard.json", {"format": 4, "rows": [], "by": "mae"})
    for _ in range(2):
        again = stored_or_ranked(store)
        assert again.replaced == 4, "also after it was stored"
        [said] = [each for each in all_notes(again) if each.code == "FG705"]
        assert "made by rules 4, this one by rules 5" in said.text
        assert RULES[5] in said.text
        assert said.is_needed
    assert again.model_copy(update={"replaced": 0}) == now


def test_a_run_folder_that_cannot_be_written_is_ranked_all_the_same(
    make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_run(backbones=("resnet18",), num_folds=2, num_subjects=6).write()

    def refuse(*arguments: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(store, "write_text", refuse)
    assert "read-only" in note(stored_or_ranked(store), "not saved").text


def test_fits_of_earlier_settings_do_not_count(make_run: Any) -> None:
    fake = make_run(backbones=("resnet18",), num_folds=2, num_subjects=6)
    store = fake.write()
    before = made_from_now(store)
    fake.seed = 1
    fake.finish(store, "resnet18", 0)
    assert len(store.finished_fits()) == 3
    assert made_from_now(store) == before


def test_a_smoke_run_of_constant_models_ranks_without_a_warning(make_run: Any) -> None:
    fake = make_run(num_folds=2, num_subjects=6)
    for table in fake.predictions.values():
        for column in table.columns[table.columns.str.startswith("predicted_")]:
            table[column] = 1.0
    ranking = rank_sweep(fake.write(), by="pcc")
    constant = {row.model: row for row in ranking.rows}["resnet18"]
    assert (constant.oof["pcc"], constant.oof["ccc"], constant.rank) == (None, 0.0, None)
    assert constant.oof["mae"] is not None


def test_the_flat_table_has_a_column_a_metric(make_run: Any, tmp_path: Path) -> None:
    rows = ranking_table(made_up({"a": 1.0, "b": None}).ordered_by("mae"))
    assert rows[0]["rank"] == 1
    assert (rows[0]["oof_mae"], rows[1]["oof_mae"], rows[0]["test_ccc"]) == (1.0, None, None)


def test_models_left_out_come_after_models_with_an_undefined_metric() -> None:
    ranking = made_up({"a": None, "b": None, "c": 1.0})
    left_out = ranking.rows[0].model_copy(update={"left_out": "fold 2 diverged"})
    ranking = ranking.model_copy(update={"rows": (left_out, *ranking.rows[1:])})
    assert [row.model for row in ranking.ordered_by("pcc").rows] == ["c", "b", "a"]


def test_a_tie_goes_to_the_base_learner_not_to_the_choice_of_it(make_run: Any) -> None:
    ranking = rank_sweep(make_run(num_folds=2, num_subjects=6).write())
    twin = next(row for row in ranking.rows if row.kind == "base_learner")
    tied = tuple(
        row.model_copy(update={"oof": twin.oof}) if row.model == "best_single" else row
        for row in ranking.rows
    )
    order = [row.model for row in ranking.model_copy(update={"rows": tied}).ordered_by("mae").rows]
    assert order.index("best_single") == order.index(twin.model) + 1
