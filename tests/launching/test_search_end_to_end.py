"""A search as a user runs it: found, stopped, gone on with, and never shown the test set."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser
from ruamel.yaml import YAML

from foldgrid.cli.main import main as analyse
from foldgrid.launching.planning.found_recipe import read_found
from foldgrid.specs.recipe_keys import recipe_value
from foldgrid.specs.trials import TrialCertainty
from tests.chromium import open_page
from tests.launching.tiny_sweep import TINY, Launcher

SMALL = TINY
SEARCH = SMALL.replace("  - shufflenet_v2_x0_5\n", "") + (
    "search_space: lr_plateau\nsearch: {num_trials: 3, sampler: RandomSampler}\n"
)
FOUR = SEARCH.replace("num_trials: 3", "num_trials: 4")
FOR_EACH = SEARCH.replace("backbones:\n", "backbones:\n  - shufflenet_v2_x0_5\n").replace(
    "num_trials: 3", "num_trials: 2"
)


def best_of(folder: Path) -> dict[str, Any]:
    return dict(YAML(typ="safe").load((folder / "best.yaml").read_text()))


def trials_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "search" / "trials.csv")


def test_a_search_finds_and_the_next_launch_adds_to_it(launcher: Launcher) -> None:
    sweep = launcher.done_before(SEARCH)
    folder = launcher.storage / "tiny"
    trials = trials_of(folder)
    assert list(trials["trial"]) == [0, 1, 2]
    assert trials.loc[0, "learning_rate"] == 0.001, "the sweep's default configuration comes first"
    best = best_of(folder)["best"][0]
    assert best["oof"]["mae"] == trials["oof_mae"].min()
    assert best["trial"] == trials["oof_mae"].idxmin()
    again = launcher(sweep)
    assert "3 of 3 done" in again.out
    more = launcher(sweep, "--set", "search.num_trials=4")
    assert "3 of 4 done" in more.out
    assert list(trials_of(folder)["trial"]) == [0, 1, 2, 3]
    pd.testing.assert_frame_equal(trials_of(folder)[:3], trials)


def test_more_trials_are_added_to_what_is_there(launcher: Launcher) -> None:
    sweep = launcher.write(SEARCH)
    launcher(sweep, "--trials", "1")
    more = launcher(sweep, "--trials", "1")
    assert "1 of 2 done" in more.out
    assert list(trials_of(launcher.storage / "tiny")["trial"]) == [0, 1]
    whole = launcher(sweep)
    assert "2 of 3 done" in whole.out
    assert_as_undisturbed(launcher)


def assert_as_undisturbed(launcher: Launcher) -> None:
    """The search has found what it finds in one launch."""
    launcher.done_before(SEARCH, name="undisturbed")
    columns = ["learning_rate", "momentum", "oof_mae"]
    pd.testing.assert_frame_equal(
        trials_of(launcher.storage / "tiny")[columns],
        trials_of(launcher.storage / "undisturbed")[columns],
    )


@pytest.mark.parametrize(
    "scheduler",
    [
        "paired_race",
        *(pytest.param(each, marks=pytest.mark.exhaustive) for each in ("asha", "median")),
    ],
)
def test_trials_are_stopped_early_and_the_search_goes_on_as_if_it_had_not_ended(
    launcher: Launcher, scheduler: str
) -> None:
    text = SEARCH.replace(
        "num_trials: 3",
        f"num_trials: 6, scheduler: {scheduler}, grace_epochs: 1, significance: 0.9999",
    )
    text = text.replace("max_epochs: 2", "max_epochs: 3")
    done = launcher(launcher.write(text, "whole"))
    assert done.code == 0, done.out + done.err
    trials = trials_of(launcher.storage / "whole")
    stopped = trials[trials["status"] == "stopped"]
    assert len(stopped), "nothing was stopped"
    assert trials.loc[0, "status"] == "complete"
    assert (stopped["num_epochs"] < 3).all()
    assert done.out.count("stopped after") == len(stopped)
    complete = trials[trials["status"] == "complete"]
    best = best_of(launcher.storage / "whole")["best"][0]
    assert best["oof"]["mae"] == complete["oof_mae"].min()

    parts = launcher.write(text, "parts")
    for number in ("2", "1", "3"):
        launcher(parts, "--trials", number)
    columns = ["trial", "status", "num_epochs", "learning_rate", "oof_mae"]
    pd.testing.assert_frame_equal(trials_of(launcher.storage / "parts")[columns], trials[columns])


def test_a_search_whose_time_is_up_goes_on_later(launcher: Launcher) -> None:
    sweep = launcher.write(SEARCH)
    cut = launcher(sweep, "--time-budget", "0.001s")
    assert cut.code == 0, cut.out + cut.err
    assert "time budget of 0.001s is used up" in cut.out
    assert not list((launcher.storage / "tiny").rglob("trial.json"))
    assert not (launcher.storage / "tiny" / "best.yaml").exists(), "there is no best yet"
    whole = launcher(sweep)
    assert whole.code == 0, whole.out + whole.err
    assert_as_undisturbed(launcher)


def test_another_recipe_begins_another_study(launcher: Launcher) -> None:
    sweep = launcher.done_before(SEARCH)
    other = launcher(sweep, "--set", "search.num_trials=1", "--set", "training.momentum=0.5")
    assert "0 of 1 done" in other.out
    assert len(list((launcher.storage / "tiny" / "search" / "trials").iterdir())) == 2


def test_a_search_over_backbones_and_one_for_each(launcher: Launcher) -> None:
    launcher.done_before(FOR_EACH, name="search")
    found = best_of(launcher.storage / "search")["best"]
    assert [entry["backbone"] for entry in found] == ["shufflenet_v2_x0_5", "squeezenet1_1"]


OWN_SPACE = """\
title: backbone, and momentum where it is the small one
parameters:
  backbone: {type: choice, choices: [squeezenet1_1, shufflenet_v2_x0_5]}
  momentum:
    type: choice
    choices: [0.0, 0.5, 0.9]
    when: {backbone: [squeezenet1_1]}
