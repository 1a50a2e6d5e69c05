"""Attention over photographs: a weighted mean, whatever their order and number."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from foldgrid.models import HeadedNetwork, build_network, with_own_head
from foldgrid.models.attention import Bags, GatedAttention, attention_of
from foldgrid.models.footprint import footprint
from foldgrid.specs.heads import OwnHead

D = 6


@pytest.fixture
def pool() -> GatedAttention:
    torch.manual_seed(0)
    made = GatedAttention(D)
    torch.nn.init.normal_(made.score.weight)
    return made


def bags(*sizes: int, width: int = 5) -> Bags:
    torch.manual_seed(1)
    is_there = torch.arange(width) < torch.tensor(sizes)[:, None]
    features = torch.randn(len(sizes), width, D)
    return Bags(features * is_there[..., None], is_there)


def alone(one: Bags, bag: int) -> Tensor:
    return one.features_BPD[bag][one.is_there_BP[bag]][None]


def test_it_is_the_published_formula_on_standardised_features(pool: GatedAttention) -> None:
    given = bags(4)
    x_PD = alone(given, 0)[0]
    mean, std = x_PD.mean(dim=1, keepdim=True), x_PD.std(dim=1, keepdim=True, correction=0)
    z_PD = (x_PD - mean) / std
    content = torch.tanh(z_PD @ pool.content.weight.T + pool.content.bias)
    gate = torch.sigmoid(z_PD @ pool.gate.weight.T + pool.gate.bias)
    odds_P = torch.exp((content * gate) @ pool.score.weight[0])
    expected = (odds_P / odds_P.sum()) @ x_PD
    torch.testing.assert_close(pool(given)[0], expected, rtol=1e-4, atol=1e-5)


def test_neither_order_nor_room_left_empty_nor_other_bags_matter(pool: GatedAttention) -> None:
    given = bags(3, 1, 5)
    pooled = pool(given)
    for bag in range(3):
        photographs = alone(given, bag).flip(1)
        there = torch.ones(photographs.shape[:2], dtype=torch.bool)
        torch.testing.assert_close(pool(Bags(photographs, there))[0], pooled[bag])
    weights = pool.weights(given)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3))
    assert not weights[~given.is_there_BP].any()


def test_one_photograph_is_its_own_mean(pool: GatedAttention) -> None:
    photographs = torch.randn(3, D)
    assert torch.equal(pool(photographs), photographs)


def test_it_begins_as_the_mean_and_learns_which_photograph_tells() -> None:
    """One photograph of four, anywhere, is marked and has the truth in another feature."""
    torch.manual_seed(0)
    features = torch.randn(256, 4, D)
    place = torch.randint(4, (256,))
    features[..., 0], features[torch.arange(256), place, 0] = -1.0, 2.0
    truth = features[torch.arange(256), place, 1]
    given = Bags(features, torch.ones(256, 4, dtype=torch.bool))
    pool, last = GatedAttention(D), torch.nn.Linear(D, 1)
    torch.testing.assert_close(pool(given), features.mean(dim=1))
    optimizer = torch.optim.Adam([*pool.parameters(), *last.parameters()], 0.01)
    for _ in range(200):
        optimizer.zero_grad()
        loss = (last(pool(given))[:, 0] - truth).square().mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.1 * truth.var()
    chosen = pool.weights(given)[torch.arange(256), place]
    assert chosen.mean() > 0.8


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_it_stands_between_a_network_s_own_features_and_the_head(head: str) -> None:
    name = "squeezenet1_1"
    own = OwnHead(head, "attention")
    network = with_own_head(build_network(name, 2), name, own, 3).eval()
    assert isinstance(network, HeadedNetwork)
    attention = attention_of(network.head)
    assert isinstance(attention, GatedAttention)
    with torch.inference_mode():
        features = network.features(torch.rand(3, 3, 64, 64))
        assert torch.equal(attention(features), features)
        two = Bags(features[None, :2], torch.ones(1, 2, dtype=torch.bool))
        mean = features[:2].mean(dim=0, keepdim=True)
        torch.testing.assert_close(network.head(two), network.head(mean))
    plain, more = (
        footprint(name, 3, 64, own_head=OwnHead(head, "mean")),
        footprint(name, 3, 64, own_head=own),
    )
    added = sum(each.numel() for each in attention.parameters())
    assert more.num_parameters - plain.num_parameters == added == 2 * 128 * 513 + 128
