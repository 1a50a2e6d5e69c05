"""What the statistics need of the models' predictions, whatever kind they are.

S subjects, M models, R weightings of the subjects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Sums(Protocol):
    """Sums over each subject's units that every figure of every model follows from.

    A figure under a weighting is that of the plain metric on units of which each subject's are
    repeated as often as its weight says; weights of 0 leave subjects out. What is undefined there
    is NaN. A model's figures do not depend on which other models are there.
    """

    @property
    def num_subjects(self) -> int:
        """Subjects with a unit."""

    @property
    def num_models(self) -> int:
        """Models that predicted the units."""

    def of_models(self, chosen: Sequence[int] | NDArray[np.intp]) -> Sums:
        """The same of some of the models, by position."""

    def figures(self, weights_RS: FloatArray) -> dict[str, FloatArray]:
        """Every metric by name, weightings by models."""

    def figure(self, name: str, weights_RS: FloatArray) -> FloatArray:
        """One of them."""

    def subject_losses(self) -> FloatArray:
        """Subjects by models, lower is better: what a subject ranks the models by."""
