"""``foldgrid``: one command line by four spellings, its exit codes, and what it says of itself."""

from __future__ import annotations

import errno
import os
import platform
import runpy
import subprocess
import sys
from getpass import getuser
from pathlib import Path

import pytest

from foldgrid import __version__
from foldgrid.cli.main import COMMANDS, main, make_app, words_of_launch_py
from foldgrid.launching.interrupt import Terminated
from foldgrid.records import RunStore
from foldgrid.specs.errors import StorageAwayError, SweepError
from foldgrid.specs.folders import find_sweep, sweep_folders
from foldgrid.specs.resolving import resolve_sweep
from tests.analysis.conftest import FakeRun

PROJECT = Path(__file__).resolve().parents[2]
LINES = {name: line for commands in COMMANDS.values() for name, (_, line) in commands.items()}
WITH_COMMANDS = {
    "data": ("cache", "check", "composites", "synthesize"),
    "models": ("compare", "describe"),
    "weights": ("fetch", "list"),
}
ALL = [
    each
    for name in LINES
    for each in ([name], *([name, inner] for inner in WITH_COMMANDS.get(name, ())))
]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [(), ("--help",)], ids=["alone", "help"])
def test_the_overview_imports_no_command(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys; from foldgrid.cli.main import main\n"
        f"assert main({arguments!r}) == 0\n"
        "slow = ('torch', 'pandas', 'ray', 'foldgrid.cli.launch', 'foldgrid.cli.results')\n"
        "print([name for name in slow if name in sys.modules])"
    )
    done = python("-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    said = " ".join(done.stdout.replace("│", " ").split())
    for name, line in LINES.items():
        assert f"{name} {line}" in said
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", LINES)
def test_the_line_of_a_command_is_the_first_of_its_docstring(name: str) -> None:
    assert make_app()[name].help.strip().splitlines()[0] == LINES[name]


@pytest.mark.parametrize("command", [["predict"], ["models", "describe"]], ids="-".join)
def test_help_is_quick(command: list[str]) -> None:
    code = (
        f"import sys; from foldgrid.cli.main import main; main({[*command, '--help']})\n"
        "print([name for name in ('torch', 'pandas', 'ray', 'wandb') if name in sys.modules])"
    )
    assert python("-c", code).stdout.splitlines()[-1] == "[]"


class Spelled:
    """Runs what a user may type in this process, by the files that Python would run."""

    def __init__(self, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capture, self._patch = capture, patch

    def __call__(self, program: str, *words: str) -> tuple[int, str, str]:
        self._patch.setattr(sys, "argv", [program.split()[-1], *words])
        self._capture.readouterr()
        code = main() if program == "foldgrid" else self._run_file(program.split()[-1])
        said = self._capture.readouterr()
        return code, said.out, said.err

    @staticmethod
    def _run_file(name: str) -> int:
        try:
            if name.endswith(".py"):
                runpy.run_path(str(PROJECT / name), run_name="__main__")
            else:
                runpy.run_module(name, run_name="__main__")
        except SystemExit as end:
            return int(end.code or 0)
        raise AssertionError("it did not exit")


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A run folder, made up."""
    fake = FakeRun(tmp_path / "tiny", backbones=("resnet18", "vgg11"), num_folds=2, num_subjects=6)
    fake.write()
    return fake.folder


@pytest.fixture
def spelled(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Spelled:
    return Spelled(capsys, monkeypatch)


@pytest.mark.parametrize("program", ["python -m foldgrid", "python -m analysis"])
@pytest.mark.parametrize("command", ALL, ids="-".join)
def test_every_command_is_the_same_by_a_module(
    program: str, command: list[str], spelled: Spelled
) -> None:
    code, out, err = spelled("foldgrid", *command, "--help")
    assert (code, err) == (0, "")
    usage = f"Usage: foldgrid {' '.join(command)}"
    assert out.startswith(usage)
    code, by_module, err = spelled(program, *command, "--help")
    assert (code, err) == (0, "")
    assert by_module.partition("\n")[2] == out.partition("\n")[2]
    assert by_module.startswith(usage.replace("foldgrid", program))


@pytest.mark.parametrize(
    ("command", "old"),
    [
        (["rank", "{run}", "--format", "csv"], ["python -m analysis"]),
        (["check", "{run}", "--format", "json"], ["python -m analysis"]),
        (["compare", "{run}", "{run}"], ["python -m analysis"]),
        (["published", "{run}"], ["python -m analysis"]),
        (["report", "{run}/nowhere"], ["python -m analysis"]),
        (["models", "compare", "--format", "svg"], ["python -m foldgrid"]),
        (["data", "check", "no.csv"], ["python -m foldgrid"]),
        (["predict", "{run}/nowhere", "no.csv"], ["python -m foldgrid"]),
        (["weights", "list", "--bakbone", "no"], ["python -m foldgrid"]),
        (["list"], ["python launch.py", "--list"]),
        (["status", "{run}"], ["python launch.py", "--status", "{run}"]),
        (["status", "{run}"], ["python launch.py", "--status={run}"]),
        (["sync", "{run}/nowhere"], ["python launch.py", "--sync", "{run}/nowhere"]),
        (["launch", "qickstart"], ["python launch.py", "--sweep", "qickstart"]),
        (
            ["launch", "{run}/sweep.yaml", "--plan"],
            ["python launch.py", "--plan", "--sweep", "{run}/sweep.yaml"],
        ),
        (["launch", "--help"], ["python launch.py", "--help"]),
    ],
    ids=lambda words: "-".join(words[:2]),
)
def test_what_was_typed_before_does_the_same(
    command: list[str], old: list[str], spelled: Spelled, finished: Path
) -> None:
    program, *words = [each.format(run=finished) for each in old]
    new = [each.format(run=finished) for each in command]
    assert spelled(program, *(words or new)) == spelled("foldgrid", *new)
    assert spelled("python launch.py") == spelled("foldgrid", "launch")


def test_the_words_of_launch_py() -> None:
    for words, command in (
        ([], ["launch"]),
        (["--sweep", "tiny", "--plan"], ["launch", "--sweep", "tiny", "--plan"]),
        (["--sync", "runs/x", "--wandb", "online"], ["sync", "runs/x", "--wandb", "online"]),
        (["--wandb=online", "--sync=runs/x"], ["sync", "runs/x", "--wandb=online"]),
    ):
        assert words_of_launch_py(words) == command


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["launch.py", "--sweep", "a b", "--plan"], "foldgrid launch --sweep 'a b' --plan"),
        (["bin/foldgrid", "launch", "tiny", "--only", "fold=0"], "foldgrid launch tiny"),
        (["foldgrid/__main__.py", "launch", "tiny"], "foldgrid launch tiny"),
        (["a_notebook.py", "launch"], "foldgrid launch the_sweep"),
        (["foldgrid", "sync", "runs/tiny"], "foldgrid launch the_sweep"),
        ([], "foldgrid launch the_sweep"),
    ],
)
def test_a_run_folder_knows_the_command_that_goes_on(
    words: list[str], command: str, tmp_path: Path
) -> None:
    store = RunStore(str(tmp_path))
    store.write_sweep({"name": "the_sweep"})
    store.write_provenance({"command": words})
    assert store.relaunch_command() == command


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["rnk"], 'Did you mean "rank"?'),
        (["dta"], 'Did you mean "data"?'),
        (["data", "chek"], 'Did you mean "check"?'),
        (["weights", "fetch", "--bakbone"], "Did you mean --backbone?"),
    ],
)
def test_a_wrong_word_exits_2_and_the_nearest_is_offered(
    arguments: list[str], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert arguments[-1] in output.err
    assert found in output.err


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (SweepError("postgresql://me:secret@host/trials"), 2, "postgresql://me:***@host/trials\n"),
        (StorageAwayError(errno.EIO, "no answer", "s3://b/x"), 1, "s3://b/x: the object store is"),
        (OSError(errno.ENOSPC, "full", "runs/x/fit.json"), 1, "runs/x/fit.json: the disk is full"),
        (OSError(errno.EDQUOT, "full", "runs/x/fit.json"), 1, "runs/x/fit.json: the disk is full"),
        (KeyboardInterrupt(), 130, "\nStopped: run the same command again.\n"),
        (Terminated(), 143, "\nStopped: run the same command again.\n"),
    ],
    ids=["input", "storage", "disk", "quota", "Ctrl-C", "SIGTERM"],
)
def test_an_end_has_its_exit_code_and_words(
    raised: BaseException,
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def end(location: str) -> None:
        raise raised

    monkeypatch.setattr(RunStore, "open", end)
    assert main(["report", "runs/x"]) == code
    output = capsys.readouterr()
    assert (output.out, words in output.err) == ("", True), output.err


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(location: str) -> None:
        raise OSError(errno.EACCES, "refused")

    monkeypatch.setattr(RunStore, "open", end)
    with pytest.raises(OSError, match="refused"):
        main(["report", "runs/x"])


def test_own_sweeps_go_before_those_that_come_with_foldgrid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = find_sweep("quickstart", sweep_folders())
    assert shipped.is_absolute()
    assert main(["list"]) == 0
    assert "quickstart       Quickstart:" in capsys.readouterr().out
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "search_spaces").mkdir()
    text = shipped.read_text(encoding="utf-8")
    own = text.replace("Quickstart: three", "Mine: these three")
    (tmp_path / "sweeps" / "quickstart.yaml").write_text(own, encoding="utf-8")
    (tmp_path / "search_spaces" / "broken.yaml").write_text("title: [1\n", encoding="utf-8")
    (tmp_path / "search_spaces" / "nameless.yaml").write_text("{}\n", encoding="utf-8")
    found = find_sweep("quickstart", sweep_folders())
    assert found == Path("sweeps/quickstart.yaml")
    assert resolve_sweep(found, "paper").sweep.title.startswith("Mine: these three")
    assert find_sweep("aidda", sweep_folders()).is_absolute()
    assert find_sweep(str(shipped), sweep_folders()) == shipped
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "Sweeps in sweeps/",
        "  quickstart       Mine: these three EfficientNet-Lites, and one of them fine-tuned, x 5 "
        "subject-wise folds",
        "Sweeps that come with foldgrid",
    ]
    assert "  quickstart       hidden by sweeps/quickstart.yaml" in lines
    assert "Search spaces in search_spaces/" in lines
    [broken] = [line for line in lines if line.startswith("  broken  ")]
    assert "cannot be read: search_spaces/broken.yaml: 1 problem line 2 not valid YAML" in broken
    assert "  nameless         has no title" in lines
    assert "Search spaces that come with foldgrid" in lines


def test_the_version_for_a_report_of_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"foldgrid {__version__}\n"
    assert main(["--version", "--verbose"]) == 0
    said = capsys.readouterr().out
    stated = {line.split()[0]: line.split(maxsplit=1)[1] for line in said.splitlines()}
    assert list(stated) == [
        *("foldgrid", "Python", "torch", "torchvision", "timm", "ray", "wandb", "optuna"),
        *("system", "CUDA", "devices"),
    ]
    assert stated["Python"].startswith(platform.python_version())
    for private in (platform.node(), str(Path.home()), str(PROJECT)):
        assert private not in said
    assert getuser() not in said.split()


def test_bash_completes_commands_sweeps_and_run_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "completion.bash"
    arguments = ["--install-completion", "--shell", "bash", "--output", str(script)]
    assert main(arguments) == 0
    assert f"{script}: completion for bash" in capsys.readouterr().out
    program = tmp_path / "bin" / "foldgrid"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m foldgrid "$@"\n')
    program.chmod(0o755)
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    (run / "sweep.yaml").touch()
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", f"{PROJECT / 'src'}{os.pathsep}{PROJECT}")

    def offered(*words: str) -> list[str]:
        ask = (
            f'source {script}; COMP_WORDS=(foldgrid "$@"); COMP_CWORD=$#; _foldgrid; '
            "printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        done = subprocess.run(
            ["bash", "-c", ask, "bash", *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=True,
        )
        return done.stdout.split()

    assert offered("la") == ["launch"]
    assert offered("launch", "qui") == ["quickstart"]
    assert offered("rank", "r") == ["runs/mine"]
    assert offered("launch", "--budget", "s") == ["smoke"]


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", ".local/share/bash-completion/completions/foldgrid"),
        ("zsh", ".zsh/completions/_cyclopts_foldgrid"),
        ("fish", ".config/fish/completions/foldgrid.fish"),
    ],
)
def test_completion_goes_where_the_shell_looks(
    shell: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ZSH", "ZSH_CUSTOM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["--install-completion", "--shell", shell]) == 0
    text = (tmp_path / file).read_text(encoding="utf-8")
    for name in (*WITH_COMMANDS, "launch", "published"):
        assert name in text


def test_a_shell_that_is_not_known_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cyclopts.completion.detect.detect_shell", lambda: "powershell")
    assert main(["--install-completion"]) == 2
    assert "--shell bash" in capsys.readouterr().err
