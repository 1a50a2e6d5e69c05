"""W&B refuses, hangs, fails or goes mute, at once or midway: nothing waits, nothing is lost."""

import pytest
from fake_wandb_server import FAILS, HANGS, MUTE, REFUSES, WELL, FakeWandbServer
from miniature_sweep import (
    CONTEXT,
    NUM_EPOCHS,
    all_configs,
    make_history,
    make_record,
    make_sweep,
)
from offline_runs import read_folds, steps
from patience import patience_in_outage
from projectors import wandb_projector

from foldgrid.tracking import FitRuns
from foldgrid.tracking.wandb import RunSender
from foldgrid.tracking.wandb.session import Patience

ENDLESS = Patience(init_seconds=600, finish_seconds=600, close_seconds=0.5, offline_seconds=60)
HURRIED = Patience(init_seconds=600, finish_seconds=600, hurried_seconds=0.5, offline_seconds=60)
WHOLE = list(range(1, NUM_EPOCHS + 1))
CONFIGS = all_configs()[1:5]
"""Of both backbones."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    # Else it would send what it has every 15 seconds, and nothing be there in the middle. Whole
    # seconds only: W&B takes less than one for no word at all.
    monkeypatch.setenv("WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL", "1")
    with FakeWandbServer() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        yield server


def make_projector(folder, patience=None, mode="online"):
    return wandb_projector(folder, FitRuns(make_sweep(), CONTEXT), mode, patience=patience)


def train(projector, before_they_end=lambda: None):
    """Two fits side by side, then the next two."""
    for wave in (CONFIGS[:2], CONFIGS[2:]):
        for config in wave:
            projector.start(config)
        for epoch in make_history():
            for config in wave:
                projector.log_epoch(config, epoch)
        before_they_end()
        for config in wave:
            projector.finish(config, make_record(config), make_history())


def send_all(folder):
    """What was sent of each fit; nothing where it was sent before."""
    with RunSender(folder, FitRuns(make_sweep(), CONTEXT)) as sender:
        return [
            None
            if sender.is_sent(config)
            else sender.send(config, make_record(config), make_history())
            for config in CONFIGS
        ]


def check_complete(server):
    assert server.steps() == {f"mini-{config.fit_id}": WHOLE for config in CONFIGS}
    assert {run.exit_code for run in server.runs.values()} == {0}


EVERY_MOOD_ONCE = [(REFUSES, 0), (HANGS, 5), (FAILS, 0), (MUTE, 5)]
AT_THE_OTHER_TIME = [
    pytest.param(mood, 5 - after_rows, marks=pytest.mark.exhaustive)
    for mood, after_rows in EVERY_MOOD_ONCE
]


@pytest.mark.parametrize(("mood", "after_rows"), [*EVERY_MOOD_ONCE, *AT_THE_OTHER_TIME])
def test_a_sync_sends_what_an_outage_kept_back(tmp_path, server, mood, after_rows, capfd):
    server.turn(mood, after_rows)
    patience = patience_in_outage(is_well_at_first=after_rows > 0)
    with make_projector(tmp_path, patience) as projector:
        train(projector, lambda: server.wait_until(mood))
        assert not projector.wait(0), "the fits are over while W&B is still being tried"
    (warning,) = projector.warnings
    assert "lost nothing" in warning
    assert f"`foldgrid sync {tmp_path}`" in warning
    assert server.mood == mood, "the launch ended without W&B"
    for run in read_folds(tmp_path).values():
        assert steps(run) == WHOLE
    server.turn(WELL)
    sent = send_all(tmp_path)
    check_complete(server)
    assert list(tmp_path.glob("wandb/offline-run-*")) == []
    assert sum(each.num_sent for each in sent if each) + after_rows <= 3 * len(CONFIGS)
    before = server.num_rows, sum(run.num_opened for run in server.runs.values())
    assert send_all(tmp_path) == [None] * len(CONFIGS)
    assert (server.num_rows, sum(run.num_opened for run in server.runs.values())) == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("is_hurried", [False, True])
@pytest.mark.parametrize("after_rows", [0, 2])
def test_a_launch_does_not_wait_at_its_end_for_what_hangs(tmp_path, server, after_rows, is_hurried):
    """W&B may take ten minutes for each step; the launch is over within seconds, and whole."""
    server.turn(HANGS, after_rows)
    projector = make_projector(tmp_path, HURRIED if is_hurried else ENDLESS)
    train(projector, lambda: server.wait_until(HANGS))
    (warning,) = projector.close(is_hurried=is_hurried)
    assert "did not take everything before the launch ended" in warning
    assert server.mood == HANGS
    assert all(map(projector.is_projected, CONFIGS))
    assert all(steps(run) == WHOLE for run in read_folds(tmp_path).values())
    server.turn(WELL)
    send_all(tmp_path)
    check_complete(server)


def test_the_next_launch_online_sends_what_an_outage_kept_back(tmp_path, server):
    server.turn(MUTE, after_rows=4)
    with make_projector(tmp_path, patience_in_outage(is_well_at_first=True)) as projector:
        train(projector, lambda: server.wait_until(MUTE))
    server.turn(WELL)
    with make_projector(tmp_path) as projector:
        missing = [each for each in CONFIGS if not projector.is_projected(each)]
        for config in missing:
            projector.project_whole(config, make_history(), make_record(config))
    assert projector.warnings == ()
    check_complete(server)
    assert send_all(tmp_path) == [None] * len(CONFIGS)


def test_the_next_launch_without_a_network_leaves_offline_runs_as_they_are(tmp_path, server):
    with make_projector(tmp_path, mode="offline") as projector:
        train(projector)
    before = read_folds(tmp_path)
    server.turn(REFUSES)
    with make_projector(tmp_path, patience_in_outage(is_well_at_first=False)) as projector:
        assert not any(map(projector.is_projected, CONFIGS))
        for config in CONFIGS:
            projector.project_whole(config, make_history(), make_record(config))
    assert len(projector.warnings) == 1
    assert read_folds(tmp_path).keys() == before.keys()
    assert all(steps(run) == WHOLE for run in read_folds(tmp_path).values())
