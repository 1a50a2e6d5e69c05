"""Our nested folds against scikit-learn's own, fed with the same stored predictions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import StackingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import LeaveOneGroupOut, PredefinedSplit, cross_val_predict

from foldgrid.analysis.predictions.predictions import PredictionTable
from foldgrid.analysis.stacking.meta_learners import meta_learners
from foldgrid.analysis.stacking.nested import fit_stack, meta_learner_weights, stack
from foldgrid.analysis.stacking.nested_fits import levelled
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.tasks.pasi.scoring import COMPOSITE_SCALE
from foldgrid.tasks.pasi.spec import PasiSpec

META_LEARNERS = meta_learners(COMPOSITE_SCALE)

NEEDS_GROUPS = ("logit_ridge", "logit_ridge_w_intercept", "ridge", "ridge_w_intercept")
FREE = [name for name in META_LEARNERS if name not in (*NEEDS_GROUPS, "elastic_net")]


CONFIG = FitConfig(
    backbone="learner0",
    fold=0,
    task=PasiSpec(),
    data_fingerprint="d" * 10,
    split_fingerprint="5" * 10,
    weights="random",
    seed=0,
    budget="paper",
    training=TrainingRecipe(),
)


class Replay(RegressorMixin, BaseEstimator):
    """A base learner whose copies were trained long ago: it only knows what they predicted.

    A row of X is a sample's place. Who asks during cross-validation asks for a held-out fold, and
    so gets what the copy that left this fold out predicted.
    """

    def __init__(self, predicted: np.ndarray) -> None:
        self.predicted = predicted

    def fit(self, X: np.ndarray, y: np.ndarray) -> Replay:
        self.is_fitted_ = True
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.predicted[X[:, 0].astype(int)]


class Levelled(RegressorMixin, BaseEstimator):
    """A meta-learner that is fitted on levelled predictions, for scikit-learn's own machinery.

    Without folds they are the groups of the fit.
    """

    def __init__(self, inner: Any, num_all: int, folds: np.ndarray | None = None) -> None:
        self.inner, self.num_all, self.folds = inner, num_all, folds

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> Levelled:
        folds = groups if self.folds is None else self.folds
        known = levelled(np.asarray(X)[:, :, None], y, folds, self.num_all - len(y))
        self.inner_ = clone(self.inner).fit(known, y, groups=groups)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(self.inner_.predict(X))


def made_up(num_learners: int, seed: int, is_nonsense: bool = False) -> PredictionTable:
    """10 training subjects in 5 folds and 2 test subjects, 12 samples each."""
    random = np.random.default_rng(seed)
    subject = np.arange(144) // 12
    index = pd.Index([f"s{place}" for place in range(144)])
    names = [f"learner{place}" for place in range(num_learners)]
    truth = np.rint(random.uniform(0, 72, 144))
    samples = pd.DataFrame(
        {"subject": subject, "fold": np.where(subject < 10, subject % 5, -1), "reference": truth},
        index=index,
    )
    predicted = random.uniform(0, 72, (144, num_learners))
    if not is_nonsense:
        predicted = np.clip(
            truth[:, None] + (predicted - 36) / np.arange(2, num_learners + 2), 0, 72
        )
    frame = pd.DataFrame(predicted, index=index, columns=names)
    oof, test = frame[subject < 10], frame[subject >= 10]
    return PredictionTable((), samples, oof, test, CONFIG.task)


@pytest.fixture
def table() -> PredictionTable:
    return made_up(6, seed=1)


def facts(table: PredictionTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    samples = table.train_samples
    return table.oof.to_numpy(), samples["reference"].to_numpy(), samples["fold"].to_numpy(int)


@pytest.mark.parametrize("name", META_LEARNERS)
def test_oof_predictions_are_those_of_cross_val_predict(table: PredictionTable, name: str) -> None:
    known, truth, folds = facts(table)
    expected = cross_val_predict(
        Levelled(META_LEARNERS[name], len(truth)),
        known,
        truth,
        groups=folds,
        cv=LeaveOneGroupOut(),
        params={"groups": folds},
    )
    np.testing.assert_allclose(stack(table)[0][name], expected, atol=1e-9)


@pytest.mark.parametrize("name", FREE)
def test_both_parts_are_those_of_a_stacking_regressor(table: PredictionTable, name: str) -> None:
    known, truth, folds = facts(table)
    # The places of the training samples, then those of the test samples.
    stored = np.vstack([known, table.test.to_numpy()])
    learners = [(each, Replay(stored[:, i])) for i, each in enumerate(table.oof)]
    places, test_places = np.split(np.arange(len(stored))[:, None], [len(truth)])

    def regressor(cv: Any, own: np.ndarray) -> StackingRegressor:
        final = Levelled(META_LEARNERS[name], len(truth), own)
        return StackingRegressor(learners, final_estimator=final, cv=cv)

    whole = regressor(PredefinedSplit(folds), folds).fit(places, truth)
    oof, test = stack(table)
    np.testing.assert_allclose(test[name], whole.predict(test_places), atol=1e-9)
    for _, learner in learners:
        learner.fit(places, truth)
    prefit = regressor("prefit", folds).fit(places, truth)
    np.testing.assert_allclose(test[name], prefit.predict(test_places), atol=1e-9)
    for fold in np.unique(folds):
        others = folds != fold
        split = PredefinedSplit(folds[others])
        inner = regressor(split, folds[others]).fit(places[others], truth[others])
        np.testing.assert_allclose(oof[name][~others], inner.predict(places[~others]), atol=1e-9)


def test_nothing_can_be_learned_from_nonsense() -> None:
    """40 random learners and 120 random answers: fitted in sample, skill; in our folds, none."""
    skills: dict[str, list[float]] = {name: [] for name in META_LEARNERS}
    leaky = []
    for seed in range(3):
        table = made_up(40, seed, is_nonsense=True)
        known, truth, _ = facts(table)
        oof, _ = stack(table)
        for name in skills:
            skills[name].append(1 - np.mean((oof[name] - truth) ** 2) / np.var(truth))
        fitted = LinearRegression().fit(known, truth)
        leaky.append(fitted.score(known, truth))
        greedy = clone(META_LEARNERS["greedy_selection"]).fit(known, truth)
        leaky.append(1 - np.mean((greedy.predict(known) - truth) ** 2) / np.var(truth))
    assert min(leaky) > 0.1, "a meta-learner judged on what it was fitted on shows skill"
    assert {
        name: np.mean(values) for name, values in skills.items() if np.mean(values) > 0.05
    } == {}


def test_the_weights_are_those_of_the_fits(table: PredictionTable) -> None:
    known, truth, folds = facts(table)
    weights = meta_learner_weights(table)
    assert list(weights.index) == list(table.oof)
    assert list(dict.fromkeys(weights.columns.get_level_values("meta_learner"))) == [
        name for name in META_LEARNERS if name != "median"
    ]
    for name in ("logit_ridge", "nonnegative_least_squares", "greedy_selection"):
        ours = weights[name]
        fitted = Levelled(META_LEARNERS[name], len(truth))
        fits = [
            clone(fitted)
            .fit(known[folds != fold], truth[folds != fold], groups=folds[folds != fold])
            .inner_.weights_
            for fold in range(5)
        ]
        whole = fitted.fit(known, truth, groups=folds).inner_
        np.testing.assert_allclose(ours["weight"], whole.weights_)
        np.testing.assert_allclose(ours["lowest"], np.min(fits, axis=0))
        np.testing.assert_allclose(ours["highest"], np.max(fits, axis=0))
    assert (weights["mean"].to_numpy() == 1 / 6).all()


def test_too_few_base_learners_have_no_weights(table: PredictionTable) -> None:
    alone = replace(table, oof=table.oof[["learner3"]], test=table.test[["learner3"]])
    assert meta_learner_weights(alone).shape == (1, 0)
    stacked = fit_stack(alone)
    assert stacked.oof.shape[1] == stacked.test.shape[1] == 0
