"""The ways to compute a metric: once, for one model and for all models in all resamples.

U units, M models, K classes, R weightings of the subjects, S subjects.

    a function of ...                             is written as
    the mean of something of each unit            MeanOf
    sums over the units                           OfSums
    counts of units by class                      OfCounts
    units that count several times                OfWeights
    anything else                                 OfPairs

The first three cost a look at each subject's sums, OfWeights one call a model with all resamples,
OfPairs one call a model and resample. A function is given checked arrays of at least one unit,
all of them finite: numbers with numbers, or indices of classes with (U, K) probabilities.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldgrid.metrics.checked import checked_pair
from foldgrid.metrics.counts import POSITIVE, ClassCounts, confusion_matrix, decide, quotient
from foldgrid.metrics.sums import Drawn, Quantity, SubjectSums
from foldgrid.specs.errors import SweepError
from foldgrid.specs.metric import Metric, Target

FloatArray = NDArray[np.float64]
PairFunction = Callable[[NDArray[Any], FloatArray], float]
UnitFunction = Callable[[NDArray[Any], FloatArray], FloatArray]
WeightFunction = Callable[[NDArray[Any], FloatArray, FloatArray], FloatArray]
CountFunction = Callable[[Target, ClassCounts], FloatArray]


Groups = Literal["", "own", "other", "both", "each"]
"""The groups of subjects whose parts make a metric of classes: none, all together; those with a
unit of the class, of another, both. They are of the positive class of a binary task, and of every
class of others; ``each`` is those of every class, always."""


class Checked(ABC):
    """A computation that looks at finite values only; see `foldgrid.metrics.checked`.

    Attributes:
        is_of: Whose units a value rests on; see ``num_subjects_of``.
    """

    is_of: Groups = ""

    def value(self, metric: Metric, reference: ArrayLike, predicted: ArrayLike) -> float:
        """Of one model's predictions; NaN without any, and where one is not finite."""
        pair = checked_pair(metric.target, reference, predicted)
        return math.nan if pair is None else float(self._value(metric, *pair))

    @abstractmethod
    def _value(self, metric: Metric, reference_U: NDArray[Any], predicted: FloatArray) -> float:
        """Of checked arrays of one unit or more."""

    @abstractmethod
    def resampled(self, metric: Metric, drawn: Drawn) -> FloatArray:
        """(R, M) Of several models, under every weighting of the subjects."""


@dataclass(frozen=True)
class OfSums(Checked):
    """A function of sums over the units.

    Attributes:
        function: Truth and predictions of one model in, the value out.
        quantities: What is summed up.
        from_totals: The same from the sums over the units that were drawn, (R, M).
    """

    function: PairFunction
    quantities: tuple[Quantity, ...]
    from_totals: Callable[[Drawn], FloatArray]

    def _value(self, metric: Metric, reference_U: NDArray[Any], predicted: FloatArray) -> float:
        return self.function(reference_U, predicted)

    def resampled(self, metric: Metric, drawn: Drawn) -> FloatArray:
        """See ``Checked``."""
        return self.from_totals(drawn)


@dataclass(frozen=True)
class MeanOf(Checked):
    """The mean of something of each unit.

    Attributes:
        of_unit: Truth and predictions of one model in, U numbers out.

    Example:
        >>> within_one = MeanOf(lambda truth, predicted: abs(predicted - truth) <= 1)
    """

    of_unit: UnitFunction

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """What is summed up."""
        return (Quantity(self._of_units),)

    def _of_units(self, units: SubjectSums) -> FloatArray:
        values_UM = np.full((len(units.reference_U), units.num_models), np.nan)
        for model in range(units.num_models):
            if np.isfinite(said := units.predicted[:, model]).all():
                truth_U = units.reference_U
                values_UM[:, model] = _asked(self.of_unit, (len(truth_U),), truth_U, said)
        return values_UM

    def _value(self, metric: Metric, reference_U: NDArray[Any], predicted: FloatArray) -> float:
        return float(np.mean(_asked(self.of_unit, (len(reference_U),), reference_U, predicted)))

    def resampled(self, metric: Metric, drawn: Drawn) -> FloatArray:
        """See ``Checked``."""
        return quotient(drawn.totals(self.quantities[0]), drawn.num_units[:, None])


