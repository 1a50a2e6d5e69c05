"""A search as a user runs it: found, stopped, gone on with, and never shown the test set."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML

from foldgrid.specs.recipe import recipe_value
from tests.launching.tiny_sweep import TINY, Launcher

PROJECT = Path(__file__).resolve().parents[2]
SEARCH = TINY.replace("  - shufflenet_v2_x0_5\n", "") + (
    "search_space: lr_plateau\nsearch: {num_trials: 3, sampler: RandomSampler}\n"
)


def best_of(folder: Path) -> dict[str, Any]:
    return dict(YAML(typ="safe").load((folder / "best.yaml").read_text()))


def trials_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "search" / "trials.csv")


def test_a_search_finds_and_the_next_launch_adds_to_it(launcher: Launcher) -> None:
    sweep = launcher.write(SEARCH)
    first = launcher(sweep)
    assert first.code == 0, first.out + first.err
    folder = launcher.storage / "tiny"
    trials = trials_of(folder)
    assert list(trials["trial"]) == [0, 1, 2]
    assert trials.loc[0, "learning_rate"] == 0.001, "the sweep's own recipe comes first"
    best = best_of(folder)["best"][0]
    assert best["oof"]["mae"] == trials["oof_mae"].min()
    assert best["trial"] == trials["oof_mae"].idxmin()
    again = launcher(sweep)
    assert "3 of 3 done" in again.out
    more = launcher(sweep, "--set", "search.num_trials=4")
    assert "3 of 4 done" in more.out
    assert list(trials_of(folder)["trial"]) == [0, 1, 2, 3]
    pd.testing.assert_frame_equal(trials_of(folder)[:3], trials)


def test_another_recipe_begins_another_study(launcher: Launcher) -> None:
    sweep = launcher.write(SEARCH)
    launcher(sweep, "--set", "search.num_trials=1")
    other = launcher(sweep, "--set", "search.num_trials=1", "--set", "training.momentum=0.5")
    assert "0 of 1 done" in other.out
    assert len(list((launcher.storage / "tiny" / "search" / "trials").iterdir())) == 2


def test_a_search_over_backbones_and_one_for_each(launcher: Launcher) -> None:
    each = launcher.write(SEARCH.replace("backbones:\n", "backbones:\n  - shufflenet_v2_x0_5\n"))
    done = launcher(each, "--set", "search.num_trials=1")
    assert done.code == 0, done.err
    found = best_of(launcher.storage / "tiny")["best"]
    assert [entry["backbone"] for entry in found] == ["shufflenet_v2_x0_5", "squeezenet1_1"]


def test_the_plan_of_a_search_trains_and_writes_nothing(launcher: Launcher) -> None:
    done = launcher(launcher.write(SEARCH), "--plan")
    assert done.code == 0
    assert "0 of 3 done, 2 folds each in lockstep" in done.out
    assert "learning_rate: 0.0001 to 0.1, logarithmic" in done.out
    assert not launcher.storage.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "search_space=lr_plateu"], 'Did you mean "lr_plateau"?'),
        (["--set", "search.num_trials=0"], "search.num_trials"),
        (["--only", "fold=0"], "a search needs all folds"),
    ],
)
def test_wrong_input_of_a_search(launcher: Launcher, options: list[str], said: str) -> None:
    done = launcher(launcher.write(SEARCH), *options)
    assert done.code == 2
    assert said in done.err
    assert not launcher.storage.exists()


def test_a_search_never_reads_the_test_set(launcher: Launcher) -> None:
    """With the test subjects' scores turned upside down the search finds the same, bit by bit."""
    import numpy as np

    from foldgrid.data.dataset import Dataset
    from foldgrid.tuning.search import session

    launcher(launcher.write(SEARCH, "as_it_is"))
    with pytest.MonkeyPatch.context() as patch:
        real = session.TrainingData.from_dataset

        def spoiled(dataset: Dataset, split: Any) -> Any:
            data = real(dataset, split)
            is_test = (data.samples["partition"] == "test").to_numpy()
            assert is_test.any()
            data.samples.loc[is_test, ["erythema", "induration", "scaling", "involvement"]] = 0
            composites = np.array(data.composites_NHWC)
            composites[is_test] = 0
            return type(data)(composites, data.samples, data.stratum)

        patch.setattr(session.TrainingData, "from_dataset", spoiled)
        launcher(launcher.write(SEARCH, "spoiled"))
    scores = [trials_of(launcher.storage / name) for name in ("as_it_is", "spoiled")]
    drop = ["study", "wall_seconds"]
    pd.testing.assert_frame_equal(scores[0].drop(columns=drop), scores[1].drop(columns=drop))


