"""Dividing groups into balanced cohorts: a seeded greedy pass, repeated, the best kept.

Pure NumPy on arrays: it does not know what a subject, a visit or a score is, so any task can use
it. Source of the rule: One-Step PASI (Methods, data split).

Shape letters: N records, G groups, L labels, K cohorts, A attempts (random orders).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DECIMALS = 12
"""Imbalances are compared after rounding: the last bits differ between processors, and no tie may
be decided by them."""


@dataclass(frozen=True)
class Cohorts:
    """The records divided among cohorts.

    Attributes:
        assigned: (N,) The cohort of each record, 0 to K - 1; a group is never cut.
        imbalance: `imbalance_of` these cohorts, 0 at best.
        attempt: The random order that gave them, 0 for the first.
    """

    assigned: IntArray
    imbalance: float
    attempt: int


def divide_groups(
    groups_N: ArrayLike,
    labels_N: ArrayLike,
    fractions_K: ArrayLike,
    *,
    weights_N: ArrayLike | None = None,
    fewest_K: ArrayLike = 1,
    num_seeds: int = 200,
    seed: int = 0,
) -> Cohorts:
    """Divide the groups among cohorts so that each cohort holds the same mix of labels.

    The groups come in a random order, each is put where the imbalance then stays smallest, and
    the best of ``num_seeds`` orders is kept. A tie goes to the cohort named first; so does the
    very first group where the fractions are equal. No cohort stays short of its fewest groups: when
    only as many groups are left as are lacking, they go where they are lacking.

    A cohort's size needs no rule of its own. A label's fraction is counted against the cohort's
    *target* size, so the summed label differences are the difference in relative size, and the
    imbalance can be small only where the sizes are near their targets too.

    Args:
        groups_N: Who each record belongs to; any values that sort.
        labels_N: What is to be balanced; any values that sort.
        fractions_K: The target fraction of the records' weight for each cohort, summing to 1.
        weights_N: The weight of each record; null weighs each 1.
        fewest_K: The fewest groups of each cohort, one number for all or one for each.
        num_seeds: Random orders tried. More never give a worse result.
        seed: Where the random orders start.

    Returns:
        The best division found. It depends neither on the order of the records nor on the names
        of the labels.

    Raises:
        ValueError: There are too few groups, or the fractions do not sum to 1.
    """
    fractions = np.asarray(fractions_K, dtype=np.float64)
    group_ids, group_N = _numbered(groups_N)
    fewest = np.broadcast_to(np.asarray(fewest_K, dtype=np.int64), fractions.shape)
    if len(group_ids) < fewest.sum():
        raise ValueError(f"{len(group_ids)} groups cannot fill cohorts of {fewest.tolist()}")
    if np.any(fractions <= 0) or not np.isclose(fractions.sum(), 1):
        raise ValueError(f"fractions must be positive and sum to 1, found {fractions.tolist()}")
    counts_GL = _label_weights(group_N, labels_N, weights_N)
    order_AG = _random_orders(len(group_ids), num_seeds, seed)
    cohort_AG = _greedy_pass(counts_GL, order_AG, fractions, fewest)
    imbalance_A = np.round(_imbalance(_totals(counts_GL, cohort_AG, fractions)), DECIMALS)
    best = int(np.argmin(imbalance_A))
    return Cohorts(cohort_AG[best][group_N], float(imbalance_A[best]), best)


def imbalance_of(
    cohort_N: ArrayLike,
    labels_N: ArrayLike,
    fractions_K: ArrayLike,
    *,
    weights_N: ArrayLike | None = None,
) -> float:
    """The imbalance of cohorts, however they were made.

    Args:
        cohort_N: The cohort of each record, 0 to K - 1.
        labels_N: The label of each record.
        fractions_K: The target fraction of each cohort.
        weights_N: The weight of each record; null weighs each 1.

    Returns:
        The mean over the labels, and over the pairs of cohorts, of the absolute difference in
        (weight with that label in the cohort) / (the cohort's target fraction x weight of all
        records). 0 is a perfect balance of labels and sizes.
    """
    fractions = np.asarray(fractions_K, dtype=np.float64)
    cohorts = np.asarray(cohort_N, dtype=np.int64)
    counts_NL = _label_weights(np.arange(len(cohorts)), labels_N, weights_N)
    return float(np.round(_imbalance(_totals(counts_NL, cohorts[None], fractions)), DECIMALS)[0])


def _numbered(values: ArrayLike) -> tuple[NDArray[Any], IntArray]:
    unique, index = np.unique(np.asarray(values), return_inverse=True)
    return unique, index.astype(np.int64)


def _label_weights(
    group_N: IntArray, labels_N: ArrayLike, weights_N: ArrayLike | None
) -> FloatArray:
    """The fraction of all records' weight that each group holds with each label, (G, L)."""
    label_ids, label_N = _numbered(labels_N)
    weights = np.ones(len(group_N)) if weights_N is None else np.asarray(weights_N, np.float64)
    counts_GL = np.zeros((int(group_N.max()) + 1, len(label_ids)))
    np.add.at(counts_GL, (group_N, label_N), weights)
    return np.asarray(counts_GL / weights.sum())


