"""The laws of `specs.optimizers`, kept by every optimiser, one from outside among them."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from timm.optim import create_optimizer_v2

from foldgrid.specs.base import Spec
from foldgrid.specs.optimizers import OPTIMIZERS, Optimizer
from foldgrid.specs.recipe import TrainingRecipe
from tests.outside.site.yogi import YOGI

ALL: dict[str, Optimizer] = {**OPTIMIZERS, "yogi": YOGI}
RECIPE = TrainingRecipe(momentum=0.8, weight_decay=0.01)
RATE = 0.01


@pytest.fixture(params=ALL)
def kind(request: pytest.FixtureRequest) -> Optimizer:
    return ALL[request.param]


class Bowl:
    """Weights whose loss is their distance from 1; the last ones are frozen."""

    def __init__(self, kind: Optimizer, rate: float = RATE, own: Spec | None = None) -> None:
        self.weights = [torch.linspace(-1, 3, 5, requires_grad=True), torch.ones(2) * 7]
        own = kind.settings() if own is None else own
        self.optimizer: torch.optim.Optimizer = kind.build(self.weights, rate, RECIPE, own)

    def loss(self) -> torch.Tensor:
        return ((self.weights[0] - 1) ** 2).sum()

    def step(self, times: int = 1) -> list[torch.Tensor]:
        for _ in range(times):
            self.optimizer.zero_grad(set_to_none=True)
            self.loss().backward()
            self.optimizer.step()
        return [each.detach().clone() for each in self.weights]


def same(mine: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, two) for one, two in zip(mine, other, strict=True))


def test_it_goes_downhill(kind: Optimizer) -> None:
    bowl = Bowl(kind)
    before = float(bowl.loss().detach())
    bowl.step(100)
    assert float(bowl.loss().detach()) < 0.5 * before


def test_a_rate_that_is_set_is_a_rate_that_is_taken(kind: Optimizer) -> None:
    bowl, at_once = Bowl(kind), Bowl(kind, RATE / 10)
    assert [group["lr"] for group in bowl.optimizer.param_groups] == [RATE]
    start = [each.detach().clone() for each in bowl.weights]
    for group in bowl.optimizer.param_groups:
        group["lr"] = RATE / 10
    assert same(bowl.step(), at_once.step())
    assert not same(bowl.step(), start)
    here = bowl.step()
    for group in bowl.optimizer.param_groups:
        group["lr"] = 0.0
    assert same(bowl.step(), here)


def test_what_has_no_gradient_stays_to_the_bit(kind: Optimizer) -> None:
    bowl = Bowl(kind)
    moved, frozen = bowl.step(3)
    assert torch.equal(frozen, torch.ones(2) * 7)
    # Frozen later, with a momentum of its own.
    bowl.optimizer.zero_grad(set_to_none=True)
    bowl.optimizer.step()
    assert torch.equal(bowl.weights[0].detach(), moved)


def test_it_draws_no_random_number_and_gives_the_same_bits(kind: Optimizer) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = Bowl(kind).step(5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(Bowl(kind).step(5), first)


def test_one_that_goes_on_from_a_state_takes_the_same_steps(kind: Optimizer) -> None:
    whole, first, later = Bowl(kind), Bowl(kind), Bowl(kind, 10 * RATE)
    expected = whole.step(7)
    first.step(4)
    file = io.BytesIO()
    torch.save({"optimizer": first.optimizer.state_dict(), "weights": first.weights}, file)
    file.seek(0)
    kept: Any = torch.load(file, weights_only=True)
    for mine, theirs in zip(later.weights, kept["weights"], strict=True):
        mine.data.copy_(theirs)
    later.optimizer.load_state_dict(kept["optimizer"])
    assert same(later.step(3), expected)


def test_its_settings_are_in_its_groups(kind: Optimizer) -> None:
    """Each setting changes what a group holds besides the weights and the rate."""
    plain = _held(Bowl(kind))
    assert plain
    for name, field in kind.settings.model_fields.items():
        other = kind.settings.model_validate({name: field.default / 2})
        assert _held(Bowl(kind, own=other)) != plain, name


def _held(bowl: Bowl) -> list[dict[str, Any]]:
    groups = bowl.optimizer.param_groups
    return [{k: v for k, v in group.items() if k not in ("params", "lr")} for group in groups]


def test_a_group_s_own_rate_and_decay_count(kind: Optimizer) -> None:
    weights = [torch.linspace(-1, 3, 5, requires_grad=True) for _ in range(3)]
    groups: list[dict[str, Any]] = [{"params": [each]} for each in weights]
    groups[1] |= {"weight_decay": 0.0}
    groups[2] |= {"lr": 0.0}
    optimizer = kind.build(groups, RATE, RECIPE, kind.settings())
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.01, 0.0, 0.01]
    for _ in range(3):
        for each in weights:
            each.grad = torch.ones(5)
        optimizer.step()
    plain, undecayed, still = (each.detach() for each in weights)
    assert torch.equal(still, torch.linspace(-1, 3, 5))
    assert not torch.equal(undecayed, still)
    assert not torch.equal(plain, undecayed)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "sgd"])
@pytest.mark.parametrize("is_plain", [True, False])
def test_ours_are_timm_s_step_by_step(name: str, is_plain: bool) -> None:
    kind = OPTIMIZERS[name]
    fields = kind.settings.model_fields
    own = kind.settings()
    if not is_plain:
        own = kind.settings(**{key: field.default / 2 for key, field in fields.items()})
    said = own.model_dump()
    options: dict[str, Any] = (
        {"betas": (said.pop("beta1"), said.pop("beta2"))} if "beta1" in said else {}
    )
    options |= {{"epsilon": "eps"}.get(key, key): value for key, value in said.items()}
    torch.manual_seed(0)
    mine = torch.nn.Linear(4, 3).double()
    theirs = torch.nn.Linear(4, 3).double()
    theirs.load_state_dict(mine.state_dict())
    shared = RECIPE
    ours = kind.build(mine.parameters(), RATE, shared, own)
    other = create_optimizer_v2(
        list(theirs.parameters()), name, RATE, 0.01, momentum=0.8, **options if not is_plain else {}
    )
    for step in range(12):
        inputs = torch.randn(5, 4, dtype=torch.float64)
        for network, optimizer in ((mine, ours), (theirs, other)):
            optimizer.zero_grad()
            (network(inputs) - step).square().mean().backward()
            optimizer.step()
        for one, two in zip(mine.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-14)


def test_it_keeps_as_many_numbers_a_weight_as_it_says(kind: Optimizer) -> None:
    bowl = Bowl(kind)
    bowl.step()
    (state,) = bowl.optimizer.state_dict()["state"].values()
    kept = [each for each in state.values() if isinstance(each, torch.Tensor) and each.ndim]
    assert sum(each.numel() for each in kept) == kind.num_states * bowl.weights[0].numel()


def test_its_words_begin_a_sentence_and_say_what_is_set(kind: Optimizer) -> None:
    words = kind.words(RECIPE, kind.settings())
    assert words.startswith(kind.title)
    assert "weight decay 0.01" in words
    assert not words.endswith((".", ",", " "))
