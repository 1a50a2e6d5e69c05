"""Reads back what a projector left in a run folder."""

from tests.wandb_run_file import read_run_file


def read_all(folder):
    """Every offline run of a run folder, by W&B's id; an id that is there twice fails."""
    runs = [read_run_file(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]
    by_id = {run.run_id: run for run in runs}
    assert len(by_id) == len(runs), "a run has two folders"
    return by_id


def read_folds(folder):
    """The runs of fits, by the fit's id."""
    return {run.name: run for run in read_all(folder).values() if run.job_type == "fold"}


def steps(run):
    return [step for step, _ in run.history]


def read_trials(folder):
    """The runs of trials, by the trial's number."""
    runs = [run for run in read_all(folder).values() if run.job_type == "trial"]
    return {run.config["trial"]: run for run in runs}
