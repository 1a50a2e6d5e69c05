"""The search and the whole grid of 145 fits, as users type them: every point is in W&B once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from foldgrid.records import RunStore
from foldgrid.specs.resolving import resolve_sweep
from tests.launching.test_search_in_wandb import check_that_runs_are_the_records
from tests.launching.test_shipped_sweeps import SWEEPS, check_grid, tiny_settings
from tests.wandb_run_file import read_run_file

PROJECT = Path(__file__).resolve().parents[2]
FIVE_FOLDS = (
    "split.num_folds=5",
    "data.synthetic.num_subjects=8",
    "data.synthetic.num_visits=40",
    "training.max_epochs=2",
)


def check_grid_in_wandb(folder: Path) -> None:
    """Each epoch of each fit once, in order and as it was recorded, and nothing else."""
    store = RunStore(str(folder))
    runs = [read_run_file(path) for path in folder.glob("wandb/offline-run-*/*.wandb")]
    fits = [run for run in runs if run.job_type == "fold"]
    assert sorted(run.config["fit_id"] for run in fits) == sorted(store.finished_fits())
    for run in fits:
        reported = [
            (step, row["epoch"], row["train/loss"], row["validation/loss"], row["learning_rate"])
            for step, row in run.history
        ]
        assert reported == [
            (each.epoch, each.epoch, each.train_loss, each.validation_loss, each.learning_rate)
            for each in store.read_history(run.config["fit_id"])
        ]
        assert (run.is_finished, run.exit_code) == (True, 0)
    assert sum(len(run.history) for run in fits) == 145 * 2
    assert [run.job_type for run in runs].count("summary") == 1
    assert len(runs) == 145 + 1


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["lr_plateau", "all_backbones"])
def test_every_point_of_a_command_is_in_wandb_once(name: str, tmp_path: Path) -> None:
    path = SWEEPS / f"{name}.yaml"
    settings = tiny_settings(resolve_sweep(path, "smoke").sweep) + FIVE_FOLDS
    command = [sys.executable, str(PROJECT / "launch.py"), "--sweep", name, "--budget", "smoke"]
    command += ["--wandb", "offline", *(part for each in settings for part in ("--set", each))]
    # The package of this tree, wherever the tests are started from.
    package = os.pathsep.join([str(PROJECT / "src"), str(PROJECT)])
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": package, "FOLDGRID_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "runs" / name
    if name == "lr_plateau":
        assert len(check_that_runs_are_the_records(folder)) == 2
    else:
        check_grid(RunStore(str(folder)), resolve_sweep(path, "smoke", settings).sweep)
        check_grid_in_wandb(folder)
