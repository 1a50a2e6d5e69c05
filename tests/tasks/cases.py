"""Every task with made-up samples, and what a perfect network would say of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from foldgrid.data.single_photos import value_bands
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.classification.ordinal import OrdinalSpec
from foldgrid.tasks.classification.spec import BinarySpec, ClassificationSpec, HierarchySpec
from foldgrid.tasks.pasi.arithmetic import SCORE_MAXIMA
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.regression.spec import RegressionSpec
from foldgrid.tasks.scoring import FloatArray, Scoring

SURE = 40.0
"""A logit that leaves no doubt in double precision and is no infinity in single."""

LABELS = {
    "acral": "malignant/melanocytic/acral",
    "nodular": "malignant/melanocytic/nodular",
    "naevus": "benign/melanocytic/naevus",
    "wart": "benign/wart",
}
REGIONS = ("trunk", "lower_extremities")


Samples = Callable[[np.random.Generator, int], pd.DataFrame]


@dataclass(frozen=True)
class Case:
    """A task, its samples, and the outputs that a perfect network would give for them."""

    words: Callable[[], TaskSpec]
    samples: Samples
    perfect: Callable[[Scoring, pd.DataFrame], FloatArray]


def labelled(random: np.random.Generator, num_subjects: int) -> pd.DataFrame:
    """Photographs of which every label occurs, two of each subject."""
    labels = [*LABELS, *random.choice(list(LABELS), max(0, 2 * num_subjects - len(LABELS)))]
    subjects = [f"s{place // 2}" for place in range(len(labels))]
    table = pd.DataFrame({"subject": subjects, "label": labels})
    table = table.assign(sample=[f"p{place:02}" for place in range(len(labels))], case="")
    return table.assign(taxonomy=table["label"].map(LABELS), partition="train")


def scored(random: np.random.Generator, num_subjects: int) -> pd.DataFrame:
    """Regions of visits, two of each subject."""
    rows = [
        (f"s{subject}", f"v{visit}", region)
        for subject in range(num_subjects)
        for visit in range(2)
        for region in REGIONS
    ]
    table = pd.DataFrame(rows, columns=["subject", "visit", "region"]).assign(day=0.0)
    for name, most in SCORE_MAXIMA.items():
        table[name] = random.integers(0, most + 1, len(table)).astype(float)
    return table.assign(sample=[f"p{place:02}" for place in range(len(table))])


def measured(low: float, high: float) -> Samples:
    """Photographs with numbers between two ends, both of which occur; two of each subject."""

    def samples(random: np.random.Generator, num_subjects: int) -> pd.DataFrame:
        fractions = np.concatenate([[0.0, 1.0], random.random(2 * num_subjects - 2)])
        places = range(2 * num_subjects)
        table = pd.DataFrame({"subject": [f"s{place // 2}" for place in places]})
        table = table.assign(value=low + fractions * (high - low), case="")
        table = table.assign(sample=[f"p{place:02}" for place in places])
        return table.assign(band=value_bands(table["value"]), partition="train")

    return samples


def sure_of_the_class(task: Scoring, samples: pd.DataFrame) -> FloatArray:
    """Logits that leave no doubt about the class of the network's own."""
    own = task.targets(samples)[:, 0].astype(int)
    return (SURE * np.eye(task.num_outputs)[own]).astype(np.float32)


def sure_of_every_threshold(task: Scoring, samples: pd.DataFrame) -> FloatArray:
    """Log-odds of being beyond each class but the last."""
    own = task.targets(samples)
    is_beyond = own > np.arange(task.num_outputs)
    return np.where(is_beyond, SURE, -SURE).astype(np.float32)


def the_targets(task: Scoring, samples: pd.DataFrame) -> FloatArray:
    """A regression's perfect outputs are its targets."""
    return task.targets(samples)


GRADES = {"low": ("wart", "naevus"), "middle": ("nodular",), "high": ("acral",)}
CASES = {
    "pasi": Case(PasiSpec, scored, the_targets),
    "pasi composite": Case(lambda: PasiSpec(output="composite"), scored, the_targets),
    "classification": Case(ClassificationSpec, labelled, sure_of_the_class),
    "binary": Case(lambda: BinarySpec(positive=("acral", "nodular")), labelled, sure_of_the_class),
    "tree": Case(
        lambda: HierarchySpec(levels={"two": 1, "three": 2}, max_images_per_class=3),
        labelled,
        sure_of_the_class,
    ),
    "regression to 1000": Case(RegressionSpec, measured(0, 1000), the_targets),
    "regression around 0": Case(
        lambda: RegressionSpec(unit="diopters", loss="huber"), measured(-5, 5), the_targets
    ),
    "regression of ages": Case(
        lambda: RegressionSpec(unit="months", loss="mae"), measured(12, 228), the_targets
    ),
    "regression on a scale": Case(
        lambda: RegressionSpec(unit="points", lowest=0, highest=51), measured(0, 51), the_targets
    ),
    "ordinal": Case(lambda: OrdinalSpec(classes=GRADES), labelled, sure_of_every_threshold),
}
