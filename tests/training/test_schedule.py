"""The learning rate of each epoch, against torch's own schedulers."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from timm.scheduler import CosineLRScheduler
from torch.optim.lr_scheduler import CosineAnnealingLR, StepLR

from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_parts import Steps
from foldgrid.training.schedule import Schedule, stepped_rate


def optimizer(rate: float) -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


def schedule(rate: float = 0.01, **keys: Any) -> Schedule:
    recipe = TrainingRecipe.model_validate_json(json.dumps(keys))
    return Schedule(optimizer(rate), recipe, rate, 8)


@given(st.floats(1e-5, 1), st.integers(1, 7), st.floats(0.05, 0.95))
def test_steps_are_torch_s(rate: float, every: int, factor: float) -> None:
    own = schedule(rate, schedule="steps", steps={"every_epochs": every, "factor": factor})
    others = optimizer(rate)
    theirs = StepLR(others, every, factor)
    for epoch in range(20):
        assert own.rate == pytest.approx(others.param_groups[0]["lr"], rel=1e-9)
        assert own.rate == stepped_rate(rate, Steps(every_epochs=every, factor=factor), epoch)
        own.end_epoch(1.0)
        others.step()
        theirs.step()


@given(
    st.floats(1e-5, 1), st.integers(2, 9), st.integers(1, 5), st.integers(0, 4), st.floats(0, 0.9)
)
def test_a_warm_up_and_a_cosine_are_timm_s_step_by_step(
    rate: float, num_epochs: int, steps: int, warm: int, final: float
) -> None:
    warm = min(warm, num_epochs - 1)
    recipe = TrainingRecipe.model_validate(
        {
            "schedule": "cosine",
            "cosine": {"final_fraction": final},
            "warmup": {"epochs": warm, "start_fraction": 0.1},
        }
    )
    mine, others = optimizer(rate), optimizer(rate)
    mine.param_groups[0]["lr_scale"] = others.param_groups[0]["lr_scale"] = 0.5
    own = Schedule(mine, recipe, rate, num_epochs, steps)
    theirs = CosineLRScheduler(
        others,
        t_initial=(num_epochs - warm) * steps,
        lr_min=final * rate,
        warmup_t=warm * steps,
        warmup_lr_init=0.1 * rate,
        warmup_prefix=True,
        t_in_epochs=False,
    )
    for step in range(num_epochs * steps):
        theirs.step_update(step)
        expected = others.param_groups[0]["lr"]
        assert mine.param_groups[0]["lr"] == pytest.approx(expected, rel=1e-12, abs=1e-15)
        assert own.rate == pytest.approx(2 * expected, rel=1e-12, abs=1e-15)
        own.end_step()
        if (step + 1) % steps == 0:
            own.end_epoch(1.0)
    assert own.rate == pytest.approx(final * rate, abs=1e-15)


def test_a_cosine_is_torch_s_epoch_by_epoch() -> None:
    others = optimizer(0.02)
    own = Schedule(optimizer(0.02), TrainingRecipe(schedule="cosine"), 0.02, 12)
    theirs = CosineAnnealingLR(others, 12)
    for _ in range(12):
        assert own.rate == pytest.approx(others.param_groups[0]["lr"], rel=1e-12)
        own.end_epoch(1.0)
        others.step()
        theirs.step()


def test_a_plateau_and_steps_begin_when_the_rate_is_up() -> None:
    warmup = {"epochs": 3, "start_fraction": 0.25}
    plateau = schedule(warmup=warmup, plateau={"patience": 0, "factor": 0.5})
    steps = schedule(warmup=warmup, schedule="steps", steps={"every_epochs": 2, "factor": 0.5})
    found: list[list[float]] = [[], []]
    for _ in range(8):
        for own, rates in zip((plateau, steps), found, strict=True):
            rates.append(round(own.rate / 0.01, 6))
            # Never better than in the first epoch, which is no reason to fall during the warm-up.
            own.end_epoch(1.0)
    assert found[0] == [0.25, 0.5, 0.75, 1, 1, 0.5, 0.25, 0.125]
    assert found[1] == [0.25, 0.5, 0.75, 1, 1, 0.5, 0.5, 0.25]


def test_each_group_has_its_fraction_of_a_plateau_s_rate() -> None:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr_scale": s} for s in (0.25, 1.0)]
    recipe = TrainingRecipe.model_validate({"plateau": {"patience": 0, "factor": 0.5}})
    both = torch.optim.SGD(groups, lr=0.01)
    own = Schedule(both, recipe, 0.01)
    for rate in (0.01, 0.01, 0.005, 0.0025):
        assert [group["lr"] for group in both.param_groups] == [rate / 4, rate]
        own.end_epoch(1.0)


def test_a_constant_rate_stays_whatever_the_loss() -> None:
    own = schedule(0.02, schedule="constant")
    for loss in (1.0, 2.0, 0.1):
        own.end_epoch(loss)
        assert own.rate == 0.02


def test_a_plateau_follows_the_loss_and_steps_do_not() -> None:
    plateau = {"patience": 1, "factor": 0.5}
    falling, standing = schedule(plateau=plateau), schedule(plateau=plateau)
    for epoch in range(6):
        falling.end_epoch(1.0 / (epoch + 1))
        standing.end_epoch(1.0)
    assert falling.rate == 0.01
    assert standing.rate == pytest.approx(0.0025)


KINDS: list[dict[str, Any]] = [
    {"schedule": "plateau", "plateau": {"patience": 1}},
    {"schedule": "steps", "steps": {"every_epochs": 3}},
    {"schedule": "cosine"},
    {"schedule": "constant"},
    {"schedule": "plateau", "plateau": {"patience": 1}, "warmup": {"epochs": 2}},
]


@pytest.mark.parametrize("keys", KINDS)
@pytest.mark.parametrize("num_epochs", range(5))
def test_a_schedule_goes_on_from_its_state(keys: dict[str, Any], num_epochs: int) -> None:
    recipe = TrainingRecipe.model_validate_json(json.dumps(keys))
    first, second = optimizer(0.01), optimizer(0.01)
    one = Schedule(first, recipe, 0.01, 8)
    for _ in range(num_epochs):
        one.end_epoch(1.0)
    other = Schedule(second, recipe, 0.01, 8)
    other.load_state_dict(one.state_dict())
    second.load_state_dict(first.state_dict())
    for _ in range(6):
        assert one.rate == other.rate
        one.end_epoch(1.0)
        other.end_epoch(1.0)


@pytest.mark.parametrize("keys", KINDS)
def test_another_configuration_s_state_is_gone_on_from_by_the_present_one(
    keys: dict[str, Any],
) -> None:
    theirs = schedule(0.5)
    for _ in range(4):
        theirs.end_epoch(1.0)
    own = schedule(0.01, **keys)
    own.load_state_dict(theirs.state_dict())
    own.adopt_recipe()
    # Three epochs a step, four of eight were trained.
    expected = {"steps": 0.001, "cosine": 0.005}.get(keys["schedule"], 0.01)
    assert own.rate == pytest.approx(expected)
