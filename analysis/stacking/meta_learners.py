"""The stacked regressions: base learners' composites in, one composite out.

The paper names four "logistic" regressions for a score that runs from 0 to 72. Both readings are
built, each named for what it is; decision 0009 says why and how the details were settled.

    fractional logit   the mean of C / 72 is a logistic function of the learners' predictions,
                       each taken as the logit of its share of 72 (Papke and Wooldridge 1996)
    linear             C / 72 is a weighted sum of the learners' predictions / 72

Each comes plain, with an intercept, with a ridge penalty, and with both. The strength of the
penalty is chosen inside the data it is fitted on, by leaving one group of subjects out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut

from foldgrid.scoring import MAX_COMPOSITE, clip_composite

FloatArray = NDArray[np.float64]

HALF_STEP = 0.5
"""Half the smallest step of C: what keeps a prediction's logit finite at 0 and at 72."""

NOISE_SHARE = 1e-6
"""Directions in which the predictions vary by less than this share are float32 rounding."""

SEPARATION_GUARD = 1e-8
"""A ridge share too small to see; it keeps a plain logit finite where every C is 0 or 72."""

PENALTIES = (10.0, 1.0, 0.1, 0.01, 0.001)
"""The ridge shares that are tried, strongest first so that a tie goes to the simpler model."""

FALLBACK_PENALTY = 0.1
"""The ridge share where fewer than two groups of subjects leave nothing to choose it by."""


class _StackedRegression(RegressorMixin, BaseEstimator, ABC):  # type: ignore[misc]  # no types there
    """What both readings share: units, penalty, intercept; predictions are clipped to 0..72.

    The features have one unit, so they are never standardised one by one: that would make a base
    learner that always says nearly the same as loud as one that tells patients apart.

    Args:
        intercept: Fit an intercept; it is never penalised.
        penalty: Ridge penalty as a share of the features' mean square (about their mean where
            there is an intercept): in the linear reading 1 halves the weight of an average
            direction. 0 is plain: where directions are missing, the smallest weights that fit.
            None chooses among ``PENALTIES`` by the squared error on left-out groups.
    """

    def __init__(self, intercept: bool = False, penalty: float | None = 0.0) -> None:
        self.intercept = intercept
        self.penalty = penalty

    def fit(
        self, X: FloatArray, y: FloatArray, groups: NDArray[Any] | None = None
    ) -> _StackedRegression:
        """Fits one weight a base learner.

        Args:
            X: Predicted C, samples by base learners, 0 to 72.
            y: The physician's C, 0 to 72.
            groups: The subject fold of each sample; only a penalty to be chosen needs it.

        Returns:
            Itself, with ``weights_``, ``offset_`` and ``penalty_``.
        """
        self.penalty_ = self._choose_penalty(X, y, groups) if self.penalty is None else self.penalty
        features = self._features(X)
        centre = features.mean(axis=0) if self.intercept else np.zeros(features.shape[1])
        noise = NOISE_SHARE * float(np.linalg.norm(features))
        axes = (_whole_axes if self.penalty_ else _seen_axes)(features - centre, noise)
        share = np.asarray(y, dtype=np.float64) / MAX_COMPOSITE
        weights, offset = self._solve((features - centre) @ axes, share)
        self.weights_ = axes @ weights
        self.offset_ = offset - float(centre @ self.weights_)
        return self

    def predict(self, X: FloatArray) -> FloatArray:
        """The composite of each sample, 0 to 72."""
        predictor = self._features(X) @ self.weights_ + self.offset_
        return clip_composite(MAX_COMPOSITE * self._share(predictor))

    def _choose_penalty(self, X: FloatArray, y: FloatArray, groups: NDArray[Any] | None) -> float:
        if groups is None or len(np.unique(groups)) < 2:
            return FALLBACK_PENALTY
        search = GridSearchCV(
            type(self)(intercept=self.intercept),
            {"penalty": PENALTIES},
            scoring="neg_mean_squared_error",
            cv=LeaveOneGroupOut(),
            refit=False,
        )
        return float(search.fit(X, y, groups=groups).best_params_["penalty"])

    @abstractmethod
    def _features(self, composites: FloatArray) -> FloatArray:
        """What the regression sees of the predicted composites."""

    @abstractmethod
    def _share(self, predictor: FloatArray) -> FloatArray:
        """C / 72 from the linear predictor."""

    @abstractmethod
    def _solve(self, features: FloatArray, share: FloatArray) -> tuple[FloatArray, float]:
        """Weights and offset that predict C / 72 from features whose mean square is 1."""


