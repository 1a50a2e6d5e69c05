"""A head of another package, one file, all the way; docs/how-to/training.md.

The package is `tests/outside/site/prototype.py`. Nothing else knows it.
"""

from __future__ import annotations

import pandas as pd
import pytest

from foldgrid.cli.main import main as analyse
from foldgrid.specs.heads import HEADS
from tests.launching.tiny_labels import SKIN
from tests.launching.tiny_sweep import ONE_BACKBONE, Launcher
from tests.outside.packages import SITE

PROTOTYPE = SKIN.replace(
    "training:\n",
    "training:\n  head: prototype\n  head_settings: {prototype: {sharpness: 2.0}}\n"
    "  pooling: mean_max\n",
)
THREE = PROTOTYPE + "ablation: {head: [logistic], pooling: [network]}\n"


def test_it_is_solved_ranked_checked_and_reported(launcher: Launcher, package: None) -> None:
    """Beside logistic regression, whose strength each fit chooses."""
    sweep = launcher.write(THREE)
    plan = " ".join(launcher(sweep, "--plan").out.split())
    assert "Nearest class mean of standardised features, sharpness 2" in plan
    assert "nothing is augmented or monitored" in plan
    done = launcher(sweep, ranked=True)
    assert done.code == 0, done.out + done.err
    run, store = launcher.storage / "tiny", launcher.store()
    names = {f"squeezenet1_1{each}" for each in ("", "@head=logistic", "@pooling=network")}
    board = pd.read_csv(run / "leaderboard.csv").set_index("model")
    assert names <= set(board.index)
    records = {each: store.read_fit(each) for each in store.finished_fits()}
    assert {record.num_epochs for record in records.values()} == {1}
    chosen = {record.config.training.head: record.chosen for record in records.values()}
    assert set(chosen) == {"prototype", "logistic"}
    assert chosen["prototype"] == {}
    assert set(chosen["logistic"]) == {"strength", "inner_loss"}
    launcher.capture.readouterr()
    assert analyse(["check", str(run)]) == 0
    assert analyse(["report", str(run)]) == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Nearest class mean of standardised features, sharpness 2, on the mean and the" in page
    assert "Logistic regression with an L2 penalty on standardised features, its strength" in page
    assert "Nothing was trained by gradients" in page
    assert "s were not augmented" in page
    assert store.read_provenance()["versions"]["prototype"] == "1.0"
    again = launcher(sweep, "--set", "training.head_settings.prototype.sharpness=1.0", "--plan")
    # Those of logistic regression are the same fits.
    assert "2 of 6 done, 4 to train" in again.out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("head: prototipe", 'There is no such head. Did you mean "prototype"?'),
        ("head_settings: {prototype: {sharpness: 0.0}}", "training.head_settings.prototype"),
        (
            "head: ridge",
            'found "ridge", which learns numbers, and the task classification predicts classes. '
            "Take linear or logistic or mlp or prototype.",
        ),
        (
            "pooling: class_token",
            "squeezenet1_1 cannot have pooling: class_token, it has no class token. Take network "
            "or mean or mean_max.",
        ),
    ],
)
def test_a_mistake_in_the_sweep_is_reported_with_its_line(
    launcher: Launcher, package: None, change: str, said: str
) -> None:
    text = SKIN.replace("training:\n", f"training:\n  {change}\n")
    line = text[: text.index(change)].count("\n") + 1
    refused = launcher(launcher.write(text))
    assert refused.code == 2
    assert f"line {line} " in refused.err
    assert said in " ".join(refused.err.split())
    assert not launcher.storage.exists()


def test_a_search_may_choose_the_head_and_its_strength(launcher: Launcher) -> None:
    space = launcher.folder / "space.yaml"
    space.write_text(
        "title: which head\nparameters:\n"
        "  head: {type: choice, choices: [linear, ridge]}\n"
        "  pooling: {type: choice, choices: [network, mean_max]}\n"
        "  head_settings.ridge.strength:\n"
        "    {type: float, low: 10.0, high: 1000.0, log: true, when: {head: [ridge]}}\n"
    )
    text = ONE_BACKBONE + "search_space: space.yaml\n"
    text += "search: {sampler: RandomSampler, num_trials: 4}\n"
    done = launcher(launcher.write(text.replace("max_epochs: 2", "max_epochs: 1")))
    assert done.code == 0, done.out + done.err
    trials = pd.read_csv(launcher.storage / "tiny/search/trials.csv")
    assert set(trials["head"]) == {"linear", "ridge"}
    assert (trials["head_settings.ridge.strength"].notna() == (trials["head"] == "ridge")).all()


def test_a_search_space_with_a_head_that_does_not_suit_is_refused(launcher: Launcher) -> None:
    space = launcher.folder / "space.yaml"
    space.write_text(
        "title: which head\nparameters:\n  head: {type: choice, choices: [linear, logistic]}\n"
    )
    refused = launcher(launcher.write(ONE_BACKBONE + "search_space: space.yaml\n"))
    assert refused.code == 2
    assert "Take linear or ridge or mlp" in " ".join(refused.err.split())


def test_where_it_is_not_installed_its_records_are_not_taken_for_corrupt(
    launcher: Launcher, package: None
) -> None:
    launcher.done_before(PROTOTYPE)
    del HEADS["prototype"]
    launcher.capture.readouterr()
    assert analyse(["rank", str(launcher.storage / "tiny")]) == 2
    said = launcher.capture.readouterr().err
    assert 'fit.json: found "prototype". There is no such head.' in said
    assert "Install the package that brings it" in said


def test_the_documentation_shows_just_this_package() -> None:
    page = (SITE.parents[2] / "docs/how-to/training.md").read_text(encoding="utf-8")
    assert f"```python\n{(SITE / 'prototype.py').read_text(encoding='utf-8')}```\n" in page
