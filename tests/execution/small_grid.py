"""A study of random pictures and a few fits of it, small enough to train in a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from foldgrid.execution.fit_job import FitJob
from foldgrid.specs.failure import Failure
from foldgrid.specs.fits import EpochRecord, FitConfig, FitRecord
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.training import TrainingData

REGIONS = ("upper_extremities", "trunk", "lower_extremities")
NUM_FOLDS = 2


def random_study(num_subjects: int = 8, num_visits: int = 2, pixels: int = 32) -> TrainingData:
    """Mosaics of noise whose red channel follows the involvement; the last subject is test."""
    random = np.random.default_rng(0)
    rows = []
    for subject in range(num_subjects):
        is_test = subject == num_subjects - 1
        for visit in range(num_visits):
            for region in REGIONS:
                rows.append(
                    {
                        "sample": f"S{subject}/V{visit}/{region}",
                        "subject": f"S{subject}",
                        "visit": f"V{visit}",
                        "day": 28.0 * visit,
                        "region": region,
                        "erythema": int(random.integers(0, 5)),
                        "induration": int(random.integers(0, 5)),
                        "scaling": int(random.integers(0, 5)),
                        "involvement": int(random.integers(0, 7)),
                        "partition": "test" if is_test else "train",
                        "fold": -1 if is_test else subject % NUM_FOLDS,
                    }
                )
    samples = pd.DataFrame(rows)
    images = random.integers(0, 256, (len(samples), pixels, pixels, 3), dtype=np.uint8)
    red = samples["involvement"].to_numpy()[:, None, None] * 40
    images[..., 0] = red.astype(np.uint8)
    return TrainingData(images, samples, "scaling")


def fit_job(backbone: str, fold: int = 0, *, max_epochs: int = 2, seconds: float = 1.0) -> FitJob:
    """A fit of the random study."""
    recipe = TrainingRecipe(
        max_epochs=max_epochs, batch_size=8, learning_rate=0.001, start_from_mean=True
    )
    config = FitConfig(
        backbone=backbone,
        fold=fold,
        task=PasiSpec(),
        data_fingerprint="data",
        split_fingerprint="split",
        weights="random",
        seed=0,
        budget="smoke",
        training=recipe,
    )
    return FitJob(config, None, keep_weights=True, num_threads=1, estimated_seconds=seconds)


@dataclass
class Recorder:
    """A listener that remembers what it heard, in order."""

    received: list[tuple[str, str]] = field(default_factory=list)
    failures: dict[str, Failure] = field(default_factory=dict)
    epochs: dict[str, list[int]] = field(default_factory=dict)

    def started(self, job: FitJob) -> None:
        self.received.append(("started", job.config.fit_id))

    def epoch_done(self, job: FitJob, record: EpochRecord) -> None:
        self.received.append(("epoch", job.config.fit_id))
        self.epochs.setdefault(job.config.fit_id, []).append(record.epoch)

    def finished(self, job: FitJob, record: FitRecord) -> None:
        assert record.fit_id == job.config.fit_id
        self.received.append(("finished", job.config.fit_id))

    def failed(self, job: FitJob, failure: Failure) -> None:
        self.received.append(("failed", job.config.fit_id))
        self.failures[job.config.fit_id] = failure

    def of(self, what: str) -> list[str]:
        """The fits that this happened to, in order."""
        return [fit_id for kind, fit_id in self.received if kind == what]


def ids(jobs: Sequence[FitJob]) -> list[str]:
    """The ids of fits, in order."""
    return [job.config.fit_id for job in jobs]
