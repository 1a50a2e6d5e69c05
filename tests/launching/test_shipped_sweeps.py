"""Every file in ``sweeps/`` runs from one end to the other, at tiny size."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import launch
from foldgrid.specs.resolving import resolve_sweep, yaml_files
from tests.launching.tiny_sweep import SHORT_TRAINING, SMALL_DATA, Launcher

TINIEST = ("data.synthetic.num_subjects=5", "data.synthetic.num_visits=25")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(yaml_files(launch.SWEEPS)))
def test_a_shipped_sweep_runs_and_ranks(name: str, launcher: Launcher, local_ray: None) -> None:
    sweep = resolve_sweep(launch.SWEEPS / f"{name}.yaml", "smoke").sweep
    settings = (*SMALL_DATA, *TINIEST, *SHORT_TRAINING, "training.max_epochs=1", "keep=none")
    if sweep.search_space is not None:
        settings += ("training.max_epochs=2", "search.num_trials=2", "search.grace_epochs=1")
    overrides = [part for setting in settings for part in ("--set", setting)]
    done = launcher(name, "--budget", "smoke", *overrides, executor="ray")
    assert done.code == 0, done.out + done.err
    store = launcher.store(name)
    if sweep.search_space is not None:
        trials = pd.read_csv(Path(store.location) / "search" / "trials.csv")
        assert len(trials) == 2
        assert (Path(store.location) / "best.yaml").exists()
        return
    assert len(store.finished_fits()) == 2 * len(sweep.backbones)
    table = pd.read_csv(Path(store.location) / "leaderboard.csv")
    learners = table[table["kind"] == "base_learner"]
    assert sorted(learners["model"]) == sorted(sweep.backbones)
    assert (learners["folds"] == "2/2").all()


def test_the_list_names_every_sweep_and_space_on_a_line(launcher: Launcher) -> None:
    done = launcher.raw("--list")
    assert done.code == 0
    names = [line.split()[0] for line in done.out.splitlines() if line.startswith("  ")]
    assert names == [*yaml_files(launch.SWEEPS), *yaml_files(launch.SPACES)]
