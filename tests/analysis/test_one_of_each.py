"""What is said of one subject, one visit, one fit or one model is said in the singular."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from foldgrid.analysis.checks import printing
from foldgrid.analysis.checks.catalogue import run_checks
from foldgrid.analysis.ranking.build import rank_sweep
from foldgrid.analysis.ranking.formats import NOTED_FORMATS
from foldgrid.analysis.ranking.terminal import render_terminal
from foldgrid.analysis.report.build import write_report
from foldgrid.records import RunStore
from tests.analysis.conftest import FakeRun

ONE_OF_MANY = re.compile(
    r"(?<![\d.,/x-])1[ \u202f](?:other |complete |held-out |finished )*(?!others?\b)"
    r"(?:base learners|subjects|visits|photographs|photos|samples|fits|folds|epochs|models|trials"
    r"|checks|warnings|settings|classes|units|points|batches|resamples|runs|values|backbones)\b"
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    fake = FakeRun(
        tmp_path_factory.mktemp("one") / "one",
        backbones=("resnet18",),
        num_subjects=2,
        num_visits=1,
        num_folds=1,
        num_test_subjects=1,
    )
    return fake.write()


def strays(text: str) -> list[str]:
    return ONE_OF_MANY.findall(" ".join(text.split()))


def test_the_pattern_finds_what_it_is_for() -> None:
    assert strays("1 subjects") == ["1 subjects"]
    assert strays("all 1 other models, 1 folds") == ["1 other models", "1 folds"]
    assert strays("1 subject, 21 visits, 0.1 points, 2 x 1 fold, fold 1") == []


def test_a_ranking_says_one_of_one(store: RunStore) -> None:
    ranking = rank_sweep(store)
    assert set(ranking.num_subjects.values()) == {1}
    assert set(ranking.num_units.values()) == {1}
    for has_notes in (False, True):
        stream = io.StringIO()
        render_terminal(ranking, Console(file=stream, width=200), has_notes=has_notes)
        texts = [stream.getvalue(), *(each(ranking, has_notes) for each in NOTED_FORMATS.values())]
        for text in texts:
            assert strays(text.replace("&#160;", " ")) == []


def test_checks_say_one_of_one(store: RunStore) -> None:
    report = run_checks(store)
    assert strays(printing.render_markdown(report)) == []
    assert strays(printing.render_json(report)) == []


def test_a_report_says_one_of_one(store: RunStore) -> None:
    page = write_report(store)
    html = store.root.read_bytes("report.html").decode()
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)
    assert page.endswith("report.html")
    assert strays(text) == []
