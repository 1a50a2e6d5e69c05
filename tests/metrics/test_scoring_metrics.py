from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn import metrics as sk

from foldgrid.metrics import METRICS, number_metrics
from foldgrid.specs.errors import SweepError

values = st.floats(-72, 72).map(lambda x: round(x, 3))
pairs = st.integers(2, 40).flatmap(lambda n: arrays(np.float64, (2, n), elements=values))
unit = st.floats(0.1, 10.0)


@given(pairs)
def test_error_metrics_agree_with_scikit_learn(pair: np.ndarray) -> None:
    assert METRICS["mae"](*pair) == pytest.approx(sk.mean_absolute_error(*pair))
    assert METRICS["mse"](*pair) == pytest.approx(sk.mean_squared_error(*pair))
    assert METRICS["rmse"](*pair) == pytest.approx(sk.root_mean_squared_error(*pair))
    assert METRICS["bias"](*pair) == pytest.approx(float(np.mean(pair[1] - pair[0])), abs=1e-12)


@given(pairs)
def test_pearson_agrees_with_scipy(pair: np.ndarray) -> None:
    assume((np.ptp(pair, axis=1) > 0.01).all())
    assert METRICS["pcc"](*pair) == pytest.approx(stats.pearsonr(*pair).statistic, abs=1e-9)


@given(pairs)
def test_spearman_agrees_with_scipy(pair: np.ndarray) -> None:
    assume((np.ptp(pair, axis=1) > 0).all())
    assert METRICS["spearman"](*pair) == pytest.approx(stats.spearmanr(*pair).statistic, abs=1e-9)


def test_spearman_s_published_example() -> None:
    # IQ and hours of television, the worked example of Wikipedia and many text books: -29/165.
    intelligence = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
    hours = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
    assert METRICS["spearman"](intelligence, hours) == pytest.approx(-29 / 165)


@given(pairs)
def test_concordance_follows_lins_formula_with_population_moments(pair: np.ndarray) -> None:
    assume((np.ptp(pair, axis=1) > 0.01).all())
    covariance = np.cov(pair, ddof=0)
    bias = pair[0].mean() - pair[1].mean()
    expected = 2 * covariance[0, 1] / (np.trace(covariance) + bias**2)
    assert METRICS["ccc"](*pair) == pytest.approx(expected, abs=1e-9)


def test_concordance_computed_by_hand() -> None:
    # Means 2 and 3, variances 2/3 and 2/3, covariance 2/3: (4/3) / (4/3 + 1) = 4/7.
    assert METRICS["ccc"]([1, 2, 3], [2, 3, 4]) == pytest.approx(4 / 7)


@given(pairs, unit, values)
def test_correlations_do_not_depend_on_the_unit(
    pair: np.ndarray, scale: float, shift: float
) -> None:
    assume((np.ptp(pair, axis=1) > 0.01).all())
    moved = pair * scale + shift
    for name in ("pcc", "ccc", "icc"):
        assume(abs(METRICS["ccc"](*pair) + pair.shape[1] - 1) > 0.1)
        assert METRICS[name](*moved) == pytest.approx(METRICS[name](*pair), abs=1e-7)


@given(pairs)
def test_concordance_never_exceeds_correlation(pair: np.ndarray) -> None:
    assume((np.ptp(pair, axis=1) > 0.01).all())
    assert abs(METRICS["ccc"](*pair)) <= abs(METRICS["pcc"](*pair)) + 1e-9


@given(pairs)
def test_a_perfect_prediction_is_best_by_every_metric(pair: np.ndarray) -> None:
    assume(np.ptp(pair[0]) > 0.01)
    for metric in number_metrics().values():
        perfect = metric.sort_key(metric(pair[0], pair[0]))
        assert perfect <= metric.sort_key(metric(*pair)) + 1e-9


@pytest.mark.parametrize(
    ("reference", "predicted", "undefined"),
    [
        ([], [], set(number_metrics())),
        ([1.0], [2.0], {"pcc", "ccc", "icc"}),
        ([1.0, 2.0], [math.nan, 2.0], set(number_metrics())),
        ([1.0, 2.0], [math.inf, 2.0], set(number_metrics())),
        ([1.0, 2.0, 3.0], [0.1, 0.1, 0.1], {"pcc"}),
        ([2.0, 2.0], [1.0, 3.0], {"pcc"}),
        ([2.0, 2.0], [2.0, 2.0], {"pcc", "ccc", "icc"}),
        ([2.0, 2.0], [3.0, 3.0], {"pcc"}),
        ([0.0, 1.0], [1.0, 0.0], {"icc"}),
        ([1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 1.0, 2.0], set()),
    ],
)
def test_degenerate_inputs_follow_the_table(
    reference: list[float], predicted: list[float], undefined: set[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metric_values = {
            name: metric(reference, predicted) for name, metric in number_metrics().items()
        }
    assert {
        name for name, metric_value in metric_values.items() if math.isnan(metric_value)
    } == undefined


def test_a_constant_prediction_has_no_concordance() -> None:
    for name in ("ccc", "icc"):
        assert METRICS[name]([1.0, 2.0, 3.0], [0.1, 0.1, 0.1]) == 0.0


@given(st.floats(1e-150, 1e150))
def test_correlations_survive_tiny_and_huge_units(unit_size: float) -> None:
    reference = np.array([1.0, 2.0, 4.0]) * unit_size
    predicted = np.array([1.0, 3.0, 4.0]) * unit_size
    assert METRICS["pcc"](reference, predicted) == pytest.approx(0.9286, abs=1e-4)
    assert METRICS["ccc"](reference, predicted) == pytest.approx(0.8966, abs=1e-4)


def test_shapes_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="two 1-D arrays"):
        METRICS["mae"]([1.0, 2.0], [[1.0], [2.0]])


def test_a_metric_travels_with_its_direction() -> None:
    directions = {name: metric.direction for name, metric in number_metrics().items()}
    assert directions == {
        "mae": "lower",
        "mse": "lower",
        "rmse": "lower",
        "pcc": "higher",
        "ccc": "higher",
        "icc": "higher",
        "bias": "zero",
    }
    assert sorted([-3.0, 1.0, 2.0], key=METRICS["bias"].sort_key) == [1.0, 2.0, -3.0]
    assert sorted([0.1, math.nan, 0.9], key=METRICS["pcc"].sort_key)[:2] == [0.9, 0.1]


def test_an_unknown_metric_is_answered_with_the_nearest() -> None:
    with pytest.raises(SweepError, match=r'Did you mean .*"mae"'):
        METRICS.named("mea")
