"""What becomes of a sweep whose fits fail, each in its own way."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foldgrid.records.files import FileRoot
from foldgrid.specs.errors import SweepError
from foldgrid.training import Fit
from tests.launching.tiny_sweep import Launcher
from tests.small_memory import memory_for

PROJECT = Path(__file__).parents[2]

VICTIM = "squeezenet1_1"
Breaking = Callable[..., None]


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Breaking:
    """Has fits of one backbone, all or of one fold, raise when they train an epoch."""

    def break_fits(error: Exception, *, fold: int | None = None, times: int = 10**6) -> None:
        train, left = Fit._train, [times]

        def train_or_break(fit: Fit) -> float:
            if fit.config.backbone == VICTIM and fold in (None, fit.config.fold) and left[0]:
                left[0] -= 1
                raise error
            return train(fit)

        monkeypatch.setattr(Fit, "_train", train_or_break)

    return break_fits


def log_of(launcher: Launcher, fold: int) -> str:
    (log,) = (launcher.storage / "tiny" / "fits").glob(f"{VICTIM}-fold{fold}-*/fit.log")
    return log.read_text()


def test_an_error_that_does_not_come_again_costs_a_try(
    launcher: Launcher, breaking: Breaking
) -> None:
    breaking(OSError(errno.ESTALE, "Stale file handle"), fold=0, times=1)
    done = launcher(launcher.write())
    assert done.code == 0, done.out + done.err
    assert "FAILED  OSError: [Errno 116] Stale file handle (is tried again)" in done.out
    assert "fits failed" not in done.out
    assert len(launcher.store().finished_fits()) == 4
    log = log_of(launcher, 0)
    assert log.index("failed (error): OSError") < log.index("complete after 2 epochs")
    assert log.count("Traceback") == 1


def test_an_error_that_comes_again_is_not_tried_a_third_time(
    launcher: Launcher, breaking: Breaking
) -> None:
    breaking(ValueError("no such thing"), fold=0)
    done = launcher(launcher.write())
    assert done.code == 1
    assert log_of(launcher, 0).count("failed (error)") == 2
    assert len(launcher.store().finished_fits()) == 3, "all others complete"


def test_the_same_error_in_two_folds_is_tried_no_more(
    launcher: Launcher, breaking: Breaking
) -> None:
    breaking(ValueError("no such thing"))
    done = launcher(launcher.write())
    assert done.code == 1
    assert "2 fits failed:" in done.out
    for fold in (0, 1):
        assert log_of(launcher, fold).count("failed (error)") == 1
        # Which, its class, its message, the end of its log, and where that is.
        row = rf"\n  {VICTIM} fold {fold}  error  ValueError: no such thing\n    \| .*\n    \| .*\n"
        assert re.search(rf"{row}    \| ValueError: no such thing\n    .*/fit\.log", done.out)
    assert "Traceback (most recent call last)" not in done.out + done.err
    assert len(launcher.store().finished_fits()) == 2
    launch_log = (launcher.storage / "tiny" / "launch.log").read_text()
    assert "tiny: 0 of 4 fits done, 4 to train" in launch_log
    assert launch_log.count("failed (error): ValueError: no such thing") == 2
    assert launch_log.count("complete after 2 epochs") == 2
    assert "training is over" in launch_log


def test_bad_input_that_only_a_fit_can_see_stops_at_once(
    launcher: Launcher, breaking: Breaking
) -> None:
    breaking(SweepError("weights.pth: not the file that the sweep was planned with.\nFetch it."))
    done = launcher(launcher.write())
    assert done.code == 2
    assert done.err.strip().endswith("planned with.\nFetch it.")
    assert "Traceback" not in done.out + done.err


def test_a_disk_that_fills_ends_the_launch_and_the_next_one_goes_on(
    launcher: Launcher, breaking: Breaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context():
        breaking(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        done = launcher(launcher.write())
    assert done.code == 1
    assert "the disk is full" in done.err
    assert "Make room there" in done.err
    assert "Traceback" not in done.out + done.err
    monkeypatch.undo()


def test_a_disk_that_is_full_where_the_launcher_writes(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = FileRoot.write_bytes

    def write_or_fill(root: FileRoot, name: str, data: bytes, **more: bool) -> None:
        if name == "leaderboard.csv":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{root.location}/{name}")
        write(root, name, data, **more)

    path = launcher.done_before()
    with monkeypatch.context() as patch:
        patch.setattr(FileRoot, "write_bytes", write_or_fill)
        done = launcher(path, ranked=True)
    assert done.code == 1
    assert re.search(r"leaderboard.csv: the disk is full \(.*; [\d,.]+ MiB are free\)", done.err)
    assert launcher(path, ranked=True).code == 0


def test_memory_that_runs_out_is_made_do_with(launcher: Launcher) -> None:
    with memory_for(4):
        done = launcher(launcher.write())
    assert done.code == 0, done.out
    store = launcher.store()
    records = [store.read_fit(fit_id) for fit_id in store.finished_fits()]
    assert [record.micro_batch_size for record in records] == [4] * 4
    assert (Path(store.location) / "memory" / f"{VICTIM}.json").exists()


def test_memory_that_holds_nothing_is_a_failure_with_advice(launcher: Launcher) -> None:
    with memory_for(1):
        done = launcher(launcher.write(), "--only", f"backbone={VICTIM}")
    assert done.code == 1
    assert "2 fits failed:" in done.out
    assert "out of memory  CUDA out of memory. Tried to allocate 392.00 MiB. Give" in done.out


def test_a_fit_that_diverges_is_said_to_be_missing_from_the_ranking(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = Fit._train

    def train_or_diverge(fit: Fit) -> float:
        is_victim = (fit.config.backbone, fit.config.fold) == (VICTIM, 1)
        return float("nan") if is_victim and fit.epoch else train(fit)

    monkeypatch.setattr(Fit, "_train", train_or_diverge)
    done = launcher(launcher.write(), ranked=True)
    assert done.code == 0
    assert re.search(rf"{VICTIM} +fold 1  diverged", done.out)
    log = log_of(launcher, 1)
    assert "WARNING fold 1: diverged in epoch 2 at a learning rate of 0.001" in log
    (record,) = (
        launcher.store().read_fit(name)
        for name in launcher.store().finished_fits()
        if name.startswith(f"{VICTIM}-fold1")
    )
    assert (record.status, record.num_epochs) == ("diverged", 2)
    words = f"{VICTIM}, 1/2 folds: fold 1 diverged in epoch 2 at a learning rate of 0.001"
    assert "1 base learner left out: folds are missing or diverged." in " ".join(done.out.split())
    leaderboard = (launcher.storage / "tiny/leaderboard.json").read_text(encoding="utf-8")
    assert words in " ".join(leaderboard.split())
    table = pd.read_csv(launcher.storage / "tiny" / "leaderboard.csv").set_index("model")
    assert table.loc[VICTIM, "folds"] == "1/2"
    assert np.isnan(table.loc[VICTIM, "rank"])
    assert table.loc["shufflenet_v2_x0_5", "folds"] == "2/2"


@pytest.mark.exhaustive
@pytest.mark.slow
def test_where_ray_ends_workers_for_want_of_memory_the_reason_is_said(launcher: Launcher) -> None:
    # A process of its own: Ray reads these once. Any machine has more than 1 % in use.
    few = {"RAY_memory_usage_threshold": "0.01", "RAY_memory_monitor_refresh_ms": "50"}
    command = [
        sys.executable,
        str(PROJECT / "launch.py"),
        "--budget",
        "smoke",
        "--sweep",
        str(launcher.write()),
    ]
    command += ["--storage", str(launcher.storage), "--wandb", "disabled", "--only", "fold=0"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **few}
    )
    assert done.returncode == 1
    assert "2 fits failed:" in done.stdout
    assert "lost worker  its worker was lost, more often than max_retries (the machine ran out" in (
        done.stdout
    )
    log = log_of(launcher, 0)
    assert log.count("its worker was lost; it goes on from its last checkpoint elsewhere") == 2
    assert "Traceback" not in done.stdout + done.stderr
    again = launcher(launcher.write())
    assert again.code == 0, "with memory it trains"
