"""``foldgrid data check`` of a labelled manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foldgrid.cli.main import main
from foldgrid.data.manifest.labelled import read_labelled_manifest
from tests.data.skin_pictures import make_flaws, make_study


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOLDGRID_CACHE", str(tmp_path / "cache"))
    path, _ = make_study(tmp_path / "study")
    make_flaws(path.parent)
    return path


def test_check_prints_what_is_there_and_the_flow(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(study.parent.iterdir())
    # Two pictures lie under two subjects or labels.
    assert main(["data", "check", str(study)]) == 1
    output = capsys.readouterr().out
    assert "2 questions: is this one picture?" in output
    assert "6 subjects, 6 cases, 24 photos" in output
    assert "excluded: blurred" in output
    assert "6 subjects are enough for 5 folds and a test set." in output
    assert sorted(study.parent.iterdir()) == before


def test_check_prints_the_flow_alone_for_a_paper(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(study), "--format", "json"]) == 1
    steps = json.loads(capsys.readouterr().out)
    assert [steps[0]["num_photos"], steps[-1]["num_photos"]] == [24, 16]


def test_check_writes_records_and_what_is_kept(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records, kept = study.with_name("records.json"), study.with_name("kept.csv")
    arguments = ["--records", str(records), "--write-kept", str(kept)]
    assert main(["data", "check", str(study), *arguments]) == 1
    output = capsys.readouterr().out
    assert "a record of each of 24 photographs" in output
    assert "the 16 photographs that are left" in output
    assert len(json.loads(records.read_text())) == 24
    assert len(read_labelled_manifest(kept).photos) == 16
    assert len(read_labelled_manifest(study).photos) == 24
    assert main(["data", "check", str(kept), "--folds", "3"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--records", "records.xlsx"], "ends in .csv, .parquet, .json"),
        (["--records", "nowhere/records.csv"], "its folder is not there"),
        (["--records", "STUDY/manifest.csv"], "is an input and stays as it is"),
        (["--write-kept", "kept.csv"], "Its paths are relative to"),
        (["--write-kept", "STUDY/manifest.csv"], "is an input and stays as it is"),
        (["--far-share", "2"], "--far-fraction"),
        (["--format", "html"], "--format"),
    ],
)
def test_check_refuses_before_any_work(
    study: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = study.read_bytes()
    named = [each.replace("STUDY", "study") for each in arguments]
    assert main(["data", "check", str(study), *named]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert words in output.err
    assert study.read_bytes() == before


def test_what_only_labels_have_is_refused_for_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "scored.csv"
    path.write_text("photo,subject,visit,region,erythema,induration,scaling,involvement\n")
    assert main(["data", "check", str(path), "--records", "x.csv"]) == 2
    assert "has regions and scores" in capsys.readouterr().err


def test_mistakes_of_a_labelled_manifest_exit_with_2(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study.write_text(study.read_text().replace("03.jpg,s0,c0,eczema", "03.jpg,s0,c0,Eczema"))
    assert main(["data", "check", str(study)]) == 2
    assert "which look the same" in capsys.readouterr().err
