"""Studies of learners that are equally good in the population, for what is said to hold of many.

A learner's error is a part that all share and a part of its own, each with a subject's component
and a unit's, so that learners correlate as networks trained on the same photographs do.

S subjects, U units, M models.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from foldgrid.analysis.statistics.resampled import Resampled
from foldgrid.metrics import METRICS, Target
from foldgrid.metrics.sums import SubjectSums

NUMBERS, BINARY = Target(), Target("classes", 2, is_binary=True)
TARGETS = {"mae": NUMBERS, "ccc": NUMBERS, "rmse": NUMBERS, "auc": BINARY, "kappa": BINARY}


@dataclass(frozen=True)
class EqualLearners:
    """A population of studies.

    Attributes:
        num_subjects: S, each with 3 to 8 units.
        num_models: M.
        correlation: Of two learners' errors.
        worse: The first learner's errors are so many times as large.
        num_resamples: Draws of the subjects.
    """

    num_subjects: int
    num_models: int = 29
    correlation: float = 0.0
    worse: float = 1.0
    num_resamples: int = 500

    def study(self, seed: int, names: Iterable[str]) -> dict[str, Resampled]:
        """One study by each of some metrics, those of one kind of truth on the same units."""
        random = np.random.default_rng(seed)
        subject_U = np.repeat(
            np.arange(self.num_subjects), random.integers(3, 9, self.num_subjects)
        )
        own, shared = (self._errors(random, subject_U, num) for num in (self.num_models, 1))
        errors_UM = np.sqrt(1 - self.correlation) * own + np.sqrt(self.correlation) * shared
        errors_UM[:, 0] *= self.worse
        level_S = random.normal(0, 1, self.num_subjects)
        parts: dict[Target, Resampled] = {}
        for name in names:
            target = TARGETS[name]
            known = {
                each: metric for each, metric in METRICS.items() if TARGETS.get(each) == target
            }
            if target not in parts:
                parts[target] = self._resampled(
                    target,
                    {each: known[each].of(target) for each in names if each in known},
                    subject_U,
                    *self._predicted(target, random, level_S[subject_U], errors_UM),
                    seed,
                )
        return {name: parts[TARGETS[name]] for name in names}

    @staticmethod
    def _errors(random: np.random.Generator, subject_U: np.ndarray, num: int) -> np.ndarray:
        of_subjects = random.normal(0, 2, (subject_U.max() + 1, num))[subject_U]
        return of_subjects + random.normal(0, 2, (len(subject_U), num))

    @staticmethod
    def _predicted(
        target: Target, random: np.random.Generator, level_U: np.ndarray, errors_UM: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        if target == NUMBERS:
            reference_U = 4 * level_U + random.normal(0, 3, len(level_U))
            return reference_U, reference_U[:, None] + errors_UM
        reference_U = (level_U > 0.25).astype(np.int64)
        scores_UM = 1 / (1 + np.exp(1.5 - 3.0 * reference_U[:, None] - errors_UM))
        return reference_U, np.stack([1 - scores_UM, scores_UM], axis=2)

    def _resampled(
        self,
        target: Target,
        metrics: dict[str, object],
        subject_U: np.ndarray,
        reference_U: np.ndarray,
        predicted: np.ndarray,
        seed: int,
    ) -> Resampled:
        folds_U = np.random.default_rng(seed).permutation(self.num_subjects)[subject_U] % 5
        sums = SubjectSums.of(subject_U, reference_U, predicted, target, folds_U)
        plain = sums.metric_values(metrics, np.ones((1, sums.num_subjects)))
        return Resampled.of_sums(
            tuple(f"m{place:02}" for place in range(self.num_models)),
            metrics,
            sums,
            {name: values[0] for name, values in plain.items()},
            self.num_resamples,
            seed,
        )
