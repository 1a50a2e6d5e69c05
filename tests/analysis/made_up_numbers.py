"""A run folder of measured photographs, on any range, written without any training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from foldgrid.specs.fits import FitConfig
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.regression.spec import RegressionSpec
from tests.analysis.report.conftest import ToldRun

THOUSANDS = RegressionSpec(), (0.0, 1000.0)
AROUND_ZERO = RegressionSpec(unit="diopters", loss="huber"), (-5.0, 5.0)
BONE_AGE = RegressionSpec(unit="months", loss="mae"), (12.0, 228.0)
SKIN_SCORE = RegressionSpec(unit="points", lowest=0.0, highest=51.0), (0.0, 51.0)
LIGHTNESS = RegressionSpec(unit="log units", step=0.01), (-0.3, 1.6)
RANGES = {
    "0 to 1000": THOUSANDS,
    "-5 to 5": AROUND_ZERO,
    "bone age": BONE_AGE,
    "skin score": SKIN_SCORE,
}


@dataclass
class NumberRun(ToldRun):
    """A sweep of numbers; the first backbone is the best, the others err more and more.

    Attributes:
        task: What is predicted.
        ends: Between which the numbers lie; both occur.
        error: The first backbone's errors, a share of the range.
        num_photographs: Of each subject.
    """

    task: TaskSpec = THOUSANDS[0]
    ends: tuple[float, float] = THOUSANDS[1]
    error: float = 0.05
    num_subjects: int = 20
    num_test_subjects: int = 4
    num_photographs: int = 3

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.seed)
        self.sweep = {"task": self.task.model_dump(mode="json"), **self.sweep}
        self.scoring = make_scoring(self.task)
        self.split = self._make_split(random)
        self.predictions = {
            (backbone, fold): self._predict(fold, self.error * (1 + place), random)
            for place, backbone in enumerate(self.backbones)
            for fold in range(self.num_folds)
        }

    def _make_split(self, random: np.random.Generator) -> pd.DataFrame:
        low, high = self.ends
        rows = []
        for subject in range(self.num_subjects):
            is_test = subject < self.num_test_subjects
            for photo in range(self.num_photographs):
                share = random.random()
                # Both ends occur in training and in the test set.
                if photo == 0 and subject % self.num_test_subjects < 2:
                    share = float(subject % self.num_test_subjects)
                rows.append(
                    {
                        "sample": f"s{subject:02}-p{photo}",
                        "subject": f"s{subject:02}",
                        "visit": "V1",
                        "day": 0.0,
                        "case": "",
                        "value": low + share * (high - low),
                        "partition": "test" if is_test else "train",
                        "fold": -1 if is_test else subject % self.num_folds,
                    }
                )
        return pd.DataFrame(rows)

    def _predict(self, fold: int, error: float, random: np.random.Generator) -> pd.DataFrame:
        is_test = self.split["partition"] == "test"
        rows = self.split[is_test | (self.split["fold"] == fold)].reset_index(drop=True)
        width = self.ends[1] - self.ends[0]
        return pd.DataFrame(
            {
                "sample": rows["sample"],
                "partition": np.where(rows["partition"] == "test", "test", "oof"),
                "value": rows["value"],
                "predicted_value": rows["value"] + random.normal(0, error * width, len(rows)),
            }
        )

    def config(self, backbone: str, fold: int) -> FitConfig:
        return super().config(backbone, fold).model_copy(update={"task": self.task})
