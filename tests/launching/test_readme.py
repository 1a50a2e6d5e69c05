"""The README is true: its commands and its Python run, its numbers are those measured."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from foldgrid.analysis.checks.catalogue import CATALOGUE
from foldgrid.cli.main import main
from foldgrid.specs.reading import read_document, validate
from foldgrid.specs.sweep import Sweep
from foldgrid.specs.task import TASKS
from tests.launching.own_photographs import write_study
from tests.launching.tiny_sweep import SHORT_TRAINING, SMALL_DATA, Launcher
from tests.written_pages import PROJECT, blocks, commands, parse, read, tables, words_of

README = read("README.md")
TYPED = commands(README)
ONE_FIT_A_FOLD = ["--only", "backbone=squeezenet1_1", "--budget", "smoke", "--wandb", "disabled"]


def settings(*keys: str) -> list[str]:
    return [word for key in keys for word in ("--set", key)]


def rows(heading: str) -> list[dict[str, str]]:
    """The table below a heading of the README."""
    return next(tables(README.partition(f"## {heading}\n")[2]))


def sweep(name: str) -> Sweep:
    return validate(Sweep, read_document(PROJECT / "sweeps" / f"{name}.yaml"))


def test_it_is_read_in_one_sitting() -> None:
    assert len(README.splitlines()) <= 150


def test_it_names_the_command_that_tests_it_and_ci_runs_that() -> None:
    assert "`make test`" in README
    assert re.findall(r"^make .* test$", read(".ci/run"), re.MULTILINE) == [
        'make PYTHON="$python" test'
    ]


def test_every_command_in_it_is_tried_here() -> None:
    tried = {command for command in TYPED if command.startswith("pip install -r")}
    tried |= {command for command in TYPED if command.startswith("python launch.py")}
    tried |= {command for command in TYPED if "manifest" in command}
    tried |= {command for command in TYPED if command.startswith("foldgrid report")}
    assert tried == set(TYPED)


def test_what_it_installs_is_there_and_brings_the_command() -> None:
    [command] = [command for command in TYPED if command.startswith("pip")]
    requirements = read(shlex.split(command)[-1]).splitlines()
    assert requirements[-1] == "-e ."
    assert 'foldgrid = "foldgrid.cli.main:main"' in read("pyproject.toml")


@pytest.mark.parametrize("command", [each for each in TYPED if "launch.py" in each])
@pytest.mark.usefixtures("launcher")
def test_a_launch_that_it_shows_plans(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = words_of(command)
    assert words
    assert main([*words, "--plan", *ONE_FIT_A_FOLD, *settings(*SMALL_DATA)]) == 0
    assert "2 to train" in capsys.readouterr().out


def test_its_manifest_is_read(tmp_path: Path) -> None:
    from PIL import Image

    head, *lines = blocks(README, "csv")[0].splitlines()
    study = [line.replace("01", f"{subject:02}", 2) for subject in range(1, 7) for line in lines]
    for number, line in enumerate(study):
        photo = tmp_path / line.split(",")[0]
        photo.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (48, 32), (200, 150, number)).save(photo)
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("\n".join([head, *study]))
    assert main(["data", "check", str(manifest)]) == 0


def three_commands() -> list[list[str]]:
    """Those on somebody's own photographs."""
    found = [words_of(each) for each in TYPED if not each.startswith(("pip", "python"))]
    return [words for words in found if words]


def test_your_own_photographs_are_checked_and_planned(launcher: Launcher) -> None:
    write_study(launcher.folder, num_subjects=12)
    check, launch, _report = three_commands()
    assert main(check) == 0
    assert main([*launch, "--plan", *ONE_FIT_A_FOLD]) == 0


@pytest.mark.exhaustive
def test_your_own_photographs_in_three_commands(launcher: Launcher) -> None:
    write_study(launcher.folder, num_subjects=12)
    check, launch, report = three_commands()
    small = settings("data.tile_pixels=32", *SHORT_TRAINING)
    assert main(check) == 0
    assert main([*launch, *ONE_FIT_A_FOLD, "--executor", "inline", *small]) == 0
    assert main(report) == 0
    assert (launcher.storage / "all_backbones/report.html").exists()


def test_its_python_runs(launcher: Launcher, capsys: pytest.CaptureFixture[str]) -> None:
    launcher.done_before()
    (launcher.storage / "tiny").rename(launcher.storage / "quickstart")
    [code] = blocks(README, "python")
    assert len(code.strip().splitlines()) == 8
    code = code.replace("tf_efficientnet_lite1", "squeezenet1_1")
    exec(compile(code, "README.md", "exec"), {})
    assert "predict_the_mean" in capsys.readouterr().out
    assert "squeezenet1_1" in (launcher.folder / "predictions.csv").read_text().splitlines()[0]
    for made in ("forest.svg", "runs/quickstart/report.html"):
        assert (launcher.folder / made).exists()


def test_its_tasks_are_those_there_are() -> None:
    assert sorted(row["task"].strip("`") for row in rows("Tasks")) == sorted(TASKS)
    for row in rows("Tasks"):
        name, shown = row["task"].strip("`"), row["a sweep that has it"].strip("`")
        if shown:
            assert sweep(shown).task.name == name
        metric = row["ranked by"].strip("`")
        page = read("docs/how-to/tasks.md")
        [reported] = [each for each in next(tables(page)) if each["`name`"] == f"`{name}`"]
        assert reported["ordered by"] == f"`{metric}`"


def test_its_counts_are_right() -> None:
    for number in re.findall(r"(\d+) (?:networks|backbones) x 5 folds", README):
        assert int(number) == len(sweep("all_backbones").backbones)
    assert sweep("all_backbones").split.num_folds == 5
    assert len(sweep("quickstart").backbones) == 3
    assert f"{len(CATALOGUE)} checks" in README


def test_its_measurements_are_those_of_the_documentation() -> None:
    measured = [row for table in tables(read("docs/explanation/speed.md")) for row in table]
    assert len(rows("How fast")) == 3
    for row in rows("How fast"):
        command = row["command"].strip("`")
        parse(command)
        name = (words_of(command) or [command])[-1]
        [found] = [each for each in measured if each["command"].strip("`").endswith(name)]
        number = re.match(r"[\d.]+( min \d+ s)?", row["measured"])
        assert number
        assert number[0] in found["measured"]


def test_how_long_the_tests_take_is_what_was_measured_last() -> None:
    *_, measured = list(tables(read("docs/explanation/testing.md")))[1]
    reported = re.findall(
        r"`(make test|.ci/run)`(?: takes)? (\d+ min \d+ s)", read("CONTRIBUTING.md")
    )
    assert dict(reported) == {
        "make test": measured["`make test`"],
        ".ci/run": measured["all of `.ci/run`, with the installation"],
    }
