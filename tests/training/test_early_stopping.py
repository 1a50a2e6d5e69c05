"""Which epoch was best, and when a fit is over."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from foldgrid.training.early_stopping import EarlyStopping

losses = st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]) | st.floats(0, 10), min_size=1, max_size=40)


@given(losses, st.integers(1, 10))
def test_the_best_epoch_is_the_first_of_the_lowest_loss(values: list[float], patience: int) -> None:
    stopping = EarlyStopping(patience)
    told = [stopping.update(epoch, loss) for epoch, loss in enumerate(values, start=1)]
    assert stopping.best_loss == min(values)
    assert stopping.best_epoch == values.index(min(values)) + 1
    assert told == [loss < min(values[:n], default=math.inf) for n, loss in enumerate(values)]


@given(losses, st.integers(1, 10))
def test_a_fit_is_over_when_its_patience_is(values: list[float], patience: int) -> None:
    stopping = EarlyStopping(patience)
    for epoch, loss in enumerate(values, start=1):
        stopping.update(epoch, loss)
        best = values.index(min(values[:epoch])) + 1
        assert stopping.is_over == (epoch - best >= patience)


@given(losses, st.integers(1, 10))
def test_as_long_as_the_loss_falls_nothing_is_over(values: list[float], patience: int) -> None:
    stopping = EarlyStopping(patience)
    for epoch, loss in enumerate(sorted(set(values), reverse=True), start=1):
        assert stopping.update(epoch, loss)
        assert not stopping.is_over


def test_nothing_is_over_before_it_began_nor_is_a_loss_without_a_value_the_best() -> None:
    stopping = EarlyStopping(2)
    assert not stopping.is_over
    assert not stopping.update(1, math.nan)
    assert stopping.best_epoch == 0
    assert stopping.update(2, 1.0)
