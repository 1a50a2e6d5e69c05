"""``foldgrid sync RUN``: W&B's server made complete from the records, whatever happened before."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import wandb

from foldgrid.records import RunLock, RunStore
from foldgrid.tracking import channel
from foldgrid.tracking.wandb import sender as run_sender
from foldgrid.tracking.wandb import writer
from foldgrid.tracking.wandb.session import Patience
from tests.launching.beside import launched_beside
from tests.launching.tiny_sweep import ONE_BACKBONE, TINY, Launched, Launcher
from tests.records.s3_on_localhost import BUCKET, CREDENTIALS, s3_server
from tests.tracking.fake_wandb_server import FAILS, HANGS, MUTE, REFUSES, WELL, FakeWandbServer

PROJECT = Path(__file__).resolve().parents[2]
NUM_FITS = 2
COMMAND = "foldgrid sync"
OFFLINE = ("--wandb", "offline")
SEARCH = (
    ONE_BACKBONE + "search_space: lr_plateau\nsearch: {num_trials: 2, sampler: RandomSampler}\n"
)


@pytest.fixture
def offline_run(launcher: Launcher) -> Path:
    """The folder of a finished sweep whose runs wait in it."""
    launcher.done_before(ONE_BACKBONE, *OFFLINE)
    return launcher.storage / "tiny"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeWandbServer]:
    """A W&B server, and an account with it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL", "1")
    # Whoever asked for a key before knows another server's address.
    wandb.teardown()
    with FakeWandbServer() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        yield server
        wandb.teardown()


@contextmanager
def short_patience(seconds: float) -> Iterator[None]:
    """Seconds instead of minutes; nothing else about W&B is changed."""
    short = Patience(init_seconds=seconds, finish_seconds=seconds, close_seconds=60)
    with pytest.MonkeyPatch.context() as patch:
        for module in (writer, run_sender):
            patch.setattr(module, "Patience", lambda: short)
        yield


def sync(launcher: Launcher, *options: str, name: str = "tiny") -> Launched:
    """Sends what is missing."""
    return launcher.raw("--sync", str(launcher.storage / name), *options)


def steps_of_fits(server: FakeWandbServer) -> dict[str, list[int]]:
    """What the server has of each fit or trial."""
    return {name: steps for name, steps in server.steps().items() if "summary" not in name}


def check_complete(server: FakeWandbServer, store: RunStore, num_fits: int = NUM_FITS) -> None:
    """Every epoch of every fit exactly once, with the records' figures, and the ranking."""
    runs = {fit.fit_id: server.runs[f"tiny-{fit.fit_id}"] for fit in store.read_plan()}
    assert len(steps_of_fits(server)) == len(runs) == num_fits
    for fit_id, run in runs.items():
        history, record = store.read_history(fit_id), store.read_fit(fit_id)
        assert run.steps == [epoch.epoch for epoch in history] == [1, 2]
        reported = [row["validation/loss"] for row in run.history]
        assert reported == pytest.approx([epoch.validation_loss for epoch in history])
        assert record.metrics
        for name, value in record.metrics.items():
            assert run.summary[name.replace(".", "_")] == pytest.approx(value)
        assert run.exit_code == 0
    (summary,) = (run for name, run in server.runs.items() if "summary" in name)
    assert summary.summary["best"]
    assert any(path.startswith("media/table/ranking") for path in summary.files)
    assert any(path.startswith("media/table/visits") for path in summary.files)


def check_that_a_repetition_sends_nothing(
    server: FakeWandbServer, launcher: Launcher, num_fits: int = NUM_FITS
) -> None:
    """Not even the summary, and no run is opened."""
    before = server.num_rows, {name: run.num_opened for name, run in server.runs.items()}
    again = sync(launcher)
    assert again.code == 0
    assert f"W&B       {num_fits} runs sent earlier\n" in again.out
    after = server.num_rows, {name: run.num_opened for name, run in server.runs.items()}
    assert after == before


