"""A run folder of labelled photographs, written through ``RunStore`` without any training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from foldgrid.specs.fits import FitConfig
from foldgrid.specs.learners import read_ablation
from foldgrid.specs.recipe_keys import with_values
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.classification.ordinal import OrdinalSpec
from foldgrid.tasks.classification.scoring import softmax
from foldgrid.tasks.classification.spec import BinarySpec, ClassificationSpec, HierarchySpec
from tests.analysis.photograph_run import PhotographRun

STAGES = ClassificationSpec(
    classes={"normal": ("normal",), "early": ("early",), "late": ("late", "very_late")}
)
GRADES = OrdinalSpec(classes=STAGES.classes)
REFERABLE = BinarySpec(positive=("late",), classes={"no": ("normal", "early"), "yes": ("late",)})
PATHS = {
    "naevus": "benign/melanocytic/naevus",
    "wart": "benign/wart",
    "nodular": "malignant/melanocytic/nodular",
    "acral": "malignant/melanocytic/acral",
}
LESIONS = HierarchySpec(
    levels={"two": 1, "three": 2},
    max_images_per_class=3,
    positive="malignant",
    paths=PATHS,
    classes={PATHS[label]: (label,) for label in PATHS},
)


@dataclass
class LabelledRun(PhotographRun):
    """A sweep of classes."""

    task: TaskSpec = STAGES
    num_subjects: int = 16

    def truth(self, subject: int, photo: int, random: np.random.Generator) -> dict[str, Any]:
        labels = [label for given in self.task.classes.values() for label in given]  # type: ignore[attr-defined]
        label = labels[(subject + (photo == 0)) % len(labels)]
        return {"label": label, "taxonomy": PATHS.get(label, "")}

    def predict(
        self, rows: pd.DataFrame, error_factor: int, random: np.random.Generator
    ) -> pd.DataFrame:
        own = self.scoring.targets(rows)[:, 0].astype(int)
        is_graded = self.task.name == "ordinal"
        logits_NK = 2 * np.eye(self.scoring.num_outputs + is_graded)[own]
        if is_graded:
            # Beyond each grade that is below its own.
            logits_NK = np.where(own[:, None] > np.arange(self.scoring.num_outputs), 2.0, -2.0)
        logits_NK += random.normal(0, self.noise * error_factor, logits_NK.shape)
        table = pd.DataFrame(self.scoring.prediction_columns(logits_NK.astype(np.float32)))
        table.insert(0, "label", rows["label"])
        if not is_graded:
            assert np.allclose(softmax(logits_NK), table[list(self.scoring.prediction_names)])
        return table

    def config(self, backbone: str, fold: int) -> FitConfig:
        network, key, value = read_ablation(backbone)
        config = super().config(network, fold)
        changed = {key: float(value)} if key else {}
        recipe = with_values(config.training, changed)
        return config.model_copy(update={"task": self.task, "training": recipe})
