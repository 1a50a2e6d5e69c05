"""The half of a task that needs no torch: what is predicted, what predictions mean, how they count.

Laws, kept by every task's scoring: ``targets``, ``target_columns`` and ``prediction_columns`` give
one row a sample, in the samples' order; ``values`` of a perfect network's predictions equal what
``reference`` says; every unit's samples are of one subject; all metrics of perfect values are at
their best. Shape letters: N samples, T targets, K outputs, U units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from foldgrid.metrics.regression import Metric
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.units import Noun, UnitTable

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float32]

Judged = Literal["numbers", "classes"]


@dataclass(frozen=True)
class Watched:
    """What one fit is judged by while a sweep trains.

    Attributes:
        key: One of what ``Scoring.evaluate`` gives.
        title: What people call it.
        is_higher_better: Its direction.
    """

    key: str
    title: str
    is_higher_better: bool = False


class Scoring(Protocol):
    """What a task means to everybody who does not train."""

    @property
    def spec(self) -> TaskSpec:
        """The task's words."""
        ...

    @property
    def num_outputs(self) -> int:
        """K, the size of the network's last layer."""
        ...

    @property
    def judges(self) -> Judged:
        """Whether a unit's truth is a number or a class."""
        ...

    @property
    def is_binary(self) -> bool:
        """Whether there are two classes of which the last is the positive one."""
        ...

    @property
    def stratum(self) -> str:
        """The column of the samples whose values a split should balance."""
        ...

    @property
    def target_names(self) -> tuple[str, ...]:
        """The columns of ``predictions.parquet`` that hold the truth."""
        ...

    @property
    def prediction_names(self) -> tuple[str, ...]:
        """The columns of ``predictions.parquet`` that hold what was predicted."""
        ...

    @property
    def num_values(self) -> int:
        """Numbers that are judged of a unit: 1, or one for each class."""
        ...

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Every figure of merit by name; the first orders a ranking unless told otherwise."""
        ...

    @property
    def shown(self) -> tuple[str, ...]:
        """The metrics that a table shows, in the order of its columns."""
        ...

    @property
    def exhibits(self) -> tuple[str, ...]:
        """The exhibits of a report that only some tasks have, by name; their order is nobody's."""
        ...

    @property
    def watched(self) -> Watched:
        """What a fit's progress is told by."""
        ...

    @property
    def noun(self) -> Noun:
        """What a unit is called."""
        ...

    def targets(self, samples: pd.DataFrame) -> FloatArray:
        """What is to be predicted, (N, T)."""
        ...

    def graded_targets(self, samples: pd.DataFrame, num_grades: int) -> FloatArray:
        """(N, T) Targets by the majority of so many graders' opinions.

        Raises:
            ValueError: The task or the samples know no graders.
        """
        ...

    def target_columns(self, samples: pd.DataFrame) -> dict[str, NDArray[Any]]:
        """The truth by ``target_names``, in the units that people use."""
        ...

    def prediction_columns(self, outputs_NK: FloatArray) -> dict[str, NDArray[Any]]:
        """A network's outputs by ``prediction_names``, in the units that people use."""
        ...

    def values(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """What is judged of predictions: one column of numbers, or a column of probabilities each.

        Args:
            predictions: ``prediction_names``, by sample; of several fits, their means.
        """
        ...

    def reference(self, targets: pd.DataFrame) -> pd.Series[Any]:
        """The truth that ``values`` is judged by, of a table with ``target_names``."""
        ...

    def parts(self, samples: pd.DataFrame) -> frozenset[str]:
        """What a unit of these samples is made of; empty where a sample is a unit."""
        ...

    def units(
        self, samples: pd.DataFrame, predicted: pd.DataFrame, parts: frozenset[str]
    ) -> UnitTable:
        """Samples to units.

        Args:
            samples: By sample: its subject, fold, what tells units apart, and ``reference``.
            predicted: By the same samples, the ``values`` of each model; see ``UnitTable``.
            parts: From ``parts`` of all samples; a unit that lacks one is left out.
        """
        ...

    def evaluate(self, samples: pd.DataFrame, outputs_NK: FloatArray) -> dict[str, float]:
        """Figures of merit of a network's outputs for ``samples``, by name, for each epoch."""
        ...


def by_model(values: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The values of several models side by side: see ``UnitTable.predicted``.

    Args:
        values: By model, what ``Scoring.values`` gave; all of the same columns.
    """
    import pandas as pd

    if any(table.shape[1] != 1 for table in values.values()):
        return pd.concat(values, axis=1)
    return pd.DataFrame({name: table.iloc[:, 0] for name, table in values.items()})


def judged_units(scoring: Scoring, samples: pd.DataFrame, outputs_NK: FloatArray) -> UnitTable:
    """What a ranking would compare, of one network's outputs.

    Args:
        scoring: The task's.
        samples: A row a sample: ``sample``, subject, fold, and what is to be predicted.
        outputs_NK: The network's outputs for them.

    Returns:
        The units; their one model is called ``predicted``.
    """
    import pandas as pd

    index = pd.Index(samples["sample"], name="sample")
    predictions = pd.DataFrame(scoring.prediction_columns(outputs_NK), index=index)
    targets = pd.DataFrame(scoring.target_columns(samples), index=index)
    table = samples.set_index("sample").assign(reference=scoring.reference(targets))
    predicted = by_model({"predicted": scoring.values(predictions)})
    return scoring.units(table, predicted, scoring.parts(table))
