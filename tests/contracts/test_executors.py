"""The laws of ``execution.trainer.Executor``, kept by every executor."""

from __future__ import annotations

import io
import os
import re
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from rich.console import Console

from foldgrid.execution.events import FitListener
from foldgrid.execution.feature_job import FeatureJob, FeatureTrainer
from foldgrid.execution.fit_job import FitJob
from foldgrid.execution.inline import InlineExecutor
from foldgrid.execution.ray_tune import RayTuneExecutor
from foldgrid.execution.resources import plan_resources
from foldgrid.execution.trainer import Executor, FitTrainer
from foldgrid.execution.worker import job_trainable
from foldgrid.launching.feature_tasks import compute_features
from foldgrid.records import RunStore
from foldgrid.specs.fits import EpochRecord
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.sweep import ResourceSpec
from tests.execution.small_grid import Recorder, fit_job, ids, random_study
from tests.small_memory import fits_in_small_memory

pytestmark = pytest.mark.usefixtures("local_ray")

EXECUTORS: dict[str, Callable[[], Executor]] = {
    "inline": InlineExecutor,
    "ray": lambda: RayTuneExecutor(plan_resources(ResourceSpec(), {}), max_retries=2),
}
ONE_AT_A_TIME: dict[str, Callable[[], Executor]] = {
    "inline": InlineExecutor,
    "ray": lambda: RayTuneExecutor(
        plan_resources(ResourceSpec(max_concurrent=1), {}), max_retries=1
    ),
}
GOOD = [
    *(fit_job("squeezenet1_1", fold) for fold in (0, 1)),
    *(fit_job("shufflenet_v2_x0_5", fold) for fold in (0, 1)),
]
BAD = fit_job("no_such_network")
FINISHED_BEFORE = fit_job("squeezenet1_1", max_epochs=1)


def train(
    executor: Executor, jobs: Sequence[FitJob], store: RunStore, listener: FitListener
) -> None:
    with executor:
        executor.run(FitTrainer(random_study(), store), jobs, listener)


def result_of(store: RunStore, fit_id: str) -> tuple[bytes, str, list[tuple[object, ...]]]:
    """Everything a fit leaves that must not depend on when and where it ran."""
    folder = store.fit(fit_id)
    history = [
        (e.epoch, e.learning_rate, e.train_loss, e.validation_loss, e.is_best)
        for e in folder.read_history()
    ]
    return folder.read_weights(), folder.read_predictions().to_csv(), history


@dataclass(frozen=True)
class Course:
    """What an executor made of good fits, a bad one, and one that was finished meanwhile.

    Attributes:
        folder: The run folder.
        before: What the finished one had left, and when.
        recorder: What was told.
    """

    folder: Path
    before: object
    recorder: Recorder

    @property
    def store(self) -> RunStore:
        return RunStore(str(self.folder))

    def log_of(self, job: FitJob) -> str:
        return (self.folder / "fits" / job.config.fit_id / "fit.log").read_text()


def left_by(folder: Path, job: FitJob) -> object:
    """What a fit left, and when."""
    written = (folder / "fits" / job.config.fit_id / "fit.json").stat().st_mtime_ns
    return result_of(RunStore(str(folder)), job.config.fit_id), written


@pytest.fixture(scope="module")
def courses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Course]:
    """Every executor's course, all of the same fits."""
    found = {}
    for name, make in EXECUTORS.items():
        folder, recorder = tmp_path_factory.mktemp(name), Recorder()
        store, jobs = RunStore(str(folder)), [BAD, *GOOD, FINISHED_BEFORE]
        train(InlineExecutor(), [FINISHED_BEFORE], store, Recorder())
        before = left_by(folder, FINISHED_BEFORE)
        # In another order, too: what a worker trained before must not matter.
        train(make(), jobs if name == "inline" else jobs[::-1], store, recorder)
        found[name] = Course(folder, before, recorder)
    return found


@pytest.fixture(params=sorted(EXECUTORS))
def course(request: pytest.FixtureRequest, courses: dict[str, Course]) -> Course:
    return courses[request.param]


