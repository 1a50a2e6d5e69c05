"""Means, selections and shrunken sums: what each must do whatever the data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import ElasticNet
from sklearn.utils.estimator_checks import check_estimator

from foldgrid.analysis.stacking import axes
from foldgrid.analysis.stacking.greedy import GreedySelection, SquaredError, grow_selection
from foldgrid.analysis.stacking.meta_learners import meta_learners
from foldgrid.analysis.stacking.regressions import FractionalLogit, LinearStack
from foldgrid.analysis.stacking.shrunken import ElasticNetStack
from foldgrid.tasks.pasi.scoring import COMPOSITE_SCALE

META_LEARNERS = meta_learners(COMPOSITE_SCALE)

NUM_SAMPLES = 60
GROUPS = np.arange(NUM_SAMPLES) % 4
WEIGHTED = [name for name in META_LEARNERS if name != "median"]


def trial(seed: int, num_learners: int = 5, noise: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = np.clip(np.rint(random.gamma(1.2, 12.0, NUM_SAMPLES)), 0, 72)
    biases = random.normal(0, 3, num_learners)
    errors = random.normal(biases, noise, (NUM_SAMPLES, num_learners))
    return np.clip(truth[:, None] + errors, 0, 72), truth


def fitted(name: str, composites: np.ndarray, truth: np.ndarray) -> Any:
    return clone(META_LEARNERS[name]).fit(composites, truth, groups=GROUPS[: len(truth)])


@pytest.mark.parametrize("name", META_LEARNERS)
def test_each_keeps_scikit_learns_contract(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The checks themselves use deprecated corners.
        results = check_estimator(META_LEARNERS[name], on_skip=None)
    assert sum(result["status"] == "passed" for result in results) > 45


@pytest.mark.parametrize("name", META_LEARNERS)
def test_parameters_survive_a_clone(name: str) -> None:
    learner = META_LEARNERS[name]
    assert clone(learner).get_params() == learner.get_params()
    assert not hasattr(learner, "n_features_in_"), "the one in the table stays unfitted"


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.permutations(range(5)))
@pytest.mark.parametrize("name", WEIGHTED)
def test_other_places_give_the_same_weights_in_other_places(
    name: str, seed: int, order: list[int]
) -> None:
    composites, truth = trial(seed)
    straight = fitted(name, composites, truth).weights_
    moved = fitted(name, composites[:, order], truth).weights_
    # Coordinate descent goes through the learners in turn and stops short of the last digits.
    atol = 0.03 if name == "elastic_net" else 2e-4
    np.testing.assert_allclose(moved, straight[order], atol=atol)


@given(st.integers(0, 10_000), st.integers(0, 4))
@pytest.mark.parametrize("name", ["nonnegative_least_squares", "greedy_selection", "best_single"])
def test_a_perfect_base_learner_gets_all_the_weight(name: str, seed: int, place: int) -> None:
    composites, truth = trial(seed)
    composites[:, place] = truth
    np.testing.assert_allclose(
        fitted(name, composites, truth).weights_, np.eye(5)[place], atol=1e-9
    )


@given(st.integers(0, 10_000), st.integers(1, 12), st.floats(0.1, 60))
def test_greedy_selection_is_never_worse_than_the_best_single_learner(
    seed: int, num_learners: int, noise: float
) -> None:
    composites, truth = trial(seed, num_learners, noise)
    errors = composites - truth[:, None]
    weights = grow_selection(SquaredError(errors), 20)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    lowest = np.square(errors).mean(axis=0).min()
    assert np.square(errors @ weights).mean() <= lowest * (1 + 1e-12)


def test_greedy_selection_step_by_step() -> None:
    """Against a version that tries every learner at every step the slow way."""
    composites, truth = trial(5, num_learners=7)

    def error(chosen: list[int]) -> float:
        return float(np.square(composites[:, chosen].mean(axis=1) - truth).mean())

    best_first = sorted(range(7), key=lambda place: error([place]))
    chosen = min((best_first[: size + 1] for size in range(7)), key=error)
    met = [chosen]
    for _ in range(12):
        chosen = min(([*chosen, place] for place in range(7)), key=error)
        met.append(chosen)
    best = min(met, key=error)
    np.testing.assert_allclose(
        grow_selection(SquaredError(composites - truth[:, None]), 12),
        np.bincount(best, minlength=7) / len(best),
    )


def test_bags_are_seeded_and_reach_learners_that_one_selection_leaves_out() -> None:
    composites, truth = trial(1, num_learners=20)
    composites[:, :3] += 0.7 * (truth[:, None] - composites[:, :3])  # Three are far better.
    once = GreedySelection(num_bags=10, seed=3).fit(composites, truth).weights_
    np.testing.assert_array_equal(
        once,
        GreedySelection(num_bags=10, seed=3).fit(composites, truth).weights_,
    )
    assert (once != GreedySelection(num_bags=10, seed=4).fit(composites, truth).weights_).any()
    assert once.sum() == pytest.approx(1)
    assert (once > 0).sum() > (GreedySelection().fit(composites, truth).weights_ > 0).sum()


@given(st.integers(0, 10_000), st.integers(1, 90))
def test_nonnegative_least_squares_meets_its_optimality_conditions(
    seed: int, num_learners: int
) -> None:
    composites, truth = trial(seed, num_learners, noise=20.0)
    weights = fitted("nonnegative_least_squares", composites, truth).weights_
    slopes = composites.T @ (composites @ weights - truth) / np.square(composites).sum(axis=0).max()
    assert weights.min() >= 0
    assert slopes.min() > -1e-8, "raising a weight would help"
    assert np.abs(slopes[weights > 0]).max() < 1e-8


def test_the_elastic_net_is_scikit_learns_at_the_chosen_penalty() -> None:
    composites, truth = trial(2, num_learners=8)
    ours = ElasticNetStack(scale=COMPOSITE_SCALE).fit(composites, truth, groups=GROUPS)
    theirs = ElasticNet(alpha=ours.penalty_, l1_ratio=0.5, tol=1e-10, max_iter=10**6)
    theirs.fit(composites / 72, truth / 72)
    np.testing.assert_allclose(ours.weights_, theirs.coef_, atol=0.01)
    np.testing.assert_allclose(
        ours.predict(composites), np.clip(72 * theirs.predict(composites / 72), 0, 72), atol=0.2
    )


def test_the_elastic_net_looks_at_no_more_learners_than_it_was_given() -> None:
    composites, truth = trial(2, num_learners=40)
    composites[:, 7] = np.clip(truth + 30, 0, 72)
    weights = ElasticNetStack(most_learners=12).fit(composites, truth, groups=GROUPS).weights_
    assert 0 < (weights != 0).sum() <= 12
    assert weights[7] == 0


@given(st.integers(0, 10_000))
def test_mean_median_and_best_single_by_hand(seed: int) -> None:
    composites, truth = trial(seed)
    np.testing.assert_allclose(
        fitted("mean", composites, truth).predict(composites), composites.mean(axis=1)
    )
    np.testing.assert_allclose(
        fitted("median", composites, truth).predict(composites), np.median(composites, axis=1)
    )
    errors = np.abs(composites - truth[:, None]).mean(axis=0)
    assume(np.unique(errors).size == 5)
    np.testing.assert_array_equal(
        fitted("best_single", composites, truth).predict(composites), composites[:, errors.argmin()]
    )


@pytest.mark.parametrize("shape", [(300, 200), (200, 300)])
def test_the_widest_axes_are_those_of_the_whole_decomposition(shape: tuple[int, int]) -> None:
    features = np.random.default_rng(0).normal(size=shape)
    few = axes.principal_axes(features, 0.0)
    _, sizes, directions = np.linalg.svd(features, full_matrices=False)
    assert few.directions_LA.shape == (shape[1], axes.MOST_AXES)
    np.testing.assert_allclose(few.sizes_A, sizes[: axes.MOST_AXES])
    cosines = np.abs(np.sum(few.directions_LA * directions[: axes.MOST_AXES].T, axis=0))
    np.testing.assert_allclose(cosines, 1.0, atol=1e-6)


@pytest.mark.parametrize("reading", [FractionalLogit, LinearStack])
@pytest.mark.parametrize("intercept", [False, True])
def test_the_chosen_penalty_is_the_one_that_a_plain_search_chooses(
    reading: Any, intercept: bool
) -> None:
    """The search along one set of axes against fitting every candidate by itself."""
    composites, truth = trial(11, num_learners=25, noise=12.0)
    chosen = reading(intercept, None, COMPOSITE_SCALE).fit(composites, truth, groups=GROUPS)
    errors = {}
    for penalty in (10.0, 1.0, 0.1, 0.01, 0.001):
        left_out = []
        for group in range(4):
            others = group != GROUPS
            model = reading(intercept, penalty, COMPOSITE_SCALE).fit(
                composites[others], truth[others]
            )
            predicted = model.predict(composites[~others])
            left_out.append(np.square(predicted - truth[~others]).mean())
        errors[penalty] = np.mean(left_out)
    assert chosen.penalty_ == min(errors, key=lambda penalty: errors[penalty])
    again = reading(intercept, chosen.penalty_, COMPOSITE_SCALE).fit(composites, truth)
    np.testing.assert_allclose(chosen.weights_, again.weights_, atol=1e-10)
