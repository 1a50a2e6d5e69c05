"""Visits whose true figures are known: subjects differ, and their visits resemble each other.

A score is a subject's severity plus the visit's; a model's error is a subject's part plus the
visit's. All four are normal, so every metric's value in the whole population has a formula.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from foldgrid.tasks.units import UnitTable


@dataclass(frozen=True)
class Population:
    """Standard deviations: of severity between subjects and visits, of errors likewise."""

    subjects: float = 4.0
    visits: float = 3.0
    subject_errors: float = 2.0
    visit_errors: float = 2.0

    @property
    def truth(self) -> dict[str, float]:
        """Each metric over infinitely many visits."""
        error = self.subject_errors**2 + self.visit_errors**2
        score = self.subjects**2 + self.visits**2
        concordance = 2 * score / (2 * score + error)
        return {
            "mae": math.sqrt(2 / math.pi * error),
            "mse": error,
            "rmse": math.sqrt(error),
            "bias": 0.0,
            "pcc": math.sqrt(score / (score + error)),
            "ccc": concordance,
            "icc": concordance,
        }

    def draw(
        self, random: np.random.Generator, num_subjects: int, num_models: int = 1
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Subjects, scores and predictions of 3 to 8 visits a subject."""
        subject_V = np.repeat(np.arange(num_subjects), random.integers(3, 9, num_subjects))
        num_visits = len(subject_V)
        reference_V = random.normal(0, self.subjects, num_subjects)[subject_V]
        reference_V = reference_V + random.normal(0, self.visits, num_visits)
        errors_VM = random.normal(0, self.subject_errors, (num_subjects, num_models))[subject_V]
        errors_VM = errors_VM + random.normal(0, self.visit_errors, (num_visits, num_models))
        return subject_V, reference_V, reference_V[:, None] + errors_VM


def visit_table(
    subject_V: np.ndarray, reference_V: np.ndarray, predicted: dict[str, np.ndarray]
) -> UnitTable:
    """The same as a table."""
    frame = pd.DataFrame({"subject": [f"s{number:03}" for number in subject_V], "fold": 0})
    return UnitTable(
        frame.assign(reference=reference_V), pd.DataFrame(predicted, index=frame.index), 0
    )
