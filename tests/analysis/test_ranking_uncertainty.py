"""What a ranking says of how sure it is, for every metric that may order it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from foldgrid.analysis.evaluation import Evaluation
from foldgrid.analysis.ranking.build import assess_evaluation, evaluate_and_rank, rank_sweep
from foldgrid.analysis.ranking.formats import render_latex, render_markdown, render_terminal
from foldgrid.analysis.ranking.leaderboard import load_current, save
from foldgrid.analysis.ranking.ranking import Ranking, ranking_table
from foldgrid.analysis.ranking.terminal import BEST
from foldgrid.analysis.ranking.uncertainty import all_notes
from foldgrid.metrics import METRICS, number_metrics
from foldgrid.records import RunStore
from tests.analysis.conftest import FakeRun


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunStore, Evaluation, Ranking]:
    store = FakeRun(tmp_path_factory.mktemp("sure"), num_subjects=22, noise=0.3).write()
    evaluation, ranking = evaluate_and_rank(store)
    save(store, ranking)
    return store, evaluation, ranking


@pytest.fixture
def ranking(evaluated: tuple[RunStore, Evaluation, Ranking]) -> Ranking:
    return evaluated[2]


def note(ranking: Ranking, topic: str) -> str:
    return next((each.text for each in all_notes(ranking) if each.topic == topic), "")


def printed(ranking: Ranking, width: int) -> str:
    stream = io.StringIO()
    render_terminal(ranking, Console(file=stream, width=width))
    return stream.getvalue()


def test_the_rows_hold_what_was_assessed(evaluated: tuple[RunStore, Evaluation, Ranking]) -> None:
    _, evaluation, ranking = evaluated
    assessment = assess_evaluation(evaluation)
    assert ranking.selections == assessment.selections
    assert ranking.critical_difference == assessment.critical_difference
    for row in ranking.rows:
        for metric in number_metrics():
            assert row.interval("oof", metric) == assessment.intervals["oof"][metric][row.model]
            assert row.standings.get(metric) == assessment.standings[metric].get(row.model)


@pytest.mark.parametrize("by", number_metrics())
def test_a_stored_ranking_answers_for_every_metric(
    evaluated: tuple[RunStore, Evaluation, Ranking], by: str
) -> None:
    stored = load_current(evaluated[0])
    assert stored == evaluated[2]
    stored = stored.ordered_by(by)
    assert stored.columns()[0] == (by if by not in ("mse", "pcc", "ccc") else "mae")
    assert METRICS[by].title in printed(stored, 80)
    best = [row for row in stored.rows if stored.standing(row).is_best]
    assert best == [stored.best]


def test_the_notes_count_the_tied_and_correct_the_choice(ranking: Ranking) -> None:
    tied = sum(ranking.standing(row).is_tied for row in ranking.rows)
    num_others = len(ranking.rows) - 1
    assert 0 < tied < num_others
    assert (
        f"{tied} of {num_others} other models cannot be distinguished from {ranking.best.model}"
        in note(ranking, "ties")
    )
    share = ranking.standing(ranking.best).probability_best
    assert share is not None
    assert f"{100 * share:.0f} % put it before all others" in note(ranking, "ties")
    selection = ranking.selections["mae"]
    assert selection.naive is not None
    assert selection.corrected is not None
    for metric_value in (selection.naive, selection.corrected):
        assert f"{metric_value:.2f}" in note(ranking, "selection")
    assert "resample whole subjects, 2,000 times" in note(ranking, "intervals")
    assert not note(ranking, "baseline")
    assert note(ranking, "selection") != note(ranking.ordered_by("ccc"), "selection")


def test_models_no_better_than_the_baseline_are_a_warning(make_run: Any) -> None:
    nonsense = rank_sweep(
        make_run(backbones=("resnet18", "vgg11"), num_folds=2, noise=50.0).write()
    )
    warning = next(each for each in all_notes(nonsense) if each.topic == "baseline")
    assert warning.is_warning
    assert "predict_the_mean" in warning.text
    assert all_notes(nonsense)[0].is_warning
    assert not note(nonsense.ordered_by("bias"), "baseline"), "the mean is unbiased by construction"


def test_one_subject_is_not_applicable(make_run: Any) -> None:
    fake = make_run(num_subjects=3, num_folds=1, backbones=("resnet18",))
    ranking = rank_sweep(fake.write())
    assert ranking.num_subjects["oof"] == 1
    assert note(ranking, "ties").startswith("Not applicable")
    assert "one subject only" in note(ranking, "intervals")
    assert not any(row.oof_intervals["mae"].low for row in ranking.rows)
    assert "95 %" in printed(ranking, 80)


def test_a_half_finished_sweep_says_what_is_missing_and_assesses_the_rest(make_run: Any) -> None:
    fake = make_run(num_folds=2)
    fake.unfinished.add(("vgg11", 1))
    ranking = rank_sweep(fake.write())
    left_out = ranking.rows[-1]
    assert (left_out.model, left_out.standings, left_out.oof_intervals) == ("vgg11", {}, {})
    assert ranking.selections["mae"].num_learners == 2
    assert "fold 1 not trained yet" in note(ranking, "left out")


@pytest.mark.parametrize("width", [80, 112])
def test_the_terminal_marks_the_tied_and_shows_the_interval(ranking: Ranking, width: int) -> None:
    text = printed(ranking, width)
    lines = {
        line[6:31].strip(): line for line in text.splitlines() if line[:3].strip(" ~").isdigit()
    }
    assert max(map(len, text.splitlines())) <= width
    assert text.isascii()
    assert "~ tied with the best" in text
    assert set(lines) >= {row.model for row in (*ranking.rows[:BEST], ranking.best)}
    for row in (row for row in ranking.rows if row.model in lines):
        line = lines[row.model]
        assert (line[2] == "~") == ranking.standing(row).is_tied
        interval = row.interval("oof", "mae")
        assert f" {interval.low:.2f}" in line
        assert f" {interval.high:.2f}" in line


def test_the_flat_table_carries_intervals_and_the_standing(ranking: Ranking) -> None:
    for flat, row in zip(ranking_table(ranking), ranking.rows, strict=True):
        standing = ranking.standing(row)
        assert flat["oof_ccc_low"] == row.oof_intervals["ccc"].low
        assert flat["test_mae_high"] == row.test_intervals["mae"].high
        assert (flat["is_tied"], flat["rank_high"]) == (standing.is_tied, standing.rank_high)
        assert (flat["p_adjusted"] is None) == standing.is_best
    by_ccc = ranking_table(ranking.ordered_by("ccc"))
    assert by_ccc[0]["worse_by"] is None


def test_markdown_and_latex_carry_the_interval_of_the_ordering_metric(ranking: Ranking) -> None:
    interval = ranking.best.oof_intervals["mae"]
    ends = f"{interval.low:.2f} to {interval.high:.2f}"
    assert f" ({ends}) |" in render_markdown(ranking)
    assert f" & {ends} & " in render_latex(ranking)
    assert "MAE (95 % interval)" in render_markdown(ranking)
    assert r"{MAE} & 95 \% interval" in render_latex(ranking)
