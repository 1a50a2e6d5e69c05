"""An exhibit from another package, in one file: launch, rank, check, report, status.

The package is `tests/analysis/report/visits_exhibit.py` and an entry point. Nothing else knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

import foldgrid
from foldgrid.analysis.exhibit import EXHIBITS
from foldgrid.cli.main import main
from foldgrid.specs.errors import SweepError
from tests.analysis.report import visits_exhibit
from tests.launching.tiny_sweep import Launcher
from tests.outside.packages import installed, write_package

MODULE = "visits_of_others"


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Puts the package's folder on the path, with this entry point; gives its only module."""
    with ExitStack() as until_the_end:

        def put(entry: str) -> Path:
            site, code = tmp_path / "site", Path(visits_exhibit.__file__).read_text()
            module = write_package(site, "visits", MODULE, code, f"foldgrid.exhibits: {entry}")
            until_the_end.enter_context(installed(site))
            return module

        yield put


def test_it_is_in_the_report_and_in_the_run(
    launcher: Launcher, install: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = launcher.done_before()
    install(f"cohort = {MODULE}:COHORT")
    done = launcher(sweep, ranked=True)
    assert done.code == 0, done.out + done.err
    run = launcher.storage / "tiny"
    for command in ("rank", "check", "report"):
        assert main([command, str(run)]) == 0, capsys.readouterr().err
    assert launcher.raw("--status", str(run)).code == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert '<section id="cohort"' in page
    assert "8 subjects came." in page
    assert "run.exhibit(&#34;cohort&#34;).frame(&#34;subjects&#34;)" in page
    assert page.index('id="provenance"') < page.index('id="cohort"') < page.index('id="recompute"')
    shown = foldgrid.open_run(run).exhibit("cohort")
    assert shown.parts == ("visits", "subjects")
    assert shown.frame()["num_visits"].sum() == 40
    drawing = shown.plot()
    assert (run / "figures" / "visits.svg").read_text(encoding="utf-8") == drawing.svg
    assert (run / "figures" / "visits.png").read_bytes() == drawing.png


def test_its_name_is_the_entry_point_s(launcher: Launcher, install: Callable[[str], Path]) -> None:
    launcher.done_before()
    file = install(f"who_came = {MODULE}:COHORT")
    with pytest.raises(SweepError) as refused:
        foldgrid.open_run(launcher.storage / "tiny").exhibit("who_came")
    assert f'{file}: the exhibit "who_came" of visits cannot be used.' in str(refused.value)
    assert 'it calls itself "cohort"' in str(refused.value)


def test_a_mistake_in_it_is_reported_with_its_name_and_file(
    launcher: Launcher, install: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    launcher.done_before()
    file = install(f"cohort = {MODULE}:WRONG")
    run = launcher.storage / "tiny"
    assert main(["report", str(run)]) == 2
    reported = capsys.readouterr().err
    assert f'{file}: the exhibit "cohort" of visits cannot be used.' in reported
    assert "found 'no exhibit', which is no exhibit" in reported
    assert not (run / "report.html").exists()


def test_a_part_that_has_another_s_name_is_reported(
    launcher: Launcher,
    install: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    launcher.done_before()
    install(f"cohort = {MODULE}:COHORT")
    again = replace(visits_exhibit.COHORT, name="again", needs=lambda _: "")
    monkeypatch.setitem(EXHIBITS, "again", again)
    run = launcher.storage / "tiny"
    assert main(["report", str(run)]) == 2
    reported = capsys.readouterr().err
    assert 'two parts are called "visits", one of the exhibit "cohort", one of "again"' in reported
    assert not (run / "report.html").exists()
