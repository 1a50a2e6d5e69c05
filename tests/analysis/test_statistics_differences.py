from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from foldgrid.analysis.statistics.differences import adjusted, differences_to
from foldgrid.analysis.statistics.facts import Difference
from foldgrid.analysis.statistics.resamples import SubjectResamples
from foldgrid.analysis.statistics.selection import losses
from foldgrid.metrics import METRICS
from foldgrid.metrics.sums import SubjectSums
from tests.analysis.made_up_visits import Population


def compare(sums: SubjectSums, metric: str = "mae", best: int = 0) -> tuple[Difference | None, ...]:
    resamples = SubjectResamples.draw(sums.num_subjects)
    ones_1S = np.ones((1, sums.num_subjects))
    plain = losses(METRICS[metric], sums.value(METRICS[metric], ones_1S)[0])
    resampled = losses(METRICS[metric], sums.value(METRICS[metric], resamples.counts_RS))
    return differences_to(best, plain, resampled, sums.num_subjects)


@given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=12))
def test_adjusting_never_lowers_a_p_value_nor_changes_the_order(p_values: list[float]) -> None:
    values = np.array(p_values, dtype=float)
    known = ~np.isnan(values)
    found = adjusted(values)
    assert (np.isnan(found) == ~known).all()
    assert (found[known] >= values[known]).all()
    assert (found[known] <= 1).all()
    assert (np.diff(found[known][np.argsort(values[known])]) >= -1e-9).all()


def test_the_adjusted_p_is_the_studentised_ranges() -> None:
    # Upper 5 % points of the studentised range with infinite degrees of freedom (Harter 1960).
    for num_models, point in ((3, 3.314), (5, 3.858), (10, 4.474), (20, 5.012)):
        p = 2 * stats.norm.sf(point / math.sqrt(2))
        others = np.ones(num_models - 2)
        assert adjusted(np.append(others, p))[-1] == pytest.approx(0.05, abs=2e-4)
    assert adjusted(np.array([0.03, math.nan]))[0] == 0.03, "one comparison needs no correction"
    assert adjusted(np.array([0.0, 1.0])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("num_subjects", [8, 30, 100])
def test_one_visit_a_subject_is_the_paired_t_test(num_subjects: int) -> None:
    random = np.random.default_rng(num_subjects)
    reference_V = random.gamma(2.0, 5.0, num_subjects)
    errors_VM = random.normal(0, [2.0, 2.6], (num_subjects, 2))
    sums = SubjectSums.of(np.arange(num_subjects), reference_V, reference_V[:, None] + errors_VM)
    difference = compare(sums)[1]
    assert difference is not None
    absolute = np.abs(errors_VM)
    expected = stats.ttest_rel(absolute[:, 1], absolute[:, 0])
    assert difference.worse_by == pytest.approx(np.diff(absolute.mean(axis=0))[0])
    assert difference.p == pytest.approx(expected.pvalue, abs=0.03)
    low, high = expected.confidence_interval()
    assert difference.interval.low == pytest.approx(low, abs=0.15 * (high - low))
    assert difference.interval.high == pytest.approx(high, abs=0.15 * (high - low))


def test_p_agrees_with_flipping_the_models_subject_by_subject() -> None:
    # Exact: under equality the two models of a subject may be swapped; all 1,024 swaps of 10.
    for seed in range(6):
        random = np.random.default_rng(seed)
        subject_V, reference_V, predicted_VM = Population().draw(random, 10, num_models=2)
        predicted_VM[:, 1] = reference_V + 1.6 * (predicted_VM[:, 1] - reference_V)
        difference = compare(SubjectSums.of(subject_V, reference_V, predicted_VM))[1]
        gaps_V = np.diff(np.abs(predicted_VM - reference_V[:, None]), axis=1)[:, 0]
        gaps_S = np.bincount(subject_V, gaps_V)
        signs = np.array(list(itertools.product([1, -1], repeat=10)))
        exact = np.mean(np.abs(signs @ gaps_S) >= abs(gaps_S.sum()) - 1e-12)
        assert difference is not None
        assert difference.p == pytest.approx(exact, abs=0.08)


@pytest.mark.parametrize("metric", ["mae", "mse", "pcc", "ccc"])
def test_equal_models_are_distinguished_no_more_often_than_promised(metric: str) -> None:
    found = []
    for seed in range(200):
        study = Population().draw(np.random.default_rng(seed), 25, num_models=2)
        sums = SubjectSums.of(*study)
        difference = compare(sums, metric)[1]
        assert difference is not None
        assert difference.p is not None
        found.append(difference.p < 0.05)
    assert np.mean(found) <= 0.09


def test_a_model_that_is_clearly_worse_is_distinguished_and_a_copy_never_is() -> None:
    subject_V, reference_V, predicted_VM = Population().draw(np.random.default_rng(0), 30)
    best_V = predicted_VM[:, 0]
    worse_V = reference_V + 3 * (best_V - reference_V)
    sums = SubjectSums.of(subject_V, reference_V, np.column_stack([best_V, best_V, worse_V]))
    best, copy, worse = compare(sums)
    assert best is None
    assert copy is not None
    assert worse is not None
    assert (copy.worse_by, copy.p, copy.p_adjusted) == (0.0, 1.0, 1.0)
    assert (copy.interval.low, copy.interval.high) == (0.0, 0.0)
    assert worse.p_adjusted is not None
    assert worse.p_adjusted < 1e-4
    assert worse.interval.low is not None
    assert worse.interval.low > 0
    assert worse.p is not None
    assert worse.p < worse.p_adjusted < 3 * worse.p + 1e-9


def test_a_constant_gap_is_certain_and_rounding_is_none() -> None:
    reference_V = np.arange(20.0)
    predicted_VM = reference_V[:, None] + np.array([1.0, 2.0, 1.0 + 1e-13])
    sums = SubjectSums.of(np.arange(20) // 2, reference_V, predicted_VM)
    _, worse, same = compare(sums)
    assert worse is not None
    assert same is not None
    assert (worse.worse_by, worse.p) == (pytest.approx(1.0), 0.0)
    assert (same.worse_by, same.p) == (0.0, 1.0)


def test_undefined_metrics_are_not_compared() -> None:
    reference_V = np.arange(20.0)
    predicted_VM = np.column_stack([reference_V + 1, np.full(20, 3.0), reference_V[::-1]])
    sums = SubjectSums.of(np.arange(20) // 2, reference_V, predicted_VM)
    _, constant, reversed_ = compare(sums, "pcc")
    assert constant is None
    assert reversed_ is not None
    assert reversed_.worse_by == pytest.approx(2.0)
    assert reversed_.p_adjusted == reversed_.p


def test_one_subject_gives_a_difference_without_p_or_interval() -> None:
    reference_V = np.arange(4.0)
    sums = SubjectSums.of(np.zeros(4), reference_V, reference_V[:, None] + np.array([1.0, 2.0]))
    difference = compare(sums)[1]
    assert difference is not None
    assert (difference.worse_by, difference.p, difference.p_adjusted) == (1.0, None, None)
    assert difference.interval.reason == "one subject only"
