from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress
from scipy.stats import t as student_t

from foldgrid.analysis.exhibits.pasi.bland_altman import bland_altman
from foldgrid.analysis.exhibits.pasi.errors import SEVERITY_STRATA, error_by_severity
from foldgrid.analysis.exhibits.pasi.scatter import prediction_band, scatter_facts
from foldgrid.metrics import METRICS
from tests.analysis.exhibits.made_pairs import make_pairs, random_pairs


def test_bland_altman_is_the_arithmetic_of_the_differences() -> None:
    pairs = random_pairs(3)
    found = bland_altman(pairs)
    gaps = (pairs.visits["predicted"] - pairs.visits["physician"]).to_numpy()
    averages = pairs.visits[["predicted", "physician"]].mean(axis=1).to_numpy()
    assert found.mean_difference.value == pytest.approx(gaps.mean())
    assert found.sd.value == pytest.approx(gaps.std(ddof=1))
    assert found.lower.value == pytest.approx(gaps.mean() - 1.96 * gaps.std(ddof=1), abs=1e-3)
    assert found.upper.value == pytest.approx(gaps.mean() + 1.96 * gaps.std(ddof=1), abs=1e-3)
    assert found.slope.value == pytest.approx(linregress(averages, gaps).slope)
    inside = (gaps > found.lower.value) & (gaps < found.upper.value)
    assert found.share_within == pytest.approx(inside.mean())
    for name in ("mean_difference", "sd", "lower", "upper", "sd_repeated", "slope"):
        each = getattr(found, name)
        assert each.low < each.value < each.high
    assert found.slope.high < 0, "the model shrinks, and the slope says so"


def test_one_visit_a_subject_leaves_the_plain_sd() -> None:
    found = bland_altman(make_pairs("abcde", [1, 5, 9, 20, 30], [2, 4, 11, 15, 22]))
    assert found.sd_repeated.value == pytest.approx(found.sd.value)


def test_visits_that_repeat_a_subject_s_error_widen_the_limits() -> None:
    # Three subjects, each with one error throughout: the pooled SD believes in nine opinions.
    found = bland_altman(make_pairs("aaabbbccc", [10.0] * 9, [12.0] * 3 + [10.0] * 3 + [8.0] * 3))
    assert found.sd.value == pytest.approx(math.sqrt(24 / 8))
    assert found.sd_repeated.value == pytest.approx(2.0)


def test_errors_that_only_vary_within_subjects_are_not_subtracted() -> None:
    # The variance between subjects comes out below 0 here, and counts as 0.
    found = bland_altman(make_pairs("aabb", [10.0] * 4, [12.0, 8.0, 12.0, 8.0]))
    assert found.sd_repeated.value == pytest.approx(math.sqrt(16 / 2))


@given(st.integers(0, 10_000))
def test_the_band_is_that_of_the_textbook_s_matrices(seed: int) -> None:
    visits = random_pairs(seed).visits
    x, y = visits["physician"].to_numpy(), visits["predicted"].to_numpy()
    at = np.array([0.0, 12.5, 64.8])
    band, residual_sd = prediction_band(x, y, at)
    design, wanted = np.column_stack([np.ones_like(x), x]), np.column_stack([np.ones(3), at])
    weights, squares, *_ = np.linalg.lstsq(design, y)
    assert residual_sd == pytest.approx(math.sqrt(squares[0] / (len(x) - 2)))
    inverse = np.linalg.inv(design.T @ design)
    leverage = np.einsum("ai,ij,aj->a", wanted, inverse, wanted)
    reach = student_t.ppf(0.975, len(x) - 2) * residual_sd
    np.testing.assert_allclose(band["fitted"], wanted @ weights)
    np.testing.assert_allclose(band["upper"] - band["fitted"], reach * np.sqrt(1 + leverage))
    np.testing.assert_allclose(band["fitted"] - band["lower"], reach * np.sqrt(1 + leverage))
    np.testing.assert_allclose(band["line_upper"] - band["fitted"], reach * np.sqrt(leverage))
    np.testing.assert_allclose(band["fitted"] - band["line_lower"], reach * np.sqrt(leverage))


