"""The learning rate of each epoch, against torch's own schedulers."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import StepLR

from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_parts import Steps
from foldgrid.training.schedule import Schedule, stepped_rate


def optimizer(rate: float) -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


def schedule(rate: float = 0.01, **keys: Any) -> Schedule:
    recipe = TrainingRecipe.model_validate_json(json.dumps(keys))
    return Schedule(optimizer(rate), recipe, rate)


@given(st.floats(1e-5, 1), st.integers(1, 7), st.floats(0.05, 0.95))
def test_steps_are_torch_s(rate: float, every: int, factor: float) -> None:
    own = schedule(rate, schedule="steps", steps={"every_epochs": every, "factor": factor})
    others = optimizer(rate)
    theirs = StepLR(others, every, factor)
    for epoch in range(20):
        assert own.rate == pytest.approx(others.param_groups[0]["lr"], rel=1e-9)
        assert own.rate == stepped_rate(rate, Steps(every_epochs=every, factor=factor), epoch)
        own.step(1.0)
        others.step()
        theirs.step()


def test_a_constant_rate_stays_whatever_the_loss() -> None:
    own = schedule(0.02, schedule="constant")
    for loss in (1.0, 2.0, 0.1):
        own.step(loss)
        assert own.rate == 0.02


def test_a_plateau_follows_the_loss_and_steps_do_not() -> None:
    plateau = {"patience": 1, "factor": 0.5}
    falling, standing = schedule(plateau=plateau), schedule(plateau=plateau)
    for epoch in range(6):
        falling.step(1.0 / (epoch + 1))
        standing.step(1.0)
    assert falling.rate == 0.01
    assert standing.rate == pytest.approx(0.0025)


KINDS: list[dict[str, Any]] = [
    {"schedule": "plateau", "plateau": {"patience": 1}},
    {"schedule": "steps", "steps": {"every_epochs": 3}},
    {"schedule": "constant"},
]


@pytest.mark.parametrize("keys", KINDS)
@pytest.mark.parametrize("num_epochs", range(5))
def test_a_schedule_goes_on_from_its_state(keys: dict[str, Any], num_epochs: int) -> None:
    recipe = TrainingRecipe.model_validate_json(json.dumps(keys))
    first, second = optimizer(0.01), optimizer(0.01)
    one = Schedule(first, recipe, 0.01)
    for _ in range(num_epochs):
        one.step(1.0)
    other = Schedule(second, recipe, 0.01)
    other.load_state_dict(one.state_dict())
    second.load_state_dict(first.state_dict())
    for _ in range(6):
        assert one.rate == other.rate
        one.step(1.0)
        other.step(1.0)


@pytest.mark.parametrize("keys", KINDS)
def test_another_configuration_s_state_is_gone_on_from_by_the_present_one(
    keys: dict[str, Any],
) -> None:
    theirs = schedule(0.5)
    for _ in range(4):
        theirs.step(1.0)
    own = schedule(0.01, **keys)
    own.load_state_dict(theirs.state_dict())
    own.adopt_recipe()
    # Three epochs a step, four were trained.
    assert own.rate == pytest.approx(0.001 if keys["schedule"] == "steps" else 0.01)
