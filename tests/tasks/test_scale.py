"""A scale: nothing on it moves, shares come back, and an open end is never clipped at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.tasks.scale import Scale

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)


@st.composite
def scales(draw: st.DrawFn) -> Scale:
    """Any scale, each end there or not."""
    lowest = draw(st.none() | st.floats(-1e4, 1e4))
    width = draw(st.none() | st.floats(0.01, 1e4))
    highest = None if width is None else (0.0 if lowest is None else lowest) + width
    return Scale(lowest, highest, step=draw(st.floats(1e-4, 100)))


@given(scale=scales(), values=numbers)
def test_it_clips_at_its_ends_and_nowhere_else(scale: Scale, values: list[float]) -> None:
    clipped = scale.clip(values)
    for value, found in zip(values, clipped, strict=True):
        if scale.lowest is not None and value < scale.lowest:
            assert found == scale.lowest
        elif scale.highest is not None and value > scale.highest:
            assert found == scale.highest
        else:
            assert found == value
    np.testing.assert_array_equal(scale.clip(clipped), clipped)


@given(scale=scales(), values=numbers)
def test_a_fraction_finds_its_way_back(scale: Scale, values: list[float]) -> None:
    fractions = scale.fraction(values)
    tolerance = 1e-9 * (1e6 + scale.width)
    np.testing.assert_allclose(scale.of_fraction(fractions), values, atol=tolerance, rtol=1e-9)
    if scale.is_closed:
        on_it = scale.fraction(scale.clip(values))
        assert on_it.min() >= -1e-12
        assert on_it.max() <= 1 + 1e-12
    else:
        np.testing.assert_array_equal(fractions, values)


@given(scale=scales(), values=numbers)
def test_upside_down_twice_is_the_same(scale: Scale, values: list[float]) -> None:
    closed = scale.over(values)
    assert closed.is_closed
    assert closed.step == scale.step
    np.testing.assert_allclose(closed.mirrored(closed.mirrored(values)), values, atol=1e-8)


@pytest.mark.parametrize(
    ("step", "decimals"), [(1, 2), (0.5, 3), (0.1, 3), (0.01, 4), (10, 1), (25, 1), (1000, 0)]
)
def test_an_error_is_shown_to_a_hundredth_of_a_step(step: float, decimals: int) -> None:
    assert Scale(step=step).decimals == decimals


@pytest.mark.parametrize(
    ("scale", "ends"),
    [(Scale(0, 51), "0 to 51"), (Scale(-5), "from -5"), (Scale(None, 7.5), "up to 7.5"),
     (Scale(), "")],
)  # fmt: skip
def test_its_ends_in_words(scale: Scale, ends: str) -> None:
    assert scale.ends == ends
