"""Every metric of every model from sums over each subject's visits.

S subjects, V visits, M models, K sums, R weightings of the subjects.

MAE, MSE, RMSE, bias, PCC, CCC and ICC depend on the visits through a few sums only, and a sum over
a resample is the sum over its subjects. So the figures of all models in all resamples are one
matrix product, and cost grows linearly with the models. Equal to ``foldgrid.metrics.METRICS`` on
the visits that were drawn, but for one thing: here a spread below a millionth of the values'
distance from the mean score counts as none, because squares cannot tell it from rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foldgrid.metrics.regression import NO_SPREAD

FloatArray = NDArray[np.float64]

BLOCK = 64
"""Models in one product: bounds the memory that the sums of all resamples take."""

NO_VARIANCE = 1e-12
"""A variance below this share of the mean square is rounding."""


@dataclass(frozen=True)
class SubjectSums:
    """What the metrics need of the visits.

    Scores and predictions are counted from the mean score, so that squares keep their precision.

    Attributes:
        reference_SK: By subject: visits, sum of the scores, of their squares.
        models_SKM: By subject and model: sums of the predictions, their squares, their products
            with the scores, the errors, the absolute errors, the squared errors.
    """

    reference_SK: FloatArray
    models_SKM: FloatArray

    @classmethod
    def of(
        cls,
        subjects_V: Sequence[object] | NDArray[np.generic],
        reference_V: FloatArray,
        predicted_VM: FloatArray,
    ) -> SubjectSums:
        """Adds up the visits of each subject.

        Args:
            subjects_V: Whose visit it is; subjects are kept in sorted order.
            reference_V: The physician's scores.
            predicted_VM: The models' predictions.
        """
        _, subject_V = np.unique(np.asarray(subjects_V), return_inverse=True)
        order = np.argsort(subject_V, kind="stable")
        starts = np.flatnonzero(np.diff(subject_V[order], prepend=-1))
        centre = reference_V.mean()
        r_V1, p_VM = (reference_V - centre)[:, None], predicted_VM - centre
        error_VM = predicted_VM - reference_V[:, None]
        parts = (p_VM, p_VM**2, r_V1 * p_VM, error_VM, np.abs(error_VM), error_VM**2)
        reference = np.hstack([np.ones_like(r_V1), r_V1, r_V1**2])
        return cls(
            np.add.reduceat(reference[order], starts),
            np.stack([np.add.reduceat(part[order], starts) for part in parts], axis=1),
        )

    @property
    def num_subjects(self) -> int:
        """Subjects with a visit."""
        return len(self.reference_SK)

    @property
    def num_models(self) -> int:
        """Models that predicted the visits."""
        return int(self.models_SKM.shape[2])

    def subject_losses(self) -> FloatArray:
        """Each subject's mean absolute error by each model, subjects by models."""
        return np.asarray(self.models_SKM[:, 4] / self.reference_SK[:, :1])

    def of_models(self, chosen: Sequence[int] | NDArray[np.intp]) -> SubjectSums:
        """The same of some of the models, by position."""
        return SubjectSums(self.reference_SK, self.models_SKM[:, :, np.asarray(chosen, dtype=int)])

    def figures(self, weights_RS: FloatArray) -> dict[str, FloatArray]:
        """Every metric under each weighting of the subjects.

        Args:
            weights_RS: How often each subject counts; rows of ones give the plain figures.

        Returns:
            By metric, weightings by models; NaN where it is undefined.
        """
        reference_RK = weights_RS @ self.reference_SK
        blocks = []
        for start in range(0, self.num_models, BLOCK):
            part = self.models_SKM[:, :, start : start + BLOCK]
            # A diverged model's infinities become NaN in its own column only.
            with np.errstate(all="ignore"):
                sums = weights_RS @ part.reshape(len(part), -1)
                blocks.append(_figures(reference_RK, sums.reshape(-1, *part.shape[1:])))
        names = blocks[0] if blocks else _figures(reference_RK, np.zeros((len(weights_RS), 6, 0)))
        return {
            name: np.hstack([block[name] for block in blocks]) if blocks else names[name]
            for name in names
        }

    def figure(self, name: str, weights_RS: FloatArray) -> FloatArray:
        """One of them; all come from the same sums, so it costs as much."""
        return self.figures(weights_RS)[name]


def _figures(reference_RK: FloatArray, models_RKM: FloatArray) -> dict[str, FloatArray]:
    n_R1, r_R1, rr_R1 = (reference_RK[:, [k]] for k in range(3))
    means_RKM = models_RKM / n_R1[:, :, None]
    p, pp, rp, bias, mae, mse = (means_RKM[:, k] for k in range(6))
    r_mean, r_square = r_R1 / n_R1, rr_R1 / n_R1
    r_variance, p_variance = r_square - r_mean**2, pp - p**2
    r_variance = np.where(r_variance <= NO_VARIANCE * r_square, 0.0, r_variance)
    p_variance = np.where(p_variance <= NO_VARIANCE * pp, 0.0, p_variance)
    is_constant = (r_variance == 0) | (p_variance == 0)
    covariance = np.where(is_constant, 0.0, rp - r_mean * p)
    pcc = np.clip(covariance / np.sqrt(r_variance * p_variance), -1.0, 1.0)
    ccc = np.clip(2 * covariance / (r_variance + p_variance + bias**2), -1.0, 1.0)
    is_undefined = (n_R1 < 2) | ~np.isfinite(mse)
    ccc = np.where(is_undefined, np.nan, ccc)
    spread = n_R1 - 1 + ccc
    return {
        "mae": mae,
        "mse": mse,
        "rmse": np.sqrt(mse),
        "pcc": np.where(is_undefined | is_constant, np.nan, pcc),
        "ccc": ccc,
        "icc": np.where(np.abs(spread) < NO_SPREAD, np.nan, n_R1 * ccc / spread),
        "bias": bias,
    }
