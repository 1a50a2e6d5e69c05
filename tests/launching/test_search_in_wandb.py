"""A search as W&B is told of it: a run a trial, whatever ends the trial or the launch."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from foldgrid.records import SearchStore
from foldgrid.search import lockstep
from foldgrid.specs.trials import TrialRecord
from tests.launching.beside import launched_beside
from tests.launching.test_search_end_to_end import FOUR, SMALL
from tests.launching.tiny_sweep import Launcher
from tests.wandb_run_file import WandbRunFile, read_run_file

PROJECT = Path(__file__).resolve().parents[2]
RACE = (
    SMALL.replace("  - shufflenet_v2_x0_5\n", "").replace("max_epochs: 2", "max_epochs: 4")
    + "search_space: lr_plateau\n"
    + "search: {num_trials: 5, sampler: RandomSampler, scheduler: asha, grace_epochs: 1}\n"
)


def runs_of(folder: Path) -> list[WandbRunFile]:
    """All runs that wait for ``--sync``; no two of one id."""
    runs = [read_run_file(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]
    assert len({run.run_id for run in runs}) == len(runs)
    return runs


def trials_of(folder: Path) -> dict[int, TrialRecord]:
    """The records of the search's only study, by number."""
    store = SearchStore(str(folder / "search"))
    (study,) = store.read_plan().studies
    return {record.number: record for record in store.read_trials(study.name)}


def check_that_runs_are_the_records(folder: Path) -> dict[int, WandbRunFile]:
    """Every epoch of every trial once, and nothing else but the search's own run."""
    records, store = trials_of(folder), SearchStore(str(folder / "search"))
    runs = {run.config["trial"]: run for run in runs_of(folder) if run.job_type == "trial"}
    assert runs.keys() == records.keys()
    for number, run in runs.items():
        record = records[number]
        history = store.trial(record.study, number).read_history()
        assert [step for step, _ in run.history] == list(range(1, record.num_epochs + 1))
        for metric in ("mae", "ccc"):
            reported = [row[f"oof/{metric}"] for _, row in run.history]
            assert reported == [epoch.oof[metric] for epoch in history]
        assert run.config["values"]["learning_rate"] == record.values["learning_rate"]
        assert (run.group, run.is_finished, run.exit_code) == (record.study, True, 0)
        assert run.summary["status"] == record.status
        assert run.summary["oof/mae"] == record.oof["mae"]
    assert [run.job_type for run in runs_of(folder)].count("summary") == 1
    return runs


def runs_of_trials(folder: Path) -> set[Path]:
    """The folders of all runs but the search's own, which is made anew by every launch."""
    return {path for path in folder.glob("wandb/*run-*") if "summary" not in path.name}


def test_every_epoch_of_every_trial_is_in_wandb_once_and_the_stopped_are_marked(
    launcher: Launcher,
) -> None:
    sweep = launcher.done_before(RACE, "--wandb", "offline")
    made = runs_of_trials(launcher.storage / "tiny")
    assert len(made) == 5
    # It trains nothing and says the same once more.
    done = launcher(sweep, "--wandb", "offline")
    assert done.code == 0, done.out + done.err
    assert runs_of_trials(launcher.storage / "tiny") == made, "a launch that adds nothing"
    assert "kept in the run folder until `foldgrid sync` sends it" in done.out
    folder = launcher.storage / "tiny"
    assert f"W&B       {folder}/wandb/" in done.out
    assert f"foldgrid sync {folder}" in done.out
    runs = check_that_runs_are_the_records(folder)
    records = trials_of(folder)
    stopped = {number for number, record in records.items() if record.status == "stopped"}
    assert stopped
    assert {number for number, run in runs.items() if "stopped" in run.tags} == stopped
    for number in stopped:
        planned, trained = records[number].num_planned_epochs, records[number].num_epochs
        assert runs[number].summary["epochs_saved"] == planned - trained > 0
    assert {number for number, run in runs.items() if "default-configuration" in run.tags} == {0}


