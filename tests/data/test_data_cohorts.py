"""Laws of the greedy division, on data of every shape."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.data.group_balance import divide_groups, imbalance_of


@dataclass(frozen=True)
class Records:
    groups: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


@st.composite
def records(draw: st.DrawFn, fewest_groups: int = 6) -> Records:
    num_groups = draw(st.integers(fewest_groups, 14))
    sizes = draw(st.lists(st.integers(1, 6), min_size=num_groups, max_size=num_groups))
    groups = np.repeat(np.arange(num_groups), sizes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = rng.integers(0, draw(st.integers(1, 5)), len(groups))
    # Eighths add up exactly, whatever the order.
    weights = rng.integers(1, 9, len(groups)) / 8
    return Records(groups, labels, weights)


fractions = st.sampled_from([[0.9, 0.1], [0.5, 0.5], [0.2] * 5, [0.6, 0.3, 0.1]])
seeds = st.integers(0, 1000)


@given(records(), fractions, seeds)
def test_groups_stay_whole_and_no_cohort_is_empty(
    data: Records, fractions_K: list[float], seed: int
) -> None:
    found = divide_groups(data.groups, data.labels, fractions_K, num_seeds=3, seed=seed)
    assert found.assigned.shape == data.groups.shape
    for group in np.unique(data.groups):
        assert len(set(found.assigned[data.groups == group])) == 1
    assert set(found.assigned) == set(range(len(fractions_K)))


@given(records(), fractions, seeds)
def test_the_imbalance_is_what_it_says(data: Records, fractions_K: list[float], seed: int) -> None:
    found = divide_groups(
        data.groups, data.labels, fractions_K, weights_N=data.weights, num_seeds=3, seed=seed
    )
    differences = []
    for label in np.unique(data.labels):
        counts = [
            data.weights[(found.assigned == k) & (data.labels == label)].sum()
            / (fraction * data.weights.sum())
            for k, fraction in enumerate(fractions_K)
        ]
        differences += [abs(a - b) for a, b in itertools.combinations(counts, 2)]
    assert found.imbalance == pytest.approx(np.mean(differences), abs=1e-9)
    again = imbalance_of(found.assigned, data.labels, fractions_K, weights_N=data.weights)
    assert again == pytest.approx(found.imbalance, abs=1e-9)


@given(records(), fractions, seeds)
def test_the_order_of_records_and_the_names_of_labels_do_not_matter(
    data: Records, fractions_K: list[float], seed: int
) -> None:
    def divide(groups: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return divide_groups(
            groups, labels, fractions_K, weights_N=weights, num_seeds=3, seed=seed
        ).assigned

    before = divide(data.groups, data.labels, data.weights)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(before))
    shuffled = divide(data.groups[order], data.labels[order], data.weights[order])
    assert np.array_equal(shuffled, before[order])
    names = rng.permutation(5)[data.labels].astype(str)
    assert np.array_equal(divide(data.groups, names, data.weights), before)


@given(records(), fractions, seeds, st.integers(1, 8))
def test_more_orders_are_never_worse(
    data: Records, fractions_K: list[float], seed: int, num_seeds: int
) -> None:
    few = divide_groups(data.groups, data.labels, fractions_K, num_seeds=num_seeds, seed=seed)
    many = divide_groups(data.groups, data.labels, fractions_K, num_seeds=num_seeds + 4, seed=seed)
    assert many.imbalance <= few.imbalance
    if many.attempt < num_seeds:
        assert np.array_equal(few.assigned, many.assigned)


@given(records(), seeds)
def test_one_pass_is_the_plain_greedy_rule(data: Records, seed: int) -> None:
    """The same rule written as slowly as possible."""
    fractions_K, labels = [0.75, 0.25], np.unique(data.labels)
    num_groups = len(np.unique(data.groups))
    keys = np.random.Generator(np.random.PCG64([seed, 0])).random(num_groups)
    cohort: dict[int, int] = {}
    for step, group in enumerate(np.argsort(keys, kind="stable")):
        costs = []
        for choice in range(2):
            side = {**cohort, int(group): choice}
            fraction = [
                [
                    sum(
                        data.weights[i]
                        for i in range(len(data.groups))
                        if side.get(int(data.groups[i])) == k and data.labels[i] == label
                    )
                    / (fractions_K[k] * data.weights.sum())
                    for k in range(2)
                ]
                for label in labels
            ]
            is_blocked = num_groups - step <= 2 - len(set(cohort.values())) and (
                choice in cohort.values()
            )
            cost = sum(abs(a - b) for a, b in fraction)
            costs.append(np.inf if is_blocked else round(cost, 9))
        cohort[int(group)] = int(np.argmin(costs))
    found = divide_groups(
        data.groups, data.labels, fractions_K, weights_N=data.weights, num_seeds=1, seed=seed
    )
    assert found.assigned.tolist() == [cohort[int(group)] for group in data.groups]


@given(records(fewest_groups=8), seeds)
def test_every_cohort_gets_its_fewest_groups(data: Records, seed: int) -> None:
    fractions_K, fewest = [0.3, 0.6, 0.1], [1, 2, 5]
    found = divide_groups(
        data.groups, data.labels, fractions_K, fewest_K=fewest, num_seeds=3, seed=seed
    )
    for cohort, number in enumerate(fewest):
        assert len(np.unique(data.groups[found.assigned == cohort])) >= number


def test_the_size_error_is_bounded_by_the_imbalance() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(60), rng.integers(4, 8, 60))
    labels = rng.integers(0, 5, len(groups))
    found = divide_groups(groups, labels, [0.9, 0.1])
    test_fraction = np.mean(found.assigned == 1)
    size_difference = abs(test_fraction / 0.1 - (1 - test_fraction) / 0.9)
    assert size_difference <= 5 * found.imbalance + 1e-9
    assert abs(test_fraction - 0.1) < 0.02


def test_the_result_is_the_same_everywhere() -> None:
    groups = np.repeat(np.arange(12), 3)
    labels = np.arange(36) * 7 % 11 % 5
    found = divide_groups(groups, labels, [0.75, 0.25], seed=4)
    assert found.assigned[::3].tolist() == [0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0]
    assert found.imbalance == pytest.approx(0.059259259259)


def test_fewer_groups_than_cohorts_or_odd_fractions_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"1 groups cannot fill cohorts of \[1, 1\]"):
        divide_groups([0, 0], [1, 1], [0.5, 0.5])
    with pytest.raises(ValueError, match="sum to 1"):
        divide_groups([0, 1], [1, 1], [0.5, 0.6])
