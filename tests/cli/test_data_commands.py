"""``foldgrid data``."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image

from foldgrid.cli.main import main

SMALL = ["--num-subjects", "6", "--num-visits", "30", "--photo-width", "48", "--photo-height", "32"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOLDGRID_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "trial"
    assert main(["data", "synthesize", str(folder), *SMALL]) == 0
    return folder / "manifest.csv"


def edited(manifest: Path, **cells: str) -> Path:
    """A copy of the manifest beside it, with these cells in its first row."""
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0] |= cells
    path = manifest.with_name("edited.csv")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_synthesize_writes_a_user_s_folder_and_the_command_that_uses_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["data", "synthesize", "mine", *SMALL, "--contact-sheet", "sheet.png"]) == 0
    output = capsys.readouterr().out
    assert "mine/manifest.csv: 6 subjects, 30 visits, " in output
    assert "foldgrid launch quickstart --data mine/manifest.csv" in output
    assert len(list(Path("mine/photos").rglob("*.jpg"))) > 200
    with Image.open("sheet.png") as sheet:
        assert sheet.width > 400
    assert main(["data", "synthesize", "mine", *SMALL]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["new", "--contact-sheet", "sheet.jpeg"], "ends in .png"),
        (["new", "--jpeg-quality", "2", "--seed", "x"], '--seed           found "x"'),
        (["new", "--jpeg-quality", "2", "--seed", "x"], "--jpeg-quality   found"),
        (["new", "--num-subjects", "8"], "--num-visits   found 338. 8 subjects"),
        (["new", "--num-subject", "8"], "--num-subject"),
        (["taken/inside"], "cannot be written"),
        (["."], "is not empty"),
    ],
)
def test_synthesize_refuses_and_writes_nothing(
    workplace: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    Path("taken").write_text("a file, not a folder")
    assert main(["data", "synthesize", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert words.replace('"x"', "x") in output.err
    assert [path.name for path in workplace.iterdir()] == ["taken"]


def test_check_prints_the_audit(trial: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(trial)]) == 0
    output = capsys.readouterr().out
    assert "no mistakes" in output
    assert "6 subjects, 30 visits" in output
    assert "6 subjects are enough for 5 folds and a test set." in output


def test_check_lists_all_mistakes(trial: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = edited(trial, scaling="9", region="trnk", photo="lost.jpg")
    assert main(["data", "check", str(path)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "2 problems" in output.err
    assert 'Did you mean "trunk"?' in output.err


def test_check_says_when_subjects_are_too_few(
    trial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(trial), "--folds", "6"]) == 2
    assert "need at least 7" in capsys.readouterr().err
    assert main(["data", "check", str(trial), "--folds", "1"]) == 2
    assert "--folds" in capsys.readouterr().err


def test_cache_decodes_once(trial: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "cache", str(trial), "--tile-pixels", "16"]) == 0
    first = capsys.readouterr().out
    assert "90 mosaics of 32x32 pixels" in first
    assert "decoded in" in first
    path = Path(first.split()[-1])
    assert path.stat().st_size > 90 * 32 * 32 * 3
    assert main(["data", "cache", str(trial), "--tile-pixels", "16"]) == 0
    second = capsys.readouterr().out
    assert second.splitlines()[0] == first.splitlines()[0]
    assert second.splitlines()[1] == f"already cached: {path}"


def test_cache_keeps_labelled_photographs_singly(
    tmp_path: Path, trial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "labelled"
    command = ["data", "synthesize", str(folder), "--study", "ssc_skin", "--num-subjects", "6"]
    assert main([*command, "--photo-width", "32", "--photo-height", "32"]) == 0
    capsys.readouterr()
    for said in ("decoded in", "already cached"):
        assert main(["data", "cache", str(folder / "manifest.csv"), "--tile-pixels", "16"]) == 0
        output = capsys.readouterr().out
        assert "single photographs of 16x16 pixels" in output
        assert said in output


def test_cache_refuses_what_check_refuses(
    trial: Path, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = edited(trial, scaling="9")
    assert main(["data", "cache", str(path)]) == 2
    assert 'found "9"' in capsys.readouterr().err
    assert list(workplace.iterdir()) == []


def test_mosaics_draws_a_sheet(trial: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(trial), "sheet.png", "--most", "7", "--tile-pixels", "16"]
    assert main(["data", "mosaics", *arguments]) == 0
    assert "sheet.png: 7 of 90 mosaics" in capsys.readouterr().out
    with Image.open("sheet.png") as sheet:
        # Six columns, the seventh on a second row.
        assert sheet.size == (6 * 200 + 8, 2 * 234 + 8)
    assert main(["data", "mosaics", str(trial), "sheet.jpg"]) == 2
    assert "ends in .png" in capsys.readouterr().err


STUDY = ["--num-subjects", "6", "--photo-width", "48", "--photo-height", "48"]


@pytest.mark.parametrize("study", ["ssc_skin", "aidda", "referable_dr", "skin_taxonomy"])
def test_synthesize_writes_a_study_that_check_reads(
    capsys: pytest.CaptureFixture[str], study: str
) -> None:
    arguments = ["--study", study, "--seed", "5", *STUDY, "--contact-sheet", "sheet.png"]
    assert main(["data", "synthesize", "mine", *arguments]) == 0
    output = capsys.readouterr().out
    assert "mine/manifest.csv: 6 subjects, " in output
    assert "photos of 48x48 pixels" in output
    assert "foldgrid data check mine/manifest.csv" in output
    assert main(["data", "check", "mine/manifest.csv"]) == 0
    assert "excluded: blurred" in capsys.readouterr().out
    with Image.open("sheet.png") as sheet:
        assert sheet.width > 400


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--study", "aida"], "--study"),
        (["--study", "aidda", "--num-visits", "20"], '--num-visits   only the study "pasi" has it'),
        (["--study", "aidda", "--studio", "varied"], '--studio   only the study "pasi" has it'),
        (["--study", "aidda", "--num-subjects", "3"], "--num-subjects   found 3."),
        (["--study", "aidda", "--contact-sheet", "sheet.jpg"], "ends in .png"),
    ],
)
def test_synthesize_refuses_what_a_study_has_not(
    workplace: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["data", "synthesize", "mine", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert words in output.err
    assert list(workplace.iterdir()) == []