class FractionalLogit(_StackedRegression):
    """Fractional logistic regression of C / 72 on the logits of the predictions."""

    def _features(self, composites: FloatArray) -> FloatArray:
        clipped = clip_composite(composites)
        return np.asarray(logit((clipped + HALF_STEP) / (MAX_COMPOSITE + 2 * HALF_STEP)))

    def _share(self, predictor: FloatArray) -> FloatArray:
        return np.asarray(expit(predictor))

    def _solve(self, features: FloatArray, share: FloatArray) -> tuple[FloatArray, float]:
        num_samples, num_axes = features.shape
        if num_axes == 0 and not self.intercept:
            return np.zeros(0), 0.0
        # A column of zeros changes nothing and lets a model of the intercept alone be fitted.
        padded = np.column_stack([features, np.zeros(num_samples)])
        model = LogisticRegression(
            C=1.0 / (max(self.penalty_, SEPARATION_GUARD) * num_samples),
            fit_intercept=self.intercept,
            solver="newton-cholesky",
            tol=1e-8,
            max_iter=500,
        )
        # A share p is p of a success and 1 - p of a failure: the same likelihood.
        outcomes = np.repeat([1, 0], num_samples)
        model.fit(
            np.vstack([padded, padded]), outcomes, sample_weight=np.append(share, 1.0 - share)
        )
        return model.coef_[0][:-1], float(np.ravel(model.intercept_)[0])


class LinearStack(_StackedRegression):
    """Least squares or ridge regression of C / 72 on the predictions / 72."""

    def _features(self, composites: FloatArray) -> FloatArray:
        return np.asarray(clip_composite(composites) / MAX_COMPOSITE)

    def _share(self, predictor: FloatArray) -> FloatArray:
        return predictor

    def _solve(self, features: FloatArray, share: FloatArray) -> tuple[FloatArray, float]:
        offset = float(share.mean()) if self.intercept else 0.0
        if features.shape[1] == 0:
            return np.zeros(0), offset
        alpha = self.penalty_ * len(features)
        model = (
            Ridge(alpha, fit_intercept=False) if alpha else LinearRegression(fit_intercept=False)
        )
        return model.fit(features, share - offset).coef_, offset


def _whole_axes(features: FloatArray, noise: float) -> FloatArray:
    """The learners' own axes in one common unit, in which the mean square of an entry is 1."""
    size = max(float(np.linalg.norm(features)), noise) / np.sqrt(features.size)
    return np.eye(features.shape[1]) / (size or 1.0)


def _seen_axes(features: FloatArray, noise: float) -> FloatArray:
    """Orthogonal axes of mean square 1 that span the features and leave out rounding noise.

    A plain fit along them is well conditioned, and of all weights that fit equally well it takes
    the smallest, so learners that repeat each other share their weight instead of cancelling.
    """
    _, sizes, directions = np.linalg.svd(features, full_matrices=False)
    seen = sizes > noise
    return np.asarray(directions[seen].T / sizes[seen] * np.sqrt(len(features)))


META_LEARNERS: Mapping[str, _StackedRegression] = MappingProxyType(
    {
        "logit": FractionalLogit(),
        "logit_w_intercept": FractionalLogit(intercept=True),
        "logit_ridge": FractionalLogit(penalty=None),
        "logit_ridge_w_intercept": FractionalLogit(intercept=True, penalty=None),
        "least_squares": LinearStack(),
        "least_squares_w_intercept": LinearStack(intercept=True),
        "ridge": LinearStack(penalty=None),
        "ridge_w_intercept": LinearStack(intercept=True, penalty=None),
    }
)
"""Every meta-learner by name, unfitted; clone before fitting."""

PAPER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        name: name.replace("logit", "meta_learner")
        for name in META_LEARNERS
        if name.startswith("logit")
    }
)
"""What the paper calls a meta-learner, by our name: ``meta_learner_ridge`` and so on."""
