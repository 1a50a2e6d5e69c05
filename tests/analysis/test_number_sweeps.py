"""Numbers on any range: nothing is clipped, and all that is said of them is true."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from foldgrid.analysis.checks.catalogue import run_checks
from foldgrid.analysis.comparison.build import compare_sweeps
from foldgrid.analysis.comparison.formats import render_markdown as render_comparison
from foldgrid.analysis.comparison.formats import render_terminal as print_comparison
from foldgrid.analysis.evaluation import evaluate, unit_predictions
from foldgrid.analysis.ranking.build import rank_sweep
from foldgrid.analysis.ranking.formats import render_markdown
from foldgrid.analysis.report.build import make_report
from foldgrid.analysis.stacking.meta_learners import META_LEARNERS, meta_learners
from foldgrid.cli.main import main as analyse
from foldgrid.records import RunStore
from tests.analysis.made_up_numbers import BONE_AGE, LIGHTNESS, RANGES, SKIN_SCORE, NumberRun
from tests.analysis.report.conftest import quickly_made

EVERY_RANGE = pytest.mark.parametrize("name", RANGES)


def store_of(folder: Path, name: str, **changes: object) -> RunStore:
    task, ends = RANGES[name]
    return NumberRun(folder / "numbers", task=task, ends=ends, num_folds=4, **changes).write()  # type: ignore[arg-type]


@EVERY_RANGE
def test_the_ranking_is_in_the_task_s_unit(tmp_path: Path, name: str) -> None:
    low, high = RANGES[name][1]
    ranking = rank_sweep(store_of(tmp_path, name))
    rows = {row.model: row for row in ranking.rows}
    errors = {model: row.oof["mae"] for model, row in rows.items()}
    assert ranking.by == "mae"
    assert errors["resnet18"] is not None
    # Errors are normal: their mean size is 0.8 of the standard deviation.
    assert errors["resnet18"] == pytest.approx(0.05 * (high - low) * 0.8, rel=0.35)
    assert errors["predict_the_mean"] > 4 * errors["resnet18"]  # type: ignore[operator]
    # Whatever combines them is about as good as the best, and far from "always the mean".
    of_meta = [errors[row.model] for row in ranking.rows if row.kind == "meta_learner"]
    assert len(of_meta) == len(META_LEARNERS) - 4 * (not is_closed(name))
    assert max(of_meta) < 2 * errors["resnet18"]  # type: ignore[type-var, operator]
    assert all(row.paper_name == "" for row in ranking.rows)
    first = re.escape(" ".join(note.text for note in ranking.notes))
    assert "PASI" not in first
    assert "class" not in first
    assert "photograph" in first


def is_closed(name: str) -> bool:
    return RANGES[name] is SKIN_SCORE


@EVERY_RANGE
def test_nothing_within_the_scale_is_clipped(tmp_path: Path, name: str) -> None:
    evaluation = evaluate(store_of(tmp_path, name, error=0.0))
    low, high = RANGES[name][1]
    for table in (evaluation.oof, evaluation.test):
        for model in table.models:
            said = table.predicted_by(model)
            if model == "predict_the_mean":
                continue
            # The logits come near the ends and never reach them; a penalty shrinks by a trace.
            nearness = 0.03 if model.startswith("logit") else 1e-3
            assert said.min() == pytest.approx(low, abs=nearness * (high - low)), model
            assert said.max() == pytest.approx(high, abs=nearness * (high - low)), model


def test_what_leaves_the_scale_is_brought_back(tmp_path: Path) -> None:
    evaluation = evaluate(store_of(tmp_path, "skin score", error=0.4))
    for model in evaluation.oof.models:
        said = evaluation.oof.predicted_by(model)
        assert said.min() >= 0, model
        assert said.max() <= 51, model
    unclipped = evaluate(store_of(tmp_path / "open", "-5 to 5", error=0.4))
    assert unclipped.oof.predicted_by("resnet18").max() > 5


@EVERY_RANGE
def test_another_unit_gives_the_same_meta_learners(tmp_path: Path, name: str) -> None:
    """Celsius or Fahrenheit: what combines numbers does not know what they are counted in."""
    random = np.random.default_rng(3)
    low, high = RANGES[name][1]
    share = random.random(60)
    known = np.clip(share[:, None] + random.normal(0, 0.1, (60, 4)), 0, 1)
    folds = np.arange(60) % 3
    from foldgrid.tasks.scale import Scale

    of_fraction, of_unit = Scale(0.0, 1.0, step=1 / 51), Scale(low, high, step=(high - low) / 51)
    for key, each in meta_learners(of_fraction).items():
        plain = each.fit(known, share, groups=folds).predict(known)
        other = meta_learners(of_unit)[key]
        scaled = other.fit(of_unit.of_fraction(known), of_unit.of_fraction(share), groups=folds)
        found = scaled.predict(of_unit.of_fraction(known))
        np.testing.assert_allclose(of_unit.fraction(found), plain, atol=2e-3, err_msg=key)


@EVERY_RANGE
def test_its_checks_hold(tmp_path: Path, name: str) -> None:
    found = {result.code: result for result in run_checks(store_of(tmp_path, name)).results}
    for code in ("FG301", "FG303", "FG304", "FG402", "FG403"):
        assert found[code].status == "passed", found[code]


def reported(store: RunStore) -> str:
    """A report's words."""
    with quickly_made():
        page = make_report(store).html
    return " ".join(re.sub("<[^>]+>", " ", page).split())