def test_a_search_without_wandb_is_shown_there_by_the_next_launch(launcher: Launcher) -> None:
    sweep = launcher.done_before(RACE)
    folder = launcher.storage / "tiny"
    assert not (folder / "wandb").exists()
    launcher(sweep, "--wandb", "offline")
    check_that_runs_are_the_records(folder)


@pytest.mark.exhaustive
def test_a_population_is_shown_by_the_course_that_was_recorded(
    launcher: Launcher, local_ray: None
) -> None:
    """Through Ray: the worst go on from the best one's networks, and so does what is shown."""
    population = RACE.replace("num_trials: 5", "num_trials: 4").replace(
        "scheduler: asha, grace_epochs: 1", "scheduler: pbt, perturbation_epochs: 2"
    )
    one_worker = ("--set", "resources.max_concurrent=1")
    sweep = launcher.write(population)
    done = launcher(sweep, "--wandb", "offline", *one_worker, executor="ray")
    assert done.code == 0, done.out + done.err
    folder = launcher.storage / "tiny"
    runs, records = check_that_runs_are_the_records(folder), trials_of(folder)
    changed = {number for number, record in records.items() if record.changes}
    assert changed
    assert {number for number, run in runs.items() if "changes" in run.summary} == changed
    for number in changed:
        reported = [change["inherited_from"] for change in runs[number].summary["changes"]]
        assert reported == [change.inherited_from for change in records[number].changes]
        assert runs[number].config["training"] == records[number].training.model_dump(mode="json")


def kill_in_the_second_trial(launcher: Launcher, sweep: Path) -> None:
    """Kills a launch some time after its first trial was over."""
    command = ["--sweep", str(sweep), "--budget", "smoke", "--storage", str(launcher.storage)]
    command += ["--executor", "inline", "--wandb", "offline"]
    with launched_beside(*command, folder=launcher.folder) as process:
        for line in process.output:
            if line.startswith("[1/4]"):
                time.sleep(0.3)
                process.send_signal(signal.SIGKILL)


def configurations(folder: Path) -> list[tuple[float, ...]]:
    """What was tried, and what it was worth."""
    names = ("learning_rate", "momentum", "batch_size")
    return sorted(
        (*(float(record.values[name]) for name in names), record.oof["mae"])
        for record in trials_of(folder).values()
    )


def test_after_a_kill_the_next_launch_makes_what_is_missing(launcher: Launcher) -> None:
    sweep = launcher.write(FOUR)
    kill_in_the_second_trial(launcher, sweep)
    folder = launcher.storage / "tiny"
    begun = len(list(folder.glob("wandb/offline-run-*")))
    assert 1 <= begun < 4
    assert 1 <= len(list((folder / "search" / "trials").rglob("trial.json"))) < 4
    done = launcher(sweep, "--wandb", "offline")
    assert done.code == 0, done.out + done.err
    runs = check_that_runs_are_the_records(folder)
    assert len(runs) == 4
    launcher.done_before(FOUR, name="whole")
    assert configurations(folder) == configurations(launcher.storage / "whole")


def test_a_trial_that_fails_is_shown_as_failed(launcher: Launcher) -> None:
    train = lockstep.LockstepTrial.run_epoch

    def fail_in_the_second(self: lockstep.LockstepTrial) -> object:
        if self.job.number == 1 and self.epochs:
            raise RuntimeError("no memory for this one")
        return train(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lockstep.LockstepTrial, "run_epoch", fail_in_the_second)
        done = launcher(
            launcher.write(RACE), "--wandb", "offline", "--set", "search.scheduler=none"
        )
    assert done.code == 1
    runs = {run.config.get("trial"): run for run in runs_of(launcher.storage / "tiny")}
    assert (runs[1].is_finished, runs[1].exit_code) == (True, 1)
    assert [step for step, _ in runs[1].history] == [1]
    assert runs[1].summary["status"] == "failed"
    assert runs[0].exit_code == 0