def _random_orders(num_groups: int, num_seeds: int, seed: int) -> IntArray:
    """Random orders of the groups, (A, G); order a depends only on ``seed`` and a."""
    keys_AG = [
        np.random.Generator(np.random.PCG64([seed, a])).random(num_groups) for a in range(num_seeds)
    ]
    # Sorting the generator's raw draws rather than asking for a permutation: the stream of PCG64
    # is promised to stay, the algorithm of `permutation` is not.
    return np.argsort(np.stack(keys_AG), axis=1, kind="stable")


def _greedy_pass(
    counts_GL: FloatArray, order_AG: IntArray, fractions_K: FloatArray, fewest_K: IntArray
) -> IntArray:
    """Put every group somewhere, all attempts side by side; returns the cohort of each, (A, G)."""
    num_attempts, num_groups = order_AG.shape
    num_cohorts = len(fractions_K)
    attempts_A = np.arange(num_attempts)
    totals_AKL = np.zeros((num_attempts, num_cohorts, counts_GL.shape[1]))
    lacking_AK = np.tile(fewest_K, (num_attempts, 1))
    cohort_AG = np.zeros((num_attempts, num_groups), dtype=np.int64)
    for step in range(num_groups):
        group_A = order_AG[:, step]
        # The group as it would count in each cohort: (A, K, L).
        entry_AKL = counts_GL[group_A][:, None, :] / fractions_K[None, :, None]
        cost_AK = np.round(_added_difference(totals_AKL, entry_AKL), DECIMALS)
        must_fill_A = lacking_AK.clip(min=0).sum(axis=1) >= num_groups - step
        cost_AK[must_fill_A[:, None] & (lacking_AK <= 0)] = np.inf
        choice_A = np.argmin(cost_AK, axis=1)
        totals_AKL[attempts_A, choice_A] += entry_AKL[attempts_A, choice_A]
        lacking_AK[attempts_A, choice_A] -= 1
        cohort_AG[attempts_A, group_A] = choice_A
    return cohort_AG


def _added_difference(totals_AKL: FloatArray, entry_AKL: FloatArray) -> FloatArray:
    """By how much the summed pairwise differences grow if the group joins each cohort, (A, K)."""
    joined_AKL = totals_AKL + entry_AKL
    after = np.abs(joined_AKL[:, :, None] - totals_AKL[:, None])
    before = np.abs(totals_AKL[:, :, None] - totals_AKL[:, None])
    growth_AKL = (after - before).sum(axis=2)
    # The pair of a cohort with itself is not one.
    growth_AKL -= np.abs(entry_AKL)
    return np.asarray(growth_AKL.sum(axis=2))


def _totals(counts_GL: FloatArray, cohort_AG: IntArray, fractions_K: FloatArray) -> FloatArray:
    """Each label's weight in each cohort against the cohort's target size, (A, K, L)."""
    member_AGK = cohort_AG[:, :, None] == np.arange(len(fractions_K))
    return np.asarray(np.einsum("agk,gl->akl", member_AGK, counts_GL) / fractions_K[None, :, None])


def _imbalance(totals_AKL: FloatArray) -> FloatArray:
    num_cohorts = totals_AKL.shape[1]
    first, second = np.triu_indices(num_cohorts, k=1)
    difference = np.abs(totals_AKL[:, first] - totals_AKL[:, second])
    return np.asarray(difference.mean(axis=(1, 2)))