@dataclass(frozen=True)
class OfCounts(Checked):
    """A function of how many units of each class were decided for each.

    Attributes:
        rate: The target and counts with any leading axes in, a value for each of them out.
        is_of: See ``Checked``.
    """

    rate: CountFunction
    is_of: Groups = ""

    def _value(self, metric: Metric, reference_U: NDArray[Any], predicted: FloatArray) -> float:
        decided_U = decide(predicted, metric.target.is_binary)
        matrix_KK = confusion_matrix(reference_U, decided_U, predicted.shape[1])
        return float(self.rate(metric.target, ClassCounts.of(matrix_KK)))

    def resampled(self, metric: Metric, drawn: Drawn) -> FloatArray:
        """See ``Checked``."""
        return self.rate(metric.target, drawn.once(drawn_counts, lambda: drawn_counts(drawn)))


@dataclass(frozen=True)
class OfWeights(Checked):
    """A function of units that count several times, or not at all.

    Attributes:
        function: Truth, predictions of one model and (R, U) weights in, R values out; NaN where it
            is undefined.
        is_of: See ``Checked``.
        share: Of a value that compares units with each other: how much a fold's own value counts
            in the mean over folds, (R,) from the same arguments. Nothing where it does not.
    """

    function: WeightFunction
    is_of: Groups = ""
    share: WeightFunction | None = None

    @property
    def is_within_folds(self) -> bool:
        """Whether only units of one fold are compared."""
        return self.share is not None

    def _value(self, metric: Metric, reference_U: NDArray[Any], predicted: FloatArray) -> float:
        ones_1U = np.ones((1, len(reference_U)))
        return float(_asked(self.function, (1,), reference_U, predicted, ones_1U)[0])

    def value_within(
        self, metric: Metric, reference: ArrayLike, predicted: ArrayLike, folds: ArrayLike
    ) -> float:
        """Of one model's predictions by the fits of several folds; see ``Metric``."""
        pair = checked_pair(metric.target, reference, predicted)
        if pair is None:
            return math.nan
        return float(self._of_folds(*pair, np.ones((1, len(pair[0]))), np.asarray(folds))[0])

    def resampled(self, metric: Metric, drawn: Drawn) -> FloatArray:
        """See ``Checked``."""
        weights_RU, fold_S = drawn.unit_weights, drawn.units.fold_S
        fold_U = None if fold_S is None else fold_S[drawn.units.subject_U]
        return by_model(
            drawn, lambda truth_U, said: self._of_folds(truth_U, said, weights_RU, fold_U)
        )

    def _of_folds(
        self,
        truth_U: NDArray[Any],
        said: FloatArray,
        weights_RU: FloatArray,
        fold_U: NDArray[Any] | None,
    ) -> FloatArray:
        shape = (len(weights_RU),)
        if fold_U is None or self.share is None:
            return _asked(self.function, shape, truth_U, said, weights_RU)
        total_R, fractions_R = np.zeros((2, *shape))
        for own in (fold_U == fold for fold in np.unique(fold_U)):
            arguments = truth_U[own], said[own], weights_RU[:, own]
            value_R = _asked(self.function, shape, *arguments)
            fraction_R = np.where(np.isnan(value_R), 0.0, self.share(*arguments))
            total_R += fraction_R * np.nan_to_num(value_R)
            fractions_R += fraction_R
        return quotient(total_R, fractions_R)


@dataclass(frozen=True)
class OfPairs(Checked):
    """Any function of truth and predictions.

    Attributes:
        function: Truth and predictions of one model in, the value out; NaN where it is undefined.

    Example:
        >>> largest = OfPairs(lambda truth, predicted: max(abs(predicted - truth)))
    """

    function: PairFunction

    def _value(self, metric: Metric, reference_U: NDArray[Any], predicted: FloatArray) -> float:
        return float(_asked(self.function, (), reference_U, predicted))

    def resampled(self, metric: Metric, drawn: Drawn) -> FloatArray:
        """See ``Checked``."""
        repeats_RU = drawn.unit_weights.astype(np.int64)

        def of_model(truth_U: NDArray[Any], said: FloatArray) -> FloatArray:
            values = []
            for repeats_U in repeats_RU:
                places = np.repeat(np.arange(len(truth_U)), repeats_U)
                pair = truth_U[places], said[places]
                values.append(float(_asked(self.function, (), *pair)) if len(places) else math.nan)
            return np.array(values)

        return by_model(drawn, of_model)


