"""Fits on an NVIDIA GPU beside others: folds of a trial, processes that share it, one too large."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import torch

from foldgrid.execution.fit_job import FitJob
from foldgrid.execution.inline import InlineExecutor
from foldgrid.execution.trainer import FitTrainer, open_fit
from foldgrid.records import RunStore, SearchStore
from foldgrid.search.lockstep import LockstepTrial
from tests.execution.small_grid import NUM_FOLDS, Recorder, fit_job, random_study
from tests.search.small_search import training_samples, trial_job
from tests.training.tiny_study import outcome

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use"),
]

MANY = 8
"""The most processes on one card that ``gpus_per_fit: auto`` plans."""

_everybody: Barrier | None = None


def on_card(job: FitJob) -> FitJob:
    return replace(job, gpus=1.0)


def shared_jobs() -> list[FitJob]:
    """A fit a process, of kinds that load a card differently."""
    backbones = ("resnet18", "mobilenet_v3_small", "squeezenet1_1", "shufflenet_v2_x0_5")
    return [
        on_card(fit_job(backbone, fold, max_epochs=8))
        for fold in range(NUM_FOLDS)
        for backbone in backbones
    ]


def begin(everybody: Any) -> None:
    global _everybody
    _everybody = everybody


def train_beside_others(job: FitJob, run: str) -> None:
    store = RunStore(run)
    fit = open_fit(job, random_study(), store)
    assert _everybody is not None
    _everybody.wait(120)
    fit.run()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each of ``shared_jobs`` ends in where nothing else is on the card."""
    store, data = RunStore(str(tmp_path_factory.mktemp("alone"))), random_study()
    found = {}
    for job in shared_jobs():
        open_fit(job, data, store).run()
        found[job.config.fit_id] = outcome(store.fit(job.config.fit_id))
    return found


@pytest.mark.parametrize("num_processes", [2, 4, MANY])
def test_processes_that_share_a_card_end_in_the_bits_of_one_that_has_it_alone(
    num_processes: int, alone: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    context = multiprocessing.get_context("spawn")
    everybody = context.Barrier(num_processes)
    jobs = shared_jobs()[:num_processes]
    with ProcessPoolExecutor(num_processes, context, begin, (everybody,)) as pool:
        jobs = [pool.submit(train_beside_others, job, str(tmp_path)) for job in jobs]
        for job in jobs:
            job.result(timeout=240)
    for job in jobs:
        found = outcome(RunStore(str(tmp_path)).fit(job.config.fit_id))
        assert found == alone[job.config.fit_id], job.config.backbone


def test_a_fold_of_a_trial_takes_the_same_course_as_a_fit_of_the_grid(tmp_path: Path) -> None:
    job = trial_job()
    job = replace(job, fits=tuple(on_card(each) for each in job.fits))
    grid = RunStore(str(tmp_path / "grid"))
    folder = SearchStore(str(tmp_path / "search")).trial("study", 0)
    trial = LockstepTrial(job, training_samples(), folder)
    while not trial.is_over:
        trial.run_epoch()
    assert trial.finalize().status == "complete"
    for each in job.fits:
        fit = open_fit(each, random_study(), grid)
        assert fit.device.type == "cuda"
        fit.run()
        courses = [
            [(e.train_loss, e.validation_loss) for e in store.read_history(each.config.fit_id)]
            for store in (folder.fits, grid)
        ]
        assert courses[0] == courses[1]


@pytest.fixture
def a_card_of_300_mib() -> Iterator[None]:
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(300 * 2**20 / total)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.usefixtures("a_card_of_300_mib")
def test_a_fit_too_large_for_the_card_says_what_to_do_and_the_next_one_trains(
    tmp_path: Path,
) -> None:
    jobs = [on_card(fit_job(name)) for name in ("vgg11", "shufflenet_v2_x0_5")]
    received, store = Recorder(), RunStore(str(tmp_path))
    InlineExecutor().run(FitTrainer(random_study(), store), jobs, received)
    large, small = (job.config.fit_id for job in jobs)
    assert received.of("failed") == [large]
    assert received.of("finished") == [small]
    message = received.failures[large].message
    assert message.startswith("CUDA out of memory. Tried to allocate ")
    assert "resources.gpus_per_fit" in message
    assert "training.batch_size" in message
    assert "\n" not in message
    assert "PYTORCH" not in message
    failure = (tmp_path / "fits" / large / "failure.txt").read_text()
    assert "OutOfMemoryError" in failure
    assert "Traceback" in failure


def test_a_batch_that_the_card_does_not_hold_is_trained_in_parts(tmp_path: Path) -> None:
    job, data = on_card(fit_job("resnet18")), random_study(pixels=224)
    for name in ("whole", "parts"):
        store, received = RunStore(str(tmp_path / name)), Recorder()
        if name == "parts":
            # Less than the whole batch took: its pictures' share of it is the larger one.
            peak = RunStore(str(tmp_path / "whole")).read_fit(job.config.fit_id).peak_memory_gib
            total = torch.cuda.get_device_properties(0).total_memory
            torch.cuda.empty_cache()
            torch.cuda.set_per_process_memory_fraction(0.75 * peak * 2**30 / total)
        try:
            InlineExecutor().run(FitTrainer(data, store), [job], received)
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        assert received.of("finished") == [job.config.fit_id]
    record = store.read_fit(job.config.fit_id)
    assert record.micro_batch_size in (2, 4)
    log = (tmp_path / "parts" / "fits" / job.config.fit_id / "fit.log").read_text()
    assert "with 8 samples at a time" in log
