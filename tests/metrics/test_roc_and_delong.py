"""ROC curves, DeLong's interval and test, and operating points, each against another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as others

from foldgrid.metrics.delong import delong_covariance, delong_interval, delong_test
from foldgrid.metrics.roc import area_under_curve, midranks, roc_curve
from foldgrid.tasks.classification.operating_points import apply_threshold, choose_threshold

tenths = st.integers(0, 10).map(lambda number: number / 10)


@st.composite
def scored(draw: st.DrawFn, num_scores: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Units of both kinds, and scores with many ties."""
    num_units = draw(st.integers(2, 25))
    is_positive = draw(arrays(np.bool_, num_units))
    assume(is_positive.any())
    assume(not is_positive.all())
    return is_positive, draw(arrays(np.float64, (num_units, num_scores), elements=tenths))


@given(case=scored())
def test_the_curve_and_its_area_are_scikit_learns(case: tuple[np.ndarray, np.ndarray]) -> None:
    is_positive, (score,) = case[0], case[1].T
    assert area_under_curve(is_positive, score) == pytest.approx(
        others.roc_auc_score(is_positive, score), abs=1e-12
    )
    found = roc_curve(is_positive, score)
    rates, sensitivities, thresholds = others.roc_curve(is_positive, score, drop_intermediate=False)
    np.testing.assert_allclose(found.false_positive_rates_T, rates)
    np.testing.assert_allclose(found.sensitivities_T, sensitivities)
    np.testing.assert_array_equal(found.thresholds_T, thresholds)
    assert np.trapezoid(sensitivities, rates) == pytest.approx(
        area_under_curve(is_positive, score), abs=1e-12
    )


def test_a_curve_of_one_kind_is_refused_and_its_area_is_nan() -> None:
    for is_positive, score in (([True], [1.0]), ([False], [1.0]), ([True, False], [1.0, np.nan])):
        assert math.isnan(area_under_curve(is_positive, score))
        with pytest.raises(ValueError, match="needs positives"):
            roc_curve(is_positive, score)
    with pytest.raises(ValueError, match="one length"):
        roc_curve([True, False], [1.0])


@given(case=scored(num_scores=2))
def test_delong_by_the_definition(case: tuple[np.ndarray, np.ndarray]) -> None:
    """Structural components over every pair, as DeLong and colleagues write them."""
    is_positive, scores = case
    assume(2 <= is_positive.sum() <= len(is_positive) - 2)
    positives, negatives = scores[is_positive], scores[~is_positive]
    kernel = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    expected = np.cov(kernel.mean(axis=1).T) / len(positives)
    expected = expected + np.cov(kernel.mean(axis=0).T) / len(negatives)
    aucs, covariance = delong_covariance(is_positive, scores)
    np.testing.assert_allclose(aucs, kernel.mean(axis=(0, 1)), atol=1e-12)
    np.testing.assert_allclose(covariance, expected, atol=1e-12)