def test_a_search_that_is_killed_goes_on(launcher: Launcher) -> None:
    sweep = launcher.write(SEARCH.replace("num_trials: 3", "num_trials: 4"))
    command = [sys.executable, str(PROJECT / "launch.py"), "--sweep", str(sweep)]
    command += ["--storage", str(launcher.storage), "--executor", "inline"]
    # The package of this tree, wherever the tests are started from.
    path = os.pathsep.join([str(PROJECT / "src"), str(PROJECT)])
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("[1/4]"):
            # In the second trial, most likely; whenever it is, nothing may be lost.
            time.sleep(0.2)
            process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    folder = launcher.storage / "tiny"
    before = sorted((folder / "search" / "trials").rglob("trial.json"))
    assert 1 <= len(before) < 4
    done = launcher(sweep)
    assert done.code == 0, done.out + done.err
    whole = launcher.write(SEARCH.replace("num_trials: 3", "num_trials: 4"), "whole")
    launcher(whole)
    columns = ["learning_rate", "momentum", "batch_size", "oof_mae"]
    killed, undisturbed = (
        trials_of(launcher.storage / name)[columns].to_numpy() for name in ("tiny", "whole")
    )
    assert sorted(map(tuple, killed)) == sorted(map(tuple, undisturbed))


def test_a_grid_trains_by_what_a_search_found(launcher: Launcher) -> None:
    launcher(launcher.write(SEARCH, "search"))
    found = launcher.storage / "search"
    done = launcher(launcher.write(), "--hyperparameters", str(found))
    assert done.code == 0, done.out + done.err
    best = best_of(found)["best"][0]
    assert f"trial {best['trial']} of 3" in done.out
    store = launcher.store("tiny")
    recipes = [store.read_fit(fit_id).config.training for fit_id in store.finished_fits()]
    assert len(recipes) == 4
    for recipe in recipes:
        for name, value in best["values"].items():
            assert recipe_value(recipe, name) == value
    chain = store.read_provenance()["hyperparameters"]
    assert chain["best_yaml_sha256"] == sha256((found / "best.yaml").read_bytes()).hexdigest()
    # The same configuration on the same folds: the grid reproduces the search's figure.
    table = pd.read_csv(launcher.storage / "tiny" / "leaderboard.csv").set_index("model")
    assert table.loc["squeezenet1_1", "oof_mae"] == pytest.approx(best["oof"]["mae"], abs=1e-9)


def test_a_search_for_each_backbone_gives_each_its_recipe(launcher: Launcher) -> None:
    both = SEARCH.replace("backbones:\n", "backbones:\n  - shufflenet_v2_x0_5\n")
    launcher(launcher.write(both.replace("num_trials: 3", "num_trials: 2"), "search"))
    found = launcher.storage / "search"
    done = launcher(launcher.write(), "--hyperparameters", str(found))
    assert done.code == 0, done.out + done.err
    store = launcher.store("tiny")
    by_backbone = {entry["backbone"]: entry["values"] for entry in best_of(found)["best"]}
    assert len(by_backbone) == 2
    for fit_id in store.finished_fits():
        config = store.read_fit(fit_id).config
        assert config.training.learning_rate == by_backbone[config.backbone]["learning_rate"]


def test_hyperparameters_of_what_is_no_search(launcher: Launcher) -> None:
    missing = launcher(launcher.write(), "--hyperparameters", str(launcher.folder))
    assert missing.code == 2
    assert "holds no best.yaml" in missing.err
    (launcher.folder / "best.yaml").write_text("best: []\n")
    damaged = launcher(launcher.write(), "--hyperparameters", str(launcher.folder))
    assert damaged.code == 2
    assert "is damaged" in damaged.err
    assert not launcher.storage.exists()