def test_the_band_holds_19_of_20_further_visits() -> None:
    random = np.random.default_rng(5)
    hits = 0
    for _ in range(400):
        x = random.uniform(0, 60, 30)
        y = 3 + 0.7 * x + random.normal(0, 4, 30)
        new = random.uniform(0, 60)
        band, _ = prediction_band(x, y, np.array([new]))
        hits += band["lower"][0] <= 3 + 0.7 * new + random.normal(0, 4) <= band["upper"][0]
    assert 365 <= hits <= 393


def test_scatter_values_are_the_ranking_s_to_the_last_bit() -> None:
    pairs = random_pairs(11)
    facts = scatter_facts(pairs)
    line = linregress(pairs.visits["physician"], pairs.visits["predicted"])
    assert facts.slope.value == pytest.approx(line.slope)
    assert facts.intercept.value == pytest.approx(line.intercept)
    for name in ("mae", "bias", "pcc", "ccc"):
        each = getattr(facts, name)
        assert each.value == METRICS[name](pairs.visits["physician"], pairs.visits["predicted"])
        assert each.low < each.value < each.high
    assert 0.8 < facts.share_in_band <= 1


def test_strata_cover_the_scale_and_no_value_twice() -> None:
    scale = np.round(np.arange(0, 72.05, 0.1), 1)
    held = sum(stratum.holds(scale).astype(int) for stratum in SEVERITY_STRATA)
    assert (held == 1).all()
    names = [s.name for value in (6.9, 7, 12, 12.1) for s in SEVERITY_STRATA if s.holds(value)]
    assert names == ["mild", "moderate", "moderate", "severe"]


def test_each_stratum_counts_its_own_visits_by_the_physician_s_score() -> None:
    pairs = make_pairs("aabbb", [3, 20, 5, 7, 30], [5, 16, 4, 7, 24])
    table = error_by_severity(pairs).set_index("stratum")
    assert table["num_visits"].to_dict() == {"mild": 2, "moderate": 1, "severe": 2, "all": 5}
    assert table["num_subjects"].to_dict() == {"mild": 2, "moderate": 1, "severe": 2, "all": 2}
    assert table["mae"].to_dict() == {"mild": 1.5, "moderate": 0, "severe": 5, "all": 2.6}
    assert table["bias"].to_dict() == {"mild": 0.5, "moderate": 0, "severe": -5, "all": -1.8}
    assert math.isnan(table.loc["moderate", "mae_low"])
    assert table.loc["all", "mae_low"] < 2.6 < table.loc["all", "mae_high"]


@pytest.mark.parametrize(
    ("subjects", "physician", "predicted"),
    [
        ("", [], []),
        ("a", [4], [5]),
        ("ab", [4, 4], [5, 5]),
        ("aabb", [4, 4, 4, 4], [5, 6, 7, 8]),
        ("aabb", [1, 2, 3, 4], [5, 5, 5, 5]),
    ],
)
def test_degenerate_visits_give_nan_and_no_error(
    subjects: str, physician: list[float], predicted: list[float]
) -> None:
    pairs = make_pairs(subjects, physician, predicted)
    facts, limits = scatter_facts(pairs), bland_altman(pairs)
    table = error_by_severity(pairs).set_index("stratum")
    assert math.isnan(table.loc["severe", "mae"])
    if len(set(physician)) < 2:
        assert math.isnan(facts.slope.value)
        assert facts.band["upper"].isna().all()
        assert math.isnan(facts.share_in_band)
        assert math.isnan(facts.pcc.value)
    if len(physician) < 2:
        assert math.isnan(limits.sd.value)
        assert math.isnan(limits.upper.value)
        assert math.isnan(limits.share_within)
        assert math.isnan(facts.ccc.value)
