"""Launches online and offline, outages, kills and syncs in any order: the server ends complete."""

import random
import time

import pytest
from chance import SHORT, launch, over
from fake_wandb_server import OUTAGES, WELL, FakeWandbServer
from killing import started
from miniature_sweep import CONTEXT, all_configs, make_history, make_record, make_sweep

from foldgrid.tracking import FitRuns
from foldgrid.tracking.wandb import NotSentError, RunSender

NUM_FITS = len(all_configs())


def sync(folder, patience=None):
    """As ``--sync``: stops where W&B is away."""
    with RunSender(folder, FitRuns(make_sweep(), CONTEXT), patience) as sender:
        try:
            for config in over(folder):
                if not sender.is_sent(config):
                    sender.send(config, make_record(config), make_history())
        except NotSentError:
            return False
    return True


def killed(script, seconds, *arguments):
    with started(script, *arguments) as process:
        time.sleep(seconds)
        process.kill()


def happen(chance, folder, server):
    """One thing that may happen to a run folder; says what, for when the end is not right."""
    mood = chance.choice([WELL, WELL, *OUTAGES])
    after_rows = server.num_rows + chance.randint(1, 6) if chance.random() < 0.5 else 0
    server.turn(mood, after_rows)
    num_over = min(len(over(folder)) + chance.randint(1, 2), NUM_FITS)
    seed, mode = chance.randrange(1000), chance.choice(["online", "online", "offline"])
    what = chance.choice(["launch", "sync", "killed launch", "killed sync"])
    if what == "launch":
        launch(folder, mode, num_over, seed)
    elif what == "sync":
        sync(folder, SHORT)
    elif what == "killed launch":
        killed("chance.py", chance.uniform(0.6, 2.5), folder, mode, num_over, seed)
    else:
        killed("sender.py", chance.uniform(0.6, 2.0), folder, "over")
    server.turn(WELL)
    return what, mode, mood, after_rows


MORE = [pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(2, 12)]


@pytest.mark.parametrize("seed", [0, 1, *MORE])
def test_whatever_happens_every_epoch_arrives_once(tmp_path, monkeypatch, seed):
    chance, story = random.Random(seed), []
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL", "1")
    with FakeWandbServer() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        for _ in range(6):
            story.append(happen(chance, tmp_path, server))
        launch(tmp_path, "offline", NUM_FITS, seed)
        assert sync(tmp_path), story
        whole = {f"mini-{config.fit_id}": [1, 2, 3] for config in all_configs()}
        assert server.steps() == whole, story
        assert {run.exit_code for run in server.runs.values()} == {0}, story
        num_opened = sum(run.num_opened for run in server.runs.values())
        assert sync(tmp_path)
        assert sum(run.num_opened for run in server.runs.values()) == num_opened, story
