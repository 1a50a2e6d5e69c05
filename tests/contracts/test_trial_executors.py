"""The laws of ``tuning.search.executors``, kept by both executors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from foldgrid.records import RunStore
from foldgrid.specs.sweep import ResourceSpec
from foldgrid.tuning.resources import plan_resources
from foldgrid.tuning.search.executors import InlineTrialExecutor, RayTrialExecutor, TrialExecutor
from tests.tuning.search.small_search import (
    ListFeed,
    TrialRecorder,
    training_samples,
    trial_task,
)

pytestmark = pytest.mark.usefixtures("local_ray")

EXECUTORS: dict[str, Callable[[], TrialExecutor]] = {
    "inline": InlineTrialExecutor,
    "ray": lambda: RayTrialExecutor(plan_resources(ResourceSpec(), [1.0])),
}


def run(name: str, feed: ListFeed, folder: Path) -> TrialRecorder:
    recorder = TrialRecorder()
    with EXECUTORS[name]() as executor:
        executor.run(feed, training_samples(), RunStore(str(folder)), recorder)
    return recorder


@pytest.mark.parametrize("name", EXECUTORS)
def test_every_trial_is_told_in_order_and_an_error_of_one_stops_none(
    name: str, tmp_path: Path
) -> None:
    tasks = [trial_task(0), trial_task(1, "no_such_network"), trial_task(2, learning_rate=0.003)]
    recorder = run(name, ListFeed(tasks), tmp_path)
    for number, kinds in {
        0: ["started", "epoch", "epoch", "finished"],
        1: ["started", "failed"],
        2: ["started", "epoch", "epoch", "finished"],
    }.items():
        assert [kind for kind, heard in recorder.heard if heard == number] == kinds
    assert "no_such_network" in recorder.messages[1]
    failure = tmp_path / "trials" / "study" / "0001.failure.txt"
    assert "Traceback" in failure.read_text()
    assert (tmp_path / "trials" / "study" / "0002.json").exists()


def test_both_find_the_same_scores(tmp_path: Path) -> None:
    found = {
        name: run(name, ListFeed([trial_task(0), trial_task(1, momentum=0.5)]), tmp_path / name)
        for name in EXECUTORS
    }
    for number in (0, 1):
        ours, theirs = (found[name].records[number] for name in EXECUTORS)
        assert ours.oof == theirs.oof
        assert ours.best_epochs == theirs.best_epochs


@pytest.mark.parametrize("name", EXECUTORS)
def test_a_feed_that_gives_nothing_is_done(name: str, tmp_path: Path) -> None:
    assert run(name, ListFeed([]), tmp_path).heard == []