def photographs(
    random: np.random.Generator, num_units: int, gap: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Independent units with two scores that share half of their noise."""
    is_positive = np.arange(num_units) % 3 == 0
    noise = random.normal(size=(3, num_units))
    first = gap * is_positive + noise[0] + noise[1]
    return is_positive, first, 0.6 * gap * is_positive + noise[0] + noise[2]


def test_delong_agrees_with_a_bootstrap_of_independent_units() -> None:
    random = np.random.default_rng(0)
    is_positive, first, second = photographs(random, 300, 2.0)
    draws = []
    for _ in range(1500):
        drawn = random.integers(300, size=300)
        draws.append(
            [area_under_curve(is_positive[drawn], score[drawn]) for score in (first, second)]
        )
    first_R, second_R = np.array(draws).T
    auc, low, high = delong_interval(is_positive, first)
    assert auc == area_under_curve(is_positive, first)
    assert (low, high) == pytest.approx(np.quantile(first_R, [0.025, 0.975]), abs=0.012)
    test = delong_test(is_positive, first, second)
    assert test.difference == area_under_curve(is_positive, second) - auc
    differences = second_R - first_R
    assert (test.low, test.high) == pytest.approx(
        np.quantile(differences, [0.025, 0.975]), abs=0.012
    )
    assert (test.high - test.low) / (2 * 1.96) == pytest.approx(differences.std(), rel=0.1)


def test_delong_finds_what_is_there_and_rarely_what_is_not() -> None:
    random = np.random.default_rng(1)
    apart, alike, covered = [], [], []
    truth = 0.9213503964748574  # Phi(2 / sqrt(2)): a gap of 2 under unit noise.
    for _ in range(200):
        is_positive = np.arange(60) % 2 == 0
        noise = random.normal(size=(3, 60))
        strong = 2.0 * is_positive + noise[0]
        _, low, high = delong_interval(is_positive, strong)
        covered.append(low <= truth <= high)
        alike.append(delong_test(is_positive, strong, 2.0 * is_positive + noise[1]).p)
        apart.append(delong_test(is_positive, strong, noise[2]).p)
    assert 0.9 <= np.mean(covered) <= 0.99
    assert np.mean(np.array(alike) < 0.05) <= 0.1
    assert np.mean(np.array(apart) < 0.05) >= 0.99


def test_delong_where_there_is_nothing_to_see() -> None:
    both = [True, True, False, False]
    auc, low, high = delong_interval(both, [4.0, 3.0, 2.0, 1.0])
    assert auc == 1.0
    assert math.isnan(low)
    assert math.isnan(high)
    assert delong_interval([True, False], [0.0, 0.0])[0] == 0.5
    assert all(map(math.isnan, delong_interval([True, False], [0.0, 0.0])[1:]))
    assert all(map(math.isnan, delong_interval([True, True], [0.0, 1.0])))
    assert all(map(math.isnan, delong_interval(both, [0.0, 1.0, np.nan, 2.0])))
    same = delong_test(both, [1.0, 3.0, 2.0, 0.0], [2.0, 9.0, 4.0, 1.0])
    assert (same.difference, same.p) == (0.0, 1.0)
    assert math.isnan(delong_test([True, False], [1.0, 0.0], [0.0, 1.0]).p)


def test_midranks_share_the_middle() -> None:
    assert midranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]
    assert midranks(np.empty(0)).tolist() == []


@given(case=scored(), fraction=st.integers(1, 20).map(lambda number: number / 20))
def test_an_operating_point_reaches_its_fraction_and_no_better_one_does(
    case: tuple[np.ndarray, np.ndarray], fraction: float
) -> None:
    is_positive, (score,) = case[0], case[1].T
    chosen = choose_threshold(is_positive, score, sensitivity=fraction)
    assert apply_threshold(is_positive, score, chosen).sensitivity >= fraction - 1e-9
    higher = score[score > chosen]
    if len(higher):
        assert apply_threshold(is_positive, score, higher.min()).sensitivity < fraction
    chosen = choose_threshold(is_positive, score, specificity=fraction)
    assert apply_threshold(is_positive, score, chosen).specificity >= fraction - 1e-9
    lower = score[score < chosen]
    if len(lower):
        assert apply_threshold(is_positive, score, lower.max()).specificity < fraction


def test_what_a_threshold_does_by_hand() -> None:
    found = apply_threshold([1, 1, 1, 0, 0, 0, 0], [0.9, 0.5, 0.4, 0.6, 0.3, 0.2, 0.1], 0.5)
    assert (found.true_positives, found.false_negatives) == (2, 1)
    assert (found.false_positives, found.true_negatives) == (1, 3)
    assert (found.sensitivity, found.specificity) == (2 / 3, 3 / 4)
    assert (found.positive_predictive_value, found.negative_predictive_value) == (2 / 3, 3 / 4)
    nobody = apply_threshold([0], [0.1], 0.5)
    assert math.isnan(nobody.sensitivity)
    assert math.isnan(nobody.positive_predictive_value)


def test_awkward_thresholds() -> None:
    assert choose_threshold([1] * 10, np.arange(10.0), sensitivity=0.9) == 1.0
    assert choose_threshold([1, 0], [0.2, 0.7], specificity=1.0) > 0.7
    assert choose_threshold([1, 0], [0.2, 0.7], specificity=0.0) == 0.2
    assert math.isnan(choose_threshold([0], [0.2], sensitivity=0.5))
    assert math.isnan(choose_threshold([1], [0.2], specificity=0.5))
    assert math.isnan(choose_threshold([1], [np.nan], sensitivity=0.5))
    with pytest.raises(ValueError, match="either"):
        choose_threshold([1], [0.2])
    with pytest.raises(ValueError, match="either"):
        choose_threshold([1], [0.2], sensitivity=0.5, specificity=0.5)
    for wrong in ({"sensitivity": 0.0}, {"sensitivity": 1.1}, {"specificity": -0.1}):
        with pytest.raises(ValueError, match="to reach"):
            choose_threshold([1], [0.2], **wrong)