def test_a_fine_step_is_shown_finely(tmp_path: Path) -> None:
    """An MAE of 0.06 is six steps, and its third and fourth digit are worth something."""
    task, ends = LIGHTNESS
    store = NumberRun(tmp_path / "numbers", task=task, ends=ends, num_folds=4).write()
    error = rank_sweep(store).rows[0].oof["mae"]
    assert error is not None
    words = reported(store)
    assert f"{error:.4f} log units" in words
    assert f"{error:.2f} log units" not in words
    ranking = render_markdown(rank_sweep(store))
    # Five characters at most in a ranking.
    assert f"**{error:.3f}** (" in ranking
    assert f"{error:.2f} " not in ranking
    other = NumberRun(tmp_path / "other", task=task, ends=ends, num_folds=4, error=0.06).write()
    compared = compare_sweeps([store, other])
    (run,) = compared.runs[1:]
    (difference,) = [row[3] for row in compared.paired_rows(run)][:1]
    assert difference.value is not None
    assert f"{difference.value:+.4f}" in render_comparison(compared)
    console = Console(width=80, record=True, file=StringIO())
    print_comparison(compared, console)
    printed = console.export_text()
    assert f"{difference.low:+.4f} to {difference.high:+.4f}" in printed
    assert max(map(len, printed.splitlines())) <= 80


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("0 to 1000", "-5 to 5") else pytest.mark.exhaustive)
        for name in RANGES
    ],
)
def test_its_report_tells_what_it_is_about(tmp_path: Path, name: str) -> None:
    task = RANGES[name][0]
    words = reported(store_of(tmp_path, name))
    for foreign in ("PASI", "composite", "region", "class probab", "softmax", "physician's C"):
        assert foreign not in words, foreign
    assert "Against the truth" in words
    if task.unit:
        assert task.unit in words
    assert "one output" in words
    assert ("Predictions were brought onto the scale" in words) == is_closed(name)


def test_what_a_model_said_is_reported_photograph_by_photograph(tmp_path: Path) -> None:
    evaluation = evaluate(store_of(tmp_path, "bone age"))
    frame = unit_predictions(evaluation, "resnet18")
    assert list(frame) == [
        "model", "partition", "subject", "photograph", "value", "predicted_value",
    ]  # fmt: skip
    assert frame["value"].between(*BONE_AGE[1]).all()


def test_the_commands_take_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = store_of(tmp_path, "bone age").location
    assert analyse(["rank", run, "--by", "ccc", "--format", "json"]) == 0
    ranking = json.loads(capsys.readouterr().out)
    assert ranking["rows"][0]["oof"]["ccc"] > 0.9
    assert analyse(["rank", run, "--by", "auc"]) == 2
    assert analyse(["check", run]) == 0
    with quickly_made():
        assert analyse(["report", run]) == 0
    table = pd.read_csv(Path(run) / "leaderboard.csv")
    assert table["kind"].value_counts().to_dict() == {
        "base_learner": 3, "meta_learner": 10, "baseline": 1,
    }  # fmt: skip
