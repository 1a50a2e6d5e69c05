"""A run a trial, through real offline W&B and read back from its files."""

import json

import pytest
from killing import kill_when_ready
from miniature_search import (
    NUM_PLANNED,
    STUDY,
    make_epoch,
    make_epochs,
    make_kind,
    make_record,
    make_search,
    make_trial,
    with_other_values,
)
from miniature_sweep import CONTEXT
from offline_runs import read_all, read_trials, steps
from projectors import wandb_projector

from foldgrid.metrics import number_metrics
from foldgrid.specs.schedulers import SCHEDULERS
from foldgrid.specs.sweep import SearchSettings
from foldgrid.specs.trials import RecipeChange
from foldgrid.tasks.registry import make_scoring
from foldgrid.tracking import FitRuns
from foldgrid.tracking.trials import trial_summary
from tests.outside.site.behind import BEHIND


def make_projector(folder, mode="offline"):
    return wandb_projector(folder, make_kind(), mode)


def train(projector, trial, num_epochs=NUM_PLANNED, status="complete"):
    """Tells of a trial as a launch does."""
    projector.start(trial)
    for epoch in range(1, num_epochs + 1):
        projector.log_epoch(trial, make_epoch(epoch))
    record = make_record(trial, num_epochs, status)
    projector.finish(trial, record, make_epochs(num_epochs))


def trained(folder, *arguments, **options):
    """The run of a single trial."""
    with make_projector(folder) as projector:
        train(projector, *arguments, **options)
    assert projector.warnings == ()
    (run,) = read_trials(folder).values()
    return run


@pytest.fixture(scope="module")
def default_configuration(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("own"), make_trial(0))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("stopped"), make_trial(7), 2, "stopped")


def test_trials_are_filed_by_study_sweep_data_and_code(default_configuration, stopped):
    assert (default_configuration.name, stopped.name) == (
        "resnet18/trial-0000",
        "resnet18/trial-0007",
    )
    for run in (default_configuration, stopped):
        assert run.group == STUDY
        assert run.job_type == "trial"
    common = {"mini", "data-da7ada7ada", "budget-smoke", "git-c0ffee1"}
    assert set(default_configuration.tags) == common | {"default-configuration"}
    assert set(stopped.tags) == common | {"stopped"}


def test_the_configuration_has_the_values_on_one_level_and_the_whole_recipe(stopped):
    assert stopped.config["values"] == {"learning_rate": 0.003, "plateau_patience": 5}
    assert stopped.config["training"]["plateau"]["patience"] == 5
    assert stopped.config["training"]["momentum"] == 0.9
    reported = {
        name: stopped.config[name] for name in ("sampler", "scheduler", "trial", "backbone")
    }
    assert reported == {
        "sampler": "RandomSampler",
        "scheduler": "asha",
        "trial": 7,
        "backbone": "resnet18",
    }
    assert (stopped.config["seed"], stopped.config["sweep"]) == (0, "mini")


def test_what_a_scheduler_alone_has_to_set_is_reported(monkeypatch):
    monkeypatch.setitem(SCHEDULERS, "behind", BEHIND)
    settings = SearchSettings(scheduler="behind", scheduler_settings={"behind": {"margin": 0.2}})
    header = make_kind(make_search(search=settings)).header(make_trial(1))
    assert header.config["scheduler_settings"] == {"margin": 0.2}
    assert "scheduler_settings" not in make_kind().header(make_trial(1)).config


def test_every_epoch_is_there_once_with_its_out_of_fold_metrics(default_configuration):
    assert steps(default_configuration) == [1, 2, 3, 4]
    assert [row["oof/mae"] for _, row in default_configuration.history][:2] == [10.0, 5.0]
    assert [row["num_running"] for _, row in default_configuration.history] == [2, 2, 2, 0]
    assert {row["epoch_seconds"] for _, row in default_configuration.history} == {0.25}
    assert default_configuration.summary["oof/mae"] == 2.5
    assert default_configuration.summary["status"] == "complete"
    assert "epochs_saved" not in default_configuration.summary
    assert (default_configuration.is_finished, default_configuration.exit_code) == (True, 0)


