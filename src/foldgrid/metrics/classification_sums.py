"""Every class metric of every model from sums over each subject's units.

S subjects, U units, M models, K classes, R weightings of the subjects, C classes judged by AUC.

All but the AUC follow from counts and losses added up by subject. The AUC follows from pairs: with
A[s, t] the wins of the positives of subject s over the negatives of subject t (a tie is half a
win), a resample that draws subjects w times has the AUC w'Aw / (w'n+)(w'n-), exactly. Equal to
``foldgrid.metrics.classification`` on the units that were drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from foldgrid.metrics.classification import (
    POSITIVE,
    checked_classes,
    unit_brier_scores,
    unit_log_losses,
)
from foldgrid.metrics.counts import (
    ClassCounts,
    decide,
    mean_over_occurring,
    quadratic_kappa,
    quotient,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

BLOCK = 16
"""Models in one product: bounds the memory that the counts of all resamples take."""

AUC = "auc"


@dataclass(frozen=True)
class ClassSums:
    """What the class metrics need of the units.

    A model with a probability that is not finite has no figure at all.

    Attributes:
        subject_U: Each unit's subject as a position, rising.
        reference_U: Each unit's class.
        probabilities_UMK: What the models say.
        is_binary: The last of two classes is the positive one.
        support_SK: By subject: units of each class.
        decided_SMK: By subject and model: units decided for each class.
        hits_SMK: Those of them that are of it.
        steps_SM: By subject and model: squared places between a unit's class and the decided one.
        losses_S2M: By subject: sums of log losses and of Brier scores.
    """

    subject_U: IntArray
    reference_U: IntArray
    probabilities_UMK: FloatArray
    is_binary: bool
    support_SK: FloatArray
    decided_SMK: FloatArray
    hits_SMK: FloatArray
    steps_SM: FloatArray
    losses_S2M: FloatArray

    @classmethod
    def of(
        cls,
        subjects_U: Sequence[object] | NDArray[np.generic],
        reference_U: IntArray,
        probabilities_UMK: FloatArray,
        is_binary: bool = False,
    ) -> ClassSums:
        """Adds up the units of each subject.

        Args:
            subjects_U: Whose unit it is; subjects are kept in sorted order. Without any unit there
                is one subject, and every figure is NaN.
            reference_U: Class indices.
            probabilities_UMK: The models' probabilities.
            is_binary: The last of two classes is the positive one.

        Raises:
            ValueError: The shapes do not belong together, or an index names no class.
        """
        checked_classes(reference_U, np.zeros(probabilities_UMK.shape[::2]))
        names, subject_U = np.unique(np.asarray(subjects_U), return_inverse=True)
        order = np.argsort(subject_U, kind="stable")
        subject_U, reference_U = subject_U[order], np.asarray(reference_U, dtype=np.int64)[order]
        probabilities_UMK = np.asarray(probabilities_UMK, dtype=np.float64)[order]
        num_subjects, num_classes = max(1, len(names)), probabilities_UMK.shape[2]

        def by_subject(values: FloatArray) -> FloatArray:
            sums = np.zeros((num_subjects, *values.shape[1:]))
            np.add.at(sums, subject_U, values)
            return sums

        is_usable_M1 = np.asarray(np.isfinite(probabilities_UMK).all(axis=(0, 2)))[:, None]
        usable_UMK = np.where(is_usable_M1, probabilities_UMK, np.nan)
        one_hot = np.eye(num_classes)
        decided_UM = decide(probabilities_UMK, is_binary)
        decided_UMK = np.where(is_usable_M1, one_hot[decided_UM], np.nan)
        return cls(
            subject_U,
            reference_U,
            usable_UMK,
            is_binary,
            by_subject(one_hot[reference_U]),
            by_subject(decided_UMK),
            by_subject(decided_UMK * one_hot[reference_U][:, None]),
            by_subject(np.square(decided_UM - reference_U[:, None], dtype=np.float64)),
            by_subject(
                np.stack(
                    [
                        unit_log_losses(reference_U, usable_UMK),
                        unit_brier_scores(reference_U, usable_UMK, is_binary),
                    ],
                    axis=1,
                )
            ),
        )

    @property
    def num_subjects(self) -> int:
        """Subjects with a unit; 1 where there is no unit."""
        return len(self.support_SK)

    @property
    def num_models(self) -> int:
        """Models that predicted the units."""
        return int(self.probabilities_UMK.shape[1])

    def subject_losses(self) -> FloatArray:
        """Each subject's mean Brier score by each model, subjects by models."""
        return quotient(self.losses_S2M[:, 1], self.support_SK.sum(axis=1, keepdims=True))

    def of_models(self, chosen: Sequence[int] | NDArray[np.intp]) -> ClassSums:
        """The same of some of the models, by position."""
        places = np.asarray(chosen, dtype=int)
        return replace(
            self,
            probabilities_UMK=self.probabilities_UMK[:, places],
            decided_SMK=self.decided_SMK[:, places],
            hits_SMK=self.hits_SMK[:, places],
            steps_SM=self.steps_SM[:, places],
            losses_S2M=self.losses_S2M[:, :, places],
        )

    def figures(self, weights_RS: FloatArray) -> dict[str, FloatArray]:
        """Every metric under each weighting of the subjects.

        Args:
            weights_RS: How often each subject counts; rows of ones give the plain figures.

        Returns:
            By metric, weightings by models; NaN where it is undefined.
        """
        return {AUC: self._areas(weights_RS), **self._from_sums(weights_RS)}

    def figure(self, name: str, weights_RS: FloatArray) -> FloatArray:
        """One of them; only the AUC costs more than a look at the sums."""
        return self._areas(weights_RS) if name == AUC else self._from_sums(weights_RS)[name]

    def _from_sums(self, weights_RS: FloatArray) -> dict[str, FloatArray]:
        starts = range(0, max(1, self.num_models), BLOCK)
        blocks = [self._block(weights_RS, slice(start, start + BLOCK)) for start in starts]
        return {name: np.hstack([block[name] for block in blocks]) for name in blocks[0]}

    def _block(self, weights_RS: FloatArray, models: slice) -> dict[str, FloatArray]:
        support_R1K = (weights_RS @ self.support_SK)[:, None]
        decided_RMK = np.tensordot(weights_RS, self.decided_SMK[:, models], 1)
        hits_RMK = np.tensordot(weights_RS, self.hits_SMK[:, models], 1)
        losses_R2M = np.tensordot(weights_RS, self.losses_S2M[:, :, models], 1)
        losses_R2M = quotient(losses_R2M, support_R1K.sum(axis=2, keepdims=True))
        steps_RM = weights_RS @ self.steps_SM[:, models]
        counts = ClassCounts(support_R1K, decided_RMK, hits_RMK)
        sensitivities, specificities = counts.sensitivities(), counts.specificities()
        return {
            "accuracy": counts.accuracy(),
            "sensitivity": self._one(sensitivities, support_R1K, needs_others=False),
            "specificity": self._one(specificities, support_R1K),
            "kappa": counts.kappa(),
            "log_loss": losses_R2M[:, 0],
            "brier": losses_R2M[:, 1],
            "quadratic_kappa": quadratic_kappa(steps_RM, support_R1K, decided_RMK),
        }

    def _one(
        self, values_RMK: FloatArray, support_R1K: FloatArray, needs_others: bool = True
    ) -> FloatArray:
        """Of the positive class, or the mean over the classes that occur."""
        if self.is_binary:
            return np.asarray(values_RMK[:, :, POSITIVE])
        return mean_over_occurring(values_RMK, support_R1K, needs_others)

    def _areas(self, weights_RS: FloatArray) -> FloatArray:
        """The AUC; of several classes the mean over those that occur beside others."""
        shape = (len(weights_RS), self.num_models)
        totals_R, num_defined_R = np.zeros(shape), np.zeros((shape[0], 1))
        classes = [POSITIVE] if self.is_binary else range(self.support_SK.shape[1])
        for each in classes:
            positives_S = self.support_SK[:, each]
            negatives_S = self.support_SK.sum(axis=1) - positives_S
            num_pairs_R = (weights_RS @ positives_S) * (weights_RS @ negatives_S)
            num_defined_R[:, 0] += num_pairs_R > 0
            for model in range(self.num_models):
                wins_SS = self._wins(each, self.probabilities_UMK[:, model, each])
                wins_R = ((weights_RS @ wins_SS) * weights_RS).sum(axis=1)
                areas_R = quotient(wins_R, num_pairs_R)
                totals_R[:, model] += np.where(num_pairs_R > 0, areas_R, 0.0)
        return quotient(totals_R, num_defined_R)

    def _wins(self, positive: int, score_U: FloatArray) -> FloatArray:
        """Wins of each subject's units of a class over each subject's other units."""
        wins_SS = np.zeros((self.num_subjects, self.num_subjects))
        if np.isnan(score_U).any():
            return np.full_like(wins_SS, np.nan)
        is_positive_U = self.reference_U == positive
        score_N, subject_N = score_U[~is_positive_U], self.subject_U[~is_positive_U]
        order = np.argsort(score_N, kind="stable")
        # Row i: by subject, how many of the i lowest negatives are its own.
        lowest_NS = np.zeros((len(order) + 1, self.num_subjects))
        lowest_NS[np.arange(1, len(order) + 1), subject_N[order]] = 1.0
        lowest_NS = np.cumsum(lowest_NS, axis=0)
        below, up_to = (
            np.searchsorted(score_N[order], score_U[is_positive_U], side)
            for side in ("left", "right")
        )
        subject_P = self.subject_U[is_positive_U]
        starts = np.flatnonzero(np.diff(subject_P, prepend=-1))
        if len(starts):
            wins_PS = (lowest_NS[below] + lowest_NS[up_to]) / 2
            wins_SS[subject_P[starts]] = np.add.reduceat(wins_PS, starts)
        return wins_SS
