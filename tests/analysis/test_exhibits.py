"""Every exhibit of every kind of run: its numbers, its pictures, who has it and who has not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import foldgrid
from analysis.__main__ import main
from analysis.drawing.blocks import Figure, Table
from analysis.drawing.drawing import Drawing
from analysis.drawing.frames import frame_of
from analysis.exhibit import EXHIBITS, ShownExhibit
from analysis.exhibits.classes.confusion import confusion
from analysis.exhibits.classes.roc import roc_of_model
from analysis.run import Run
from analysis.search.run import SearchRun
from analysis.statistics.facts import Interval
from foldgrid.specs.errors import SweepError
from foldgrid.specs.sweep import SearchSettings
from foldgrid.tasks.registry import SCORINGS
from tests.analysis.fake_class_run import FakeClassRun
from tests.analysis.report.conftest import ToldRun
from tests.analysis.search.made_up_search import MadeUpSearch

Opened = Run | SearchRun


def write_pasi(folder: Path) -> None:
    ToldRun(folder / "pasi", num_folds=2, num_subjects=8).write()


def write_classes(folder: Path) -> None:
    FakeClassRun(folder / "classification", "classification", has_features=True).write()


def write_binary(folder: Path) -> None:
    vary = {"training_share": (0.25,)}
    FakeClassRun(folder / "binary", "binary", vary=vary, has_features=True).write()


def write_tree(folder: Path) -> None:
    FakeClassRun(folder / "skin_taxonomy", "tree", has_features=True).write()


def write_search(folder: Path) -> None:
    MadeUpSearch(folder / "search", num_trials=12, stopped=frozenset({3})).write()


def write_searches(folder: Path) -> None:
    settings = SearchSettings(objectives=("mae", "ccc"))
    MadeUpSearch(
        folder / "searches", num_trials=4, backbones=("resnet18", "vgg11"), settings=settings
    ).write()


KINDS: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "pasi": (write_pasi, {"agreement", "change", "errors", "distribution", "published"}),
    "classification": (write_classes, {"classes", "confusion", "roc", "calibration", "embedding"}),
    "binary": (
        write_binary,
        {"classes", "confusion", "roc", "operating", "calibration", "embedding", "varied"},
    ),
    "skin_taxonomy": (
        write_tree,
        {"classes", "confusion", "roc", "tree", "calibration", "embedding", "published_classes"},
    ),
    "search": (write_search, {"history", "curves", "values", "importances", "landscape"}),
    "searches": (write_searches, {"studies", "history", "front", "trials", "searched"}),
}
OF_EVERY_GRID = {
    "ranking", "critical", "folds", "learning", "stacking", "cost", "architectures", "checks",
    "methods", "guidelines", "provenance",
}  # fmt: skip


@pytest.fixture(scope="module")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Opened]:
    """An opened run by its kind; each is made once and changed by nobody."""
    made: dict[str, Opened] = {}

    def get(kind: str) -> Opened:
        if kind not in made:
            folder = tmp_path_factory.mktemp("runs")
            KINDS[kind][0](folder)
            made[kind] = foldgrid.open_run(folder / kind)
        return made[kind]

    return get


@pytest.fixture(params=list(KINDS))
def run(request: pytest.FixtureRequest, run_of: Any) -> Opened:
    return run_of(request.param)


def test_a_run_has_those_of_its_kind_and_its_task(run: Opened) -> None:
    kind = KINDS[run.name][1]
    if isinstance(run, Run):
        assert set(run.exhibits) == kind | OF_EVERY_GRID
    else:
        assert kind <= set(run.exhibits)
        assert not OF_EVERY_GRID & set(run.exhibits)
    assert list(run.exhibits) == [name for name in EXHIBITS if name in run.exhibits]


def test_every_number_of_the_page_is_a_frame_s(run: Opened) -> None:
    for name in run.exhibits:
        shown = run.exhibit(name)
        assert shown.section.title == shown.title == EXHIBITS[name].title
        blocks = [each for each in shown.section.blocks if isinstance(each, Figure | Table)]
        assert {each.key for each in blocks} <= set(shown.parts)
        assert {each.key for each in blocks if isinstance(each, Figure)} == set(shown.pictures)
        for part in shown.parts:
            frame = shown.frame(part)
            assert isinstance(frame, pd.DataFrame)
            assert frame.columns.is_unique, (name, part)
            assert all(frame.columns), (name, part)
            assert len(frame) or part == "left_out", (name, part)
        for each in blocks:
            assert eval(each.call.splitlines()[0], {"run": run}).equals(shown.frame(each.key))
    # To look is not to write.
    assert not {"checks.json", "figures"} & {each.name for each in Path(run.location).iterdir()}


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
    assert area.loc["oof", "auc"] == pytest.approx(row.figure("oof", "auc"))
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
        assert table.loc[each.model, "oof_auc"] == each.figure("oof", "auc")
        assert table.loc[each.model, "oof_auc_low"] == each.interval("oof", "auc").low


def test_several_studies_are_told_apart(run_of: Any) -> None:
    run = run_of("searches")
    shown = run.exhibit("history")
    assert shown.pictures == ("history_1", "history_2")
    for place, study in enumerate(run.studies, start=1):
        assert shown.frame(f"history_{place}").equals(study.history)
    assert len(run.exhibit("studies").frame()) == 2


def test_an_exhibit_that_the_run_lacks_is_refused_with_those_it_has(run_of: Any) -> None:
    run = run_of("pasi")
    with pytest.raises(SweepError) as refused:
        run.exhibit("roc")
    said = str(refused.value)
    assert said.startswith(f'{run.location}: the exhibit "roc" is not for this run: its task has')
    assert said.endswith(f"This run has {', '.join(run.exhibits)}.")
    for name, why in (
        ("agreemnt", 'Did you mean "agreement"?'),
        ("history", "it is of a search"),
        ("varied", "the sweep varies nothing"),
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
    for name, scoring in SCORINGS.items():
        exhibits = getattr(scoring, "exhibits", ())
        assert set(exhibits) <= set(EXHIBITS), name
        assert all(EXHIBITS[each].of == "task" for each in exhibits), name


def test_nothing_is_imported_before_it_is_asked_for(tmp_path: Path) -> None:
    code = (
        "import sys, foldgrid\n"
        "assert not {'analysis', 'pandas', 'torch'} & set(sys.modules)\n"
        "assert callable(foldgrid.open_run)\n"
        "assert 'analysis.exhibits' not in sys.modules\n"
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


COHORT = '''
"""An exhibit that foldgrid does not have, in one file."""

import numpy as np
import pandas as pd

from analysis.drawing.blocks import Cell, Column, Figure, Section, Table
from analysis.drawing.canvas import add_axes, new_figure
from analysis.drawing.drawing import draw
from analysis.exhibit import Exhibit


def visits_of(run):
    samples = run.judgement.table.samples
    counts = samples.groupby("subject")["visit"].nunique()
    return pd.DataFrame({"subject": counts.index, "num_visits": counts.to_numpy()})


def paint(numbers, width):
    figure = new_figure(width, 120)
    add_axes(figure, 40, 10, width - 60, 80).hist(numbers["num_visits"])
    return figure


def cohort(run):
    numbers = visits_of(run)
    frame = lambda: numbers
    draw_it = lambda: draw("visits", "Visits", "A bar.", lambda width: paint(numbers, width))
    row = (Cell("all"), Cell(str(len(numbers))))
    blocks = (
        Figure("visits", draw_it, "Visits a subject.", frame),
        Table("subjects", "Subjects", (Column("Who"), Column("Subjects", True)), (row,), frame),
    )
    return Section(f"{len(numbers)} subjects came.", blocks)


COHORT = Exhibit("cohort", "The cohort", cohort)
WRONG = "no exhibit"
'''


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Installs a package of one module with one exhibit, as a folder on the path."""

    def put(entry: str) -> Path:
        folder = tmp_path / "site"
        facts = folder / "other_exhibits-1.0.dist-info"
        facts.mkdir(parents=True)
        (folder / "other_exhibits.py").write_text(COHORT)
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: other-exhibits\nVersion: 1\n")
        (facts / "entry_points.txt").write_text(f"[foldgrid.exhibits]\n{entry}\n")
        monkeypatch.syspath_prepend(str(folder))
        # As in a process that has not looked at the exhibits yet.
        monkeypatch.setattr(EXHIBITS, "_things", dict(EXHIBITS))
        monkeypatch.setattr(EXHIBITS, "_is_complete", False)
        return folder / "other_exhibits.py"

    yield put
    sys.modules.pop("other_exhibits", None)


