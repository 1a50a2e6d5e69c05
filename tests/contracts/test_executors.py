"""The laws of ``tuning.work.Executor``, kept by every executor."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from foldgrid.records import RunStore
from foldgrid.specs.fits import EpochRecord
from foldgrid.specs.sweep import ResourceSpec
from foldgrid.tuning.events import FitListener
from foldgrid.tuning.executor import InlineExecutor
from foldgrid.tuning.grid import FitTask
from foldgrid.tuning.ray_tune import RayTuneExecutor
from foldgrid.tuning.resources import plan_resources
from foldgrid.tuning.work import Executor, FitWork
from tests.small_memory import fits_in_small_memory
from tests.tuning.small_grid import Recorder, fit_task, ids, random_study

pytestmark = pytest.mark.usefixtures("local_ray")

EXECUTORS: dict[str, Callable[[], Executor]] = {
    "inline": InlineExecutor,
    "ray": lambda: RayTuneExecutor(plan_resources(ResourceSpec(), [1.0]), max_retries=2),
}


@pytest.fixture(params=sorted(EXECUTORS))
def executor(request: pytest.FixtureRequest) -> Executor:
    return EXECUTORS[request.param]()


def train(
    executor: Executor, tasks: Sequence[FitTask], store: RunStore, listener: FitListener
) -> None:
    with executor:
        executor.run(FitWork(random_study(), store), tasks, listener)


def result_of(store: RunStore, fit_id: str) -> tuple[bytes, str, list[tuple[object, ...]]]:
    """Everything a fit leaves that must not depend on when and where it ran."""
    folder = store.fit(fit_id)
    history = [
        (e.epoch, e.learning_rate, e.train_loss, e.validation_loss, e.is_best)
        for e in folder.read_history()
    ]
    return folder.read_weights(), folder.read_predictions().to_csv(), history


def test_every_fit_is_trained_once_and_told_in_order(executor: Executor, tmp_path: Path) -> None:
    tasks = [fit_task("squeezenet1_1", fold) for fold in (0, 1)]
    tasks += [fit_task("shufflenet_v2_x0_5", fold) for fold in (0, 1)]
    store, recorder = RunStore(str(tmp_path)), Recorder()
    train(executor, tasks, store, recorder)
    assert store.finished_fits() == set(ids(tasks))
    assert sorted(recorder.of("finished")) == sorted(ids(tasks))
    assert sorted(recorder.of("started")) == sorted(ids(tasks))
    for fit_id in ids(tasks):
        kinds = [kind for kind, heard in recorder.heard if heard == fit_id]
        assert kinds == ["started", "epoch", "epoch", "finished"]
        assert recorder.epochs[fit_id] == [1, 2]


def test_records_have_the_same_bits_whichever_executor_made_them(tmp_path: Path) -> None:
    tasks = [fit_task("shufflenet_v2_x0_5", 0), fit_task("squeezenet1_1", 1)]
    stores = {name: RunStore(str(tmp_path / name)) for name in EXECUTORS}
    for name, make in EXECUTORS.items():
        # In another order, too: what a worker trained before must not matter.
        ordered = tasks if name == "inline" else tasks[::-1]
        train(make(), ordered, stores[name], Recorder())
    for fit_id in ids(tasks):
        assert result_of(stores["inline"], fit_id) == result_of(stores["ray"], fit_id)


def test_an_error_of_one_fit_is_told_and_the_others_go_on(
    executor: Executor, tmp_path: Path
) -> None:
    bad, good = fit_task("no_such_network"), fit_task("squeezenet1_1")
    store, recorder = RunStore(str(tmp_path)), Recorder()
    train(executor, [bad, good], store, recorder)
    assert store.finished_fits() == {good.config.fit_id}
    assert recorder.of("failed") == [bad.config.fit_id]
    assert "no_such_network" in recorder.failures[bad.config.fit_id].message
    failure = tmp_path / "fits" / bad.config.fit_id / "failure.txt"
    assert "Traceback" in failure.read_text()


def test_a_fit_that_was_finished_meanwhile_is_left_alone(
    executor: Executor, tmp_path: Path
) -> None:
    task, store = fit_task("squeezenet1_1"), RunStore(str(tmp_path))
    train(InlineExecutor(), [task], store, Recorder())
    before = result_of(store, task.config.fit_id)
    written = (tmp_path / "fits" / task.config.fit_id / "fit.json").stat().st_mtime_ns
    recorder = Recorder()
    train(executor, [task], store, recorder)
    assert recorder.of("epoch") == []
    assert recorder.of("finished") == [task.config.fit_id]
    assert result_of(store, task.config.fit_id) == before
    assert (tmp_path / "fits" / task.config.fit_id / "fit.json").stat().st_mtime_ns == written


def test_nothing_to_do_is_done(executor: Executor, tmp_path: Path) -> None:
    recorder = Recorder()
    train(executor, [], RunStore(str(tmp_path)), recorder)
    assert recorder.heard == []


def test_where_memory_runs_out_a_fit_goes_on_with_parts_of_a_batch(
    executor: Executor, tmp_path: Path
) -> None:
    tasks = [fit_task("squeezenet1_1", fold) for fold in (0, 1)]
    store, recorder = RunStore(str(tmp_path)), Recorder()
    with executor, fits_in_small_memory(random_study(), store, num_samples=3) as work:
        # One after the other, so that the second can know.
        for task in tasks:
            executor.run(work, [task], recorder)
    assert recorder.failures == {}
    assert recorder.of("finished") == ids(tasks)
    for fit_id in ids(tasks):
        record = store.read_fit(fit_id)
        assert record.micro_batch_size == 2
        assert record.config.training.batch_size == 8
        assert recorder.epochs[fit_id] == [1, 2]
    first, second = ((tmp_path / "fits" / name / "fit.log").read_text() for name in ids(tasks))
    assert "out of memory on cpu with 8 samples at a time" in first
    assert "out of memory on cpu with 4 samples at a time" in first
    assert "goes on with 2 at a time" in first
    assert "out of memory" not in second, "what helped is used for the next fit of the backbone"


def test_a_fit_has_a_log_of_its_own(executor: Executor, tmp_path: Path) -> None:
    tasks = [fit_task("squeezenet1_1", fold) for fold in (0, 1)]
    store = RunStore(str(tmp_path))
    train(executor, tasks, store, Recorder())
    for task in tasks:
        lines = (tmp_path / "fits" / task.config.fit_id / "fit.log").read_text().splitlines()
        assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO    ", x) for x in lines)
        text = "\n".join(lines)
        assert text.count("taken up by process") == 1
        assert [f"fold {task.config.fold}: epoch {n}:" in text for n in (1, 2, 3)] == [1, 1, 0]
        assert f"fold {1 - task.config.fold}: " not in text


class WorkerKiller(Recorder):
    """Kills the process that trains a fit, as the kernel does when memory runs out.

    Args:
        victim: The fit whose worker dies.
        times: How often, each time after an epoch.
    """

    def __init__(self, victim: FitTask, times: int) -> None:
        super().__init__()
        self.victim, self.times_left = victim.config.fit_id, times

    def epoch_done(self, task: FitTask, record: EpochRecord) -> None:
        super().epoch_done(task, record)
        if task.config.fit_id == self.victim and self.times_left and record.epoch < 3:
            self.times_left -= 1
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


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds workers through /proc")
def test_a_lost_worker_costs_epochs_but_no_fit(tmp_path: Path) -> None:
    task = fit_task("shufflenet_v2_x0_5", max_epochs=6)
    quiet, shaken = RunStore(str(tmp_path / "quiet")), RunStore(str(tmp_path / "shaken"))
    train(InlineExecutor(), [task], quiet, Recorder())
    killer = WorkerKiller(task, times=1)
    train(EXECUTORS["ray"](), [task], shaken, killer)
    assert killer.times_left == 0, "the test killed nobody"
    assert killer.of("finished") == [task.config.fit_id]
    assert len(killer.of("started")) >= 2
    assert result_of(shaken, task.config.fit_id) == result_of(quiet, task.config.fit_id)


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds workers through /proc")
def test_a_worker_lost_too_often_fails_its_fit(tmp_path: Path) -> None:
    task = fit_task("shufflenet_v2_x0_5", max_epochs=6)
    store, killer = RunStore(str(tmp_path)), WorkerKiller(task, times=9)
    resources = plan_resources(ResourceSpec(), [1.0])
    train(RayTuneExecutor(resources, max_retries=1), [task], store, killer)
    assert killer.of("failed") == [task.config.fit_id]
    failed = killer.failures[task.config.fit_id]
    assert failed.kind == "lost_worker"
    assert "max_retries" in failed.message
    folder = tmp_path / "fits" / task.config.fit_id
    assert "died unexpectedly" in (folder / "failure.txt").read_text(), "what Ray said is kept"
    log = (folder / "fit.log").read_text()
    assert log.count("its worker was lost; it goes on from its last checkpoint") == 1
    assert "failed (lost worker)" in log
    assert store.finished_fits() == set()
