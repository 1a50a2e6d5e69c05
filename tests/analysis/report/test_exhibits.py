"""The laws of exhibits, over all of them on every kind of run; docs/how-to/exhibits.md."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

import foldgrid
from foldgrid.analysis.drawing.blocks import Figure, Table
from foldgrid.analysis.drawing.drawing import Drawing
from foldgrid.analysis.drawing.frames import frame_of
from foldgrid.analysis.exhibit import EXHIBITS, Exhibit
from foldgrid.analysis.exhibits.classes.confusion import confusion
from foldgrid.analysis.exhibits.classes.roc import roc_of_model
from foldgrid.analysis.opening import opened
from foldgrid.analysis.run import Run
from foldgrid.analysis.search.run import SearchRun
from foldgrid.analysis.statistics.facts import Interval
from foldgrid.specs.errors import SweepError
from foldgrid.specs.fits import FitConfig, FitRecord, PhaseRecord
from foldgrid.specs.sweep import SearchSettings
from foldgrid.specs.task import TASKS
from foldgrid.tasks.classification.ordinal import OrdinalSpec
from tests.analysis.fake_class_run import FakeClassRun
from tests.analysis.made_up_numbers import AROUND_ZERO, NumberRun
from tests.analysis.report.conftest import CLASS_SWEEPS, Reported, ReportedRun
from tests.analysis.search.made_up_search import MadeUpSearch

pytestmark = pytest.mark.xdist_group("reports")

PROJECT = Path(__file__).resolve().parents[3]
Opened = Run | SearchRun

OF_EVERY_GRID = {
    "ranking", "critical", "folds", "learning", "stacking", "cost", "architectures", "checks",
    "methods", "guidelines", "provenance",
}  # fmt: skip
OF_PASI = {"agreement", "change", "errors", "distribution", "published"}
OF_CLASSES = {"classes", "confusion", "roc", "calibration", "embedding", "published_classes"}
OF_EVERY_SEARCH = {
    "history", "curves", "values", "importances", "landscape", "trials", "searched",
}  # fmt: skip
KINDS: dict[str, set[str]] = {
    "pasi": OF_EVERY_GRID | OF_PASI,
    "classification": OF_EVERY_GRID | OF_CLASSES,
    "binary": OF_EVERY_GRID | OF_CLASSES | {"operating", "varied"},
    "tree": OF_EVERY_GRID | OF_CLASSES | {"tree"},
    "regression": OF_EVERY_GRID | {"number_agreement"},
    "ordinal": OF_EVERY_GRID | (OF_CLASSES - {"published_classes"}) | {"flow"},
    "phased": OF_EVERY_GRID | OF_PASI | {"phases", "recipes"},
    "search": OF_EVERY_SEARCH,
    "searches": OF_EVERY_SEARCH | {"studies", "front"},
}
"""By kind of run, the exhibits that it has."""
REPORTED = {"pasi": "reported", "search": "reported_search"}
"""Whose reports other files look at; the others are opened only."""


@pytest.fixture(scope="session")
def opened_searches(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """A search of two backbones for two objectives."""
    search = MadeUpSearch(
        tmp_path_factory.mktemp("runs") / "searches",
        num_trials=4,
        backbones=("resnet18", "vgg11"),
        settings=SearchSettings(objectives=("mae", "ccc")),
    )
    return opened(search.write())


class PhasedRun(ReportedRun):
    """A sweep whose fits first train the head; the learner ``fast`` has a larger rate."""

    def config(self, backbone: str, fold: int) -> FitConfig:
        made = super().config(backbone, fold)
        rate = 0.1 if backbone.endswith("+fast") else made.training.learning_rate
        recipe = made.training.model_copy(update={"learning_rate": rate})
        return made.model_copy(update={"training": recipe})

    def record(self, backbone: str, fold: int) -> FitRecord:
        head = PhaseRecord(
            name="head",
            first_epoch=1,
            last_epoch=1,
            frozen_parameters=90,
            trained_parameters=10,
            running_statistics=4,
            seconds=3.0,
        )
        rest = head.model_copy(update={"name": "rest", "first_epoch": 2, "last_epoch": 3})
        record = super().record(backbone, fold)
        return record.model_copy(update={"phases": (head, rest)})


@pytest.fixture(scope="session")
def opened_phased(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """A sweep that trained in phases, and one of its networks once more, faster."""
    folder, names = tmp_path_factory.mktemp("runs") / "phased", ("resnet18", "vgg11", "vgg11+fast")
    fake = PhasedRun(folder, backbones=names, num_folds=2, num_subjects=8)
    return opened(fake.write())


@pytest.fixture(scope="session")
def opened_regression(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """A sweep of numbers from -5 to 5."""
    folder, (task, ends) = tmp_path_factory.mktemp("runs") / "numbers", AROUND_ZERO
    fake = NumberRun(folder, backbones=("resnet18",), task=task, ends=ends, num_folds=2)
    return opened(fake.write())


@pytest.fixture(scope="session")
def opened_ordinal(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """A sweep of three grades, which left photographs out."""
    fake = FakeClassRun(tmp_path_factory.mktemp("runs") / "grades", has_features=True)
    fake.spec = OrdinalSpec(classes=fake.spec.classes)
    store = fake.write()
    counts = {
        "num_photos": 60,
        "num_cases": 9,
        "num_subjects": 9,
        "photos_by_label": {"normal": 20},
    }
    compared = {
        "column": "label",
        "photos": {"normal": [4, 20]},
        "p_value": 0.01,
        "is_uneven": True,
    }
    store.write_flow(
        [
            {"step": "in the manifest", "is_exclusion": False, "comparisons": [], **counts},
            {"step": "blurred", "is_exclusion": True, "comparisons": [compared], **counts},
            {"step": "left", "is_exclusion": False, "comparisons": [], **counts},
        ],
        ["excluded: blurred: 20.0% of normal"],
    )
    return opened(store)


@pytest.fixture
def run_of(request: pytest.FixtureRequest) -> Callable[[str], Opened]:
    """An opened run by its kind; each is made once and changed by nobody."""

    def get(kind: str) -> Opened:
        found: Opened
        if kind in CLASS_SWEEPS:
            found = request.getfixturevalue("reported_by_task")(kind).run
        elif kind in REPORTED:
            found = request.getfixturevalue(REPORTED[kind]).run
        else:
            found = request.getfixturevalue(f"opened_{kind}")
        return found

    return get


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run(kind: str, run_of: Callable[[str], Opened]) -> Opened:
    return run_of(kind)


def files_of(run: Opened) -> dict[Path, int]:
    return {each: each.stat().st_mtime_ns for each in Path(run.location).rglob("*")}


def test_a_run_has_those_of_its_kind_and_its_task(run: Opened, kind: str) -> None:
    assert set(run.exhibits) == KINDS[kind]
    assert list(run.exhibits) == [name for name in EXHIBITS if name in run.exhibits]


def test_recipes_are_grouped_and_compared(run_of: Any) -> None:
    shown = run_of("phased").exhibit("recipes")
    groups = shown.frame("recipes")
    assert groups.values.tolist() == [
        ["resnet18", 1, "", ""],
        ["vgg11", 1, "", ""],
        ["vgg11+fast", 2, "learning_rate", "0.1"],
    ]
    [pair] = shown.frame("recipe_pairs").to_dict("records")
    assert (pair["backbone"], pair["learner"]) == ("vgg11", "vgg11+fast")
    assert pair["difference"] == pytest.approx(pair["learner_mae"] - pair["mae"])
    assert pair["reading"] in ("learner better", "backbone better", "not clear")


def test_every_exhibit_is_tried_and_reported() -> None:
    assert set().union(*KINDS.values()) == set(EXHIBITS)
    page = (PROJECT / "docs" / "how-to" / "exhibits.md").read_text(encoding="utf-8")
    table = page.partition("## The exhibits")[2].partition("## One")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(EXHIBITS)


def test_frames_are_tables_of_numbers(run: Opened) -> None:
    before = files_of(run)
    for name in run.exhibits:
        shown = run.exhibit(name)
        for part in shown.parts:
            frame = shown.frame(part)
            assert isinstance(frame, pd.DataFrame)
            assert frame.columns.is_unique, (name, part)
            assert all(frame.columns), (name, part)
            assert len(frame) or part == "left_out", (name, part)
            assert shown.frame(part).equals(frame), "asked twice, it says another thing"
        if shown.parts:
            assert shown.frame().equals(shown.frame(shown.parts[0]))
    assert files_of(run) == before, "to look is not to write"


def test_plots_are_drawings(run: Opened) -> None:
    for name in run.exhibits:
        shown = run.exhibit(name)
        for part in shown.pictures:
            drawing = shown.plot(part)
            assert isinstance(drawing, Drawing)
            assert drawing.key == part
            assert drawing.title
            assert drawing.description
            ElementTree.fromstring(drawing.svg)
            assert drawing.png.startswith(b"\x89PNG")
            assert part in shown.parts, "a picture without its numbers"
        if shown.pictures:
            assert shown.plot() == shown.plot(shown.pictures[0])


def test_the_page_shows_what_is_given(run: Opened) -> None:
    for name in run.exhibits:
        shown = run.exhibit(name)
        assert shown.section.title == shown.title == EXHIBITS[name].title
        blocks = [each for each in shown.section.blocks if isinstance(each, Figure | Table)]
        assert {each.key for each in blocks} <= set(shown.parts)
        assert [each.key for each in blocks if isinstance(each, Figure)] == list(shown.pictures)
        for each in blocks:
            assert eval(each.call.splitlines()[0], {"run": run}).equals(shown.frame(each.key))


def test_what_a_run_lacks_is_refused_with_what_it_has(run: Opened) -> None:
    for name in set(EXHIBITS) - set(run.exhibits):
        with pytest.raises(SweepError) as refused:
            run.exhibit(name)
        said = str(refused.value)
        assert said.startswith(f'{run.location}: the exhibit "{name}" is not for this run: ')
        assert said.endswith(f"\nThis run has {', '.join(run.exhibits)}.")


def test_the_first_lines_of_the_page_open_the_run_again(reported: Reported) -> None:
    found = re.search(r"<pre[^>]*><code>(import .*?)</code>", reported.report.html, re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(unescape(found[1]).replace("runs/tiny", reported.run.location), names)
    again, call = names["run"], 'run.exhibit("learning").frame("learning_curves")'
    assert again is not reported.run
    assert unescape(reported.report.html).count(call) == 1
    assert eval(call, names).equals(reported.run.exhibit("learning").frame("learning_curves"))


def test_a_picture_is_drawn_and_saved(run_of: Any, tmp_path: Path) -> None:
    shown = run_of("binary").exhibit("roc")
    drawing = shown.plot()
    assert isinstance(drawing, Drawing)
    assert drawing.key == shown.pictures[0] == "roc_oof"
    assert shown.plot("roc_models").title != drawing.title
    drawing.save(tmp_path / "roc.svg")
    drawing.save(tmp_path / "roc.png")
    assert (tmp_path / "roc.svg").read_text() == drawing.svg == drawing._repr_svg_()
    assert (tmp_path / "roc.png").read_bytes() == drawing.png
    with pytest.raises(SweepError, match=r"saved as \.svg or \.png.*\n.*roc\.png"):
        drawing.save(tmp_path / "roc.pdf")


def test_the_numbers_are_the_facts(run_of: Any) -> None:
    run = run_of("binary")
    best, row = run.best.model, run.best
    area = run.exhibit("roc").frame("auc").set_index("partition")
    [curve] = roc_of_model(run, best, "test")
    assert area.loc["oof", "auc"] == pytest.approx(row.value("oof", "auc"))
    assert (area.loc["test", "auc"], area.loc["test", "auc_low"]) == (curve.auc, curve.interval.low)
    points = run.exhibit("roc").frame("roc_oof")
    whole = points[points["fold"].isna() & (points["partition"] == "test")]
    np.testing.assert_array_equal(whole["sensitivity"], curve.curve.sensitivities_T)
    counts = run.exhibit("confusion").frame("confusion_test")
    square = counts.pivot(index="truth", columns="decided", values="count")
    facts = confusion(run, best, "test")
    expected = pd.DataFrame(facts.counts_KK, facts.classes, facts.classes)
    assert square.loc[list(facts.classes), list(facts.classes)].to_numpy().tolist() == (
        expected.to_numpy().tolist()
    )
    table = run.exhibit("ranking").frame("ranking_table").set_index("model")
    for each in run.ranking.rows:
        assert table.loc[each.model, "oof_auc"] == each.value("oof", "auc")
        assert table.loc[each.model, "oof_auc_low"] == each.interval("oof", "auc").low


def test_several_studies_are_distinguished(run_of: Any) -> None:
    run = run_of("searches")
    shown = run.exhibit("history")
    assert shown.pictures == ("history_1", "history_2")
    for place, study in enumerate(run.studies, start=1):
        assert shown.frame(f"history_{place}").equals(study.history)
    assert len(run.exhibit("studies").frame()) == 2


def test_it_says_why_it_is_refused(run_of: Any) -> None:
    run = run_of("pasi")
    for name, why in (
        ("roc", "its task has none"),
        ("agreemnt", 'Did you mean "agreement"?'),
        ("history", "it is of a search"),
        ("varied", "the sweep has no ablation"),
    ):
        with pytest.raises(SweepError, match=why.replace("?", r"\?")):
            run.exhibit(name)
    with pytest.raises(SweepError, match="it is of a grid"):
        run_of("search").exhibit("ranking")


def test_a_part_that_an_exhibit_lacks_is_refused(run_of: Any, tmp_path: Path) -> None:
    roc = run_of("binary").exhibit("roc")
    with pytest.raises(SweepError, match=r'no part "acu"\. Did you mean "auc"'):
        roc.frame("acu")
    with pytest.raises(SweepError, match=r'no picture "auc".*\nIt has roc_oof, roc_models\.'):
        roc.plot("auc")
    with pytest.raises(SweepError, match="the exhibit checks has no pictures"):
        run_of("binary").exhibit("checks").plot()
    FakeClassRun(tmp_path / "plain", "binary").write()
    embedding = foldgrid.open_run(tmp_path / "plain").exhibit("embedding")
    with pytest.raises(SweepError, match="shows nothing of this run: the sweep kept no features"):
        embedding.plot()


def test_what_a_task_names_is_there() -> None:
    named = {name: kind.scoring.exhibits for name, kind in TASKS.items()}
    assert all(named.values())
    for name, exhibits in named.items():
        assert all(EXHIBITS[each].of == "task" for each in exhibits), name


def test_a_task_that_names_what_is_not_there_is_reported(
    reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(reported.run.scoring), "exhibits", ("agreement", "chanje"))
    with pytest.raises(SweepError, match=r'the exhibit "chanje", .* Did you mean "change"\?'):
        reported.run.exhibits  # noqa: B018


def test_nothing_is_imported_before_it_is_asked_for(tmp_path: Path) -> None:
    code = (
        "import sys, foldgrid\n"
        "assert not {'foldgrid.analysis', 'pandas', 'torch'} & set(sys.modules)\n"
        "assert callable(foldgrid.open_run)\n"
        "assert 'foldgrid.analysis.exhibits' not in sys.modules\n"
        "assert not {'torch', 'ray', 'wandb'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'open_rum'"):
        foldgrid.open_rum  # noqa: B018
    with pytest.raises(SweepError, match="not a run folder"):
        foldgrid.open_run(tmp_path / "nowhere")


def test_nested_facts_lie_flat() -> None:
    ends = Interval(low=1.0, high=2.0)
    facts = {
        "name": "a",
        "value": 3,
        "share": {"value": 0.5, "num_units": 4, "interval": ends},
        "auc": 0.9,
        "auc_interval": ends,
        "interval": ends,
    }
    assert frame_of([facts], partition="oof").to_dict("records") == [
        {
            "partition": "oof", "name": "a", "value": 3, "share": 0.5, "share_num_units": 4,
            "share_low": 1.0, "share_high": 2.0, "auc": 0.9, "auc_low": 1.0, "auc_high": 2.0,
            "low": 1.0, "high": 2.0,
        }
    ]  # fmt: skip


def test_the_example_of_the_docs_works(reported: Reported) -> None:
    page = (PROJECT / "docs" / "how-to" / "exhibits.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    [code] = [each for each in blocks if "COHORT" in each]
    names: dict[str, Any] = {}
    exec(code, names)
    section = names["COHORT"].section(reported.run)
    assert section.lead == "14 subjects came."
    assert section.blocks[0].frame()["num_visits"].sum() == 14 * 4


def test_what_makes_no_section_is_reported_with_its_file(reported: Reported) -> None:
    def nothing(run: Run) -> Any:
        return "a sentence"

    said = r'test_exhibits\.py: the exhibit "mine" cannot be shown\.\n.*which is no Section'
    with pytest.raises(SweepError, match=said):
        Exhibit("mine", "Mine", nothing).section(reported.run)
