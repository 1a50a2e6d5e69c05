"""What every meta-learner keeps, of numbers (K = 1) and of the probabilities of classes alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from foldgrid.analysis.stacking.meta_learner import Numbers, WeightedSum
from foldgrid.analysis.stacking.meta_learners import CLASS_META_LEARNERS, meta_learners
from foldgrid.tasks.scale import Scale

SCALE = Scale(0, 100)
NUM_SAMPLES = 40
ALL: dict[str, Any] = {
    **{f"numbers: {name}": each for name, each in meta_learners(SCALE).items()},
    **{f"classes: {name}": each for name, each in CLASS_META_LEARNERS.items()},
}
CHOOSING = [name for name in ALL if name.split(": ")[1] in ("mean", "median", "best_single")]
CHOOSING += [name for name in ALL if name.endswith(("greedy_selection", "weighted_mean"))]


def made_up(meta_learner: Any, seed: int, num_learners: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Values, N by L by K, and their truth."""
    random = np.random.default_rng(seed)
    if isinstance(meta_learner, Numbers):
        truth_N = random.uniform(5, 95, NUM_SAMPLES)
        errors = random.normal(0, 8, (NUM_SAMPLES, num_learners))
        return SCALE.clip(truth_N[:, None] + errors)[:, :, None], truth_N
    truth_N = random.integers(3, size=NUM_SAMPLES)
    odds = random.gamma(1.0, size=(NUM_SAMPLES, num_learners, 3)) + np.eye(3)[truth_N][:, None]
    return odds / odds.sum(axis=2, keepdims=True), truth_N


@pytest.mark.parametrize("name", ALL)
def test_a_sample_is_combined_by_itself(name: str) -> None:
    values_NLK, truth_N = made_up(ALL[name], 1)
    fitted = clone(ALL[name]).fit(values_NLK, truth_N, np.arange(NUM_SAMPLES) % 4)
    combined_NK = fitted.combine(values_NLK)
    assert combined_NK.shape == (NUM_SAMPLES, values_NLK.shape[2])
    np.testing.assert_allclose(fitted.combine(values_NLK[5:9]), combined_NK[5:9], rtol=1e-12)
    assert fitted.combine(values_NLK[:0]).shape == (0, values_NLK.shape[2])


@pytest.mark.parametrize("name", CHOOSING)
@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_learners_that_agree_are_believed(name: str, seed: int) -> None:
    values_NLK, truth_N = made_up(ALL[name], seed, num_learners=1)
    fitted = clone(ALL[name]).fit(np.repeat(values_NLK, 3, axis=1), truth_N)
    found = fitted.combine(np.repeat(values_NLK, 3, axis=1))
    np.testing.assert_allclose(found, values_NLK[:, 0], atol=1e-5)


@pytest.mark.parametrize("name", [name for name in ALL if isinstance(ALL[name], WeightedSum)])
def test_a_weighted_sum_is_what_its_weights_say(name: str) -> None:
    values_NLK, truth_N = made_up(ALL[name], 2)
    fitted = clone(ALL[name]).fit(values_NLK, truth_N)
    by_hand = sum(w * values_NLK[:, place] for place, w in enumerate(fitted.weights_))
    by_hand = by_hand + fitted.offset_
    expected = SCALE.clip(by_hand) if values_NLK.shape[2] == 1 else by_hand
    np.testing.assert_allclose(fitted.combine(values_NLK), expected, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in ALL if isinstance(ALL[name], Numbers)])
def test_numbers_may_come_without_their_last_axis(name: str) -> None:
    values_NLK, truth_N = made_up(ALL[name], 3)
    flat = clone(ALL[name]).fit(values_NLK[:, :, 0], truth_N)
    deep = clone(ALL[name]).fit(values_NLK, truth_N)
    np.testing.assert_array_equal(deep.combine(values_NLK)[:, 0], flat.predict(values_NLK[:, :, 0]))
