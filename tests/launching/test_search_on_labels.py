"""A search on labels, end to end: the task's own figures choose, race and are told."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd
import pytest

from foldgrid.cli.main import main as analyse
from foldgrid.records import SearchStore
from foldgrid.specs.trials import TrialRecord
from tests.launching.tiny_labels import SEARCHED
from tests.launching.tiny_sweep import Launcher

RACE = SEARCHED + (
    "search: {num_trials: 3, sampler: RandomSampler, scheduler: paired_race, grace_epochs: 1}\n"
)
TWO = SEARCHED + ("search: {num_trials: 4, sampler: NSGAIISampler, objectives: [auc, accuracy]}\n")


def trials_of(folder: Path) -> list[TrialRecord]:
    """The records of the search's only study, by number."""
    store = SearchStore(str(folder / "search"))
    (study,) = store.read_plan().studies
    return store.read_trials(study.name)


def test_a_race_on_classes_is_chosen_by_the_task_s_metric(launcher: Launcher) -> None:
    launcher.done_before(RACE, name="whole")
    # It trains nothing and says the same once more.
    done = launcher(launcher.write(RACE, "whole"))
    assert done.code == 0, done.out + done.err
    folder = launcher.storage / "whole"
    trials = trials_of(folder)
    assert [trial.number for trial in trials] == [0, 1, 2]
    complete = [trial for trial in trials if trial.status == "complete"]
    best = max(complete, key=lambda trial: (trial.oof["auc"], -trial.number))
    table = pd.read_csv(folder / "search" / "trials.csv")
    assert table["oof_auc"].notna().all()
    assert "oof_mae" not in table
    assert f"out-of-fold AUC     {best.oof['auc']:.3f}" in done.out
    assert (folder / "best.yaml").exists()
    launcher.capture.readouterr()
    assert analyse(["report", str(folder)]) == 0
    words = reported(folder / "report.html")
    assert "AUC" in words
    for foreign in ("visit", "PASI", "MAE"):
        assert foreign not in words + done.out, foreign


def reported(page: Path) -> str:
    """What a report says, without its pictures and its style."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", text)


def test_a_search_on_classes_goes_on_and_ends_as_if_it_had_never_stopped(
    launcher: Launcher,
) -> None:
    launcher.done_before(RACE, name="whole")
    part = launcher(launcher.write(RACE.replace("num_trials: 3", "num_trials: 1")))
    assert part.code == 0, part.out + part.err
    folder = launcher.storage / "tiny"
    assert [trial.number for trial in trials_of(folder)] == [0]
    first = (folder / "search" / "trials.csv").stat().st_mtime_ns
    again = launcher(launcher.write(RACE))
    assert again.code == 0, again.out + again.err
    assert "1 of 3 done" in again.out
    assert (folder / "search" / "trials.csv").stat().st_mtime_ns > first
    columns = {"values", "oof", "num_epochs", "status"}
    found, expected = (
        [trial.model_dump(include=columns) for trial in trials_of(launcher.storage / name)]
        for name in ("tiny", "whole")
    )
    assert found == expected
    done = launcher(launcher.write(RACE))
    assert "3 of 3 done" in done.out


def test_two_objectives_of_classes_have_a_front(launcher: Launcher) -> None:
    done = launcher(launcher.write(TWO))
    assert done.code == 0, done.out + done.err
    folder = launcher.storage / "tiny"
    trials = trials_of(folder)
    assert len(trials) == 4
    metric_values = [(trial.oof["auc"], trial.oof["accuracy"]) for trial in trials]
    front = {
        trial.number
        for trial, own in zip(trials, metric_values, strict=True)
        if not any(
            all(a >= b for a, b in zip(other, own, strict=True)) and other != own
            for other in metric_values
        )
    }
    assert front
    for number in front:
        assert f"{trials[number].oof['accuracy']:.3f}" in done.out
    assert analyse(["report", str(folder), "--by", "accuracy"]) == 0
    assert "Accuracy" in reported(folder / "report.html")


def test_a_metric_that_the_task_does_not_have_is_refused(launcher: Launcher) -> None:
    wrong = TWO.replace("[auc, accuracy]", "[auc, mae]")
    done = launcher(launcher.write(wrong))
    assert done.code == 2
    assert "mae" in done.err
    assert not launcher.storage.exists()


@pytest.mark.exhaustive
@pytest.mark.skipif(os.name != "posix", reason="Ray Tune")
def test_a_race_on_classes_runs_through_ray(launcher: Launcher, local_ray: None) -> None:
    one_worker = ("--set", "resources.max_concurrent=1")
    done = launcher(launcher.write(RACE), *one_worker, executor="ray")
    assert done.code == 0, done.out + done.err
    assert len(trials_of(launcher.storage / "tiny")) == 3
