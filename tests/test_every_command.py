"""``python -m foldgrid``: the door itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from foldgrid.__main__ import main

COMMANDS = (
    ["data", "synthesize"],
    ["data", "check"],
    ["data", "cache"],
    ["data", "composites"],
    ["models", "describe"],
    ["models", "compare"],
    ["weights", "fetch"],
    ["weights", "list"],
    ["predict"],
)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


def test_alone_it_prints_help() -> None:
    result = python("-m", "foldgrid")
    assert (result.returncode, result.stderr) == (0, "")
    for name in ("data", "models", "weights", "predict"):
        assert name in result.stdout


@pytest.mark.parametrize("command", COMMANDS, ids="-".join)
def test_every_command_has_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    assert "Usage: python -m foldgrid " + " ".join(command) in capsys.readouterr().out


@pytest.mark.parametrize("command", [["predict"], ["models", "describe"]], ids="-".join)
def test_help_is_quick(command: list[str]) -> None:
    code = (
        f"import sys; from foldgrid.__main__ import main; main({[*command, '--help']})\n"
        "print([name for name in ('torch', 'pandas', 'ray', 'wandb') if name in sys.modules])"
    )
    assert python("-c", code).stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "arguments", [["dta"], ["data", "chek"], ["weights", "fetch", "--bakbone"]]
)
def test_a_wrong_word_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert arguments[-1] in output.err


def test_an_interrupt_leaves_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("foldgrid.data.manifest.table.read_table", interrupted)
    assert main(["data", "check", "manifest.csv"]) == 130
    assert capsys.readouterr().err == "\nStopped.\n"
