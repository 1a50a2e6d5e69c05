"""Meta-learners of classes: honest, sane with what is missing, and each against another way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from foldgrid.analysis.stacking.meta_learner import Probabilities, WeightedSum, log_odds
from foldgrid.analysis.stacking.meta_learners import CLASS_META_LEARNERS
from foldgrid.analysis.stacking.multinomial_logit import LogitStack
from foldgrid.analysis.stacking.nested import same_for_all
from foldgrid.analysis.stacking.nested_fits import NestedFit, fit_nested, levelled, weight_table
from foldgrid.metrics import class_metrics

LEARNED = ("best_single", "greedy_selection", "weighted_mean", "logit_stack")


def made_up(
    skills: tuple[float, ...], num_subjects: int = 30, num_classes: int = 3, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities (N, L, K), classes and folds: four photographs a subject, five folds."""
    random = np.random.default_rng(seed)
    subject_N = np.repeat(np.arange(num_subjects), 4)
    truth_N = random.integers(num_classes, size=num_subjects)[subject_N]
    logits = random.normal(size=(len(subject_N), len(skills), num_classes))
    logits += np.array(skills)[:, None] * np.eye(num_classes)[truth_N][:, None]
    odds = np.exp(logits)
    return odds / odds.sum(axis=2, keepdims=True), truth_N, subject_N % 5


def stacked_fits(*arguments: np.ndarray) -> dict[str, NestedFit]:
    return fit_nested(CLASS_META_LEARNERS, *arguments)


def log_loss(truth_N: np.ndarray, probabilities_NK: np.ndarray) -> float:
    return class_metrics(probabilities_NK.shape[1])["log_loss"](truth_N, probabilities_NK)


