from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import clone

from foldgrid.analysis.stacking.meta_learners import PAPER_NAMES, meta_learners
from foldgrid.analysis.stacking.regressions import FractionalLogit, LinearStack
from foldgrid.tasks.pasi.scoring import COMPOSITE_SCALE

META_LEARNERS = meta_learners(COMPOSITE_SCALE)

NUM_SAMPLES = 120
GROUPS = np.arange(NUM_SAMPLES) % 4


def trial(num_learners: int = 3, noise: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and physician's composites: learners that share a truth and err apart."""
    random = np.random.default_rng(7)
    truth = np.clip(np.rint(random.gamma(1.2, 12.0, NUM_SAMPLES)), 0, 72)
    errors = random.normal(0, noise, (NUM_SAMPLES, num_learners))
    return np.clip(truth[:, None] + errors, 0, 72), truth


def quasi_deviance(
    parameters: np.ndarray, features: np.ndarray, share: np.ndarray, ridge: float, free: int
) -> float:
    """Mean negative Bernoulli log-likelihood of a share, the first ``free`` weights unpenalised."""
    predictor = features @ parameters
    loss = np.logaddexp(0, predictor) - share * predictor
    return float(loss.mean() + ridge / 2 * np.sum(parameters[free:] ** 2))


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("penalty", [0.0, 0.1])
def test_the_fractional_logit_maximises_the_quasi_likelihood(
    intercept: bool, penalty: float
) -> None:
    composites, truth = trial()
    model = FractionalLogit(scale=COMPOSITE_SCALE, intercept=intercept, penalty=penalty).fit(
        composites, truth
    )
    features = model._features(composites)
    centred = features - intercept * features.mean(axis=0)
    ridge = penalty * np.mean(centred**2)
    design = np.column_stack([np.ones(NUM_SAMPLES)] * intercept + [features])
    arguments = (design, truth / 72, ridge, int(intercept))
    start = np.zeros(design.shape[1])
    reference = minimize(quasi_deviance, start, args=arguments, method="BFGS", tol=1e-9)
    np.testing.assert_allclose(model.weights_, reference.x[int(intercept) :], atol=1e-4)
    np.testing.assert_allclose(
        model.predict(composites), 72 * expit(design @ reference.x), atol=0.01
    )


@pytest.mark.parametrize("intercept", [False, True])
def test_the_linear_reading_is_least_squares(intercept: bool) -> None:
    composites, truth = trial()
    design = np.column_stack([np.ones(NUM_SAMPLES)] * intercept + [composites])
    expected = design @ np.linalg.lstsq(design, truth)[0]
    predicted = (
        LinearStack(scale=COMPOSITE_SCALE, intercept=intercept)
        .fit(composites, truth)
        .predict(composites)
    )
    np.testing.assert_allclose(predicted, np.clip(expected, 0, 72), atol=1e-8)


def test_the_linear_ridge_solves_its_normal_equations() -> None:
    composites, truth = trial()
    x, y = composites / 72, truth / 72
    ridge = 0.5 * np.mean(x**2) * NUM_SAMPLES
    expected = np.linalg.solve(x.T @ x + ridge * np.eye(3), x.T @ y)
    np.testing.assert_allclose(
        LinearStack(scale=COMPOSITE_SCALE, penalty=0.5).fit(composites, truth).weights_, expected
    )


@pytest.mark.parametrize("name", ["logit", "least_squares"])
def test_learners_that_all_say_zero_mean_about_zero_without_an_intercept(name: str) -> None:
    composites, truth = trial(noise=1.0)
    fitted = clone(META_LEARNERS[name]).fit(composites, truth)
    assert fitted.predict(np.zeros((1, 3)))[0] < 1.0


@pytest.mark.parametrize("name", [name for name in META_LEARNERS if name != "best_single"])
def test_stacking_beats_the_best_of_equally_good_learners(name: str) -> None:
    composites, truth = trial(num_learners=10)
    half = np.arange(NUM_SAMPLES) < 60
    fitted = clone(META_LEARNERS[name]).fit(composites[half], truth[half], groups=GROUPS[half])
    errors = np.abs(fitted.predict(composites[~half]) - truth[~half]).mean()
    assert errors < np.abs(composites[~half] - truth[~half, None]).mean(axis=0).min()


def test_a_stronger_penalty_makes_smaller_weights() -> None:
    composites, truth = trial()
    for reading in (FractionalLogit, LinearStack):
        sizes = [
            np.linalg.norm(reading(False, penalty, COMPOSITE_SCALE).fit(composites, truth).weights_)
            for penalty in (0.0, 0.01, 1.0, 100.0)
        ]
        assert sizes == sorted(sizes, reverse=True)


def test_learners_that_repeat_each_other_share_their_weight() -> None:
    composites, truth = trial(num_learners=1)
    once = FractionalLogit(scale=COMPOSITE_SCALE).fit(composites, truth)
    thrice = FractionalLogit(scale=COMPOSITE_SCALE).fit(np.repeat(composites, 3, axis=1), truth)
    np.testing.assert_allclose(thrice.weights_, np.repeat(once.weights_ / 3, 3), rtol=1e-4)


RANDOM = np.random.default_rng(3)
DEGENERATE = {
    "one constant": np.full((NUM_SAMPLES, 3), 7.0),
    "all zero": np.zeros((NUM_SAMPLES, 3)),
    "all 36": np.full((NUM_SAMPLES, 3), 36.0),
    "all 72": np.full((NUM_SAMPLES, 3), 72.0),
    "almost constant": 7 + RANDOM.normal(0, 1e-3, (NUM_SAMPLES, 29)),
    "float32 copies": np.repeat(
        RANDOM.uniform(0, 72, (NUM_SAMPLES, 1)).astype(np.float32), 29, axis=1
    ).astype(float),
    "nonsense": RANDOM.uniform(0, 72, (NUM_SAMPLES, 29)),
}
TRUTHS = {
    "scores": np.rint(RANDOM.uniform(0, 72, NUM_SAMPLES)),
    "all clear": np.zeros(NUM_SAMPLES),
    "all or nothing": 72.0 * (np.arange(NUM_SAMPLES) % 2),
}


@pytest.mark.parametrize("predictions", DEGENERATE)
@pytest.mark.parametrize("truths", TRUTHS)
def test_smoke_budget_nonsense_neither_crashes_nor_warns(predictions: str, truths: str) -> None:
    composites, truth = DEGENERATE[predictions], TRUTHS[truths]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for meta_learner in META_LEARNERS.values():
            fitted = clone(meta_learner).fit(composites, truth, groups=GROUPS)
            predicted = fitted.predict(RANDOM.uniform(0, 72, composites.shape))
            assert ((predicted >= 0) & (predicted <= 72)).all()


def test_more_learners_than_samples() -> None:
    composites, truth = trial(num_learners=29)
    for meta_learner in META_LEARNERS.values():
        fitted = clone(meta_learner).fit(composites[:5], truth[:5], groups=GROUPS[:5])
        assert np.isfinite(fitted.predict(composites)).all()


@settings(max_examples=15)
@given(st.permutations(range(4)), st.sampled_from(["logit", "logit_w_intercept", "least_squares"]))
def test_the_order_of_the_learners_does_not_matter(order: list[int], name: str) -> None:
    composites, truth = trial(num_learners=4)
    straight = clone(META_LEARNERS[name]).fit(composites, truth).predict(composites)
    shuffled = clone(META_LEARNERS[name]).fit(composites[:, order], truth)
    np.testing.assert_allclose(shuffled.predict(composites[:, order]), straight, atol=1e-4)


def test_the_penalty_is_chosen_by_left_out_groups_or_falls_back() -> None:
    composites, truth = trial(num_learners=29, noise=30.0)
    ridge = clone(META_LEARNERS["ridge"])
    assert ridge.fit(composites, truth, groups=GROUPS).penalty_ > 0.001
    assert ridge.fit(composites, truth, groups=np.zeros(NUM_SAMPLES)).penalty_ == 0.1


def test_the_papers_names_point_at_the_logistic_reading() -> None:
    assert PAPER_NAMES == {
        "logit": "meta_learner",
        "logit_w_intercept": "meta_learner_w_intercept",
        "logit_ridge": "meta_learner_ridge",
        "logit_ridge_w_intercept": "meta_learner_ridge_w_intercept",
    }
    assert list(META_LEARNERS)[:4] == list(PAPER_NAMES)
    assert len(META_LEARNERS) == 14