def test_an_offline_sweep_is_sent_in_the_plans_order(
    launcher: Launcher, server: FakeWandbServer
) -> None:
    path = launcher.done_before(TINY, *OFFLINE, ranked=True)
    done = launcher(path, *OFFLINE, ranked=True)
    assert f"foldgrid sync {launcher.storage}/tiny" in done.out
    sent = sync(launcher)
    assert sent.code == 0, sent.out + sent.err
    assert "W&B       4 runs sent with 8 epochs; the summary sent" in sent.out
    assert f"see       {server.url}/us/p" in sent.out
    store = launcher.store()
    assert list(server.runs)[:4] == [f"tiny-{fit.fit_id}" for fit in store.read_plan()]
    check_complete(server, store, 4)
    assert not list(launcher.storage.glob("tiny/wandb/*run-*"))
    check_that_a_repetition_sends_nothing(server, launcher, 4)
    assert launcher(path, *OFFLINE).code == 0
    assert not list(launcher.storage.glob("tiny/wandb/*run-*-fold*")), "what is sent stays sent"


def test_a_sweep_that_w_and_b_does_not_have(launcher: Launcher, server: FakeWandbServer) -> None:
    path = launcher.done_before(ONE_BACKBONE, "--only", "fold=0")
    sent = sync(launcher)
    assert sent.code == 0
    assert "1 run sent with 2 epochs" in sent.out
    assert "waits     1 fit not finished yet: a run is sent when its fit is" in sent.out
    launcher(path)
    sent = sync(launcher)
    assert "1 run sent with 2 epochs; the summary sent; 1 run sent earlier" in sent.out
    assert "waits" not in sent.out, sent.out
    check_complete(server, launcher.store())


@pytest.mark.parametrize(("mood", "after_rows"), [(HANGS, 0), (MUTE, 3)])
def test_an_outage_stops_no_sweep(
    launcher: Launcher, server: FakeWandbServer, mood: str, after_rows: int
) -> None:
    server.turn(mood, after_rows)
    with short_patience(1.5):
        done = launcher(launcher.write(ONE_BACKBONE), "--wandb", "online")
    assert done.code == 0, done.out + done.err
    assert server.mood == mood
    assert "note: W&B could not be reached" in done.out
    assert f"`foldgrid sync {launcher.storage}/tiny`" in done.out
    assert len(launcher.store().finished_fits()) == NUM_FITS
    server.turn(WELL)
    assert sync(launcher).code == 0
    check_complete(server, launcher.store())
    check_that_a_repetition_sends_nothing(server, launcher)


