"""Finished runs sent to the server from the records alone."""

import json
import subprocess
import sys

import pytest
from fake_wandb_server import FAILS, MUTE, WELL, FakeWandbServer
from killing import started
from miniature_sweep import CONTEXT, all_configs, make_config, make_history, make_record, make_sweep
from offline_runs import read_folds
from patience import patience_in_outage
from projectors import wandb_projector

from foldgrid.tracking import FitRuns, make_content
from foldgrid.tracking.wandb import NotSentError, RunSender, SentRun

RANKING = [{"backbone": "resnet18", "mae": 3.0}]


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    with FakeWandbServer() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        yield server


def make_sender(folder, patience=None):
    return RunSender(folder, FitRuns(make_sweep(), CONTEXT), patience)


def send(folder, config, num_epochs=3):
    with make_sender(folder) as sender:
        return sender.send(config, make_record(config, num_epochs), make_history(num_epochs))


def project_offline(folder, configs):
    with wandb_projector(folder, FitRuns(make_sweep(), CONTEXT), "offline") as projector:
        for config in configs:
            projector.project_whole(config, make_history(), make_record(config))


def modes(folder):
    runs = json.loads((folder / "wandb/projected.json").read_text())["runs"]
    return {run["name"]: run["mode"] for run in runs.values()}


def test_a_run_is_sent_as_a_launch_would_have(tmp_path, server):
    config = make_config()
    with make_sender(tmp_path) as sender:
        assert not sender.is_sent(config)
        assert sender.send(config, make_record(config), make_history()) == SentRun(3, 0)
        assert sender.is_sent(config)
        assert sender.project_url.endswith("/us/p")
    run = server.runs[f"mini-{config.fit_id}"]
    assert (run.steps, run.exit_code) == ([1, 2, 3], 0)
    assert run.summary["oof/mae"] == 3.25
    assert run.settings["groupName"] == "resnet18"
    assert "fold-0" in run.settings["tags"]


def test_only_what_the_server_lacks_is_sent(tmp_path, server):
    config = make_config()
    with wandb_projector(tmp_path, FitRuns(make_sweep(), CONTEXT), "online") as projector:
        projector.start(config, make_history(2))
    assert send(tmp_path, config) == SentRun(num_sent=1, num_there=2)
    assert server.runs[f"mini-{config.fit_id}"].num_rows_taken == 3
    assert server.steps() == {f"mini-{config.fit_id}": [1, 2, 3]}


def test_what_the_server_has_too_much_is_said(tmp_path, server):
    config = make_config()
    with wandb_projector(tmp_path, FitRuns(make_sweep(), CONTEXT), "online") as projector:
        projector.start(config, make_history(3))
    assert send(tmp_path, config, num_epochs=2) == SentRun(0, num_there=2, num_beyond=1)


def test_what_was_uploaded_by_hand_is_not_doubled(tmp_path, server):
    configs = all_configs()[:2]
    project_offline(tmp_path, configs)
    folders = sorted(map(str, tmp_path.glob("wandb/offline-run-*")))
    command = [sys.executable, "-m", "wandb", "sync", *folders]
    subprocess.run(command, check=True, timeout=60, cwd=tmp_path, capture_output=True)
    assert [send(tmp_path, config).num_sent for config in configs] == [0, 0]
    assert server.steps() == {f"mini-{config.fit_id}": [1, 2, 3] for config in configs}
    assert list(tmp_path.glob("wandb/*run-*")) == []


@pytest.mark.parametrize(("mood", "after_rows"), [(FAILS, 0), (MUTE, 4)])
def test_what_was_not_taken_stays_as_it_was(tmp_path, server, mood, after_rows):
    first, second, *_ = all_configs()
    project_offline(tmp_path, [first, second])
    send(tmp_path, first)
    server.turn(mood, after_rows)
    patience = patience_in_outage(is_well_at_first=after_rows > 0)
    with make_sender(tmp_path, patience) as sender, pytest.raises(NotSentError):
        sender.send(second, make_record(second), make_history())
    assert modes(tmp_path) == {first.fit_id: "online", second.fit_id: "offline"}
    assert list(read_folds(tmp_path)) == [second.fit_id]
    server.turn(WELL)
    num_taken = server.num_rows - 3
    assert bool(num_taken) == bool(after_rows)
    assert send(tmp_path, second).num_there == num_taken
    assert server.steps() == {f"mini-{each.fit_id}": [1, 2, 3] for each in (first, second)}


def test_a_history_with_a_gap_is_not_sent(tmp_path, server):
    config = make_config()
    first, _, third = make_history()
    with make_sender(tmp_path) as sender, pytest.raises(LookupError, match="lacks 1 of 3 epochs"):
        sender.send(config, make_record(config), [first, third])
    assert server.runs == {}


def test_without_a_key_nothing_is_asked_for(tmp_path):
    with pytest.raises(NotSentError, match="no W&B key"):
        send(tmp_path, make_config())


def test_the_summary_is_sent_anew_only_when_more_is_complete(tmp_path, server):
    first, second, *_ = all_configs()
    send(tmp_path, first)
    with make_sender(tmp_path) as sender:
        assert not sender.is_summary_sent()
        sender.send_summary(make_content(RANKING, None, {"best": "resnet18"}, (), None))
        assert sender.is_summary_sent()
    assert make_sender(tmp_path).is_summary_sent()
    send(tmp_path, second)
    assert not make_sender(tmp_path).is_summary_sent()
    (summary,) = (run for name, run in server.runs.items() if "summary" in name)
    assert summary.summary["best"] == "resnet18"
    assert any(path.startswith("media/table/ranking") for path in summary.files)


def test_a_launch_online_leaves_nothing_to_send(tmp_path, server):
    config = make_config()
    with wandb_projector(tmp_path, FitRuns(make_sweep(), CONTEXT), "online") as projector:
        projector.project_whole(config, make_history(), make_record(config))
        projector.summarise(RANKING)
    sender = make_sender(tmp_path)
    assert sender.is_sent(config)
    assert sender.is_summary_sent()


EARLY_OR_LATE = [pytest.param(number, marks=pytest.mark.exhaustive) for number in (1, 16)]


@pytest.mark.parametrize("after_rows", [7, *EARLY_OR_LATE])
def test_killed_while_it_sends_and_repeated(tmp_path, server, after_rows):
    project_offline(tmp_path, all_configs()[:4])
    with started("sender.py", tmp_path) as process:
        server.wait_for_rows(after_rows)
        process.kill()
    assert server.num_rows >= after_rows
    with make_sender(tmp_path) as sender:
        for config in all_configs():
            if not sender.is_sent(config):
                sender.send(config, make_record(config), make_history())
    assert server.steps() == {f"mini-{config.fit_id}": [1, 2, 3] for config in all_configs()}
    assert set(modes(tmp_path).values()) == {"online"}
    assert list(tmp_path.glob("wandb/offline-run-*")) == []
