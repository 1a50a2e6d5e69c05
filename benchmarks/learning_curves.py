"""Makes the learning curves that searches are replayed on: `python -m benchmarks.learning_curves`.

Random configurations of ``search_spaces/lr_plateau.yaml``, the sweep's default configuration first,
each on all folds to its last epoch, by the search's own code. Needs neither Ray nor W&B. A run that
was killed goes on; a run that is out of time writes what is finished.
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import queue
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import torchvision
from cyclopts import App, Parameter
from rich.console import Console
from safetensors.torch import load

from benchmarks.side_by_side import run
from benchmarks.stored_curves import CURVES, Curve, CurveStudy, write_curves
from benchmarks.study import PROJECT, SPACES
from foldgrid.data.cache import cache_root
from foldgrid.data.cores import num_usable_cores
from foldgrid.data.dataset import load_mosaics
from foldgrid.execution.trainer import open_fit
from foldgrid.launching.planning.preparation import PreparedSweep, prepare_sweep
from foldgrid.models import WeightFile
from foldgrid.records import SearchStore
from foldgrid.search.lockstep import TrialTrainer
from foldgrid.search.plan import StudyPlan, plan_studies, training_units
from foldgrid.search.storage.files import JournalSearchStorage
from foldgrid.search.study import SearchStudy
from foldgrid.search.trials import TrialJob
from foldgrid.specs.base import Spec
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.resolving import resolve_sweep
from foldgrid.training import TrainingData
from foldgrid.training.device import describe_device

SWEEP = PROJECT / "sweeps" / "lr_plateau.yaml"
BACKBONE = "mobilenet_v3_small"
PRETRAINING_SEED = 99
PRETRAINING_RATE = 0.003
WRITE_EVERY_SECONDS = 60.0

app = App(
    name="python -m benchmarks.learning_curves",
    help="Train random configurations to their ends and keep what a search would have heard.",
    version_flags=[],
)


class CurveSettings(Spec):
    """What is trained.

    Attributes:
        data_seeds: A study each: its patients, its split and its configurations.
        num_configurations: Of each study, the sweep's default configuration included.
        epochs: Of each configuration.
        batches: Batches an epoch.
        num_subjects: Of each study's synthetic trial.
        tile_pixels: The side of a tile.
        pretraining_epochs: Of the fit whose weights all others start from.
    """

    data_seeds: tuple[int, ...]
    num_configurations: int
    epochs: int
    batches: int
    num_subjects: int
    tile_pixels: int
    pretraining_epochs: int

    def overrides(self, seed: int) -> tuple[str, ...]:
        """The keys of the sweep that are changed for one study."""
        visits = round(self.num_subjects * 338 / 60)
        return (
            f"seed={seed}",
            f"data.synthetic.seed={seed}",
            f"data.synthetic.num_subjects={self.num_subjects}",
            f"data.synthetic.num_visits={visits}",
            f"data.tile_pixels={self.tile_pixels}",
            f"backbones=[{BACKBONE}]",
            "weights=none",
            f"training.max_epochs={self.epochs}",
            # Every curve to its last epoch.
            "search.scheduler=none",
            f"training.max_batches_per_epoch={self.batches}",
            "training.precision=float32",
            "search.sampler=RandomSampler",
            "resources.gpus_per_fit=0",
        )

    def prepare(self, seed: int, folder: Path, *changes: str) -> PreparedSweep:
        """The sweep of one study, planned into a folder of its own."""
        overrides = (*self.overrides(seed), *changes)
        resolved = resolve_sweep(SWEEP, "smoke", overrides, spaces=SPACES)
        storage = str(folder / f"data-{seed}")
        return prepare_sweep(resolved, storage=storage, cache=cache_root())


@dataclass(frozen=True)
class CurveWork:
    """One study, ready to be trained by any process.

    Attributes:
        name: The seed of its data.
        plan: The study.
        store: Where its trials go.
        mosaics: The file of its training samples' pictures.
        samples: Its training samples.
        stratum: See ``TrainingData``.
        units: Its visits.
        weights: What every fit starts from.
        values: The configurations, by number.
    """

    name: str
    plan: StudyPlan
    store: SearchStore
    mosaics: Path
    samples: pd.DataFrame
    stratum: str
    units: pd.DataFrame
    weights: WeightFile
    values: tuple[dict[str, Value], ...]

    @property
    def data(self) -> TrainingData:
        """The training samples, their pictures mapped."""
        return TrainingData(np.load(self.mosaics, mmap_mode="r"), self.samples, self.stratum)

    def job(self, number: int, device: str) -> TrialJob:
        """A configuration's trial on ``device``, from the pre-trained weights."""
        job = self.plan.job(number, self.values[number])
        sha256 = self.weights.sha256()
        fits = tuple(
            replace(
                fit,
                config=fit.config.model_copy(update={"weights": sha256}),
                weights=self.weights,
                gpus=float(device == "cuda"),
                num_threads=1,
            )
            for fit in job.fits
        )
        return replace(job, fits=fits)

    def finished(self) -> CurveStudy:
        """What is trained so far."""
        curves = []
        for folder in self.store.trials(self.plan.name):
            record = folder.read_record()
            device = Path(folder.path, "device.txt").read_text(encoding="utf-8")
            epochs = tuple(folder.read_epochs())
            curves.append(Curve(record.number, record.values, record.status, device, epochs))
        subject = pd.factorize(self.units["subject"])[0]
        return CurveStudy(self.units[["reference"]].assign(subject=subject), tuple(curves))


