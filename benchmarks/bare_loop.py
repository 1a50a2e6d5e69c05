"""A side: the same fits in plain processes, no Ray, no W&B, no records.

``python -m benchmarks.bare_loop FOLDER`` reads ``FOLDER/study.json`` and writes
``FOLDER/result.json``. The processes take the fits from one queue, longest first.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from foldgrid.execution.fit_job import FitJob
from foldgrid.records import FitFolder
from foldgrid.records.files import FileRoot
from foldgrid.specs.fits import EpochRecord, FitRecord
from foldgrid.training import Fit, TrainingData


class NoFolder(FitFolder):
    """A fit's folder that is empty and stays so."""

    def __init__(self, fit_id: str) -> None:
        super().__init__(FileRoot("."), fit_id)

    def append_epoch(self, record: EpochRecord) -> None:
        """Nothing."""

    def read_history(self) -> list[EpochRecord]:
        """Nothing."""
        return []

    def read_checkpoint(self) -> bytes | None:
        """Nothing."""
        return None

    def write_checkpoint(self, state: bytes) -> None:
        """Nothing."""

    def write_predictions(self, predictions: pd.DataFrame) -> None:
        """Nothing."""

    def write_weights(self, save: Callable[[Path], None]) -> None:
        """Nothing."""

    def complete(self, record: FitRecord) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Trained:
    """One fit's record, and when it began and ended by the machine's clock."""

    record: FitRecord
    began: float
    ended: float


class Worker:
    """What one process keeps between fits."""

    data: TrainingData

    @classmethod
    def open(cls, mosaics: str, samples: pd.DataFrame, stratum: str) -> None:
        """Called once a process: maps the mosaics, which all processes share."""
        cls.data = TrainingData(np.load(mosaics, mmap_mode="r"), samples, stratum)

    @classmethod
    def train(cls, job: FitJob) -> Trained:
        """Trains one fit."""
        began = time.time()
        fit = Fit(
            job.config,
            cls.data,
            NoFolder(job.config.fit_id),
            job.weights,
            keep_weights=job.keep_weights,
            num_threads=job.num_threads,
        )
        return Trained(fit.run(), began, time.time())


def main(folder: Path) -> None:
    # Imported here: the processes import this module again, and need none of it.
    from benchmarks.side_by_side import SideResult
    from benchmarks.study import Study
    from foldgrid.data.dataset import load_mosaics

    study = Study.load(folder)
    prepared = study.prepare(folder / "runs")
    started = time.time()
    dataset = load_mosaics(prepared.survey)
    data = TrainingData.from_dataset(dataset, prepared.split)
    # As Ray sets it for its workers.
    os.environ["OMP_NUM_THREADS"] = "1"
    shared = str(dataset.mosaics_path), data.samples, data.stratum
    with multiprocessing.get_context("spawn").Pool(study.cores, Worker.open, shared) as pool:
        trained = list(pool.imap_unordered(Worker.train, prepared.grid.left, chunksize=1))
        pool.close()
        pool.join()
    ended = time.time()
    began, finished = min(each.began for each in trained), max(each.ended for each in trained)
    records = [each.record for each in trained]
    SideResult(
        phases={"start": began - started, "fits": finished - began, "stop": ended - finished},
        fit_seconds=sum(record.timings["total"] for record in records),
        losses={
            f"{record.config.backbone}/{record.config.fold}": record.metrics.get(
                "validation/loss", math.nan
            )
            for record in records
        },
    ).save(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
