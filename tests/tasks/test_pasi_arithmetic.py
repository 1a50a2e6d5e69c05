from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.tasks.pasi.arithmetic import (
    REGION_WEIGHTS,
    SCORE_MAXIMA,
    clip_composite,
    clip_score,
    composite_score,
    involvement_from_fraction,
    max_pasi,
    pasi,
)

BODY = ("upper_extremities", "trunk", "lower_extremities")
severities = st.integers(0, 4)
involvements = st.integers(0, 6)
any_number = st.floats(-1e6, 1e6)


def test_the_weights_are_the_published_ones_and_make_a_whole_body() -> None:
    assert REGION_WEIGHTS == {
        "upper_extremities": 0.2,
        "trunk": 0.3,
        "lower_extremities": 0.4,
        "head_neck": 0.1,
    }
    assert sum(REGION_WEIGHTS.values()) == pytest.approx(1.0)


def test_a_visit_computed_by_hand() -> None:
    composites = {
        "upper_extremities": composite_score(2, 2, 1, 3),  # 15
        "trunk": composite_score(3, 2, 2, 4),  # 28
        "lower_extremities": composite_score(1, 1, 1, 2),  # 6
    }
    assert pasi(composites) == pytest.approx(0.2 * 15 + 0.3 * 28 + 0.4 * 6)  # 13.8


def test_the_maxima_are_64_8_without_head_and_neck_and_72_with() -> None:
    worst = composite_score(4, 4, 4, 6)
    assert max_pasi(BODY) == 64.8
    assert max_pasi(REGION_WEIGHTS) == 72.0
    assert pasi(dict.fromkeys(BODY, worst)) == pytest.approx(64.8)
    assert pasi(dict.fromkeys(REGION_WEIGHTS, worst)) == pytest.approx(72.0)


@given(severities, severities, severities, involvements)
def test_clipping_leaves_true_scores_alone(e: int, i: int, s: int, a: int) -> None:
    exact = composite_score(e, i, s, a)
    assert composite_score(e, i, s, a, clip=True) == exact == (e + i + s) * a
    assert 0 <= exact <= 72


@given(any_number, any_number, any_number, any_number)
def test_clipped_predictions_stay_on_the_scale(e: float, i: float, s: float, a: float) -> None:
    assert 0 <= composite_score(e, i, s, a, clip=True) <= 72


def test_two_negative_outputs_do_not_multiply_to_a_severe_region() -> None:
    assert composite_score(-4, -4, -4, -6) == 72
    assert composite_score(-4, -4, -4, -6, clip=True) == 0


@given(st.sampled_from(sorted(SCORE_MAXIMA)), any_number)
def test_clipping_is_idempotent_and_monotone(name: str, value: float) -> None:
    once = clip_score(name, value)
    assert clip_score(name, once) == once
    assert clip_score(name, value + 1.0) >= once
    assert 0 <= clip_composite(value) <= 72


def test_nan_passes_through() -> None:
    assert np.isnan(composite_score(np.nan, 1, 1, 1, clip=True))
    assert np.isnan(pasi({"trunk": [np.nan, 1.0]})).tolist() == [True, False]


def test_arrays_of_any_shape() -> None:
    composites = np.arange(12.0).reshape(3, 4)
    np.testing.assert_allclose(pasi({"trunk": composites}), 0.3 * composites)


@pytest.mark.parametrize("regions", [{}, {"feet": 1.0}])
def test_unknown_or_no_regions_are_refused(regions: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="the PASI needs regions of"):
        pasi(regions)


@pytest.mark.parametrize(
    ("fraction", "grade"),
    [
        (0.0, 0),
        (1e-9, 1),
        (0.0999, 1),
        (0.10, 2),
        (0.29, 2),
        (0.30, 3),
        (0.49, 3),
        (0.50, 4),
        (0.69, 4),
        (0.70, 5),
        (0.89, 5),
        (0.90, 6),
        (1.0, 6),
    ],
)
def test_involvement_follows_the_area_thresholds(fraction: float, grade: int) -> None:
    assert involvement_from_fraction(fraction) == grade


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_involvement_never_falls_as_the_fraction_grows(fractions: list[float]) -> None:
    grades = involvement_from_fraction(sorted(fractions))
    assert (np.diff(grades) >= 0).all()
    assert grades.min() >= 0
    assert grades.max() <= 6


@pytest.mark.parametrize("fraction", [-0.01, 1.01, float("nan")])
def test_a_fraction_outside_0_to_1_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        involvement_from_fraction([0.5, fraction])
