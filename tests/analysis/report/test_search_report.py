"""What a search's report says, and that each number can be had again."""

from __future__ import annotations

import io
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from foldgrid.analysis.drawing.blocks import Figure, Table, Text
from foldgrid.analysis.report.build import make_report
from foldgrid.analysis.report.page import number_parts
from foldgrid.analysis.report.saving import Report
from foldgrid.cli.main import main
from foldgrid.records import RunStore
from foldgrid.specs.search_space import SearchSpace
from foldgrid.specs.sweep import SearchSettings
from tests.analysis.report.conftest import Reported
from tests.analysis.search.made_up_search import SPACE, MadeUpSearch

pytestmark = pytest.mark.xdist_group("reports")


@pytest.fixture
def reported(reported_search: Reported) -> Reported:
    return reported_search


def block(report: Report, key: str) -> Any:
    blocks = [each for section in report.sections for each in section.blocks]
    return next(each for each in blocks if getattr(each, "key", "") == key)


def test_the_same_records_give_the_same_bytes(reported: Reported, tmp_path: Path) -> None:
    elsewhere = tmp_path / "another" / "place"
    shutil.copytree(reported.run.store.location, elsewhere)
    again = make_report(RunStore(str(elsewhere)))
    assert again.html == reported.report.html
    for first, second in zip(reported.report.figures, again.figures, strict=True):
        assert (first.drawing, first.data) == (second.drawing, second.data)


def test_it_names_nobody_and_no_machine(reported: Reported) -> None:
    reported_texts = [reported.report.html]
    reported_texts += [f.drawing.svg + f.data for f in reported.report.figures]
    text = "".join(reported_texts).replace("http://www.w3.org", "")
    location = reported.run.store.location
    for private in (
        location, "/home/somebody", "somebodys-laptop", "person-0", "http:", "https:",
    ):  # fmt: skip
        assert private not in text, private


def test_every_number_can_be_had_again(reported: Reported) -> None:
    exhibits = number_parts(reported.report.sections)
    assert len(exhibits) == 8
    for exhibit in exhibits:
        assert f'href="#{exhibit.key}">{exhibit.label}</a>' in reported.report.html
        assert len(eval(exhibit.call.splitlines()[0], {"run": reported.run}))


def test_every_figure_says_how_to_read_it_and_has_its_numbers(reported: Reported) -> None:
    figures = reported.report.figures
    keys = ["history", "curves", "parallel", "importances", "landscape"]
    assert [each.key for each in figures] == keys
    for each in figures:
        assert len(each.caption) > 80
        assert len(pd.read_csv(io.StringIO(each.data))) >= 5
    curves = pd.read_csv(io.StringIO(figures[1].data))
    assert set(curves["status"]) == {"complete", "stopped", "diverged"}


def test_the_head_is_the_best_and_what_it_is_worth(reported: Reported) -> None:
    study = reported.run.studies[0]
    best, found = study.best, study.best_certainty
    assert best is not None
    text = re.sub(r"\s+", " ", unescape(reported.report.html)).replace("\u202f", " ")
    low, high = found.interval["mae"]
    assert f"Trial {best.number} is the best of 14: mobilenet_v3_small with an out-of-fold" in text
    assert f"{best.oof['mae']:.2f} (95 % interval {low:.2f} to {high:.2f})" in text
    assert f"choosing is worth {found.corrected['mae']:.2f}" in text
    assert f"has {found.default_configuration['mae']:.2f}. The best trial is better by" in text
    assert "27 of 168 epochs" in text


def test_the_table_has_every_trial_the_complete_ones_first(reported: Reported) -> None:
    table = block(reported.report, "trials")
    assert isinstance(table, Table)
    assert len(table.rows) == 14
    ends = [row[0].note.split(",")[0] for row in table.rows]
    assert ends == ["complete"] * 10 + ["stopped early"] * 3 + ["diverged"]
    scores = [float(row[1].text) for row in table.rows[:10]]
    assert scores == sorted(scores)
    assert all(row[1].note for row in table.rows[:10])
    assert not any(row[1].note for row in table.rows[10:]), "no interval beside another epoch"


def test_two_objectives_show_the_front(tmp_path: Path) -> None:
    store = MadeUpSearch(
        tmp_path / "two", num_trials=9, settings=SearchSettings(objectives=("mae", "ccc"))
    ).write()
    report = make_report(store, "ccc")
    figures = {each.key: each for each in report.figures}
    assert figures["objectives"].drawing.title == "MAE against CCC"
    table = pd.read_csv(io.StringIO(figures["objectives"].data))
    front = table[table["is_best"]]
    assert len(front) >= 1
    for _, other in table.iterrows():
        beaten = (front["mae"] <= other["mae"]) & (front["ccc"] >= other["ccc"])
        assert beaten.any(), "a trial that nothing on the front beats is on the front"
    mattered = next(each for each in report.sections if each.key == "mattered")
    assert "9 trials, of which 9 trained to the end, are too few" in mattered.left_out


def test_each_backbone_has_its_section(tmp_path: Path) -> None:
    store = MadeUpSearch(
        tmp_path / "both", num_trials=5, backbones=("resnet18", "vgg11"), num_epochs=3
    ).write()
    report = make_report(store)
    assert [each.title for each in report.sections] == [
        "The backbones", "resnet18", "vgg11", "What was searched",
    ]  # fmt: skip
    ids = re.findall(r' id="([^"]+)"', report.html)
    assert len(ids) == len(set(ids))
    for key in ("study_1", "study_2"):
        assert f'<a href="#{key}">' in report.html
    inside = next(each for each in report.sections if each.key == "study_2").blocks
    headings = [each.heading for each in inside if isinstance(each, Text) and each.heading]
    assert headings[:2] == ["How the search went", "Learning curves"]
    assert sum(isinstance(each, Figure) for each in inside) == 4


def test_a_space_of_choices_only_and_few_trials(tmp_path: Path) -> None:
    parameters = {name: SPACE.parameters[name] for name in ("momentum", "batch_size")}
    space = SearchSpace(title="choices", parameters=parameters)
    store = MadeUpSearch(
        tmp_path / "few", num_trials=2, space=space, truth=lambda _: 4.0, num_epochs=1
    ).write()
    report = make_report(store)
    reasons = {each.key: each.left_out for each in report.sections}
    assert "fewer than two parameters" in reasons["where"]
    assert "2 trials, of which 2 trained to the end, are too few" in reasons["mattered"]


def test_nothing_complete_yet(tmp_path: Path) -> None:
    store = MadeUpSearch(
        tmp_path / "lost", num_trials=2, diverged=frozenset({0, 1}), num_epochs=3
    ).write()
    assert "None of 2 trials has trained to its end yet." in make_report(store).html


def test_the_command_writes_it_and_answers_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = MadeUpSearch(tmp_path / "young", num_trials=0)
    location = search.write().location
    assert main(["report", location]) == 2
    assert "no trial of the search is over yet" in capsys.readouterr().err
    search.num_trials = 3
    search.write()
    assert main(["report", location, "--by", "ccc"]) == 2
    assert "was not searched for" in capsys.readouterr().err
    assert main(["report", location]) == 0
    assert capsys.readouterr().out.strip() == f"{location}/report.html"
    names = {path.name for path in (tmp_path / "young" / "figures").iterdir()}
    assert {"history.svg", "history.png", "history.csv"} <= names
