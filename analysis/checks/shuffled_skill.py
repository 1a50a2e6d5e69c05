"""Whether predictions know anything of scores that no picture can tell: a permutation test.

The scores of a label-permutation test are a permutation of subjects
(``foldgrid.data.label_permutation``). Given the scores of the other folds, which a fit was trained
on, any assignment of a fold's own scores to its own subjects was equally likely. So the subjects'
scores are exchanged *within* each fold, and the predictions' agreement with them is compared with
that of the scores as given.

Within one fold this is exact. Over folds it is not quite: an honest network can learn a chance
relation (in this shuffle, pale subjects happen to have high scores), and then every fold's
agreement leans on the same chance, whichever way it points. With two folds or more the p-value is
therefore doubled; `tests/analysis/checks/test_shuffled_skill.py` shows by simulation that the level
then holds, for a network that reads the true severity perfectly.

Many learners are evaluated together by the largest standardised agreement of each permutation
(Westfall and Young 1993), which needs no further correction and loses little where learners say
much the same.

Shape letters: N samples, M models, S subjects of a fold, R regions, P permutations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.metrics import METRICS

FloatArray = NDArray[np.float64]

NUM_PERMUTATIONS = 4999
SEED = 20_231_023
SMALLEST_SPREAD = 1e-9
"""Below this fraction of the scores' own spread an agreement's spread is rounding."""


@dataclass(frozen=True)
class Skill:
    """How well one model foretells the shuffled scores.

    Attributes:
        model: The base learner.
        mae: Its mean absolute error of C.
        baseline_mae: That of predicting the mean C of the region everywhere.
        pcc: Its correlation with the given C; NaN where either is constant.
        p_value: The probability of so much agreement without a leak, corrected for the number of
            models; 1 for a model that says the same of everybody.
    """

    model: str
    mae: float
    baseline_mae: float
    pcc: float
    p_value: float


def assess_skill(
    samples: pd.DataFrame,
    predicted: pd.DataFrame,
    *,
    num_permutations: int = NUM_PERMUTATIONS,
    seed: int = SEED,
) -> list[Skill]:
    """Evaluates every model on scores that were shuffled by subject.

    Args:
        samples: By sample: subject, region, fold, and ``composite``, the given C, which is the
            same for all samples of a subject and region. A subject may be in several folds: that
            is the leak that is looked for.
        predicted: Predicted C by the same samples, a column a model.
        num_permutations: Random exchanges of the subjects within the folds.
        seed: Decides them.

    Returns:
        In the order of the columns.
    """
    ordered = predicted.loc[samples.index]
    random = np.random.default_rng(seed)
    agreement_M = np.zeros(ordered.shape[1])
    variance_M = np.zeros(ordered.shape[1])
    permuted_PM = np.zeros((num_permutations, ordered.shape[1]))
    given = samples.pivot_table("reference", "subject", "region", aggfunc="mean")
    folds = samples.groupby("fold", sort=True).groups
    for rows in folds.values():
        said_SRM = _centred(samples.loc[rows], ordered.loc[rows])
        scores_SR = _scores(given, samples.loc[rows])
        own, variance, permuted = _exchange(said_SRM, scores_SR, num_permutations, random)
        agreement_M += own
        variance_M += variance
        permuted_PM += permuted
    spread_M = np.sqrt(variance_M)
    is_flat = spread_M <= SMALLEST_SPREAD * max(float(np.abs(given.to_numpy()).max()), 1.0)
    spread_M[is_flat] = np.inf
    largest_P = (permuted_PM / spread_M).max(axis=1)
    # The agreements of equal assignments may differ in their last bits.
    num_as_large_M = (largest_P[:, None] >= agreement_M / spread_M - 1e-9).sum(axis=0)
    p_M = (1 + num_as_large_M) / (1 + num_permutations)
    p_M = np.where(is_flat, 1.0, np.minimum(1.0, p_M * (2 if len(folds) > 1 else 1)))
    truth = samples["reference"].to_numpy(dtype=np.float64)
    baseline_mae = METRICS["mae"](truth, _predict_the_mean(samples))
    return [
        Skill(
            model=str(name),
            mae=METRICS["mae"](truth, ordered[name].to_numpy()),
            baseline_mae=baseline_mae,
            pcc=METRICS["pcc"](truth, ordered[name].to_numpy()),
            p_value=float(p_M[place]),
        )
        for place, name in enumerate(ordered.columns)
    ]


def smallest_p_value(samples: pd.DataFrame, num_permutations: int = NUM_PERMUTATIONS) -> float:
    """The smallest p-value that this many subjects in these folds can give at all."""
    folds = samples.groupby("fold")["subject"].nunique()
    arrangements = 1.0
    for count in folds:
        arrangements = min(arrangements * float(np.prod(np.arange(1.0, count + 1))), 1e12)
    doubled = 2 if len(folds) > 1 else 1
    return doubled * max(1 / (1 + num_permutations), 1 / arrangements)


def _centred(samples: pd.DataFrame, predicted: pd.DataFrame) -> FloatArray:
    """A fold's predictions less the region's mean, added up by subject and region, (S, R, M)."""
    means = predicted.groupby(samples["region"]).transform("mean")
    keys = [samples["subject"], samples["region"]]
    sums = (predicted - means).groupby(keys).sum().unstack("region", fill_value=0.0)
    num_regions = samples["region"].nunique()
    # Columns come by model, then by region.
    values = sums.to_numpy(dtype=np.float64).reshape(len(sums), predicted.shape[1], num_regions)
    return np.swapaxes(values, 1, 2)


def _scores(given: pd.DataFrame, samples: pd.DataFrame) -> FloatArray:
    """The given C of a fold's subjects, (S, R); a region they lack has the others' mean."""
    part = given.loc[sorted(samples["subject"].unique()), sorted(samples["region"].unique())]
    return part.fillna(part.mean()).to_numpy(dtype=np.float64)


def _exchange(
    said_SRM: FloatArray, scores_SR: FloatArray, num_permutations: int, random: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The agreement (M), its variance under exchange (M), and under each exchange (P, M)."""
    num_subjects = len(scores_SR)
    # What the agreement would be if subject s had the scores of subject t.
    pairs_STM = np.einsum("srm,tr->stm", said_SRM, scores_SR)
    # Hoeffding's combinatorial variance, from the doubly centred table.
    centred = (
        pairs_STM
        - pairs_STM.mean(axis=0, keepdims=True)
        - pairs_STM.mean(axis=1, keepdims=True)
        + pairs_STM.mean(axis=(0, 1), keepdims=True)
    )
    variance_M = (centred**2).sum(axis=(0, 1)) / max(num_subjects - 1, 1)
    order_PS = np.argsort(random.random((num_permutations, num_subjects)), axis=1)
    permuted_PM = np.zeros((num_permutations, pairs_STM.shape[2]))
    for subject in range(num_subjects):
        permuted_PM += pairs_STM[subject][order_PS[:, subject]]
    own_M = np.einsum("ssm->m", pairs_STM)
    # Its own mean under exchange is not 0 where regions are missing.
    mean_M = pairs_STM.mean(axis=1).sum(axis=0)
    return own_M - mean_M, variance_M, permuted_PM - mean_M


def _predict_the_mean(samples: pd.DataFrame) -> FloatArray:
    """The mean C of each region over the other folds; over all where there is one fold."""
    total = samples.groupby("region")["reference"].agg(["sum", "count"])
    own = samples.groupby(["region", "fold"])["reference"].agg(["sum", "count"])
    left = total.reindex(own.index, level="region") - own
    left = left.where(left["count"] > 0, total.reindex(own.index, level="region"))
    means = left["sum"] / left["count"]
    keys = pd.MultiIndex.from_frame(samples[["region", "fold"]])
    return means.reindex(keys).to_numpy(dtype=np.float64)
