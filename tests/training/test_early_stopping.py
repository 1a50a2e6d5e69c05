"""Which epoch was best, and when a fit is over."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.training.early_stopping import EarlyStopping

losses = st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]) | st.floats(0, 10), min_size=1, max_size=40)


@given(losses, st.integers(1, 10))
def test_the_best_epoch_is_the_first_of_the_lowest_loss(values: list[float], patience: int) -> None:
    stopping = EarlyStopping(patience)
    reported = [stopping.update(epoch, loss) for epoch, loss in enumerate(values, start=1)]
    assert stopping.best_loss == min(values)
    assert stopping.best_epoch == values.index(min(values)) + 1
    assert reported == [loss < min(values[:n], default=math.inf) for n, loss in enumerate(values)]


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


@given(losses)
def test_where_nothing_is_chosen_every_epoch_is_the_best_and_none_the_last(
    values: list[float],
) -> None:
    stopping = EarlyStopping(patience=None)
    for epoch, loss in enumerate(values, start=1):
        assert stopping.update(epoch, loss)
        assert (stopping.best_epoch, stopping.best_loss) == (epoch, loss)
        assert not stopping.is_over


@given(losses, st.integers(1, 10), st.integers(0, 20))
def test_only_the_last_phase_uses_patience_up(
    values: list[float], patience: int, not_before: int
) -> None:
    stopping = EarlyStopping(patience, not_before)
    for epoch, loss in enumerate(values, start=1):
        stopping.update(epoch, loss)
        # The best of all epochs counts, whichever phase it is of.
        best = values.index(min(values[:epoch])) + 1
        assert stopping.best_epoch == best
        assert stopping.is_over == (epoch - max(best, not_before) >= patience)
        assert not (stopping.is_over and epoch <= not_before)


def test_a_recipe_says_when_patience_begins() -> None:
    phases = [{"name": "a", "epochs": 3}, {"name": "b", "epochs": 4}, {"name": "c"}]
    recipe = TrainingRecipe.model_validate_json(
        json.dumps({"phases": phases, "early_stopping": {"patience": 5}})
    )
    assert EarlyStopping.of(recipe) == EarlyStopping(5, not_before=7)
    assert EarlyStopping.of(TrainingRecipe()) == EarlyStopping(50)
    fixed = {"schedule": "constant", "early_stopping": {"policy": "none"}}
    recipe = TrainingRecipe.model_validate_json(json.dumps(fixed))
    assert EarlyStopping.of(recipe).patience is None
