"""Online against a server in this process, and with the network gone before, during and after."""

import subprocess
import sys
import time

import pandas as pd
import pytest
from fake_wandb_server import FakeWandbServer
from killing import kill_when_ready
from miniature_search import STUDY, make_epochs, make_kind, make_trial
from miniature_search import make_record as make_trial_record
from miniature_sweep import (
    CONTEXT,
    all_configs,
    make_config,
    make_epoch,
    make_history,
    make_record,
    make_sweep,
)
from offline_runs import read_folds, steps
from patience import patience_in_outage
from projectors import wandb_projector

from foldgrid.tracking import FitRuns, Pseudonyms


@pytest.fixture
def server(monkeypatch):
    with FakeWandbServer() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
        yield server


def make_projector(folder, mode="online", patience=None):
    pseudonyms = Pseudonyms.open(folder)
    kind = FitRuns(make_sweep(), CONTEXT)
    return wandb_projector(folder, kind, mode, pseudonyms, patience=patience)


def test_online_the_server_has_every_epoch_once(tmp_path, server):
    config = make_config()
    with make_projector(tmp_path) as projector:
        projector.start(config)
        for epoch in make_history():
            projector.log_epoch(config, epoch)
        projector.finish(config, make_record(config), make_history())
        projector.summarise([{"backbone": "resnet18", "mae": 3.0}])
    assert projector.warnings == ()
    run = server.runs[f"mini-{config.fit_id}"]
    assert run.steps == [1, 2, 3]
    assert run.exit_code == 0
    assert run.summary["oof/mae"] == 3.25
    assert run.settings["groupName"] == "resnet18"
    assert run.settings["jobType"] == "fold"
    # By itself W&B would send the path of the script.
    assert run.settings["program"] == "launch.py"
    (summary,) = (each for name, each in server.runs.items() if "summary" in name)
    assert any(path.startswith("media/table/ranking") for path in summary.files)


def test_a_second_launch_goes_on_where_the_server_is(tmp_path, server):
    config = make_config()
    with make_projector(tmp_path) as projector:
        projector.start(config)
        projector.log_epoch(config, make_epoch(1))
        projector.log_epoch(config, make_epoch(2))
    assert not projector.is_projected(config)
    with make_projector(tmp_path) as projector:
        projector.project_whole(config, make_history(), make_record(config))
        assert projector.wait()
        assert projector.is_projected(config)
    assert projector.warnings == ()
    assert server.runs[f"mini-{config.fit_id}"].steps == [1, 2, 3]


def test_a_fit_that_goes_on_online_needs_no_history_of_what_the_server_has(tmp_path, server):
    config = make_config()
    with make_projector(tmp_path) as projector:
        projector.start(config, make_history(2))
    with make_projector(tmp_path) as projector:
        projector.start(config)
        projector.log_epoch(config, make_epoch(3))
        projector.finish(config, make_record(config))
    assert projector.warnings == ()
    assert projector.is_projected(config)
    assert server.runs[f"mini-{config.fit_id}"].steps == [1, 2, 3]


def test_without_a_network_it_goes_on_offline_with_one_warning(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    began, patience = time.monotonic(), patience_in_outage(is_well_at_first=False)
    with make_projector(tmp_path, patience=patience) as projector:
        for config in all_configs():
            projector.start(config)
            for epoch in make_history():
                projector.log_epoch(config, epoch)
            projector.finish(config, make_record(config), make_history())
    assert time.monotonic() - began < 30
    (warning,) = projector.warnings
    assert "went on offline and lost nothing" in warning
    assert f"`foldgrid sync {tmp_path}`" in warning
    runs = read_folds(tmp_path)
    assert len(runs) == len(all_configs())
    assert all(steps(run) == [1, 2, 3] for run in runs.values())
    assert list(tmp_path.glob("wandb/run-*")) == []
    assert capfd.readouterr() == ("", "")


def test_without_a_key_nobody_is_asked_for_one(tmp_path):
    config = make_config()
    with make_projector(tmp_path) as projector:
        projector.project_whole(config, make_history(), make_record(config))
    assert "no W&B key" in projector.warnings[0]
    assert steps(read_folds(tmp_path)[config.fit_id]) == [1, 2, 3]


def test_a_network_that_goes_away_takes_nothing_with_it(tmp_path, monkeypatch, capfd):
    first, second, third, *_ = all_configs()
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    with FakeWandbServer() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        projector = make_projector(tmp_path, patience=patience_in_outage(is_well_at_first=True))
        for config in (first, second):
            projector.start(config)
            projector.log_epoch(config, make_epoch(1))
        assert projector.wait()
    with projector:
        for config in (first, second):
            projector.log_epoch(config, make_epoch(2))
        projector.finish(first, make_record(first), make_history())
        projector.log_epoch(second, make_epoch(3))
        projector.finish(second, make_record(second))
        projector.project_whole(third, make_history(), make_record(third))
    assert len(projector.warnings) == 1
    runs = read_folds(tmp_path)
    assert sorted(runs) == sorted(each.fit_id for each in (first, second, third))
    assert all(steps(run) == [1, 2, 3] for run in runs.values())
    assert capfd.readouterr() == ("", "")


def test_offline_runs_are_ready_for_wandb_sync(tmp_path, server):
    """wandb's own reader takes the files, and the server ends with each epoch once."""
    visits = pd.DataFrame({"subject": ["Ada"], "visit": ["v1"], "true": [1.0]})
    with make_projector(tmp_path, "offline") as projector:
        for config in all_configs()[:2]:
            projector.project_whole(config, make_history(), make_record(config))
        projector.summarise([{"backbone": "resnet18", "mae": 3.0}], visits)
    folders = sorted(tmp_path.glob("wandb/offline-run-*"))
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "sync", *map(str, folders)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    for config in all_configs()[:2]:
        run = server.runs[f"mini-{config.fit_id}"]
        assert run.steps == [1, 2, 3]
        assert run.summary["test/mae"] == 3.5
    (summary,) = (each for name, each in server.runs.items() if "summary" in name)
    assert {path.split("_")[0] for path in summary.files if "table" in path} == {
        "media/table/ranking",
        "media/table/visits",
    }


def test_online_a_stopped_trial_is_marked_and_a_killed_one_goes_on(tmp_path, server):
    kill_when_ready("killed_search.py", tmp_path, "online")
    ours = [server.runs[f"mini-{STUDY}-000{number}"] for number in range(3)]
    assert [run.exit_code for run in ours] == [0, None, None]
    stopped, other = make_trial(1), make_trial(2)
    with wandb_projector(tmp_path, make_kind(), "online") as projector:
        assert projector.is_projected(make_trial(0))
        assert not projector.is_projected(stopped)
        record = make_trial_record(stopped, 3, "stopped")
        projector.project_whole(stopped, make_epochs(3), record)
        projector.start(other, make_epochs(2))
        projector.finish(other, make_trial_record(other), make_epochs())
    assert projector.warnings == ()
    assert [run.steps for run in ours] == [[1, 2, 3, 4], [1, 2, 3], [1, 2, 3, 4]]
    assert [run.exit_code for run in ours] == [0, 0, 0]
    assert ["stopped" in run.settings["tags"] for run in ours] == [False, True, False]
    assert ours[1].summary["status"] == "stopped"
    assert ours[1].summary["oof/mae"] == pytest.approx(10 / 3)
