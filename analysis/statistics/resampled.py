"""The models of one partition, as they are and resampled: what all statistics start from.

U units (V visits where they are PASIs), S subjects, M models, K classes, R resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.resamples import NUM_RESAMPLES, SEED, SubjectResamples
from foldgrid.metrics import Metric
from foldgrid.metrics.classification_sums import ClassSums
from foldgrid.metrics.regression_sums import SubjectSums
from foldgrid.metrics.sums import Sums
from foldgrid.tasks.scoring import Judged, Scoring
from foldgrid.tasks.units import UnitTable

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Resampled:
    """The models of one partition, as they are and resampled.

    Attributes:
        models: Their names, in the order of the columns.
        metrics: By name, what they are judged by.
        sums: Their sums by subject.
        resamples: The draws of its subjects.
        figures: By metric, of each model over all units; NaN is undefined.
        figures_RM: By metric, over the resamples.
    """

    models: tuple[str, ...]
    metrics: Mapping[str, Metric]
    sums: Sums
    resamples: SubjectResamples
    figures: dict[str, FloatArray]
    figures_RM: dict[str, FloatArray]

    @classmethod
    def of(
        cls,
        table: UnitTable,
        scoring: Scoring,
        num_resamples: int = NUM_RESAMPLES,
        seed: int = SEED,
    ) -> Resampled:
        """Resamples the subjects of a table; without any unit every figure is NaN.

        Args:
            table: The units, and what the models predicted of them.
            scoring: The task's.
            num_resamples: Draws of the subjects.
            seed: Of the draws.
        """
        predicted = [table.predicted_by(name) for name in table.models]
        sums = _sums(table, scoring, predicted)
        resamples = SubjectResamples.draw(sums.num_subjects, num_resamples, seed)
        return cls(
            table.models,
            scoring.metrics,
            sums,
            resamples,
            _plain(scoring.metrics, table.reference, predicted),
            sums.figures(resamples.counts_RS),
        )


def _sums(table: UnitTable, scoring: Scoring, predicted: Sequence[FloatArray]) -> Sums:
    """The sums that the task's metrics follow from."""
    subjects_U = table.units["subject"].to_numpy(dtype=str)
    return SUMS[scoring.judges](scoring, subjects_U, table.reference, np.stack(predicted, axis=1))


def _of_classes(
    scoring: Scoring,
    subjects_U: NDArray[np.str_],
    reference_U: NDArray[np.generic],
    predicted_UMK: FloatArray,
) -> Sums:
    return ClassSums.of(subjects_U, reference_U.astype(np.int64), predicted_UMK, scoring.is_binary)


def _of_numbers(
    _scoring: Scoring,
    subjects_U: NDArray[np.str_],
    reference_U: NDArray[np.generic],
    predicted_UM: FloatArray,
) -> Sums:
    if not len(reference_U):
        return SubjectSums(np.zeros((1, 3)), np.full((1, 6, predicted_UM.shape[1]), np.nan))
    return SubjectSums.of(subjects_U, reference_U.astype(np.float64), predicted_UM)


SUMS: Mapping[
    Judged, Callable[[Scoring, NDArray[np.str_], NDArray[np.generic], FloatArray], Sums]
] = MappingProxyType({"numbers": _of_numbers, "classes": _of_classes})
"""The sums by subject that the metrics of each kind of truth follow from."""


def _plain(
    metrics: Mapping[str, Metric],
    reference_U: NDArray[np.generic],
    predicted: Sequence[FloatArray],
) -> dict[str, FloatArray]:
    """Figures over all units by the metrics' own functions, so a table shows what they return."""
    return {
        name: np.array([metric(reference_U, each) for each in predicted])
        for name, metric in metrics.items()
    }