def test_another_package_s_exhibit_is_in_the_report_and_in_the_run(
    install: Any, tmp_path: Path
) -> None:
    install("cohort = other_exhibits:COHORT")
    write_pasi(tmp_path)
    folder = tmp_path / "pasi"
    assert main(["rank", str(folder)]) == 0
    assert main(["check", str(folder)]) == 0
    assert main(["report", str(folder)]) == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert '<section id="cohort"' in page
    assert "8 subjects came." in page
    assert "run.exhibit(&#34;cohort&#34;).frame(&#34;subjects&#34;)" in page
    assert page.index('id="provenance"') < page.index('id="cohort"') < page.index('id="recompute"')
    assert (folder / "figures" / "visits.png").read_bytes().startswith(b"\x89PNG")
    shown = foldgrid.open_run(folder).exhibit("cohort")
    assert isinstance(shown, ShownExhibit)
    assert shown.frame()["num_visits"].sum() == 8 * 3
    assert shown.plot().svg == (folder / "figures" / "visits.svg").read_text(encoding="utf-8")


def test_a_mistake_in_it_is_told_with_its_name_and_file(
    install: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = install("cohort = other_exhibits:WRONG")
    write_pasi(tmp_path)
    assert main(["report", str(tmp_path / "pasi")]) == 2
    told = capsys.readouterr().err
    assert str(file) in told
    assert "found 'no exhibit', which is no exhibit" in told
    assert not (tmp_path / "pasi" / "report.html").exists()