@st.composite
def awkward(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Few samples, absent classes, learners that are sure, agree fully or repeat each other."""
    num_samples, num_learners = draw(st.integers(1, 8)), draw(st.integers(1, 3))
    num_classes = draw(st.integers(2, 4))
    parts = draw(
        arrays(np.int64, (num_samples, num_learners, num_classes), elements=st.integers(0, 2))
    )
    parts[parts.sum(axis=2) == 0] = 1
    truth = draw(arrays(np.int64, num_samples, elements=st.integers(0, num_classes - 1)))
    groups = draw(arrays(np.int64, num_samples, elements=st.integers(0, 2)))
    return parts / parts.sum(axis=2, keepdims=True), truth, groups


@pytest.mark.parametrize("name", CLASS_META_LEARNERS)
@given(case=awkward())
def test_whatever_comes_in_probabilities_come_out(name: str, case: Any) -> None:
    known, truth, groups = case
    fitted = clone(CLASS_META_LEARNERS[name]).fit(known, truth, groups=groups)
    found = fitted.predict_proba(known)
    assert found.shape == (len(known), known.shape[2])
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    np.testing.assert_array_equal(fitted.predict(known), found.argmax(axis=1))
    assert fitted.predict_proba(known[:0]).shape == (0, known.shape[2])
    again = clone(CLASS_META_LEARNERS[name]).fit(known, truth, groups=groups)
    np.testing.assert_array_equal(again.predict_proba(known), found)
    if isinstance(fitted, WeightedSum):
        assert fitted.weights_.min() >= 0
        assert fitted.weights_.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("name", CLASS_META_LEARNERS)
def test_classes_can_change_places(name: str) -> None:
    known, truth, groups = made_up((0.5, 1.0, 1.5))
    order = np.array([2, 0, 1])
    plain = clone(CLASS_META_LEARNERS[name]).fit(known, truth, groups=groups)
    turned = clone(CLASS_META_LEARNERS[name]).fit(
        known[:, :, order], np.argsort(order)[truth], groups=groups
    )
    np.testing.assert_allclose(
        turned.predict_proba(known[:, :, order]), plain.predict_proba(known)[:, order], atol=1e-5
    )


def test_the_averages_by_hand() -> None:
    known = np.array([[[0.6, 0.4, 0.0], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]])
    found = {
        name: clone(each).fit(known, [0]).predict_proba(known)[0]
        for name, each in CLASS_META_LEARNERS.items()
    }
    np.testing.assert_allclose(found["mean"], [0.3, 1 / 3, 1.1 / 3])
    np.testing.assert_allclose(found["median"], np.array([0.2, 0.4, 0.3]) / 0.9)
    products = np.array([0.6 * 0.2 * 0.1, 0.4 * 0.5 * 0.1, 1e-6 * 0.3 * 0.8]) ** (1 / 3)
    np.testing.assert_allclose(found["geometric_mean"], products / products.sum())
    np.testing.assert_allclose(found["best_single"], known[0, 0])
    split = np.array([[[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]]])
    median = clone(CLASS_META_LEARNERS["median"]).fit(split, [0])
    np.testing.assert_allclose(median.predict_proba(split), 1 / 3)


def test_the_weighted_mean_is_the_lowest_point_of_the_simplex() -> None:
    known, truth, _ = made_up((0.2, 0.8, 1.0, 1.2))
    weights = clone(CLASS_META_LEARNERS["weighted_mean"]).fit(known, truth).weights_

    def loss(each: np.ndarray) -> float:
        return log_loss(truth, np.einsum("nlk,l->nk", known, each))

    other = minimize(
        loss,
        np.full(4, 0.25),
        method="SLSQP",
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda each: each.sum() - 1},
        options={"ftol": 1e-12},
    )
    assert loss(weights) <= other.fun + 1e-9
    np.testing.assert_allclose(weights, other.x, atol=1e-3)


@pytest.mark.parametrize("name", ["greedy_selection", "weighted_mean"])
def test_a_chosen_mean_is_never_worse_than_the_best_single_where_it_was_fitted(name: str) -> None:
    for seed in range(5):
        known, truth, _ = made_up((0.1, 0.3, 1.0), num_subjects=8, seed=seed)
        fitted = clone(CLASS_META_LEARNERS[name]).fit(known, truth)
        best = min(log_loss(truth, known[:, learner]) for learner in range(3))
        assert log_loss(truth, fitted.predict_proba(known)) <= best + 1e-9


def test_greedy_selection_by_trying_every_learner() -> None:
    known, truth, _ = made_up((0.5, 1.0, 0.8), num_subjects=10)
    given_NL = known[np.arange(len(truth)), :, truth]
    losses = [-np.log(given_NL[:, each]).mean() for each in range(3)]
    order = np.argsort(losses)
    starts = [-np.log(given_NL[:, order[:size]].mean(axis=1)).mean() for size in (1, 2, 3)]
    chosen = list(order[: int(np.argmin(starts)) + 1])
    best, lowest = list(chosen), min(starts)
    for _ in range(50):
        tried = [-np.log(given_NL[:, [*chosen, each]].mean(axis=1)).mean() for each in range(3)]
        chosen.append(int(np.argmin(tried)))
        if min(tried) < lowest:
            best, lowest = list(chosen), min(tried)
    weights = clone(CLASS_META_LEARNERS["greedy_selection"]).fit(known, truth).weights_
    np.testing.assert_allclose(weights, np.bincount(best, minlength=3) / len(best))


def test_two_classes_without_penalty_are_scikit_learns_logistic_regression() -> None:
    known, truth, _ = made_up((0.4, 0.8, 1.2), num_classes=2)
    ours = LogitStack(penalty=0.0).fit(known, truth)
    odds = np.log(known[:, :, 1] / known[:, :, 0])
    theirs = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(odds, truth)
    np.testing.assert_allclose(ours.weights_, theirs.coef_[0], rtol=1e-4)
    np.testing.assert_allclose(ours.predict_proba(known), theirs.predict_proba(odds), atol=1e-5)


def test_the_logit_stack_is_the_lowest_point_of_its_penalised_likelihood() -> None:
    known, truth, _ = made_up((0.4, 0.8, 1.2))
    odds = log_odds(known)
    ridge = 0.1 * (odds**2).sum() / 3

    def loss(weights: np.ndarray) -> float:
        logs = log_softmax(np.einsum("nlk,l->nk", odds, weights), axis=1)
        right = logs[np.arange(len(truth)), truth].sum()
        return float(ridge / 2 * ((weights - 1 / 3) ** 2).sum() - right)

    found = LogitStack(penalty=0.1).fit(known, truth).weights_
    other = minimize(loss, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-8}).x
    np.testing.assert_allclose(found, other, atol=1e-4)


def test_a_strong_penalty_leaves_the_geometric_mean() -> None:
    known, truth, _ = made_up((0.4, 0.8, 1.2))
    strong = LogitStack(penalty=1e9).fit(known, truth)
    plain = clone(CLASS_META_LEARNERS["geometric_mean"]).fit(known, truth)
    np.testing.assert_allclose(strong.predict_proba(known), plain.predict_proba(known), atol=1e-6)


def test_the_logit_stack_tempers_what_is_too_sure() -> None:
    known, truth, groups = made_up((1.0, 1.0), num_subjects=60)
    sure = known**6 / (known**6).sum(axis=2, keepdims=True)
    fitted = LogitStack().fit(sure, truth, groups=groups)
    assert fitted.weights_.sum() < 0.5
    plain = clone(CLASS_META_LEARNERS["geometric_mean"]).fit(sure, truth)
    assert log_loss(truth, fitted.predict_proba(sure)) < 0.8 * log_loss(
        truth, plain.predict_proba(sure)
    )


def test_learners_that_repeat_each_other_share_their_weight() -> None:
    known, truth, groups = made_up((0.8, 1.2))
    twice = known[:, [0, 1, 1]]
    weights = LogitStack().fit(twice, truth, groups=groups).weights_
    assert weights[1] == pytest.approx(weights[2])


@pytest.fixture
def stacked() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    known, truth, folds = made_up((0.3, 0.9, 1.2, 0.6))
    unseen, _, _ = made_up((0.3, 0.9, 1.2, 0.6), num_subjects=5, seed=1)
    return known, truth, folds, unseen


NAMES = ("a", "b", "c", "d")


def test_a_folds_prediction_does_not_depend_on_its_own_classes(stacked: Any) -> None:
    known, truth, folds, unseen = stacked
    own = folds == 1
    before = stacked_fits(known, truth, folds, unseen)
    after = stacked_fits(known, np.where(own, 0, truth), folds, unseen)
    for name in CLASS_META_LEARNERS:
        np.testing.assert_array_equal(before[name].oof[own], after[name].oof[own])
        np.testing.assert_allclose(before[name].oof.sum(axis=1), 1.0)
        assert before[name].test.shape == (20, 3)
    for name in LEARNED[1:]:
        assert (before[name].oof[~own] != after[name].oof[~own]).any(), name


def test_the_folds_and_weights_are_those_of_single_fits(stacked: Any) -> None:
    known, truth, folds, unseen = stacked
    found = stacked_fits(known, truth, folds, unseen)
    table = weight_table(found, NAMES)
    for name, meta_learner in CLASS_META_LEARNERS.items():
        fits = []
        for fold in range(5):
            others = folds != fold
            own = known[others], truth[others], folds[others]
            fits.append(clone(meta_learner).fit(levelled(*own, (~others).sum()), *own[1:]))
            np.testing.assert_array_equal(
                found[name].oof[~others], fits[-1].predict_proba(known[~others])
            )
        whole = clone(meta_learner).fit(levelled(known, truth, folds), truth, folds)
        np.testing.assert_array_equal(found[name].test, whole.predict_proba(unseen))
        if name != "median":
            weights = np.stack([fit.weights_ for fit in fits])
            np.testing.assert_array_equal(table[name, "weight"], whole.weights_)
            np.testing.assert_array_equal(table[name, "lowest"], weights.min(axis=0))
    assert list(table.index) == list(NAMES)
    assert "median" not in table.columns.get_level_values("meta_learner")


def test_nothing_can_be_learned_from_nonsense() -> None:
    """Random probabilities: fitted in sample, skill; in our folds, none."""
    skills: dict[str, list[float]] = {name: [] for name in CLASS_META_LEARNERS}
    leaky = []
    for seed in range(4):
        known, truth, folds = made_up((0.0,) * 20, num_subjects=40, seed=seed)
        found = stacked_fits(known, truth, folds, known[:1])
        for name, values in skills.items():
            values.append(np.log(3) - log_loss(truth, found[name].oof))
        fitted = LogitStack(penalty=0.0).fit(known, truth)
        leaky.append(np.log(3) - log_loss(truth, fitted.predict_proba(known)))
    assert min(leaky) > 0.03, "a meta-learner judged on what it was fitted on shows skill"
    assert {
        name: np.mean(values) for name, values in skills.items() if np.mean(values) > 0.01
    } == {}


def test_learning_helps_where_learners_differ() -> None:
    known, truth, folds = made_up((0.0, 0.0, 0.0, 2.0, 2.0), num_subjects=60)
    found = stacked_fits(known, truth, folds, known[:1])
    losses = {name: log_loss(truth, fit.oof) for name, fit in found.items()}
    assert max(losses[name] for name in LEARNED) < losses["mean"]


@pytest.mark.parametrize("too_few", ["learners", "folds"])
def test_too_few_to_stack(stacked: Any, too_few: str) -> None:
    known, truth, folds, unseen = stacked
    if too_few == "learners":
        found = stacked_fits(known[:, :1], truth, folds, unseen[:, :1])
    else:
        found = stacked_fits(known, truth, np.zeros_like(folds), unseen)
    assert found == {}
    assert weight_table(found, NAMES).shape == (4, 0)


def test_the_baseline_by_hand() -> None:
    oof, test = same_for_all(np.eye(4)[[0, 0, 1, 2]], np.array([0, 1, 1, 2]), 2)
    np.testing.assert_allclose(oof[0], [1 / 3, 1 / 3, 1 / 3, 0])
    np.testing.assert_allclose(oof[1], [0.5, 0, 0.5, 0])
    np.testing.assert_allclose(oof[3], [2 / 3, 1 / 3, 0, 0])
    np.testing.assert_allclose(test, [[0.5, 0.25, 0.25, 0]] * 2)
    alone, _ = same_for_all(np.eye(2), np.array([0, 0]), 0)
    np.testing.assert_allclose(alone, 0.5)
    one_fold, everyone = same_for_all(np.array([[1.0], [4.0]]), np.array([0, 0]), 1)
    assert np.isnan(one_fold).all()
    assert everyone.tolist() == [[2.5]]


def test_what_is_no_probability_is_refused() -> None:
    learner: Probabilities = clone(CLASS_META_LEARNERS["mean"])
    good = np.full((2, 2, 3), 1 / 3)
    for wrong in (good[0], good * -1, good * np.nan, good * 0, good[:, :, :1], good[:, :0]):
        with pytest.raises(ValueError, match="probabilities"):
            learner.fit(wrong, [0, 1])
    with pytest.raises(ValueError, match="from 0 to 2"):
        learner.fit(good, [0, 3])
    with pytest.raises(ValueError, match="do not fit"):
        learner.fit(good, [0])
    with pytest.raises(ValueError, match="do not fit"):
        learner.fit(good[:0], [])
    with pytest.raises(ValueError, match="fitted on"):
        learner.fit(good, [0, 1]).predict_proba(good[:, :1])
