"""A search's trials through every executor: told in order, the same scores, given up early."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from foldgrid.execution.inline import InlineExecutor
from foldgrid.execution.ray_tune import RayTuneExecutor
from foldgrid.execution.resources import plan_resources
from foldgrid.execution.work import Executor
from foldgrid.records import SearchStore
from foldgrid.search.lockstep import TrialWork
from foldgrid.search.trials import TrialTask
from foldgrid.specs.sweep import ResourceSpec
from foldgrid.specs.trials import TrialEpoch
from tests.tuning.search.small_search import TrialRecorder, training_samples, trial_task

pytestmark = pytest.mark.usefixtures("local_ray")

EXECUTORS: dict[str, Callable[[], Executor]] = {
    "inline": InlineExecutor,
    "ray": lambda: RayTuneExecutor(plan_resources(ResourceSpec(), [1.0])),
}


@dataclass
class GiveUp:
    """Gives trials up after an epoch.

    Attributes:
        after: The epoch, by the trial's number.
        stopped_ones: What was said to be stopped.
    """

    after: dict[int, int]
    stopped_ones: list[int] = field(default_factory=list)

    def should_stop(self, task: TrialTask, epoch: TrialEpoch) -> bool:
        return self.after.get(task.number) == epoch.epoch

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


GOOD, ANOTHER_GOOD = trial_task(0), trial_task(2, momentum=0.5)
BAD = trial_task(1, "no_such_network")
GIVEN_UP_EARLY, GIVEN_UP_AT_THE_END = trial_task(3), trial_task(4)


@dataclass(frozen=True)
class Course:
    """What an executor made of two good trials, a bad one and two that are given up."""

    folder: Path
    recorder: TrialRecorder
    steering: GiveUp

    def kinds(self, task: TrialTask) -> list[str]:
        return [kind for kind, heard in self.recorder.heard if heard == task.number]


@pytest.fixture(scope="module")
def courses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Course]:
    found = {}
    for name in EXECUTORS:
        folder = tmp_path_factory.mktemp(name)
        steering = GiveUp({GIVEN_UP_EARLY.number: 1, GIVEN_UP_AT_THE_END.number: 2})
        tasks = [GOOD, BAD, ANOTHER_GOOD, GIVEN_UP_EARLY, GIVEN_UP_AT_THE_END]
        found[name] = Course(folder, run(name, iter(tasks), folder, steering), steering)
    return found


@pytest.fixture(params=EXECUTORS)
def course(request: pytest.FixtureRequest, courses: dict[str, Course]) -> Course:
    return courses[request.param]


def test_every_trial_is_told_in_order_and_an_error_of_one_stops_none(course: Course) -> None:
    for task in (GOOD, ANOTHER_GOOD):
        assert course.kinds(task) == ["started", "epoch", "epoch", "finished"]
    assert course.kinds(BAD) == ["started", "failed"]
    assert "no_such_network" in course.recorder.messages[BAD.number]
    failure = course.folder / "trials" / "study" / "0001" / "failure.txt"
    assert "Traceback" in failure.read_text()


def test_both_find_the_same_scores(courses: dict[str, Course]) -> None:
    for task in (GOOD, ANOTHER_GOOD):
        ours, theirs = (courses[name].recorder.records[task.number] for name in EXECUTORS)
        assert ours.oof == theirs.oof
        assert ours.best_epochs == theirs.best_epochs


@pytest.mark.parametrize("name", EXECUTORS)
def test_an_iterator_that_gives_nothing_is_done(name: str, tmp_path: Path) -> None:
    assert run(name, iter([]), tmp_path).heard == []


def test_a_trial_that_is_given_up_ends_there_and_the_others_go_on(course: Course) -> None:
    assert course.steering.stopped_ones == [GIVEN_UP_EARLY.number]
    assert course.kinds(GIVEN_UP_EARLY) == ["started", "epoch"]
    for task in (GOOD, ANOTHER_GOOD):
        assert len(course.recorder.epochs[task.number]) == 2
        assert task.number in course.recorder.records


def test_the_last_epoch_is_nobody_s_to_stop(course: Course) -> None:
    number = GIVEN_UP_AT_THE_END.number
    assert number not in course.steering.stopped_ones
    assert course.recorder.records[number].status == "complete"
