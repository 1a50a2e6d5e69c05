"""What heads that are solved share: standardised columns, inner folds, the choice of a strength.

Shape letters: N samples, D features, R rank.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from foldgrid.specs.base import Spec
from foldgrid.specs.heads import TrainingFeatures

FloatArray = NDArray[np.float64]

INNER_FOLDS = 4
"""Folds of the training part, whole subjects each, that a strength is chosen by."""

FARTHEST = 5.0
"""No training sample lies farther from a column's mean than this, in the column's unit."""


def _each_once(strengths: tuple[float, ...]) -> tuple[float, ...]:
    if len(set(strengths)) < len(strengths):
        raise ValueError("a strength is given twice; each once")
    return strengths


Strength = Annotated[float, Field(gt=0)]
Strengths = Annotated[tuple[Strength, ...], Field(min_length=1), AfterValidator(_each_once)]


class PenaltySettings(Spec):
    """How strongly a head that is solved is pulled to weights of 0.

    Attributes:
        strengths: The L2 penalty's candidates, each above 0, of weights of standardised features,
            beside a sum over samples; inner folds of the training part choose one.
        strength: This one, and nothing is chosen; null chooses.
    """

    strengths: Strengths
    strength: Strength | None = None

    @property
    def candidates(self) -> tuple[float, ...]:
        """From the strongest, by which whoever goes on from one to the next begins easily."""
        chosen = self.strengths if self.strength is None else (self.strength,)
        return tuple(sorted(chosen, reverse=True))

    @property
    def words(self) -> str:
        """How the strength came about, the end of a sentence."""
        if len(self.candidates) == 1:
            return f"an L2 penalty of {self.candidates[0]:,.10g} on standardised features"
        highest, lowest = self.candidates[0], self.candidates[-1]
        return (
            f"an L2 penalty on standardised features, its strength chosen among "
            f"{len(self.candidates)} from {lowest:,.10g} to {highest:,.10g} by "
            f"{INNER_FOLDS} inner folds of the training subjects"
        )


@dataclass(frozen=True)
class Standardised:
    """Features of training samples, each column with mean 0 and in a unit of its own.

    A column's unit is its standard deviation, or a fifth of its farthest sample's distance from
    the mean where that is more: a channel that answers to two pictures out of 700 would else be
    hundreds of units away in a third, and say so in every prediction. Columns that are the same
    for all samples are left out.

    Attributes:
        values_ND: float64, the columns that vary.
        mean_D: Of all columns.
        unit_D: Of all columns; infinite where a column is constant.
    """

    values_ND: FloatArray
    mean_D: FloatArray
    unit_D: FloatArray

    @classmethod
    def of(cls, features_ND: NDArray[np.float32]) -> Standardised:
        """The features of the training samples."""
        values = features_ND.astype(np.float64)
        mean = values.mean(axis=0)
        is_kept = features_ND.max(axis=0) > features_ND.min(axis=0)
        values -= mean
        farthest = np.abs(values).max(axis=0)
        unit = np.maximum(values.std(axis=0), farthest / FARTHEST)
        unit[~is_kept] = np.inf
        return cls(values[:, is_kept] / unit[is_kept], mean, unit)

    def unfolded(
        self, weight_KR: FloatArray, intercept_K: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """A solution for ``values_ND`` as one for the features as they were: weights and bias."""
        weight_KD = np.zeros((len(weight_KR), len(self.unit_D)))
        is_kept = np.isfinite(self.unit_D)
        weight_KD[:, is_kept] = weight_KR / self.unit_D[is_kept]
        return weight_KD, intercept_K - weight_KD @ self.mean_D


@dataclass(frozen=True)
class SampleSpace:
    """Standardised features and the space that they span: what all strengths have in common.

    Described by the samples' inner products or, of many samples with fewer features, by the
    features'; S is the number of either.

    Attributes:
        columns: The features.
        products_SS: The inner products.
        values_S: Their eigenvalues, from the smallest.
        vectors_SS: A column an eigenvector.
    """

    columns: Standardised
    products_SS: FloatArray
    values_S: FloatArray
    vectors_SS: FloatArray

    @classmethod
    def of(cls, features_ND: NDArray[np.float32]) -> SampleSpace:
        """That of training samples. The last ones are kept: a search asks for them at each trial.

        It takes S cubed operations, and for one strength everything else takes a tenth of that.
        """
        content = np.ascontiguousarray(features_ND)
        # Another number of threads gives other bits.
        key = hashlib.blake2b(content.data).digest(), content.shape, _num_threads()
        kept = _spaces.pop(key, None)
        if kept is None:
            columns = Standardised.of(features_ND)
            values_ND = columns.values_ND
            is_of_features = len(values_ND) > max(MANY_SAMPLES, values_ND.shape[1])
            products_SS = values_ND.T @ values_ND if is_of_features else values_ND @ values_ND.T
            kept = cls(columns, products_SS, *np.linalg.eigh(products_SS))
        _spaces[key] = kept
        while sum(each.num_bytes for each in _spaces.values()) > _BYTES_KEPT and len(_spaces) > 1:
            del _spaces[next(iter(_spaces))]
        return kept

    @property
    def is_of_features(self) -> bool:
        """Whether the inner products are the features', not the samples'."""
        return len(self.products_SS) < len(self.columns.values_ND)

    @property
    def num_bytes(self) -> int:
        """In memory."""
        return self.columns.values_ND.nbytes + 2 * self.products_SS.nbytes

    def moments(self, rows: Rows, targets_NK: FloatArray) -> FloatArray:
        """(S, K) What a solution is made of, of samples ``rows`` whose targets' mean is 0."""
        return self.columns.values_ND[rows].T @ targets_NK if self.is_of_features else targets_NK

    def weights(self, found_SK: FloatArray) -> FloatArray:
        """(K, R) The features' weights of a solution in this space."""
        return found_SK.T if self.is_of_features else found_SK.T @ self.columns.values_ND

    def without(
        self, fitted: NDArray[np.intp], seen: NDArray[np.intp]
    ) -> tuple[FloatArray, FloatArray]:
        """The inner products of the samples ``fitted``, and the samples ``seen`` by them.

        Centred at the mean of those that are fitted.
        """
        if self.is_of_features:
            values_ND = self.columns.values_ND
            mean_D = values_ND[fitted].mean(axis=0)
            own_DD = values_ND[fitted].T @ values_ND[fitted]
            return own_DD - len(fitted) * np.outer(mean_D, mean_D), values_ND[seen] - mean_D
        own_NN = self.products_SS[np.ix_(fitted, fitted)]
        rows_N = own_NN.mean(axis=0)
        centred_NN = own_NN - rows_N - rows_N[:, None] + rows_N.mean()
        others_JN = self.products_SS[np.ix_(seen, fitted)]
        others_JN = others_JN - rows_N - others_JN.mean(axis=1, keepdims=True) + rows_N.mean()
        return centred_NN, others_JN


