from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from foldgrid.cli.main import main

REPOSITORY = Path(__file__).parents[2]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python as a user's shell would: its own process, 80 columns, a pipe."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{REPOSITORY / 'src'}:{REPOSITORY}",
        "COLUMNS": "80",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=REPOSITORY,
    )


def small(make_run: Any) -> Any:
    return make_run(backbones=("resnet18", "vgg11"), num_folds=2, num_subjects=6)


def test_rank_prints_saves_and_prints_the_stored_table_again(make_run: Any) -> None:
    fake = small(make_run)
    fake.write()
    first = python("-m", "analysis", "rank", str(fake.folder))
    assert (first.returncode, first.stderr) == (0, "")
    assert "17 models ordered by out-of-fold (OOF) MAE" in first.stdout
    assert (fake.folder / "leaderboard.csv").is_file()
    code = (
        "import sys, foldgrid.cli.main as command\n"
        "slow = ('sklearn', 'scipy', 'torch', 'ray', 'wandb')\n"
        "print(command.main(sys.argv[1:]), [name for name in slow if name in sys.modules])"
    )
    again = python("-c", code, "rank", str(fake.folder))
    assert again.stdout == first.stdout + "0 []\n"


def test_analysis_never_loads_torch_ray_or_wandb() -> None:
    code = (
        "import sys, pkgutil, importlib, foldgrid.analysis as room\n"
        "for module in pkgutil.walk_packages(room.__path__, 'foldgrid.analysis.'):\n"
        "    importlib.import_module(module.name)\n"
        "print([n for n in ('torch', 'ray', 'wandb', 'optuna') if n in sys.modules])"
    )
    assert python("-c", code).stdout.strip() == "[]"


def test_bad_input_exits_2_without_a_traceback(make_run: Any) -> None:
    fake = small(make_run)
    fake.write()
    result = python("-m", "analysis", "rank", str(fake.folder), "--by", "cccc")
    assert (result.returncode, result.stdout) == (2, "")
    assert 'Did you mean "ccc"' in result.stderr
    assert "Traceback" not in result.stderr
    assert not (fake.folder / "leaderboard.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rank"], "RUN"),
        (["rnak", "{run}"], 'Did you mean "rank"'),
        (["rank", "{run}", "--by", "mea"], '"mae"'),
        (["rank", "{run}", "--format", "tex"], 'Did you mean "latex"'),
        (["rank", "{run}/nowhere"], "not a run folder"),
        (["rank", "{run}", "--bye", "mae"], "--bye"),
    ],
)
def test_every_mistake_is_answered(
    make_run: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    fake = small(make_run)
    fake.write()
    assert main([each.format(run=fake.folder) for each in arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert words in output.err


def test_nothing_finished_names_the_command_that_trains(
    make_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = small(make_run)
    fake.unfinished |= set(fake.predictions)
    fake.write()
    assert main(["rank", str(fake.folder)]) == 2
    assert "foldgrid launch tiny" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["csv", "md", "latex", "json"])
def test_every_format_is_printed_alone(
    make_run: Any, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    fake = make_run(backbones=("resnet18",), num_folds=2, num_subjects=6)
    fake.write()
    assert main(["rank", str(fake.folder), "--by", "ccc", "--format", form]) == 0
    text = capsys.readouterr().out
    assert text.endswith("\n")
    if form == "json":
        assert json.loads(text)["by"] == "ccc"


def test_no_file_has_two_names(make_run: Any) -> None:
    fake = small(make_run)
    fake.write()
    code = (
        "import collections, os, runpy, sys\n"
        "try:\n"
        "    runpy.run_module('analysis', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
        "files = collections.Counter(\n"
        "    os.path.realpath(module.__file__) for name, module in list(sys.modules.items())\n"
        "    if name.startswith(('foldgrid', 'analysis')) and getattr(module, '__file__', None)\n"
        ")\n"
        "assert len(files) > 50\n"
        "print([file for file, number in files.items() if number > 1])"
    )
    assert python("-c", code, "rank", str(fake.folder)).stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["rank", "check", "published", "compare"])
def test_a_search_is_no_grid(
    make_run: Any, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    store = make_run(num_folds=2).write()
    store.write_json("search/plan.json", {})
    arguments = [store.location] * (2 if command == "compare" else 1)
    assert main([command, *arguments]) == 2
    said = capsys.readouterr().err
    assert "a search, not a grid" in said
    assert f"foldgrid report {store.location}" in said
