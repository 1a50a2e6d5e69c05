"""``foldgrid check``: what it prints, stores and returns, and what a ranking says."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from foldgrid.analysis.checks.catalogue import check_and_save, stored_or_checked
from foldgrid.analysis.checks.printing import render_markdown, render_terminal
from foldgrid.analysis.checks.report import CheckReport, CheckResult, load_current
from foldgrid.analysis.ranking.build import rank_and_save, rank_sweep
from foldgrid.cli.main import main
from foldgrid.specs.errors import SweepError
from foldgrid.specs.label_permutation import LabelPermutation


def small(make_run: Any, **settings: Any) -> Any:
    return make_run(backbones=("resnet18", "vgg11"), num_folds=2, num_subjects=6, **settings)


def predict_twice(fake: Any) -> None:
    table = fake.predictions["vgg11", 1]
    first = table.index[table["partition"] == "oof"][0]
    fake.predictions["vgg11", 1] = table.loc[[*table.index, first]]


def test_a_sound_run_exits_0_and_leaves_its_results(
    make_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = small(make_run)
    store = fake.write()
    assert main(["check", str(fake.folder)]) == 0
    reported = capsys.readouterr()
    assert reported.err == ""
    assert "24 checks: 20 passed, 4 not applicable" in reported.out
    report = load_current(store)
    assert report is not None
    assert stored_or_checked(store) == report
    assert json.loads((fake.folder / "checks.json").read_text())["sweep"] == "tiny"


def test_a_failed_check_exits_1_and_says_what_to_do(
    make_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = small(make_run)
    predict_twice(fake)
    fake.write()
    assert main(["check", str(fake.folder), "--format", "json"]) == 1
    report = CheckReport.model_validate_json(capsys.readouterr().out)
    assert [result.code for result in report.having("failed")] == ["FG301"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "{run}/nowhere"], "not a run folder"),
        (["check", "{run}", "--format", "jsn"], 'Did you mean "json"'),
        (["check"], "RUN"),
    ],
)
def test_wrong_input_exits_2_and_writes_nothing(
    make_run: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    fake = small(make_run)
    fake.write()
    assert main([each.format(run=fake.folder) for each in arguments]) == 2
    reported = capsys.readouterr()
    assert reported.out == ""
    assert words in reported.err
    assert not (fake.folder / "checks.json").exists()


def test_a_broken_rule_refuses_the_ranking_and_names_its_code(make_run: Any) -> None:
    fake = small(make_run)
    predict_twice(fake)
    store = fake.write()
    with pytest.raises(SweepError, match=r"vgg11 fold 1\s+FG301\s+predicted 1 sample"):
        rank_sweep(store)
    report = load_current(store)
    assert report is not None
    assert report.has_failed


def test_what_the_checks_found_stands_beside_the_ranking(make_run: Any) -> None:
    fake = small(make_run, policy="held_out_fold")
    columns = [name for name in fake.predictions["vgg11", 1] if name.startswith("predicted_")]
    fake.predictions["vgg11", 1].loc[:, columns] = 1.5
    store = fake.write()
    notes = {note.code: note for note in rank_sweep(store).notes}
    assert notes["FG304"].is_warning
    assert "1 of 4 fits" in notes["FG304"].text
    assert "FG401" not in notes, "FG602 says it"
    for words in ("Warnings: FG304, FG401", "not passed: FG104, FG307, FG308, FG501"):
        assert words in notes["FG612"].text
    assert "FG304, FG401 warn" in notes["FG612"].line


def test_a_failure_that_breaks_no_rule_is_a_loud_note(make_run: Any) -> None:
    fake = small(make_run)
    store = fake.write()
    fake.split.loc[:, "day"] = 0.0
    (fake.folder / "fits" / fake.config("vgg11", 1).fit_id / "predictions.parquet").unlink()
    notes = {note.topic: note for note in rank_sweep(store).notes}
    assert notes["FG201"].is_warning
    assert next(iter(notes)) == "FG201"


def test_stored_results_and_rankings_end_when_the_run_or_its_label_permutation_changes(
    make_run: Any,
) -> None:
    fake = small(make_run)
    fake.unfinished.add(("vgg11", 1))
    store = fake.write()
    check_and_save(store)
    rank_and_save(store)
    assert load_current(store) is not None
    fake.unfinished.clear()
    fake.finish(store, "vgg11", 1)
    assert load_current(store) is None
    check_and_save(store)
    beside = type(fake)(fake.folder.with_name("tiny-canary-shuffled_scores"), backbones=("vgg11",))
    beside.write()
    assert load_current(store) is None


def test_a_label_permutations_ranking_can_be_taken_for_nothing_else(make_run: Any) -> None:
    fake = small(make_run)
    store = fake.write()
    canary = LabelPermutation(
        name="shuffled_scores", sweep="tiny", seed=0, data_fingerprint="d" * 16
    )
    store.write_permutation(canary)
    first = rank_sweep(store).notes[0]
    assert first.topic == "LABEL PERMUTATION"
    assert first.is_warning
    assert "no result" in first.text


def test_a_run_folder_that_may_not_be_written_is_checked_all_the_same(
    make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = small(make_run)
    store = fake.write()

    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(type(store), "write_text", refuse)
    assert not check_and_save(store).has_failed


def result(**changes: Any) -> CheckResult:
    plain = {
        "code": "FG999",
        "title": "A | B",
        "severity": "error",
        "looks_at": "this",
        "status": "failed",
        "evidence": "12 samples (a, b, c, ...).",
        "places": tuple(f"place {number}" for number in range(14)),
        "meaning": "Too good.",
        "mend": "Launch again.",
    }
    return CheckResult.model_validate(plain | changes)


REPORT = CheckReport(
    made_from="x",
    location="runs/tiny",
    sweep="tiny",
    results=(
        result(),
        result(code="FG998", status="passed", places=(), meaning="", mend=""),
        result(code="FG997", status="not applicable", places=(), meaning="", mend=""),
    ),
)


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_ascii_within_its_width_and_marks_more_than_colour(width: int) -> None:
    stream = io.StringIO()
    render_terminal(REPORT, Console(file=stream, width=width, no_color=True))
    text = stream.getvalue()
    assert text.isascii()
    assert max(len(line) for line in text.splitlines()) <= width
    assert "X FG999  FAILED" in text
    assert "- FG997  n/a" in text
    assert "and 4 more" in text
    assert "Means: Too good." in text
    assert "1 failed, 1 passed, 1 not applicable" in text


def test_a_terminal_gets_colours_and_a_pipe_none() -> None:
    for is_terminal in (True, False):
        stream = io.StringIO()
        system = "standard" if is_terminal else None
        console = Console(file=stream, force_terminal=is_terminal, color_system=system, width=80)
        render_terminal(REPORT, console)
        assert ("\x1b[1;31m" in stream.getvalue()) == is_terminal


def test_markdown_has_every_place_and_keeps_its_columns() -> None:
    text = render_markdown(REPORT)
    assert "- place 13" in text
    assert r"A \| B" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {row.replace(r"\|", "").count("|") for row in rows} == {5}


def test_the_folder_of_a_label_permutation_is_beside_the_run(tmp_path: Path) -> None:
    from foldgrid.records import RunStore

    def beside(location: str) -> str:
        return RunStore(location).permutation_store("shuffled_scores").location

    end = "-canary-shuffled_scores"
    assert beside("runs/tiny") == f"runs/tiny{end}"
    assert beside("runs/tiny/") == f"runs/tiny{end}"
    assert beside("s3://bucket/a/tiny?scheme=http") == f"s3://bucket/a/tiny{end}?scheme=http"
    assert beside(f"{tmp_path}/tiny/.") == f"{tmp_path}/tiny{end}"
