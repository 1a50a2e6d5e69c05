"""What a report says: the facts of its own sections, and that each number can be had again."""

from __future__ import annotations

import io
import math
import re
import shutil
import xml.etree.ElementTree as ElementTree
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from foldgrid.analysis.drawing.blocks import Figure, Table
from foldgrid.analysis.drawing.palette import ROLES
from foldgrid.analysis.exhibits.folds import fold_matrix
from foldgrid.analysis.exhibits.learning import learning_curves
from foldgrid.analysis.exhibits.methods.section import OPEN, answered_items
from foldgrid.analysis.exhibits.methods.writing import PARAGRAPHS, write_statements
from foldgrid.analysis.report.build import Report, make_report
from foldgrid.analysis.report.page import number_parts
from foldgrid.analysis.run import Run
from foldgrid.cli.main import main
from foldgrid.metrics import METRICS
from foldgrid.records import RunStore
from foldgrid.specs.recipe_keys import with_values
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.registry import make_scoring
from tests.analysis.report.conftest import Reported, quickly_made

MOST_BYTES = 8 * 1024 * 1024


pytestmark = pytest.mark.xdist_group("reports")


class Written(NamedTuple):
    """What the command wrote and said of the same records elsewhere."""

    folder: Path
    said: str


@pytest.fixture(scope="module")
def written(reported: Reported, tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("elsewhere") / "place"
    made = shutil.ignore_patterns("report.html", "figures", "checks.json")
    shutil.copytree(reported.run.store.location, folder, ignore=made)
    said = io.StringIO()
    with quickly_made(), redirect_stdout(said):
        assert main(["report", str(folder)]) == 0
    return Written(folder, said.getvalue())


def test_the_same_records_give_the_same_bytes(reported: Reported, written: Written) -> None:
    assert (written.folder / "report.html").read_text(encoding="utf-8") == reported.report.html
    figures = {path.name: path.read_bytes() for path in (written.folder / "figures").iterdir()}
    for figure in reported.report.figures:
        assert figures[f"{figure.key}.svg"].decode() == figure.drawing.svg
        assert figures[f"{figure.key}.png"] == figure.drawing.png


def test_it_is_one_small_file_that_names_no_machine(reported: Reported) -> None:
    store, report = reported.run.store, reported.report
    assert len(report.html.encode()) < MOST_BYTES
    for private in (store.location, "/home/somebody", "somebodys-laptop", "http:", "https:"):
        shown = report.html.replace("http://www.w3.org", "")
        assert private not in shown, private
    assert "manifest.csv" in report.html


def test_nobody_is_named(reported: Reported) -> None:
    """Not in the page and not in its figures, even where a check says who."""
    report = reported.report
    said = "one photograph under the subject 6 and subject 7: 2 samples (one of subject 6"
    assert said in report.html
    assert "1 of 167 photographs lie under two subjects or more" in report.html
    text = report.html + "".join(figure.drawing.svg for figure in report.figures)
    assert "subject 1: physician" in text
    for name in {*reported.fake.split["sample"], *reported.fake.split["subject"]}:
        assert name not in text or not re.search(rf"\b{re.escape(name)}\b", text), name


def test_the_loss_is_said_as_it_is_computed(tell_run: Any) -> None:
    for output in ("scores", "composite"):
        task = make_scoring(PasiSpec(output=output))
        run = Run(tell_run(output=output, num_folds=2, num_subjects=6).write())
        said = write_statements(run)["loss"]
        one = task.loss(torch.zeros(1, task.num_outputs), torch.ones(1, task.num_outputs))
        assert float(one) == 1.0
        unit = float(
            task.prediction_columns(np.ones((1, task.num_outputs), np.float32))[
                task.prediction_names[0]
            ][0]
        )
        assert said.endswith("in its own unit." if unit == 1.0 else f"C / {unit:g}.")


def test_recipes_that_differ_are_reported(tell_run: Any) -> None:
    run = tell_run(num_folds=2, num_subjects=6)
    store = run.write()
    assert "Trained otherwise" not in write_statements(Run(store))["optimiser"]
    for planned in store.read_plan():
        if planned.backbone == "vgg11":
            record = store.read_fit(planned.fit_id)
            recipe = with_values(record.config.training, {"plateau.patience": 3})
            config = record.config.model_copy(update={"training": recipe})
            store.fit(planned.fit_id).complete(record.model_copy(update={"config": config}))
    reported = write_statements(Run(RunStore(store.location)))["optimiser"]
    assert (
        "Trained otherwise than resnet18, whose recipe this is: vgg11 (plateau.patience 3)"
        in reported
    )


def test_every_number_can_be_had_again(reported: Reported) -> None:
    report, names = reported.report, {"run": reported.run}
    exhibits = number_parts(report.sections)
    assert len(exhibits) > 15
    for exhibit in exhibits:
        assert f'href="#{exhibit.key}">{exhibit.label}</a>' in report.html
        numbers = exhibit.call.splitlines()[0]
        assert len(eval(numbers, names)), numbers
    picture = next(each.call for each in exhibits if each.label == "Figure 1").splitlines()[1]
    assert eval(picture, names) == report.figures[0].drawing


def test_the_ranking_s_metrics_are_the_table_s(reported: Reported) -> None:
    report, ranking = reported.report, reported.run.ranking
    table = block(report, "ranking_table")
    assert isinstance(table, Table)
    shown = {row[0].text: row for row in table.rows}
    assert list(shown) == [row.model for row in ranking.rows]
    for row in ranking.rows:
        mae = row.value("oof", "mae")
        assert shown[row.model][2].text == ("–" if mae is None else f"{mae:.2f}")


def test_the_fold_matrix_shows_what_is_missing(reported: Reported) -> None:
    run = reported.run
    facts = fold_matrix(run)
    states = {(cell.backbone, cell.fold): cell.state for cell in facts.cells}
    assert len(facts.cells) == 15
    assert states["vgg11", 3] == "missing"
    assert states["vgg11", 4] == "diverged"
    assert states["vgg11", 0] == states["resnet18", 3] == "complete"
    assert facts.backbones[-1] == "vgg11"
    # A fold's figure is that of the visits in it; together they are the whole.
    visits = run.evaluation.oof.units
    for cell in facts.cells:
        if cell.state != "complete" or cell.backbone == "vgg11":
            continue
        rows = visits["fold"] == cell.fold
        truth = visits.loc[rows, "reference"]
        predicted = run.evaluation.oof.predicted.loc[rows, cell.backbone]
        assert cell.value == pytest.approx(METRICS["mae"](truth, predicted))
        assert cell.num_units == rows.sum()
    whole = [cell for cell in facts.cells if cell.backbone == "resnet18"]
    mean = np.average([cell.value for cell in whole], weights=[cell.num_units for cell in whole])
    row = next(row for row in run.ranking.rows if row.model == "resnet18")
    assert mean == pytest.approx(row.value("oof", "mae"))


def test_learning_curves_are_the_histories(reported: Reported) -> None:
    run = reported.run
    facts = learning_curves(run)
    assert sum(len(curves) for curves in facts.curves.values()) == 15
    planned = {(fit.backbone, fit.fold): fit.fit_id for fit in run.plan}
    for name, curves in facts.curves.items():
        for curve in curves:
            epochs = run.store.read_history(planned[name, curve.fold])
            assert curve.train_losses == tuple(epoch.train_loss for epoch in epochs)
            finished = (name, curve.fold) not in {("vgg11", 3), ("vgg11", 4)}
            assert curve.best_epoch == (2 if finished else 0)


def test_the_methods_say_what_was_recorded_and_nothing_else(
    reported: Reported,
) -> None:
    run = reported.run
    statements = write_statements(run)
    assert set(statements) <= {name for names in PARAGRAPHS.values() for name in names} | {
        "performance",
        "severity",
        "limitations",
    }
    assert "synthetic" in statements["data"]
    assert "2 networks were compared: resnet18" in statements["backbones"]
    assert "never of the fold that the fit then predicts" in statements["stopping"]
    assert "1 fit diverged" in statements["failures"]
    # The sweep's file says nothing of pixels or of the order of the split, so neither do we.
    assert "photographs" not in statements
    assert "balance" not in statements
    assert all(text == text.strip() and text.endswith(".") for text in statements.values())
    for guideline, number in (("tripod_ai", 52), ("claim", 42)):
        items = answered_items(run, guideline)
        assert len(items) == len({item for item, _, _ in items}) == number
    funding = next(row for row in answered_items(run, "claim") if row[1] == "Funding")
    assert funding[2] == ""
    assert OPEN in reported.report.html


def test_figures_are_sound_files_in_the_page_s_colours(reported: Reported) -> None:
    for figure in reported.report.figures:
        ElementTree.fromstring(figure.drawing.svg)
        assert figure.drawing.png.startswith(b"\x89PNG")
        assert figure.drawing.description
        for size in ("wide", "narrow"):
            text = figure.drawing.inline(size)
            ElementTree.fromstring(text)
            assert "var(--accent)" in text
            assert not any(colour in text for colour in ROLES)
            assert "DejaVu" not in text


def test_what_does_not_apply_is_left_out_and_the_reason_said(tell_run: Any) -> None:
    run = tell_run(
        num_subjects=10,
        num_test_subjects=0,
        num_folds=2,
        output="composite",
        backbones=("home_made", "another"),
        policy="held_out_fold",
    )
    report = make_report(run.write(), by="bias")
    left_out = {section.key: section.left_out for section in report.sections if section.left_out}
    assert left_out == {
        "architectures": "none of the backbones is a published one.",
        "distribution": "there is no test set to compare with.",
        "published": "none of this sweep's base learners is in the published tables.",
    }
    for reason in left_out.values():
        assert reason.replace("'", "&#39;") in report.html
    assert "The models predict a region&#39;s composite directly" in report.html
    assert "the very fold that the fit then predicts, which makes" in report.html
    assert not re.search(r"\bnan\b", report.html, re.IGNORECASE)


def test_nothing_finished_is_refused_and_nothing_written(
    tell_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tell_run(num_folds=2, num_subjects=6)
    run.unfinished |= set(run.predictions)
    run.write()
    assert main(["report", str(run.folder)]) == 2
    assert "nothing can be ranked yet" in capsys.readouterr().err
    assert not (run.folder / "report.html").exists()
    assert main(["report", str(run.folder), "--by", "mea"]) == 2


def test_the_command_writes_the_page_and_its_figures(written: Written) -> None:
    folder = written.folder
    assert written.said == f"{folder}/report.html\n"
    page = (folder / "report.html").read_text(encoding="utf-8")
    names = {path.stem for path in (folder / "figures").glob("*.svg")}
    assert names == {path.stem for path in (folder / "figures").glob("*.png")}
    assert {"forest", "scatter", "trajectories", "fold_matrix"} <= names
    assert all(f'<figure class="exhibit" id="{name}">' in page for name in names)
    assert not list(folder.rglob("*.partial"))


def block(report: Report, key: str) -> Table | Figure:
    return next(
        block
        for section in report.sections
        for block in section.blocks
        if isinstance(block, Table | Figure) and block.key == key
    )


def test_numbers_are_set_one_way() -> None:
    from foldgrid.analysis.drawing.numbers import count, format_number, interval, listed, percent

    assert format_number(-0.001) == "0.00"
    assert format_number(-1.5) == "\u22121.50"
    assert format_number(math.nan) == format_number(None) == "–"
    assert format_number(12345.678, 1) == "12\u202f345.7"
    assert interval(1.0, math.nan) == ""
    assert percent(0.256) == "26\u202f%"
    assert (count(1, "visit"), count(2, "batch", "batches")) == ("1 visit", "2 batches")
    assert (listed([]), listed(["a"]), listed(["a", "b", "c"])) == ("", "a", "a, b and c")
