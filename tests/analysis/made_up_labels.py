"""A run folder of labelled photographs, written through ``RunStore`` without any training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from foldgrid.specs.fits import FitConfig
from foldgrid.specs.recipe import with_values
from foldgrid.specs.task import TaskSpec
from foldgrid.specs.variants import read_variant
from foldgrid.tasks.classification.ordinal import OrdinalSpec
from foldgrid.tasks.classification.scoring import softmax
from foldgrid.tasks.classification.spec import BinarySpec, ClassificationSpec, TreeSpec
from foldgrid.tasks.registry import make_scoring
from tests.analysis.report.conftest import ToldRun

STAGES = ClassificationSpec(
    classes={"normal": ("normal",), "early": ("early",), "late": ("late", "very_late")}
)
GRADES = OrdinalSpec(classes=STAGES.classes)
REFERABLE = BinarySpec(positive=("late",), classes={"no": ("normal", "early"), "yes": ("late",)})
WAYS = {
    "naevus": "benign/melanocytic/naevus",
    "wart": "benign/wart",
    "nodular": "malignant/melanocytic/nodular",
    "acral": "malignant/melanocytic/acral",
}
LESIONS = TreeSpec(
    levels={"two": 1, "three": 2},
    most_photographs=3,
    positive="malignant",
    ways=WAYS,
    classes={WAYS[label]: (label,) for label in WAYS},
)


@dataclass
class LabelledRun(ToldRun):
    """A sweep of classes; the first backbone is the best, the others know less and less.

    Attributes:
        task: What is predicted.
        num_photographs: Of each subject.
    """

    task: TaskSpec = STAGES
    num_subjects: int = 16
    num_test_subjects: int = 4
    num_photographs: int = 3

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.seed)
        self.sweep = {"task": self.task.model_dump(mode="json"), **self.sweep}
        self.scoring = make_scoring(self.task)
        self.split = self._make_split()
        self.predictions = {
            (backbone, fold): self._predict(fold, self.noise * (1 + place), random)
            for place, backbone in enumerate(self.backbones)
            for fold in range(self.num_folds)
        }

    def _make_split(self) -> pd.DataFrame:
        labels = [label for given in self.task.classes.values() for label in given]  # type: ignore[attr-defined]
        rows = []
        for subject in range(self.num_subjects):
            is_test = subject < self.num_test_subjects
            for photo in range(self.num_photographs):
                label = labels[(subject + (photo == 0)) % len(labels)]
                rows.append(
                    {
                        "sample": f"s{subject:02}-p{photo}",
                        "subject": f"s{subject:02}",
                        "case": "",
                        "label": label,
                        "taxonomy": WAYS.get(label, ""),
                        "partition": "test" if is_test else "train",
                        "fold": -1 if is_test else subject % self.num_folds,
                    }
                )
        return pd.DataFrame(rows)

    def _predict(self, fold: int, noise: float, random: np.random.Generator) -> pd.DataFrame:
        is_test = self.split["partition"] == "test"
        rows = self.split[is_test | (self.split["fold"] == fold)].reset_index(drop=True)
        own = self.scoring.targets(rows)[:, 0].astype(int)
        is_graded = self.task.name == "ordinal"
        logits_NK = 2 * np.eye(self.scoring.num_outputs + is_graded)[own]
        if is_graded:
            # Beyond each grade that is below its own.
            logits_NK = np.where(own[:, None] > np.arange(self.scoring.num_outputs), 2.0, -2.0)
        logits_NK += random.normal(0, noise, logits_NK.shape)
        table = pd.DataFrame(self.scoring.prediction_columns(logits_NK.astype(np.float32)))
        table.insert(0, "sample", rows["sample"])
        table.insert(1, "partition", np.where(rows["partition"] == "test", "test", "oof"))
        table.insert(2, "label", rows["label"])
        if not is_graded:
            assert np.allclose(softmax(logits_NK), table[list(self.scoring.prediction_names)])
        return table

    def config(self, backbone: str, fold: int) -> FitConfig:
        network, key, value = read_variant(backbone)
        config = super().config(network, fold)
        changed = {key: float(value)} if key else {}
        recipe = with_values(config.training, changed)
        return config.model_copy(update={"task": self.task, "training": recipe})