Rows = NDArray[np.intp] | slice

MANY_SAMPLES = 4000
"""With more, and fewer features than that, the features' inner products are the smaller problem."""

_BYTES_KEPT = 512 * 2**20
_spaces: dict[tuple[bytes, tuple[int, ...], int], SampleSpace] = {}
"""By the features' content, the last one used at the end."""


def _num_threads() -> int:
    import torch

    return torch.get_num_threads()


def inner_folds(
    training: TrainingFeatures,
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Who is fitted and who is looked at, by inner fold; no subject is both.

    Returns:
        Nothing where all samples are of one subject.
    """
    from sklearn.model_selection import GroupKFold

    subjects = training.subjects_N
    num_folds = min(INNER_FOLDS, len(np.unique(subjects)))
    if num_folds < 2:
        return []
    folds = GroupKFold(num_folds, shuffle=True, random_state=training.seed % 2**32)
    return list(folds.split(np.zeros(len(subjects)), groups=subjects))


def chosen_strength(
    strengths: Sequence[float], losses: Sequence[float] | FloatArray
) -> tuple[float, dict[str, float]]:
    """The strength with the lowest loss, the strongest of equals, and what a record says of it.

    Args:
        strengths: From the strongest.
        losses: The mean loss of the inner folds' samples by strength; none where there are no
            folds, and then the strongest is taken.
    """
    best = int(np.argmin(losses)) if len(losses) else 0
    chosen = {"strength": float(strengths[best])}
    if len(losses):
        chosen["inner_loss"] = float(losses[best])
    return chosen["strength"], chosen


@contextmanager
def as_many_threads() -> Iterator[None]:
    """Inside, linear algebra uses as many threads as torch may."""
    with _controller().limit(limits=_num_threads(), user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _controller() -> Any:
    """Of numpy's library; looking which libraries are there takes as long as a solution."""
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()
