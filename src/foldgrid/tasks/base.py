"""The interface of a task.

Laws, kept by every task: ``targets`` gives one row a sample, in the samples' order;
``loss`` of (outputs, targets) is a mean over the batch and zero for perfect outputs;
``columns`` has one column a target, and as many rows as it was given.
Shape letters: N samples, B batch, K outputs.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

FloatArray = NDArray[np.float32]


class Task(Protocol):
    """What is predicted from a composite."""

    @property
    def num_outputs(self) -> int:
        """K, the size of the network's last layer."""
        ...

    @property
    def target_names(self) -> tuple[str, ...]:
        """The columns that hold what is to be predicted, in the records too."""
        ...

    def targets(self, samples: pd.DataFrame) -> FloatArray:
        """What is to be predicted, (N, K)."""
        ...

    def loss(self, outputs_BK: Tensor, targets_BK: Tensor) -> Tensor:
        """The training loss, a scalar."""
        ...

    def start_bias(self, targets_NK: FloatArray) -> FloatArray:
        """(K,) The bias of a last layer that says the same for every picture, as well as can be.

        Args:
            targets_NK: The training samples' targets.
        """
        ...

    def columns(self, values_NK: FloatArray, prefix: str = "") -> dict[str, FloatArray]:
        """Targets or outputs by column name, in the units that people use."""
        ...

    def evaluate(self, samples: pd.DataFrame, outputs_NK: FloatArray) -> dict[str, float]:
        """Figures of merit of predictions of ``samples``, by name; lower is not always better."""
        ...

    def units(self, samples: pd.DataFrame, outputs_NK: FloatArray) -> pd.DataFrame:
        """What the ranking compares: a row a unit (a visit), ``reference`` and ``predicted``."""
        ...