def test_fits_are_trained_while_w_and_b_hangs(
    launcher: Launcher, server: FakeWandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W&B is still waited for, in its own thread, when the last fit is done."""
    endless = Patience(init_seconds=600, finish_seconds=600, close_seconds=1, offline_seconds=20)
    monkeypatch.setattr(writer, "Patience", lambda: endless)
    monkeypatch.setattr(channel, "UNNOTICED_SECONDS", 0.1)
    server.turn(HANGS)
    done = launcher(launcher.write(ONE_BACKBONE), "--wandb", "online")
    assert done.code == 0, done.out + done.err
    assert f"Waiting for W&B; Ctrl-C leaves the rest to `{COMMAND}" in done.out
    assert "W&B did not take everything before the launch ended" in done.out
    assert server.num_turned_away == 1, "the first request has no answer yet"
    assert len(launcher.store().finished_fits()) == NUM_FITS
    server.turn(WELL)
    assert sync(launcher).code == 0
    check_complete(server, launcher.store())


@pytest.mark.parametrize("mood", [REFUSES, FAILS])
def test_a_server_that_is_away_leaves_everything_to_the_next_try(
    launcher: Launcher, server: FakeWandbServer, mood: str
) -> None:
    launcher.done_before(TINY, *OFFLINE, ranked=True)
    folder = launcher.storage / "tiny/wandb"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    server.turn(mood)
    with short_patience(0.5):
        away = sync(launcher)
    assert away.code == 1
    assert "W&B       nothing sent\nwaits     4 runs: W&B could not be reached (" in away.out
    assert "Nothing is lost. Run the same command again" in away.out
    assert server.num_turned_away <= 10, "it stops after two runs"
    kept = {path: path.read_bytes() for path in before if path.is_file()}
    assert kept == before
    server.turn(WELL)
    assert sync(launcher).code == 0
    check_complete(server, launcher.store(), 4)


def test_a_run_that_cannot_be_read_does_not_keep_the_others(
    launcher: Launcher, offline_run: Path, server: FakeWandbServer
) -> None:
    store = launcher.store()
    torn, *others = store.read_plan()
    path = offline_run / f"fits/{torn.fit_id}/history.jsonl"
    whole = path.read_text()
    path.write_text(whole.splitlines()[0] + "\n")
    sent = sync(launcher)
    assert sent.code == 1
    assert "1 run sent" in sent.out
    assert f"not sent  {torn.fit_id}: history.jsonl: " in sent.out
    assert sorted(steps_of_fits(server)) == sorted(f"tiny-{fit.fit_id}" for fit in others)
    path.write_text(whole)
    assert sync(launcher).code == 0
    check_complete(server, store)


def test_what_is_wrong_with_the_command_line(
    launcher: Launcher, server: FakeWandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher.done_before(ONE_BACKBONE, "--only", "fold=0")
    run = str(launcher.storage / "tiny")
    with RunLock(launcher.store().root):
        said = sync(launcher)
    assert said.code == 2
    assert f"process {os.getpid()}" in said.err
    assert "`foldgrid sync` when it has ended" in said.err
    assert sync(launcher, "--wandb", "online").code == 0
    for options, words in (
        (("--wandb", "offline"), 'Invalid value "offline" for --wandb'),
        (("--wandb", "disabled"), 'Choose from: "auto", "online"'),
        (("--sweep", "tiny"), "--sweep"),
        (("--plan", "--set", "seed=1"), "--plan"),
        (("--status", run), "--status"),
        (("--budget", "smoke"), "--budget"),
    ):
        said = sync(launcher, *options)
        assert (said.code, words in said.err) == (2, True), said.err
    assert sync(launcher, name="no-such").code == 2
    monkeypatch.delenv("WANDB_API_KEY")
    said = sync(launcher)
    assert said.code == 2
    assert "no W&B key was found" in said.err
    assert "wandb login" in said.err


def test_a_search_is_sent_trial_by_trial(launcher: Launcher, server: FakeWandbServer) -> None:
    launcher.done_before(SEARCH, *OFFLINE)
    sent = sync(launcher)
    assert sent.code == 0, sent.out + sent.err
    assert "2 runs sent with 4 epochs; the summary sent" in sent.out
    assert list(steps_of_fits(server).values()) == [[1, 2], [1, 2]]
    (summary,) = (run for name, run in server.runs.items() if "summary" in name)
    assert summary.summary["num_trials"] == 2
    assert any(path.startswith("media/table/trials") for path in summary.files)
    opened = sum(run.num_opened for run in server.runs.values())
    assert "W&B       2 runs sent earlier\n" in sync(launcher).out
    assert sum(run.num_opened for run in server.runs.values()) == opened


def test_a_search_with_others_leaves_their_trials_in_the_table(
    launcher: Launcher, server: FakeWandbServer
) -> None:
    """Another launch's trials are known to the study only, which --sync does not ask."""
    launcher.done_before(SEARCH, *OFFLINE)
    path = launcher.storage / "tiny/search/trials.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[-1].replace(",1,", ",2,", 1)]) + "\n")
    assert sync(launcher).code == 0
    assert not [name for name in server.runs if "summary" in name]


@pytest.mark.slow
def test_a_label_permutation_is_sent_as_one(launcher: Launcher, server: FakeWandbServer) -> None:
    path = launcher.write(ONE_BACKBONE)
    launcher(path, *OFFLINE, "--canary", "shuffled_scores")
    (folder,) = launcher.storage.iterdir()
    sent = sync(launcher, name=folder.name)
    assert sent.code == 0, sent.out + sent.err
    assert len(server.runs) == NUM_FITS + 1
    assert all("canary" in run.settings["tags"] for run in server.runs.values())


@pytest.mark.slow
def test_images_are_sent_only_where_the_sweep_says_so(
    launcher: Launcher, server: FakeWandbServer
) -> None:
    path = launcher.done_before(ONE_BACKBONE, *OFFLINE)
    launcher(path, *OFFLINE, "--set", "tracking.images=true")
    assert sync(launcher).code == 0
    (summary,) = (run for name, run in server.runs.items() if "summary" in name)
    assert sum("composites" in name for name in summary.files) == 12


@pytest.mark.slow
def test_a_run_folder_in_object_storage(
    launcher: Launcher, server: FakeWandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_server() as address:
        for name, value in CREDENTIALS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{address}")
        run = f"s3://{BUCKET}/synced/tiny"
        path = launcher.write(ONE_BACKBONE)
        launcher(path, *OFFLINE, "--storage", f"s3://{BUCKET}/synced")
        key = (launcher.folder / "runs/tiny/pseudonym.key").read_bytes()
        sent = launcher.raw("--sync", run)
        assert sent.code == 0, sent.out + sent.err
        check_complete(server, RunStore.open(run))
        assert "2 runs sent earlier" in launcher.raw("--sync", run).out
    assert (launcher.folder / "runs/tiny/pseudonym.key").read_bytes() == key


def test_killed_while_it_sends(
    launcher: Launcher, offline_run: Path, server: FakeWandbServer
) -> None:
    with launched_beside("--sync", str(offline_run), folder=launcher.folder) as process:
        server.wait_for_rows(2)
        process.send_signal(signal.SIGKILL)
    ledger = json.loads((offline_run / "wandb/projected.json").read_text())["runs"]
    num_online = [each["mode"] for each in ledger.values()].count("online")
    assert num_online <= NUM_FITS
    assert sync(launcher).code == 0
    check_complete(server, launcher.store())
    check_that_a_repetition_sends_nothing(server, launcher)


def test_a_ctrl_c_ends_it_at_once(
    launcher: Launcher, offline_run: Path, server: FakeWandbServer
) -> None:
    server.turn(HANGS, after_rows=3)
    with launched_beside("--sync", str(offline_run), folder=launcher.folder) as process:
        server.wait_for_rows(3)
        while server.num_turned_away < 1:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.output.read()
        assert process.wait() == 130, said
    assert "Stopped: run the same command again; it sends only what is missing." in said
    assert "Traceback" not in said
    assert server.mood == HANGS
    assert not (offline_run / "launch.lock").exists()
    server.turn(WELL)
    assert sync(launcher).code == 0
    check_complete(server, launcher.store())


@pytest.mark.exhaustive
def test_a_launch_online_is_killed_then_goes_on_offline_then_is_sent(
    launcher: Launcher, server: FakeWandbServer
) -> None:
    path = launcher.write(ONE_BACKBONE)
    arguments = ["--sweep", str(path), "--budget", "smoke", "--executor", "inline"]
    arguments += ["--storage", str(launcher.storage), "--wandb", "online"]
    with launched_beside(*arguments, folder=launcher.folder) as process:
        server.wait_for_rows(3)
        process.send_signal(signal.SIGKILL)
    assert len(steps_of_fits(server)) >= 2
    assert launcher(path, *OFFLINE).code == 0
    assert sync(launcher).code == 0
    check_complete(server, launcher.store())
    check_that_a_repetition_sends_nothing(server, launcher)


def test_a_ledger_that_is_lost_doubles_nothing(
    launcher: Launcher, offline_run: Path, server: FakeWandbServer
) -> None:
    sync(launcher)
    shutil.rmtree(offline_run / "wandb")
    again = sync(launcher)
    assert "2 runs sent with 0 epochs" in again.out
    check_complete(server, launcher.store())
