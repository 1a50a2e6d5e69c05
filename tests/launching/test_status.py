"""``--status`` while a sweep runs, after it, and after it was killed."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest
from rich.console import Console

from foldgrid.cli.main import main
from foldgrid.launching.progress.status import Cell, print_matrix
from foldgrid.records import PlannedFit, RunStore
from foldgrid.records.run_lock import RunLock
from foldgrid.specs.progress import LaunchProgress, RunningJob
from tests.launching.tiny_sweep import TINY, Launcher

SEARCH = TINY + "search_space: lr_plateau\nsearch: {num_trials: 2, sampler: RandomSampler}\n"


def status_of(launcher: Launcher, name: str = "tiny") -> str:
    """What ``--status`` prints."""
    launcher.capture.readouterr()
    assert main(["status", str(launcher.storage / name)]) == 0
    return launcher.capture.readouterr().out


def say(store: RunStore, **facts: object) -> None:
    """Writes what a launch would say of itself."""
    progress = {"updated": 0.0, "num_done": 2, "num_total": 4, "running": {}, "failures": {}}
    text = LaunchProgress.model_validate({**progress, **facts}).model_dump_json()
    store.write_text("progress.json", text)


def test_after_half_of_a_sweep(launcher: Launcher) -> None:
    launcher.done_before(TINY, "--only", "fold=0")
    said = status_of(launcher)
    assert said.startswith("a tiny sweep\nnot running; the last launch reported ")
    assert said.splitlines()[2] == "fits      2 of 4 done, 2 left"
    assert said.endswith("Launch it again: it trains only what is missing.\n")
    for backbone in ("shufflenet_v2_x0_5", "squeezenet1_1"):
        assert re.search(rf"{backbone} +done +·", said)


def test_of_many_backbones_those_that_are_alike_are_counted() -> None:
    names = {"done": 20, "left": 1, "mixed": 2}
    cells = [
        Cell(PlannedFit(fit_id=f"{kind}{n}-{fold}", backbone=f"{kind}{n}", fold=fold), state)
        for kind, number in names.items()
        for n in range(number)
        for fold in (0, 1)
        for state in ["left" if kind == "left" or (kind == "mixed" and fold) else "done"]
    ]
    stream = io.StringIO()
    print_matrix(cells, Console(file=stream, width=80))
    lines = [" ".join(line.split()) for line in stream.getvalue().splitlines()]
    assert lines == [
        "backbone fold 0 fold 1",
        "mixed0 done ·",
        "mixed1 done ·",
        "20 backbones: all folds done",
        "1 backbone: all folds left",
    ]


def test_while_a_fit_trains_and_after_its_launcher_was_killed(launcher: Launcher) -> None:
    launcher.done_before(TINY, "--only", "fold=0")
    store = RunStore(str(launcher.storage / "tiny"))
    left = [fit for fit in store.read_plan() if fit.fold == 1]
    running = {left[0].fit_id: RunningJob(since=0.0, epoch=7)}
    say(store, running=running, seconds_left=7200.0)
    with RunLock(store.root):
        said = status_of(launcher)
        assert re.search(r"running   process \d+ on .*, since 20", said)
        assert re.search(rf"{left[0].backbone} +done +epoch 7", said)
        assert "2 of 4 done, 1 left, 1 running" in said
        assert "about 2 h 0 min" in said
    killed = status_of(launcher)
    assert "not running" in killed
    assert "epoch 7" not in killed


def test_a_failure_is_shown_with_the_end_of_its_traceback(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise ValueError("the card is on fire")

    monkeypatch.setattr("foldgrid.training.fit.forward_all", refuse)
    done = launcher(launcher.write(), "--only", "fold=0")
    assert done.code == 1
    said = status_of(launcher)
    assert said.count("ValueError: the card is on fire") == 4, (
        "for each fit: why, and its traceback"
    )
    assert "raise ValueError" in said
    assert re.search(r"squeezenet1_1 +failed +·", said)


def test_a_launch_ends_when_everything_fails(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise ValueError("the card is on fire")

    with monkeypatch.context() as patch:
        patch.setattr("foldgrid.training.fit.forward_all", refuse)
        limit = "resources.max_failures_in_a_row=3"
        done = launcher(launcher.write(), "--set", limit)
    assert done.code == 1
    assert "3 failed one after another" in done.out
    assert len(list(launcher.storage.rglob("failure.txt"))) == 3, "the fourth was not tried"
    again = launcher(launcher.write())
    assert again.code == 0, again.out + again.err
    assert not list(launcher.storage.rglob("failure.txt"))


def test_of_a_search(launcher: Launcher) -> None:
    assert launcher(launcher.write(SEARCH), "--trials", "1").code == 0
    said = status_of(launcher)
    assert "trials    2 over" in said, "a trial for each of two backbones"


def test_what_is_no_run_folder(launcher: Launcher) -> None:
    assert main(["status", str(launcher.folder)]) == 2
    assert "not a run folder" in launcher.capture.readouterr().err


def test_it_answers_without_loading_torch_or_ray(launcher: Launcher) -> None:
    launcher.done_before(TINY, "--only", "fold=0")
    script = (
        "import sys\nfrom foldgrid.cli.main import main\n"
        f"assert main(['status', {str(launcher.storage / 'tiny')!r}]) == 0\n"
        "print(sorted({'torch', 'ray', 'wandb', 'optuna'} & set(sys.modules)))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert said.stdout.rstrip().endswith("[]"), said.stdout
