"""The models of one partition, as they are and resampled: what all statistics start from.

U units (V visits where they are PASIs), S subjects, M models, K classes, R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.evidence.visits import VisitTable
from analysis.statistics.class_sums import ClassSums
from analysis.statistics.resamples import NUM_RESAMPLES, SEED, SubjectResamples
from analysis.statistics.subject_sums import SubjectSums
from analysis.statistics.sums import Sums
from foldgrid.scoring import METRICS, Metric, class_metrics

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
        cls, table: VisitTable, num_resamples: int = NUM_RESAMPLES, seed: int = SEED
    ) -> Resampled:
        """Resamples the subjects of a table; without any visit every figure is NaN."""
        reference_V = table.visits["physician_pasi"].to_numpy(dtype=np.float64)
        predicted_VM = table.predicted.to_numpy(dtype=np.float64)
        if not len(reference_V):
            sums = SubjectSums(np.zeros((1, 3)), np.full((1, 6, predicted_VM.shape[1]), np.nan))
        else:
            subjects = table.visits["subject"].to_numpy(dtype=str)
            sums = SubjectSums.of(subjects, reference_V, predicted_VM)
        resamples = SubjectResamples.draw(sums.num_subjects, num_resamples, seed)
        return cls(
            tuple(table.predicted.columns),
            METRICS,
            sums,
            resamples,
            _plain(METRICS, reference_V, predicted_VM),
            sums.figures(resamples.counts_RS),
        )

    @classmethod
    def of_classes(
        cls,
        models: Sequence[str],
        subjects_U: Sequence[object] | NDArray[np.generic],
        reference_U: NDArray[np.int64],
        probabilities_UMK: FloatArray,
        is_binary: bool = False,
        num_resamples: int = NUM_RESAMPLES,
        seed: int = SEED,
    ) -> Resampled:
        """Resamples the subjects of classified units; without any unit every figure is NaN.

        Args:
            models: Their names.
            subjects_U: Whose unit it is.
            reference_U: Class indices.
            probabilities_UMK: The models' probabilities.
            is_binary: The last of two classes is the positive one.
            num_resamples: Draws of the subjects.
            seed: Of the draws.
        """
        metrics = class_metrics(probabilities_UMK.shape[2], is_binary)
        subjects = np.asarray(subjects_U).astype(str)
        sums = ClassSums.of(subjects, reference_U, probabilities_UMK, is_binary)
        resamples = SubjectResamples.draw(sums.num_subjects, num_resamples, seed)
        return cls(
            tuple(models),
            metrics,
            sums,
            resamples,
            _plain(metrics, reference_U, probabilities_UMK),
            sums.figures(resamples.counts_RS),
        )


def _plain(
    metrics: Mapping[str, Metric],
    reference_U: NDArray[np.generic],
    predicted: FloatArray,
) -> dict[str, FloatArray]:
    """Figures over all units by the metrics' own functions, so a table shows what they return."""
    columns = [predicted[:, model] for model in range(predicted.shape[1])]
    return {
        name: np.array([metric(reference_U, column) for column in columns])
        for name, metric in metrics.items()
    }