def pretrained_weights(settings: CurveSettings, folder: Path, console: Console) -> WeightFile:
    """Weights from a trial of other patients, in the place of ImageNet's; made once.

    From random weights most configurations of so few steps stay at the mean; the paper starts
    from pre-trained ones.
    """
    path = folder / f"pretrained-{settings.num_subjects}-{settings.tile_pixels}.pth"
    if not path.exists():
        console.print("pre-training on another synthetic trial")
        prepared = settings.prepare(
            PRETRAINING_SEED,
            folder,
            f"training.max_epochs={settings.pretraining_epochs}",
            "training.max_batches_per_epoch=null",
            f"training.learning_rate={PRETRAINING_RATE}",
            "keep=best",
        )
        data = TrainingData.from_dataset(load_mosaics(prepared.survey), prepared.split)
        fit = open_fit(prepared.grid.jobs[0], data, prepared.store)
        record = fit.run()
        console.print(f"pre-trained: {record.metrics}", soft_wrap=True)
        aside = path.with_suffix(".partial")
        torch.save(load(fit.folder.read_weights()), aside)
        aside.replace(path)
    return WeightFile(BACKBONE, f"synthetic trial {PRETRAINING_SEED}", "", path)


def draw_values(plan: StudyPlan, num_configurations: int) -> tuple[dict[str, Value], ...]:
    """The configurations that a search of the study would try, none known to be good or bad."""
    sweep = plan.prepared.sweep
    with TemporaryDirectory() as scratch:
        storage = JournalSearchStorage(Path(scratch) / "journal.log")
        study = SearchStudy(storage, plan.name, plan.space, sweep.search, plan.first, sweep.seed)
        asked = [study.ask() for _ in range(num_configurations)]
        storage.close()
    return tuple(each[1] for each in asked if each is not None)


def open_work(settings: CurveSettings, seed: int, folder: Path, weights: WeightFile) -> CurveWork:
    """Plans one study and writes its pictures where every process finds them."""
    prepared = settings.prepare(seed, folder)
    (plan,) = plan_studies(prepared)
    dataset = load_mosaics(prepared.survey)
    data = TrainingData.from_dataset(dataset, prepared.split).for_search()
    mosaics = folder / f"data-{seed}.npy"
    np.save(mosaics, data.mosaics_NHWC)
    values = draw_values(plan, settings.num_configurations)
    store = SearchStore.of(prepared.store).absolute()
    units = training_units(plan, data)
    return CurveWork(
        str(seed), plan, store, mosaics, data.samples, data.stratum, units, weights, values
    )


def train_until(works: Sequence[CurveWork], jobs: Any, device: str, deadline: float) -> None:
    """A process: takes (study, number) from ``jobs`` until there is none or time is over."""
    data = [work.data for work in works]
    while time.time() < deadline:
        try:
            study, number = jobs.get(timeout=1.0)
        except queue.Empty:
            return
        work = works[study]
        folder = work.store.trial(work.plan.name, number)
        job = TrialTrainer(data[study], work.store).open(work.job(number, device))
        while not job.is_over and time.time() < deadline:
            job.run_epoch()
        if job.is_over:
            words = describe_device(torch.device(device))
            Path(folder.path, "device.txt").write_text(words, encoding="utf-8")
            folder.complete(job.finalize(), job.epochs, work.units)


