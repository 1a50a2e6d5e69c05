"""What one model said of the units of one partition, beside the truth.

U units, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from foldgrid.metrics.counts import POSITIVE, IntArray, confusion_matrix, decide
from foldgrid.tasks.scoring import Scoring
from foldgrid.tasks.units import UnitTable

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ClassUnits:
    """A model's probabilities.

    Attributes:
        model: Its name.
        classes: Their names.
        is_binary: The last of two classes is the positive one.
        subjects_U: Whose unit it is.
        folds_U: The fold that held it out; -1 for test units.
        reference_U: The index of its class.
        probabilities_UK: What the model says.
    """

    model: str
    classes: tuple[str, ...]
    is_binary: bool
    subjects_U: NDArray[np.generic]
    folds_U: IntArray
    reference_U: IntArray
    probabilities_UK: FloatArray

    @classmethod
    def of(cls, table: UnitTable, scoring: Scoring, model: str) -> ClassUnits:
        """One model of a table of classes.

        Args:
            table: The units of a partition.
            scoring: The task's; it evaluates classes.
            model: One of the table's.
        """
        return cls(
            model=model,
            classes=tuple(map(str, table.predicted[model].columns)),
            is_binary=scoring.is_binary,
            subjects_U=table.units["subject"].to_numpy(dtype=str),
            folds_U=table.units["fold"].to_numpy(dtype=np.int64),
            reference_U=table.reference.astype(np.int64),
            probabilities_UK=table.predicted_by(model),
        )

    @property
    def num_units(self) -> int:
        """U."""
        return len(self.reference_U)

    @property
    def asked_classes(self) -> tuple[int, ...]:
        """The classes that values are of: the positive one, or each against the rest."""
        return (POSITIVE,) if self.is_binary else tuple(range(len(self.classes)))

    @cached_property
    def decided(self) -> IntArray:
        """(U,) The class that each unit is decided for."""
        return decide(self.probabilities_UK, self.is_binary)

    @property
    def confusion(self) -> IntArray:
        """(K, K) Units by truth (rows) and decision."""
        return confusion_matrix(self.reference_U, self.decided, len(self.classes))

    @property
    def is_positive(self) -> NDArray[np.bool_]:
        """(U,) Of a binary task: which units are positive."""
        return np.asarray(self.reference_U == POSITIVE)

    @property
    def positive_score(self) -> FloatArray:
        """(U,) Of a binary task: the probability of the positive class."""
        return np.asarray(self.probabilities_UK[:, POSITIVE])