def test_a_stopped_trial_is_marked_and_no_failure(stopped):
    assert steps(stopped) == [1, 2]
    assert stopped.exit_code == 0
    summary = {name: stopped.summary[name] for name in ("status", "num_epochs", "epochs_saved")}
    assert summary == {"status": "stopped", "num_epochs": 2, "epochs_saved": 2}
    assert stopped.summary["num_planned_epochs"] == NUM_PLANNED
    assert stopped.summary["oof/mae"] == 5.0


def test_a_diverged_trial_is_marked_and_keeps_no_metric(tmp_path):
    run = trained(tmp_path, make_trial(), 2, "diverged")
    assert run.exit_code == 1
    assert "diverged" in run.tags
    assert run.summary["status"] == "diverged"
    assert run.history[-1][1]["oof/mae"] == 5.0
    assert run.summary["oof/mae"] is None
    summary = trial_summary(
        make_record(make_trial(), status="diverged"), make_scoring(make_search().task)
    )
    assert {name for name in summary if name.startswith("oof/")} == {
        f"oof/{name}" for name in number_metrics()
    }


def test_what_a_lost_worker_tells_again_is_not_doubled(tmp_path):
    trial = make_trial()
    with make_projector(tmp_path) as projector:
        projector.start(trial)
        projector.log_epoch(trial, make_epoch(1))
        projector.log_epoch(trial, make_epoch(2))
        train(projector, trial)
    assert steps(read_trials(tmp_path)[1]) == [1, 2, 3, 4]


def test_a_trial_that_goes_on_brings_its_earlier_epochs(tmp_path):
    trial = make_trial(2)
    with make_projector(tmp_path) as projector:
        projector.start(trial, make_epochs(2))
        projector.log_epoch(trial, make_epoch(3))
        projector.finish(trial, make_record(trial, 3, "stopped"), make_epochs(3))
    assert steps(read_trials(tmp_path)[2]) == [1, 2, 3]


def test_a_trial_that_took_over_another_s_course_shows_what_was_recorded(tmp_path):
    """Population based training: epochs 1 and 2 are the donor's, the values are others now."""
    trial = make_trial()
    changed = with_other_values(trial, learning_rate=0.02)
    change = RecipeChange(after_epoch=2, inherited_from=5, values=changed.values)
    course = [make_epoch(epoch, error=epoch / 10) for epoch in (1, 2, 3, 4)]
    with make_projector(tmp_path) as projector:
        projector.start(trial)
        projector.log_epoch(trial, make_epoch(1))
        projector.log_epoch(trial, make_epoch(2))
        projector.start(changed)
        for epoch in course[2:]:
            projector.log_epoch(changed, epoch)
        projector.finish(changed, make_record(changed, changes=(change,)), course)
    run = read_trials(tmp_path)[1]
    assert [row["oof/mae"] for _, row in run.history] == [0.1, 0.2, 0.3, 0.4]
    assert run.config["values"] == {"learning_rate": 0.02, "plateau_patience": 5}
    assert run.config["training"]["learning_rate"] == 0.02
    values = {"learning_rate": 0.02, "plateau_patience": 5}
    expected = [{"after_epoch": 2, "inherited_from": 5, "values": values}]
    assert run.summary["changes"] == expected


def test_values_that_changed_on_the_way_are_the_configuration_in_the_end(tmp_path):
    trial = make_trial()
    changed = with_other_values(trial, learning_rate=0.02)
    change = RecipeChange(after_epoch=2, inherited_from=5, values=changed.values)
    with make_projector(tmp_path) as projector:
        projector.start(trial)
        projector.finish(changed, make_record(changed, changes=(change,)), make_epochs())
    run = read_trials(tmp_path)[1]
    assert run.config["values"]["learning_rate"] == 0.02
    assert run.config["training"]["learning_rate"] == 0.02


