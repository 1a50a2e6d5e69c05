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
from foldgrid.execution.trainer import Executor
from foldgrid.records import SearchStore
from foldgrid.search.lockstep import TrialTrainer
from foldgrid.search.trials import TrialJob
from foldgrid.specs.sweep import ResourceSpec
from foldgrid.specs.trials import TrialEpoch
from tests.search.small_search import TrialRecorder, training_samples, trial_job

pytestmark = pytest.mark.usefixtures("local_ray")

EXECUTORS: dict[str, Callable[[], Executor]] = {
    "inline": InlineExecutor,
    "ray": lambda: RayTuneExecutor(plan_resources(ResourceSpec(), {})),
}


@dataclass
class StopAt:
    """Gives trials up after an epoch.

    Attributes:
        after: The epoch, by the trial's number.
        stopped_ones: What was said to be stopped.
    """

    after: dict[int, int]
    stopped_ones: list[int] = field(default_factory=list)

    def should_stop(self, job: TrialJob, epoch: TrialEpoch) -> bool:
        return self.after.get(job.number) == epoch.epoch

    def stopped(self, job: TrialJob) -> None:
        self.stopped_ones.append(job.number)

    def ray_scheduler(self) -> Any | None:
        return None


def run(
    name: str, jobs: Iterable[TrialJob], folder: Path, steering: StopAt | None = None
) -> TrialRecorder:
    recorder = TrialRecorder()
    with EXECUTORS[name]() as executor:
        trainer = TrialTrainer(training_samples(), SearchStore(str(folder)))
        executor.run(trainer, jobs, recorder, steering)
    return recorder


GOOD, ANOTHER_GOOD = trial_job(0), trial_job(2, momentum=0.5)
BAD = trial_job(1, "no_such_network")
STOPPED_EARLY, STOPPED_AT_THE_END = trial_job(3), trial_job(4)


@dataclass(frozen=True)
class Course:
    """What an executor made of two good trials, a bad one and two that are given up."""

    folder: Path
    recorder: TrialRecorder
    steering: StopAt

    def kinds(self, job: TrialJob) -> list[str]:
        return [kind for kind, received in self.recorder.received if received == job.number]


@pytest.fixture(scope="module")
def courses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Course]:
    found = {}
    for name in EXECUTORS:
        folder = tmp_path_factory.mktemp(name)
        steering = StopAt({STOPPED_EARLY.number: 1, STOPPED_AT_THE_END.number: 2})
        jobs = [GOOD, BAD, ANOTHER_GOOD, STOPPED_EARLY, STOPPED_AT_THE_END]
        found[name] = Course(folder, run(name, iter(jobs), folder, steering), steering)
    return found


@pytest.fixture(params=EXECUTORS)
def course(request: pytest.FixtureRequest, courses: dict[str, Course]) -> Course:
    return courses[request.param]


def test_every_trial_is_reported_in_order_and_an_error_of_one_stops_none(course: Course) -> None:
    for job in (GOOD, ANOTHER_GOOD):
        assert course.kinds(job) == ["started", "epoch", "epoch", "finished"]
    assert course.kinds(BAD) == ["started", "failed"]
    assert "no_such_network" in course.recorder.messages[BAD.number]
    failure = course.folder / "trials" / "study" / "0001" / "failure.txt"
    assert "Traceback" in failure.read_text()


def test_both_find_the_same_scores(courses: dict[str, Course]) -> None:
    for job in (GOOD, ANOTHER_GOOD):
        ours, theirs = (courses[name].recorder.records[job.number] for name in EXECUTORS)
        assert ours.oof == theirs.oof
        assert ours.best_epochs == theirs.best_epochs


@pytest.mark.parametrize("name", EXECUTORS)
def test_an_iterator_that_gives_nothing_is_done(name: str, tmp_path: Path) -> None:
    assert run(name, iter([]), tmp_path).received == []


def test_a_trial_that_is_stopped_ends_there_and_the_others_go_on(course: Course) -> None:
    assert course.steering.stopped_ones == [STOPPED_EARLY.number]
    assert course.kinds(STOPPED_EARLY) == ["started", "epoch"]
    for job in (GOOD, ANOTHER_GOOD):
        assert len(course.recorder.epochs[job.number]) == 2
        assert job.number in course.recorder.records


def test_the_last_epoch_is_nobody_s_to_stop(course: Course) -> None:
    number = STOPPED_AT_THE_END.number
    assert number not in course.steering.stopped_ones
    assert course.recorder.records[number].status == "complete"
