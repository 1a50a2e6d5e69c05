"""A search's trials through every executor: told in order, the same scores, given up early."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from foldgrid.records import SearchStore
from foldgrid.specs.sweep import ResourceSpec
from foldgrid.specs.trials import TrialEpoch
from foldgrid.tuning.executor import InlineExecutor
from foldgrid.tuning.ray_tune import RayTuneExecutor
from foldgrid.tuning.resources import plan_resources
from foldgrid.tuning.search.trials import TrialTask
from foldgrid.tuning.search.work import TrialWork
from foldgrid.tuning.work import Executor
from tests.tuning.search.small_search import TrialRecorder, training_samples, trial_task

pytestmark = pytest.mark.usefixtures("local_ray")

EXECUTORS: dict[str, Callable[[], Executor]] = {
    "inline": InlineExecutor,
    "ray": lambda: RayTuneExecutor(plan_resources(ResourceSpec(), [1.0])),
}


@dataclass
class GiveUp:
    """Gives one trial up after an epoch.

    Attributes:
        number: The trial's.
        epoch: The epoch.
        stopped_ones: What was said to be stopped.
    """

    number: int
    epoch: int
    stopped_ones: list[int] = field(default_factory=list)

    def should_stop(self, task: TrialTask, epoch: TrialEpoch) -> bool:
        return (task.number, epoch.epoch) == (self.number, self.epoch)

    def stopped(self, task: TrialTask) -> None:
        self.stopped_ones.append(task.number)

    def ray_scheduler(self) -> Any | None:
        return None


def run(
    name: str, tasks: Iterable[TrialTask], folder: Path, steering: GiveUp | None = None
) -> TrialRecorder:
    recorder = TrialRecorder()
    with EXECUTORS[name]() as executor:
        work = TrialWork(training_samples(), SearchStore(str(folder)))
        executor.run(work, tasks, recorder, steering)
    return recorder


@pytest.mark.parametrize("name", EXECUTORS)
def test_every_trial_is_told_in_order_and_an_error_of_one_stops_none(
    name: str, tmp_path: Path
) -> None:
    tasks = [trial_task(0), trial_task(1, "no_such_network"), trial_task(2, learning_rate=0.003)]
    recorder = run(name, iter(tasks), tmp_path)
    for number, kinds in {
        0: ["started", "epoch", "epoch", "finished"],
        1: ["started", "failed"],
        2: ["started", "epoch", "epoch", "finished"],
    }.items():
        assert [kind for kind, heard in recorder.heard if heard == number] == kinds
    assert "no_such_network" in recorder.messages[1]
    failure = tmp_path / "trials" / "study" / "0001" / "failure.txt"
    assert "Traceback" in failure.read_text()


def test_both_find_the_same_scores(tmp_path: Path) -> None:
    found = {
        name: run(name, iter([trial_task(0), trial_task(1, momentum=0.5)]), tmp_path / name)
        for name in EXECUTORS
    }
    for number in (0, 1):
        ours, theirs = (found[name].records[number] for name in EXECUTORS)
        assert ours.oof == theirs.oof
        assert ours.best_epochs == theirs.best_epochs


@pytest.mark.parametrize("name", EXECUTORS)
def test_an_iterator_that_gives_nothing_is_done(name: str, tmp_path: Path) -> None:
    assert run(name, iter([]), tmp_path).heard == []


@pytest.mark.parametrize("name", EXECUTORS)
def test_a_trial_that_is_given_up_ends_there_and_the_others_go_on(
    name: str, tmp_path: Path
) -> None:
    steering = GiveUp(number=1, epoch=1)
    recorder = run(name, iter([trial_task(n) for n in range(3)]), tmp_path, steering)
    assert steering.stopped_ones == [1]
    assert [kind for kind, heard in recorder.heard if heard == 1] == ["started", "epoch"]
    for number in (0, 2):
        assert len(recorder.epochs[number]) == 2
        assert number in recorder.records


@pytest.mark.parametrize("name", EXECUTORS)
def test_the_last_epoch_is_nobody_s_to_stop(name: str, tmp_path: Path) -> None:
    steering = GiveUp(number=0, epoch=2)
    recorder = run(name, iter([trial_task(0)]), tmp_path, steering)
    assert steering.stopped_ones == []
    assert recorder.records[0].status == "complete"
