"""What is looked at in predictions, whether a run folder's fits made them or a table brings them.

Shape letters: N samples, K values of a sample.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.analysis.predictions.finished_fits import scoring_of
from foldgrid.analysis.predictions.predictions import PredictionTable
from foldgrid.analysis.predictions.validation import FoldPredictions

CONSTANT_FRACTION = 0.01
"""Predictions that vary by less than this fraction of the truth's spread count as constant."""

PARTITIONS: tuple[Literal["oof", "test"], ...] = ("oof", "test")


@dataclass(frozen=True)
class Evaluated:
    """What is evaluated of one fit on one partition, beside the truth.

    Attributes:
        learner: The base learner.
        fold: The fold that the fit held out; of a table's test set, which names no fits, -1.
        partition: Which of its predictions.
        recipe: Equal for learners that are one network trained one way; else the learner's name.
        samples: Their names.
        values_NK: Numbers (K is 1), or a probability for each class.
        truth_N: The number, or the index of the class.
        is_classes: Which of the two.
    """

    learner: str
    fold: int
    partition: Literal["oof", "test"]
    recipe: Hashable
    samples: pd.Index[str]
    values_NK: NDArray[np.float64]
    truth_N: NDArray[np.generic]
    is_classes: bool

    @property
    def name(self) -> str:
        """What people call the fit: ``resnet34 fold 2``."""
        return self.learner if self.fold < 0 else f"{self.learner} fold {self.fold}"

    @cached_property
    def errors(self) -> NDArray[np.float64]:
        """The absolute error, or of classes 1 less the probability of the true class."""
        if self.is_classes:
            rows = np.arange(len(self.values_NK))
            return np.asarray(1 - self.values_NK[rows, self.truth_N.astype(np.intp)])
        return np.asarray(np.abs(self.values_NK[:, 0] - self.truth_N.astype(np.float64)))

    @property
    def is_constant(self) -> bool:
        """Whether nearly the same is said of all samples, and the truth differs.

        True where every value has a standard deviation below ``CONSTANT_FRACTION`` of the truth's.
        """
        if len(self.values_NK) < 2:
            return False
        truth_NK = pd.get_dummies(pd.Series(self.truth_N)) if self.is_classes else self.truth_N
        spread = np.asarray(truth_NK, np.float64).std(axis=0).max(initial=0.0)
        values_K = self.values_NK.std(axis=0)
        return bool(spread > 0 and (values_K <= CONSTANT_FRACTION * spread).all())

    @cached_property
    def num_equal(self) -> int:
        """Samples whose truth is met to float32's rounding; 0 where the truth is all the same."""
        if len(np.unique(self.truth_N)) < 2:
            return 0
        if self.is_classes:
            return int((self.errors == 0).sum())
        scale_N = np.abs(self.truth_N.astype(np.float64))
        return int((self.errors <= 1e-6 * (1 + scale_N)).sum())


def evaluated_fits(fits: Iterable[FoldPredictions]) -> Iterator[Evaluated]:
    """Both partitions of each fit, the out-of-fold one first."""
    for fit in fits:
        scoring, config = scoring_of(fit), fit.record.config
        recipe = (config.backbone, config.training, config.given)
        for partition in PARTITIONS:
            table = fit.table[fit.table["partition"] == partition].sort_values("sample")
            yield Evaluated(
                fit.backbone,
                fit.fold,
                partition,
                recipe,
                pd.Index(table["sample"]),
                scoring.values(table).to_numpy(np.float64),
                scoring.reference(table).to_numpy(),
                scoring.target_kind == "classes",
            )


def evaluated_table(table: PredictionTable) -> Iterator[Evaluated]:
    """Of each learner its folds, where the table has any, and its test set."""
    for name in table.complete_learners:
        for partition, values in zip(PARTITIONS, (table.oof, table.test), strict=True):
            samples = table.samples.loc[values.index]
            for fold, rows in samples.groupby(samples["fold"].fillna(-1).astype(int)):
                own = values.loc[rows.index, [name]].to_numpy(np.float64)
                yield Evaluated(
                    name,
                    int(fold),
                    partition,
                    name,
                    rows.index,
                    own,
                    rows["reference"].to_numpy(),
                    table.scoring.target_kind == "classes",
                )


def subject_errors(evaluated: Sequence[Evaluated], subjects: pd.Series[str]) -> pd.DataFrame:
    """The mean error of each learner on each subject.

    What several fits of a learner predict of a test subject counts fit by fit, for a mean over fits
    errs less than one of them.

    Args:
        evaluated: Of complete learners.
        subjects: By sample.

    Returns:
        A row a subject, a column a learner, NaN where it predicted nothing of the subject; index
        levels ``partition`` (oof, test) and ``subject``.

    Raises:
        KeyError: A sample was predicted that has no subject.
    """
    numbers_N, names = pd.factorize(subjects)
    learners = list(dict.fromkeys(each.learner for each in evaluated))
    sums_PSM = np.zeros((len(PARTITIONS), len(names), len(learners)))
    counts_PSM = np.zeros_like(sums_PSM)
    for each in evaluated:
        rows = subjects.index.get_indexer(each.samples)
        if (rows < 0).any():
            raise KeyError(each.name)
        who = numbers_N[rows]
        part, place = PARTITIONS.index(each.partition), learners.index(each.learner)
        sums_PSM[part, :, place] += np.bincount(who, each.errors, len(names))
        counts_PSM[part, :, place] += np.bincount(who, minlength=len(names))
    with np.errstate(invalid="ignore"):
        means_PSM = sums_PSM / counts_PSM
    index = pd.MultiIndex.from_product([PARTITIONS, names], names=["partition", "subject"])
    table = pd.DataFrame(means_PSM.reshape(len(index), -1), index, learners)
    return table.dropna(how="all")
