"""The models of one partition, as they are and resampled: what all statistics start from.

U units (V visits where they are PASIs), S subjects, M models, K classes, R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foldgrid.analysis.statistics.facts import Interval
from foldgrid.analysis.statistics.intervals import expanded_percentiles
from foldgrid.analysis.statistics.resamples import NUM_RESAMPLES, SEED, SubjectResamples
from foldgrid.metrics import Metric
from foldgrid.metrics.computations import num_subjects_of
from foldgrid.metrics.sums import SubjectSums
from foldgrid.tasks.scoring import Scoring
from foldgrid.tasks.units import UnitTable

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Resampled:
    """The models of one partition, as they are and resampled.

    Attributes:
        models: Their names, in the order of the columns.
        metrics: By name, what they are evaluated by.
        sums: Their sums by subject.
        resamples: The draws of its subjects.
        metric_values: By metric, of each model over all units; NaN is undefined.
        values_RM: By metric, over the resamples.
    """

    models: tuple[str, ...]
    metrics: Mapping[str, Metric]
    sums: SubjectSums
    resamples: SubjectResamples
    metric_values: dict[str, FloatArray]
    values_RM: dict[str, FloatArray]

    def intervals(self, name: str) -> tuple[Interval, ...]:
        """Each model's 95 % interval of a metric."""
        return expanded_percentiles(
            self.values_RM[name],
            num_subjects_of(self.metrics[name], self.sums),
            ~np.isnan(self.metric_values[name]),
        )

    @classmethod
    def of(
        cls,
        table: UnitTable,
        scoring: Scoring,
        num_resamples: int = NUM_RESAMPLES,
        seed: int = SEED,
        further: Sequence[str] = (),
    ) -> Resampled:
        """Resamples the subjects of a table; without any unit every value is NaN.

        Args:
            table: The units, and what the models predicted of them.
            scoring: The task's.
            num_resamples: Draws of the subjects.
            seed: Of the draws.
            further: Metrics beside the task's standard ones, by name.
        """
        predicted = [table.predicted_by(name) for name in table.models]
        subjects_U = table.units["subject"].to_numpy(dtype=str)
        sums = SubjectSums.of(
            subjects_U, table.reference, np.stack(predicted, axis=1), scoring.target
        )
        metrics = scoring.measured(*further)
        resamples = SubjectResamples.draw(sums.num_subjects, num_resamples, seed)
        return cls(
            table.models,
            metrics,
            sums,
            resamples,
            _plain(metrics, table.reference, predicted),
            sums.metric_values(metrics, resamples.counts_RS),
        )


def _plain(
    metrics: Mapping[str, Metric],
    reference_U: NDArray[np.generic],
    predicted: Sequence[FloatArray],
) -> dict[str, FloatArray]:
    """Values over all units by the metrics' own functions, so a table shows what they return."""
    return {
        name: np.array([metric(reference_U, each) for each in predicted])
        for name, metric in metrics.items()
    }
