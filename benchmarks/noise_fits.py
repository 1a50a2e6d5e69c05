"""Fits of noise at the paper's size, for what depends on shapes alone: time and memory.

1,014 mosaics of 60 subjects. Nothing is written, and what the networks learn means nothing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.bare_loop import NoFolder
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.classification.spec import ClassificationSpec
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.training import Fit, TrainingData

CLASSES = ClassificationSpec(classes={name: (name,) for name in ("none", "mild", "severe")})
REGIONS = ("upper_extremities", "trunk", "lower_extremities")
NUM_VISITS, NUM_SUBJECTS, NUM_TEST_SUBJECTS, NUM_FOLDS = 338, 60, 6, 5


def noise_data(pixels: int) -> TrainingData:
    """Mosaics of ``pixels`` x ``pixels`` as many as the paper has, with folds and a test set.

    They have scores, and a label of ``CLASSES``.
    """
    random = np.random.default_rng(0)
    visits: np.ndarray = np.arange(NUM_VISITS).repeat(len(REGIONS))
    subjects = visits % NUM_SUBJECTS
    is_test = subjects < NUM_TEST_SUBJECTS
    samples = pd.DataFrame(
        {
            "sample": np.arange(len(visits)).astype(str),
            "subject": subjects.astype(str),
            "visit": visits.astype(str),
            "day": 0.0,
            "region": list(REGIONS) * NUM_VISITS,
            "erythema": random.integers(0, 5, len(visits)),
            "induration": random.integers(0, 5, len(visits)),
            "scaling": random.integers(0, 5, len(visits)),
            "involvement": random.integers(0, 7, len(visits)),
            "label": random.choice(list(CLASSES.classes), len(visits)),
            "partition": np.where(is_test, "test", "train"),
            "fold": np.where(is_test, -1, subjects % NUM_FOLDS),
        }
    )
    size = (len(samples), pixels, pixels, 3)
    return TrainingData(random.integers(0, 256, size, dtype=np.uint8), samples, "scaling")


def noise_fit(
    backbone: str, recipe: TrainingRecipe, data: TrainingData, task: TaskSpec | None = None
) -> Fit:
    """The first fold's fit, from random weights, on the device that is there, with one thread."""
    config = FitConfig(
        backbone=backbone,
        fold=0,
        task=task or PasiSpec(),
        data_fingerprint="noise",
        split_fingerprint="noise",
        weights="random",
        seed=0,
        budget="paper",
        training=recipe,
    )
    return Fit(config, data, NoFolder(config.fit_id), keep_weights=False, num_threads=1)