def by_model(drawn: Drawn, compute: Callable[[NDArray[Any], FloatArray], FloatArray]) -> FloatArray:
    """(R, M) What ``compute`` gives of each model; NaN for one with a value that is not finite."""
    units = drawn.units
    values_RM = np.full((len(drawn.unit_weights), units.num_models), np.nan)
    for model in range(units.num_models):
        if np.isfinite(said := units.predicted[:, model]).all():
            values_RM[:, model] = compute(units.reference_U, said)
    return values_RM


def _asked(function: Callable[..., Any], shape: tuple[int, ...], *arguments: Any) -> FloatArray:
    """What a metric's function gives; a mistake in it is reported with its name and file.

    Raises:
        SweepError: It fails, or gives something of another shape.
    """
    try:
        found = np.asarray(function(*arguments), np.float64)
        if found.shape != shape:
            raise ValueError(f"it gave an array of shape {found.shape}, not {shape}")
        return found
    except Exception as error:
        name = getattr(function, "__name__", repr(function))
        try:
            place = inspect.getsourcefile(function) or ""
        except TypeError:
            place = ""
        raise SweepError(
            f"{place or 'a metric'}: {name} failed.\n  {type(error).__name__}: {error}\n"
            "It is given arrays of one length, all of them finite; see docs/how-to/metrics.md."
        ) from error


def _decided(units: SubjectSums) -> FloatArray:
    """(U, 2K, M) Whether a unit is decided for each class, and whether that is right."""
    probabilities_UMK = units.predicted
    one_hot = np.eye(probabilities_UMK.shape[2])
    decided_UMK = one_hot[decide(probabilities_UMK, units.target.is_binary)]
    decided_UMK = np.where(np.isnan(probabilities_UMK), np.nan, decided_UMK)
    hits_UMK = decided_UMK * one_hot[units.reference_U][:, None]
    return np.asarray(np.moveaxis(np.concatenate([decided_UMK, hits_UMK], axis=2), 2, 1))


def _steps(units: SubjectSums) -> FloatArray:
    """(U, M) Squared places between a unit's class and the one that is decided for."""
    decided_UM = decide(units.predicted, units.target.is_binary)
    return np.asarray(np.square(decided_UM - units.reference_U[:, None], dtype=np.float64))


def _support(units: SubjectSums) -> FloatArray:
    """(U, K) Which class a unit is of."""
    return np.asarray(np.eye(units.predicted.shape[2])[units.reference_U])


def num_subjects_of(metric: Metric, units: SubjectSums) -> float:
    """Subjects that a value rests on: fewer than there are where it is of a part of them.

    A sensitivity is a value of those who have the class. A mean over classes, or an AUC, is one of
    several groups, and the smallest decides most: their degrees of freedom are put together as
    Satterthwaite does for groups of one variance, and come out between the smallest group's and all
    groups' together.

    Args:
        metric: What is computed.
        units: Of what.

    Example:
        >>> num_subjects_of(METRICS["sensitivity"].of(binary), units)  # 3 of 54 have the disease
        3.0
    """
    is_of = getattr(metric.compute, "is_of", "")
    if not is_of or not len(units.reference_U):
        return float(units.num_subjects)
    support_SK = units.sums(SUPPORT)
    others_SK = support_SK.sum(axis=1, keepdims=True) - support_SK
    is_of_one = metric.target.is_binary and is_of != "each"
    classes = [POSITIVE] if is_of_one else np.flatnonzero(support_SK.sum(axis=0))
    own, other = ((group[:, classes] > 0).sum(axis=0) for group in (support_SK, others_SK))
    sizes = {"other": other, "both": np.concatenate([own, other])}.get(is_of, own)
    sizes = sizes[sizes > 0].astype(np.float64)
    if len(sizes) < 2:
        return float(sizes.sum())
    freedom = (1 / sizes).sum() ** 2 / (1 / (sizes**2 * np.maximum(sizes - 1, 1e-9))).sum()
    return float(np.clip(freedom + 1, FEWEST_OF_GROUPS, units.num_subjects))


FEWEST_OF_GROUPS = 2.0
"""Where one person alone has a class, a mean over classes still varies with the others."""

DECIDED, STEPS = Quantity(_decided), Quantity(_steps)
SUPPORT = Quantity(_support, is_of_models=False)


def drawn_counts(drawn: Drawn) -> ClassCounts:
    """(R, M, K) The counts of the units that were drawn."""
    decided_RMK, hits_RMK = np.split(np.moveaxis(drawn.totals(DECIDED), 1, 2), 2, axis=2)
    return ClassCounts(drawn.totals(SUPPORT)[:, None], decided_RMK, hits_RMK, drawn.totals(STEPS))