def test_every_fit_is_trained_once_and_reported_in_order(course: Course) -> None:
    reported = course.recorder
    assert course.store.finished_fits() == set(ids([*GOOD, FINISHED_BEFORE]))
    assert sorted(reported.of("finished")) == sorted(ids([*GOOD, FINISHED_BEFORE]))
    assert sorted(reported.of("started")) == sorted(ids([*GOOD, BAD, FINISHED_BEFORE]))
    for fit_id in ids(GOOD):
        kinds = [kind for kind, received in reported.received if received == fit_id]
        assert kinds == ["started", "epoch", "epoch", "finished"]
        assert reported.epochs[fit_id] == [1, 2]


def test_records_have_the_same_bits_whichever_executor_made_them(
    courses: dict[str, Course],
) -> None:
    for fit_id in ids(GOOD):
        results = [result_of(course.store, fit_id) for course in courses.values()]
        assert results[0] == results[1]


def test_an_error_of_one_fit_is_reported_and_the_others_go_on(course: Course) -> None:
    fit_id = BAD.config.fit_id
    assert course.recorder.of("failed") == [fit_id]
    assert "no_such_network" in course.recorder.failures[fit_id].message
    assert "Traceback" in (course.folder / "fits" / fit_id / "failure.txt").read_text()


def test_a_fit_that_was_finished_meanwhile_is_left_alone(course: Course) -> None:
    fit_id = FINISHED_BEFORE.config.fit_id
    kinds = [kind for kind, received in course.recorder.received if received == fit_id]
    assert kinds == ["started", "finished"]
    assert left_by(course.folder, FINISHED_BEFORE) == course.before


def test_a_fit_has_a_log_of_its_own(course: Course) -> None:
    for job in GOOD:
        text = course.log_of(job)
        lines = text.splitlines()
        assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO    ", x) for x in lines)
        assert text.count("taken up by process") == 1
        assert [f"fold {job.config.fold}: epoch {n}:" in text for n in (1, 2, 3)] == [1, 1, 0]
        assert f"fold {1 - job.config.fold}: " not in text


@pytest.mark.parametrize("name", EXECUTORS)
def test_nothing_to_do_is_done(name: str, tmp_path: Path) -> None:
    recorder = Recorder()
    train(EXECUTORS[name](), [], RunStore(str(tmp_path)), recorder)
    assert recorder.received == []


@pytest.mark.parametrize("name", ["inline", pytest.param("ray", marks=pytest.mark.exhaustive)])
def test_where_memory_runs_out_a_fit_goes_on_with_parts_of_a_batch(
    name: str, tmp_path: Path
) -> None:
    jobs = [fit_job("squeezenet1_1", fold) for fold in (0, 1)]
    store, recorder = RunStore(str(tmp_path)), Recorder()
    # One after the other, so that the second can know.
    with (
        ONE_AT_A_TIME[name]() as executor,
        fits_in_small_memory(random_study(), store, num_samples=3) as trainer,
    ):
        executor.run(trainer, jobs, recorder)
    assert recorder.failures == {}
    assert recorder.of("finished") == ids(jobs)
    for fit_id in ids(jobs):
        record = store.read_fit(fit_id)
        assert record.micro_batch_size == 2
        assert record.config.training.batch_size == 8
        assert recorder.epochs[fit_id] == [1, 2]
    first, second = ((tmp_path / "fits" / name / "fit.log").read_text() for name in ids(jobs))
    assert "out of memory on cpu with 8 samples at a time" in first
    assert "out of memory on cpu with 4 samples at a time" in first
    assert "goes on with 2 at a time" in first
    assert "out of memory" not in second, "what helped is used for the next fit of the backbone"


class WorkerKiller(Recorder):
    """Kills the process that trains a fit, as the kernel does when memory runs out.

    Args:
        times: How often, by the fit's id, each time after an epoch.
    """

    def __init__(self, times: dict[str, int]) -> None:
        super().__init__()
        self.times_left = times

    def epoch_done(self, job: FitJob, record: EpochRecord) -> None:
        super().epoch_done(job, record)
        fit_id = job.config.fit_id
        if self.times_left.get(fit_id) and record.epoch < 3:
            self.times_left[fit_id] -= 1
            for worker in trainable_workers():
                os.kill(worker, signal.SIGKILL)