"""


def test_a_space_of_one_s_own_that_chooses_the_backbone(launcher: Launcher) -> None:
    (launcher.folder / "spaces").mkdir()
    (launcher.folder / "spaces" / "mine.yaml").write_text(OWN_SPACE)
    names = "  - shufflenet_v2_x0_5\n", "  - squeezenet1_1\n"
    text = SMALL.replace("".join(names), "".join(reversed(names)))
    sweep = launcher.write(
        text + "search_space: spaces/mine.yaml\nsearch: {num_trials: 4, sampler: GridSampler}\n"
    )
    done = launcher(sweep)
    assert done.code == 0, done.out + done.err
    trials = trials_of(launcher.storage / "tiny")
    assert sorted(trials["backbone"]) == ["shufflenet_v2_x0_5", *["squeezenet1_1"] * 3]
    is_small = trials["backbone"] == "squeezenet1_1"
    assert sorted(trials.loc[is_small, "momentum"]) == [0.0, 0.5, 0.9]
    assert trials.loc[~is_small, "momentum"].isna().all(), "its condition does not hold there"
    found = best_of(launcher.storage / "tiny")["best"]
    assert len(found) == 1


def test_a_space_that_is_not_where_the_sweep_says(launcher: Launcher) -> None:
    done = launcher(launcher.write(TINY + "search_space: spaces/mine.yaml\n"))
    assert done.code == 2
    assert 'no such space "spaces/mine.yaml"' in done.err
    assert "as seen from the sweep's own" in done.err


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
        (["--trials", "0"], "--trials"),
        (["--time-budget", "2 hours"], "2h, 90m or 1h30m"),
        (["--set", "search.scheduler=hyperband"], "--executor inline"),
        (["--set", "search.scheduler=hyperopt"], "search.scheduler"),
        (["--set", "search.scheduler=asha"], "nothing would ever be stopped"),
        (["--set", "search.scheduler=pbt", "--set", "search.sampler=TPESampler"], "RandomSampler"),
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
    from foldgrid.search import session

    launcher.done_before(SEARCH, name="undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        real = session.TrainingData.from_dataset

        def spoiled(dataset: Dataset, split: Any, *rest: Any) -> Any:
            data = real(dataset, split, *rest)
            is_test = (data.samples["partition"] == "test").to_numpy()
            assert is_test.any()
            data.samples.loc[is_test, ["erythema", "induration", "scaling", "involvement"]] = 0
            mosaics = np.array(data.mosaics_NHWC)
            mosaics[is_test] = 0
            return type(data)(mosaics, data.samples, data.stratum)

        patch.setattr(session.TrainingData, "from_dataset", spoiled)
        launcher(launcher.write(SEARCH, "spoiled"))
    scores = [trials_of(launcher.storage / name) for name in ("undisturbed", "spoiled")]
    drop = ["study", "wall_seconds"]
    pd.testing.assert_frame_equal(scores[0].drop(columns=drop), scores[1].drop(columns=drop))


def test_a_grid_trains_by_what_a_search_found(launcher: Launcher) -> None:
    launcher.done_before(SEARCH, name="undisturbed")
    found = launcher.storage / "undisturbed"
    done = launcher(launcher.write(SMALL), "--hyperparameters", str(found), ranked=True)
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
    launcher.done_before(FOR_EACH, name="search")
    found = launcher.storage / "search"
    done = launcher(launcher.write(SMALL), "--hyperparameters", str(found))
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
    corrupt = launcher(launcher.write(), "--hyperparameters", str(launcher.folder))
    assert corrupt.code == 2
    assert "is corrupt" in corrupt.err
    assert not launcher.storage.exists()


def test_what_a_search_found_is_worth_and_its_report(launcher: Launcher, browser: Browser) -> None:
    launcher.done_before(FOUR, name="whole")
    # It trains nothing and says the same once more.
    done = launcher(launcher.write(FOUR, "whole"))
    assert done.code == 0, done.err
    folder = launcher.storage / "whole"
    best = best_of(folder)["best"][0]
    low, high = best["interval"]["mae"]
    assert low < best["oof"]["mae"] < high
    trials = trials_of(folder)
    assert best["own_recipe"]["mae"] == trials.loc[0, "oof_mae"]
    gain = best["own_recipe"]["mae"] - best["oof"]["mae"]
    assert best["better_by"].get("mae", 0.0) == pytest.approx(gain)
    assert "for having been chosen among 4 complete trials" in done.out
    assert f"foldgrid report {folder}" in done.out
    # A grid takes it up with all of that in its provenance.
    taken = launcher(launcher.write(SMALL), "--hyperparameters", str(folder), "--plan")
    assert taken.code == 0, taken.err
    assert analyse(["rank", str(folder)]) == 2
    assert analyse(["report", str(folder)]) == 0
    page, trouble = open_page(browser, folder / "report.html", 390)
    assert page.locator("h1").inner_text() == "a tiny sweep"
    assert page.locator("#history svg:visible").count() == 1
    assert "are too few to tell" in page.locator("#mattered").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert trouble == []


def test_best_trials_of_earlier_launches_still_read(launcher: Launcher) -> None:
    """Files from before the certainty was written have none of its keys."""
    launcher.done_before(SEARCH)
    path = launcher.storage / "tiny" / "best.yaml"
    found = best_of(path.parent)
    for entry in found["best"]:
        for name, field in TrialCertainty.model_fields.items():
            del entry[field.alias or name]
    with path.open("w") as stream:
        YAML(typ="safe").dump(found, stream)
    trial = read_found(str(path.parent)).found.best[0]
    assert trial.interval == {}
    assert trial.oof["mae"] > 0
