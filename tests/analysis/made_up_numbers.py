"""A run folder of measured photographs, on any range, written without any training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from foldgrid.specs.fits import FitConfig
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.regression.spec import RegressionSpec
from tests.analysis.photograph_run import PhotographRun

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
class NumberRun(PhotographRun):
    """A sweep of numbers.

    Attributes:
        ends: Between which the numbers lie; both occur.
        error: The first backbone's errors, a share of the range.
    """

    task: TaskSpec = THOUSANDS[0]
    ends: tuple[float, float] = THOUSANDS[1]
    error: float = 0.05
    num_subjects: int = 20

    def truth(self, subject: int, photo: int, random: np.random.Generator) -> dict[str, Any]:
        low, high = self.ends
        share = random.random()
        # Both ends occur in training and in the test set.
        if photo == 0 and subject % self.num_test_subjects < 2:
            share = float(subject % self.num_test_subjects)
        return {"visit": "V1", "day": 0.0, "value": low + share * (high - low)}

    def predict(
        self, rows: pd.DataFrame, error_factor: int, random: np.random.Generator
    ) -> pd.DataFrame:
        width = self.ends[1] - self.ends[0]
        errors = random.normal(0, self.error * error_factor * width, len(rows))
        return pd.DataFrame({"value": rows["value"], "predicted_value": rows["value"] + errors})

    def config(self, backbone: str, fold: int) -> FitConfig:
        return super().config(backbone, fold).model_copy(update={"task": self.task})