def test_a_run_made_from_the_records_says_the_same(tmp_path, stopped):
    trial = make_trial(7)
    with make_projector(tmp_path) as projector:
        record = make_record(trial, 2, "stopped")
        projector.project_whole(type(trial).of(record), make_epochs(2), record)
    again = read_trials(tmp_path)[7]
    assert vars(again) == vars(stopped)


def test_a_failed_trial_is_closed_as_failed_and_stays(tmp_path):
    with make_projector(tmp_path) as projector:
        projector.start(make_trial())
        projector.log_epoch(make_trial(), make_epoch(1))
        projector.abandon(make_trial())
    run = read_trials(tmp_path)[1]
    assert (steps(run), run.exit_code, run.summary["status"]) == ([1], 1, "failed")


def go_on_after_a_kill(folder, mode="offline"):
    """What the next launch does: the records first; then it goes on with trial 2."""
    records = [make_record(make_trial(number)) for number in (0, 1)]
    with make_projector(folder, mode) as projector:
        missing = [r for r in records if not projector.is_projected(make_trial(r.number))]
        for record in missing:
            projector.project_whole(make_trial(record.number), make_epochs(), record)
        projector.start(make_trial(2), make_epochs(2))
        projector.log_epoch(make_trial(2), make_epoch(2))
        projector.log_epoch(make_trial(2), make_epoch(3))
        record = make_record(make_trial(2), 3, "stopped")
        projector.finish(make_trial(2), record, make_epochs(3))
    assert projector.warnings == ()
    return [record.number for record in missing]


def test_after_a_kill_every_trial_is_whole_and_nothing_runs_on(tmp_path):
    kill_when_ready("killed_search.py", tmp_path, "offline")
    assert go_on_after_a_kill(tmp_path) == [1]
    runs = read_trials(tmp_path)
    assert {number: steps(run) for number, run in runs.items()} == {
        0: [1, 2, 3, 4],
        1: [1, 2, 3, 4],
        2: [1, 2, 3],
    }
    for run in runs.values():
        assert (run.is_finished, run.exit_code) == (True, 0)


def test_a_trial_that_a_launch_left_and_the_next_begins_anew_is_there_once(tmp_path):
    trial = make_trial(1)
    with make_projector(tmp_path) as projector:
        projector.start(trial)
        projector.log_epoch(trial, make_epoch(1, error=30))
    assert read_trials(tmp_path)[1].exit_code == 1
    run = trained(tmp_path, trial)
    assert [row["oof/mae"] for _, row in run.history][:2] == [10.0, 5.0]
    assert run.exit_code == 0


def test_the_search_has_a_run_of_its_own_beside_the_grid_s(tmp_path):
    rows = [{"trial": 0, "status": "complete", "oof_mae": 2.5}, {"trial": 1, "status": "diverged"}]
    with make_projector(tmp_path) as projector:
        projector.summarise(rows, facts={"best": {STUDY: {"trial": 0}}}, table="trials")
    with wandb_projector(tmp_path, FitRuns(make_kind().sweep, CONTEXT), "offline") as projector:
        projector.summarise([{"rank": 1}])
    runs = read_all(tmp_path)
    assert len(runs) == 2
    (run,) = (run for run in runs.values() if "sampler" in run.config)
    assert (run.job_type, run.group) == ("summary", "mini")
    assert run.summary[f"best/{STUDY}/trial"] == 0
    (path,) = tmp_path.glob("wandb/offline-run-*/files/media/table/trials_*.table.json")
    assert json.loads(path.read_text()) == {
        "columns": ["trial", "status", "oof_mae"],
        "data": [[0, "complete", 2.5], [1, "diverged", None]],
    }
