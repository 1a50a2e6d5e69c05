"""Any table of predictions ranked: held to other libraries, to run folders, and to its mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_error, roc_auc_score

import foldgrid
from foldgrid.analysis.ranking.ranking import Ranking
from foldgrid.cli.main import main
from foldgrid.records import RunStore
from foldgrid.specs.errors import InputError, SweepError
from tests.analysis.conftest import FakeRun
from tests.analysis.fake_class_run import FakeClassRun
from tests.analysis.made_up_numbers import SKIN_SCORE, NumberRun


def numbers(num_subjects: int = 12) -> pd.DataFrame:
    """Two models of a number; three units a subject."""
    random = np.random.default_rng(3)
    subjects = np.repeat([f"{place:03}" for place in range(num_subjects)], 3)
    truth = random.normal(10, 3, len(subjects))
    return pd.DataFrame(
        {
            "subject": subjects,
            "truth": truth,
            "near": truth + random.normal(0, 1, len(truth)),
            "far": truth + random.normal(0, 2, len(truth)),
        }
    )


def labels(num_subjects: int = 12) -> pd.DataFrame:
    """One model of two classes."""
    random = np.random.default_rng(4)
    frame = numbers(num_subjects)[["subject"]]
    is_ill = random.random(len(frame)) < 0.4
    ill = np.clip(0.3 + 0.3 * is_ill + random.normal(0, 0.2, len(frame)), 0.01, 0.99)
    truth = np.where(is_ill, "ill", "well")
    return frame.assign(**{"truth": truth, "net:ill": ill, "net:well": 1 - ill})


def figures(ranking: Ranking, model: str) -> dict[str, float | None]:
    return next(row.oof for row in ranking.rows if row.model == model)


def test_numbers_are_what_other_libraries_say() -> None:
    frame = numbers()
    ranking = foldgrid.rank(frame, by="spearman")
    assert [row.model for row in ranking.rows][:2] == ["near", "far"]
    for model in ("near", "far"):
        found = figures(ranking, model)
        assert found["mae"] == pytest.approx(mean_absolute_error(frame["truth"], frame[model]))
        assert found["spearman"] == pytest.approx(spearmanr(frame["truth"], frame[model])[0])
    # Each subject's baseline is the mean over all others.
    sums = frame.groupby("subject")["truth"].transform("sum")
    others = (frame["truth"].sum() - sums) / (len(frame) - 3)
    baseline = figures(ranking, "predict_the_mean")
    assert baseline["mae"] == pytest.approx((frame["truth"] - others).abs().mean())
    interval = ranking.rows[0].interval("oof", "mae")
    assert interval.low < figures(ranking, "near")["mae"] < interval.high
    assert ranking.num_subjects == {"oof": 12, "test": 0}


def test_classes_are_what_scikit_learn_says() -> None:
    frame = labels()
    truth = frame["truth"] == "ill"
    ranking = foldgrid.rank(frame, task={"name": "binary", "positive": "ill"}, metric="auc")
    found = figures(ranking, "net")
    assert found["auc"] == pytest.approx(roc_auc_score(truth, frame["net:ill"]))
    is_called = frame["net:ill"] >= 0.5
    assert found["sensitivity"] == pytest.approx(is_called[truth].mean())
    assert ranking.columns() == ("auc",)
    assert figures(foldgrid.rank(frame), "net")["accuracy"] == pytest.approx(
        (is_called == truth).mean()
    )


def test_meta_learners_stand_only_where_folds_are() -> None:
    frame = numbers()
    kinds = {row.kind for row in foldgrid.rank(frame).rows}
    assert kinds == {"base_learner", "baseline"}
    folded = frame.assign(fold=[int(name) % 4 for name in frame["subject"]])
    ranking = foldgrid.rank(folded)
    assert {row.kind for row in ranking.rows} == {"base_learner", "baseline", "meta_learner"}
    mean = figures(ranking, "mean")["mae"]
    both = (frame["near"] + frame["far"]) / 2
    assert mean == pytest.approx(mean_absolute_error(frame["truth"], both))


def test_a_test_set_is_apart() -> None:
    frame = numbers()
    frame["partition"] = ["test" if name < "003" else "oof" for name in frame["subject"]]
    ranking = foldgrid.rank(frame)
    test = frame[frame["partition"] == "test"]
    assert ranking.num_units == {"oof": 27, "test": 9}
    assert ranking.rows[0].test["mae"] == pytest.approx(
        mean_absolute_error(test["truth"], test["near"])
    )


def made_up_run(kind: str, folder: Path, make_run: Callable[..., FakeRun]) -> RunStore:
    if kind == "pasi":
        return make_run(num_folds=3).write()
    if kind == "numbers":
        task, ends = SKIN_SCORE
        return NumberRun(folder / "numbers", task=task, ends=ends).write()
    return FakeClassRun(folder / kind, kind).write()


@pytest.mark.parametrize("kind", ["pasi", "numbers", "classification", "binary"])
def test_a_run_folder_is_ranked_as_its_exported_predictions(
    kind: str, tmp_path: Path, make_run: Callable[..., FakeRun]
) -> None:
    run = foldgrid.open_run(made_up_run(kind, tmp_path, make_run).location)
    table = run.predictions(samples=kind == "pasi")
    file = tmp_path / "predictions.parquet"
    table.to_parquet(file)
    ranking = foldgrid.rank(file, task=run.scoring.spec)
    numbers_of = [name for name in ranking.frame() if name.startswith(("oof", "test", "p", "w"))]
    ours, theirs = (
        each.frame().set_index("model")[["rank", *numbers_of]].drop(columns=["paper_name"])
        for each in (run.ranking, ranking)
    )
    pd.testing.assert_frame_equal(
        ours.drop(columns="weights"), theirs.drop(columns="weights"), rtol=1e-9, atol=1e-9
    )
    assert ranking.critical_difference == run.ranking.critical_difference


def test_visits_of_a_run_are_ranked_as_numbers(make_run: Callable[..., FakeRun]) -> None:
    run = foldgrid.open_run(make_run().write().location)
    table = run.predictions()
    assert list(table)[:6] == ["subject", "visit", "day", "fold", "partition", "truth"]
    ranking = foldgrid.rank(table)
    for model in run.evaluation.table.complete_learners:
        assert figures(ranking, model)["mae"] == pytest.approx(
            figures(run.ranking, model)["mae"], rel=1e-12
        )
    both = run.predictions("mean", "predict_the_mean")
    assert list(both)[6:] == ["mean", "predict_the_mean"]
    with pytest.raises(SweepError, match="resnet18"):
        run.predictions("resnet81")


def broken(**changes: dict[int, Any]) -> pd.DataFrame:
    """The table of numbers with other cells: by column, by row."""
    frame = numbers().astype(object)
    for column, cells in changes.items():
        if column not in frame:
            usual = range(len(frame)) if column == "sample" else [0] * len(frame)
            frame[column] = ["oof"] * len(frame) if column == "partition" else list(usual)
            frame[column] = frame[column].astype(object)
        for row, value in cells.items():
            frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    "frame, said",
    [
        (
            broken(near={3: "x", 4: None}, subject={5: ""}, truth={7: float("inf")}),
            ['row 3   near      found "x"', "row 4   near      empty", "row 5   subject", "row 7"],
        ),
        (broken(partition={1: "tset"}), ['row 1   partition   found "tset". Write oof or test.']),
        (broken(partition={0: "test"}), ["subject 000 is on two sides"]),
        (broken(fold={0: 1}), ["subject 000 is cut by the folds"]),
        (broken(sample={0: "a", 1: "a"}), ["listed more than once"]),
        (broken(partition=dict.fromkeys(range(36), "test")), ["leave the column out"]),
        (numbers().drop(columns="truth"), ["header   truth   not found"]),
        (numbers().rename(columns={"subject": "subjects"}), ['Did you mean "subjects"?']),
        (numbers()[["subject", "truth"]], ["no model's column"]),
        (numbers()[:0], ["A row a unit is needed"]),
        (labels().drop(columns="net:ill"), ["one class only"]),
        (labels().assign(**{"other:ill": 0.5}), ["other:well   not found"]),
        (labels().rename(columns={"net:ill": "ill"}), ["A column for each model and class"]),
        (labels().assign(truth="sick"), ['row 0', 'found "sick". The classes are ill, well.']),
        (labels().assign(**{"net:ill": 0.9, "net:well": 0.9}), ["add up to 1.8"]),
        (labels().assign(**{"net:ill": -0.1, "net:well": 1.1}), ["Probabilities are 0 to 1"]),
    ],
)  # fmt: skip
def test_every_mistake_of_a_table_is_said_with_its_row_and_column(
    frame: pd.DataFrame, said: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        foldgrid.rank(frame)
    message = str(caught.value)
    assert [words for words in said if words not in message] == [], message


@pytest.mark.parametrize(
    "more, said",
    [
        ({"by": "auk"}, 'Did you mean "auc"'),
        ({"metric": ["mae"]}, "no metric"),
        ({"task": "regression"}, "is of numbers"),
        ({"task": "clasification"}, 'Did you mean "classification"'),
        ({"task": {"name": "ordinal", "classes": ["low", "high"]}}, "and the task has low, high"),
        ({"models": ["nat"]}, 'Did you mean "net"'),
    ],
)
def test_what_is_asked_for_wrongly_is_said(more: dict[str, Any], said: str) -> None:
    with pytest.raises(SweepError, match=said):
        foldgrid.rank(labels(), **more)


def test_the_command_reads_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "predictions.csv"
    labels().to_csv(file, index=False)
    task = "{name: binary, positive: [ill]}"
    assert main(["rank", str(file), "--by", "mcc", "--task", task]) == 0
    shown = capsys.readouterr().out
    assert "predictions: 1 model ordered by" in shown
    assert "net" in shown
    assert list(tmp_path.iterdir()) == [file]
    assert main(["rank", str(file), "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("rank,model,kind,")
    broken(near={3: "x"}).to_csv(file, index=False)
    assert main(["rank", str(file)]) == 2
    said = capsys.readouterr().err
    # The line of the file, whose header is line 1.
    assert 'row 5   near   found "x". A number is needed.' in said
    assert main(["rank", str(tmp_path / "none.csv")]) == 2
    assert "not found" in capsys.readouterr().err


def test_a_subject_stays_text(tmp_path: Path) -> None:
    file = tmp_path / "predictions.csv"
    subjects = {"001": "7", "002": "007"}
    frame = numbers(4)
    frame.assign(subject=frame["subject"].replace(subjects)).to_csv(file, index=False)
    assert foldgrid.rank(file).num_subjects["oof"] == 4


def test_a_ranking_shows_itself_in_a_prompt_and_a_notebook() -> None:
    ranking = foldgrid.rank(numbers())
    for shown in (repr(ranking), ranking._repr_html_()):
        assert "3 models by out-of-fold MAE over 36 photographs of 12 subjects" in shown
        assert "predict_the_mean" in shown
        low = ranking.rows[0].interval("oof", "mae").low
        assert f"[{low:.2f}, " in shown
    assert ranking._repr_html_().count("<tr") == 4
    frame = ranking.frame()
    assert frame["model"].tolist() == ["near", "far", "predict_the_mean"]
    assert frame["oof_mae_low"].lt(frame["oof_mae"]).all()
