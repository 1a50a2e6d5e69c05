"""A run folder of photographs with one truth each, written without any training."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.registry import make_scoring
from tests.analysis.report.conftest import ReportedRun


@dataclass
class PhotographRun(ReportedRun):
    """A sweep whose first backbone is the best; the others know less and less.

    Attributes:
        task: What is predicted.
        num_photographs: Of each subject.
    """

    task: TaskSpec = field(kw_only=True)
    num_test_subjects: int = 4
    num_photographs: int = 3

    @abstractmethod
    def truth(self, subject: int, photo: int, random: np.random.Generator) -> dict[str, Any]:
        """The columns of the split that hold what one photograph shows."""

    @abstractmethod
    def predict(
        self, rows: pd.DataFrame, error_factor: int, random: np.random.Generator
    ) -> pd.DataFrame:
        """What a fit says of rows of the split, with the truth, in their order."""

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.seed)
        self.sweep = {"task": self.task.model_dump(mode="json"), **self.sweep}
        self.scoring = make_scoring(self.task)
        self.split = pd.DataFrame(
            {
                "sample": f"s{subject:02}-p{photo}",
                "subject": f"s{subject:02}",
                "case": "",
                **self.truth(subject, photo, random),
                "partition": "test" if subject < self.num_test_subjects else "train",
                "fold": -1 if subject < self.num_test_subjects else subject % self.num_folds,
            }
            for subject in range(self.num_subjects)
            for photo in range(self.num_photographs)
        )
        self.predictions = {
            (backbone, fold): self._predictions(fold, 1 + place, random)
            for place, backbone in enumerate(self.backbones)
            for fold in range(self.num_folds)
        }

    def _predictions(
        self, fold: int, error_factor: int, random: np.random.Generator
    ) -> pd.DataFrame:
        is_test = self.split["partition"] == "test"
        rows = self.split[is_test | (self.split["fold"] == fold)].reset_index(drop=True)
        table = self.predict(rows, error_factor, random)
        table.insert(0, "sample", rows["sample"])
        table.insert(1, "partition", np.where(rows["partition"] == "test", "test", "oof"))
        return table