def trainable_workers() -> list[int]:
    """The processes of Ray's trainable actors that this process's own Ray started."""
    parents, found = {}, []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text().rpartition(")")[2].split()
                title = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            parents[int(entry.name)] = int(status[1])
            if title.startswith(b"ray::") and b"Trainable" in title:
                found.append(int(entry.name))

    def is_ours(pid: int) -> bool:
        return pid == os.getpid() or (pid in parents and is_ours(parents[pid]))

    return [worker for worker in found if is_ours(worker)]


LOST_ONCE, LOST_TOO_OFTEN = (fit_job("shufflenet_v2_x0_5", fold, max_epochs=4) for fold in (0, 1))


@pytest.fixture(scope="module")
def shaken(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """Of two fits, one after the other, whose workers are killed, the second's more than once."""
    if not Path("/proc").exists():
        pytest.skip("finds workers through /proc")
    folder = tmp_path_factory.mktemp("shaken")
    killer = WorkerKiller({LOST_ONCE.config.fit_id: 1, LOST_TOO_OFTEN.config.fit_id: 9})
    jobs = [LOST_ONCE, LOST_TOO_OFTEN]
    train(ONE_AT_A_TIME["ray"](), jobs, RunStore(str(folder)), killer)
    assert killer.times_left[LOST_ONCE.config.fit_id] == 0, "the test killed nobody"
    return Course(folder, None, killer)


def test_a_lost_worker_costs_epochs_but_no_fit(shaken: Course, tmp_path: Path) -> None:
    fit_id = LOST_ONCE.config.fit_id
    quiet = RunStore(str(tmp_path))
    train(InlineExecutor(), [LOST_ONCE], quiet, Recorder())
    assert shaken.recorder.of("finished") == [fit_id]
    assert shaken.recorder.of("started").count(fit_id) >= 2
    assert result_of(shaken.store, fit_id) == result_of(quiet, fit_id)


def test_a_worker_lost_too_often_fails_its_fit(shaken: Course) -> None:
    fit_id = LOST_TOO_OFTEN.config.fit_id
    assert shaken.recorder.of("failed") == [fit_id]
    failed = shaken.recorder.failures[fit_id]
    assert failed.kind == "lost_worker"
    assert "max_retries" in failed.message
    failure = shaken.folder / "fits" / fit_id / "failure.txt"
    assert "died unexpectedly" in failure.read_text(), "what Ray said is kept"
    log = shaken.log_of(LOST_TOO_OFTEN)
    assert log.count("its worker was lost; it goes on from its last checkpoint") == 1
    assert "failed (lost worker)" in log
    assert shaken.store.finished_fits() == {LOST_ONCE.config.fit_id}


def test_ray_s_workers_download_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    trainable = job_trainable()
    worker = object.__new__(trainable)
    work = FitTrainer(random_study(), RunStore(str(tmp_path)))
    trainable.setup(worker, {"job": GOOD[0]}, work, {}, None)
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def features_of(name: str, folder: Path) -> list[bytes]:
    """The files of features of two networks, computed through an executor, and what was told."""
    data = replace(random_study(), cache=folder / "cache", pictures="noise")
    recipe = TrainingRecipe.model_validate(
        {
            "max_epochs": 1,
            "phases": ({"name": "head", "frozen": "backbone"},),
            "augmentation": {"copies": 2},
        }
    )
    fits = [fit_job(backbone) for backbone in ("shufflenet_v2_x0_5", "mobilenet_v3_small")]
    fits = [replace(fit, config=fit.config.model_copy(update={"training": recipe})) for fit in fits]
    log: list[str] = []
    jobs = [FeatureJob(fit, 2, 132) for fit in (*fits, fits[0])]
    with EXECUTORS[name]() as executor:
        trainer = FeatureTrainer(data, RunStore(str(folder / "run")))
        compute_features(executor, trainer, jobs, [], log.append, Console(file=io.StringIO()))
    assert sum("there for 2 fits" in line for line in log) == 3
    assert not list((folder / "cache").rglob("*.partial"))
    return [path.read_bytes() for path in sorted((folder / "cache" / "features").glob("*.npy"))]


def test_features_are_the_same_bits_whoever_computes_them(tmp_path: Path) -> None:
    # The same network twice: one worker waits for the other, and finds the file.
    inline, ray = (features_of(name, tmp_path / name) for name in EXECUTORS)
    assert len(inline) == 4
    assert inline == ray