@app.default
def make_curves(
    *,
    folder: Path,
    data_seeds: Annotated[tuple[int, ...], Parameter(consume_multiple=True, negative=())] = (0, 1),
    configurations: int = 60,
    epochs: int = 15,
    batches: int = 8,
    subjects: int = 60,
    tile_pixels: int = 32,
    pretraining_epochs: int = 16,
    cpu_processes: int | None = None,
    gpu_processes: int | None = None,
    minutes: float = 1e6,
    output: Path = CURVES,
) -> None:
    """Train random configurations to their ends and keep what a search would have heard.

    Args:
        folder: Where unfinished work lies; given again, the work goes on.
        data_seeds: Seeds of the synthetic trials: a study each.
        configurations: Of each study.
        epochs: Of each configuration.
        batches: Batches an epoch.
        subjects: Of each synthetic trial.
        tile_pixels: The side of a tile.
        pretraining_epochs: Of the fit whose weights all others start from.
        cpu_processes: Processes that train on the CPU, a core each; left out, all cores, or half
            of them where there is a GPU.
        gpu_processes: Processes that share the GPU; left out, as many as the other cores.
        minutes: After so long a configuration that is not finished is stopped.
        output: Where the curves go, without an ending.
    """
    started, console = time.time(), Console()
    settings = CurveSettings(
        data_seeds=data_seeds,
        num_configurations=configurations,
        epochs=epochs,
        batches=batches,
        num_subjects=subjects,
        tile_pixels=tile_pixels,
        pretraining_epochs=pretraining_epochs,
    )
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.absolute()
    weights = pretrained_weights(settings, folder, console)
    works = [open_work(settings, seed, folder, weights) for seed in data_seeds]
    devices = _devices(cpu_processes, gpu_processes)
    made = _made(settings, weights, devices)
    # A queue that nobody holds is gone before a process has opened it.
    processes, jobs = _start(works, devices, started + 60 * minutes)
    console.print(f"{time.time() - started:.0f} s: {len(processes)} processes started")
    is_over = False
    while not is_over:
        _wait(processes, WRITE_EVERY_SECONDS)
        is_over = not any(process.is_alive() for process in processes)
        _write(output, works, made, started, console)
    if failed := [process.exitcode for process in processes if process.exitcode]:
        raise RuntimeError(f"{len(failed)} processes failed, with codes {failed}")
    jobs.close()


def _devices(num_cpu: int | None, num_gpu: int | None) -> list[str]:
    """The device of each process."""
    cores = num_usable_cores()
    if num_gpu is None:
        num_gpu = cores // 2 if torch.cuda.is_available() else 0
    return ["cuda"] * num_gpu + ["cpu"] * (cores - num_gpu if num_cpu is None else num_cpu)


def _start(
    works: Sequence[CurveWork], devices: Sequence[str], deadline: float
) -> tuple[list[SpawnProcess], Any]:
    """Starts a process a device, none without work; returns them and the queue of what is left."""
    context = multiprocessing.get_context("spawn")
    jobs = context.Queue()
    left = [
        (study, number)
        for number in range(len(works[0].values))
        for study, work in enumerate(works)
        if not work.store.trial(work.plan.name, number).is_over()
    ]
    for each in left:
        jobs.put(each)
    # Read when a process imports its arithmetic; one core each.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    processes = [
        context.Process(target=train_until, args=(works, jobs, device, deadline))
        for device in devices[: len(left)]
    ]
    for process in processes:
        process.start()
    return processes, jobs


def _wait(processes: Sequence[SpawnProcess], seconds: float) -> None:
    """Until all processes have ended, but no longer than ``seconds``."""
    until = time.monotonic() + seconds
    for process in processes:
        process.join(max(until - time.monotonic(), 0))


def _made(settings: CurveSettings, weights: WeightFile, devices: Sequence[str]) -> dict[str, Any]:
    """How the curves are made, for whoever reads them."""
    seeds = " ".join(map(str, settings.data_seeds))
    return {
        "command": f"python -m benchmarks.learning_curves --folder FOLDER --data-seeds {seeds} "
        f"--configurations {settings.num_configurations} --epochs {settings.epochs} "
        f"--batches {settings.batches} --subjects {settings.num_subjects} "
        f"--tile-pixels {settings.tile_pixels} "
        f"--pretraining-epochs {settings.pretraining_epochs}",
        "date": datetime.now(UTC).date().isoformat(),
        "backbone": BACKBONE,
        "weights": f"{weights.source}, {settings.pretraining_epochs} epochs at {PRETRAINING_RATE}",
        "processes": {device: devices.count(device) for device in sorted(set(devices))},
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
    }


def _write(
    output: Path, works: Sequence[CurveWork], made: dict[str, Any], started: float, console: Console
) -> None:
    """Writes what is finished."""
    studies = {work.name: work.finished() for work in works}
    write_curves(output, studies, made)
    counts = ", ".join(f"{name} {len(study.curves)}" for name, study in studies.items())
    console.print(f"{time.time() - started:.0f} s: finished of data {counts}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(run(app))
