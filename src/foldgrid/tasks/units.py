"""What metrics are computed over: a visit, a photograph, whatever a task evaluates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foldgrid.specs.counted import counted

if TYPE_CHECKING:
    import pandas as pd

UNIT_COLUMNS = ("subject", "unit", "fold", "reference")
"""What the units of every task have."""


@dataclass(frozen=True)
class UnitName:
    """What people call one unit, and several."""

    one: str
    many: str

    def count(self, number: int) -> str:
        """``1 visit``, ``304 visits``."""
        return counted(number, self.one, self.many)


@dataclass(frozen=True)
class UnitTable:
    """Units with the truth and what the models predicted, row by row.

    Attributes:
        units: ``subject``, ``unit`` (its name within the subject), ``fold`` (-1 for test units),
            ``reference`` (the truth: a score, or the index of a class), and what else the task
            knows of a unit.
        predicted: By model a number, a column each; or by model a probability for each class,
            columns of two levels.
        num_left_out: Units that could not be evaluated.
    """

    units: pd.DataFrame
    predicted: pd.DataFrame
    num_left_out: int = 0

    @property
    def num_units(self) -> int:
        """Units that were evaluated."""
        return len(self.units)

    @property
    def num_subjects(self) -> int:
        """Subjects that these units are of."""
        return int(self.units["subject"].nunique())

    @property
    def models(self) -> tuple[str, ...]:
        """The models, in their order."""
        return model_names(self.predicted)

    @property
    def reference(self) -> NDArray[np.generic]:
        """The truth."""
        return self.units["reference"].to_numpy()

    def predicted_by(self, model: str) -> NDArray[np.float64]:
        """What one model predicted, (U,) numbers or (U, K) probabilities."""
        return np.asarray(self.predicted[model].to_numpy(dtype=np.float64))

    def with_model(self, name: str, predicted: NDArray[np.float64]) -> UnitTable:
        """The same units with one more model's predictions, (U,) or (U, K)."""
        return UnitTable(
            self.units, with_columns(self.predicted, name, predicted), self.num_left_out
        )


def model_names(predicted: pd.DataFrame) -> tuple[str, ...]:
    """The models of a table of predictions, whether it holds numbers or probabilities."""
    if predicted.shape[1] == 0:
        return ()
    return tuple(map(str, dict.fromkeys(predicted.columns.get_level_values(0))))


def beside(predicted: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Two tables of predictions of the same rows as one; the second may be without any model."""
    return predicted if others.shape[1] == 0 else predicted.join(others)


def with_columns(predicted: pd.DataFrame, name: str, values: NDArray[np.float64]) -> pd.DataFrame:
    """A table of predictions with one more model's: a number, or a probability for each class."""
    if predicted.columns.nlevels == 1:
        return predicted.assign(**{name: values})
    added = predicted.copy()
    for place, each in enumerate(dict.fromkeys(predicted.columns.get_level_values(1))):
        added[name, each] = values[:, place]
    return added
