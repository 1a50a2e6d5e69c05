"""Many models under many weightings of the subjects at once: what makes the bootstrap fast.

S subjects, U units, M models, K classes, R weightings of the subjects, W numbers of a quantity.

A subject-resampled metric is the metric of units of which each subject's are repeated as often as
its weight says; weights of 0 leave subjects out. A sum over a resample is the sum over its
subjects, so whatever follows from sums over units is one matrix product for all models in all
resamples. What does not takes the weights of the units themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from foldgrid.metrics.checked import checked_classes
from foldgrid.specs.metric import METRICS, Metric, Target, TargetKind

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
T = TypeVar("T")

NUMBERS = Target()

BLOCK: Mapping[TargetKind, int] = MappingProxyType({"numbers": 64, "classes": 16})
"""Models in one product: bounds the memory that the sums of all resamples take."""

LOSSES: Mapping[TargetKind, str] = MappingProxyType({"numbers": "mae", "classes": "brier"})
"""By which metric of its own units a subject ranks the models."""


@dataclass(frozen=True)
class SubjectSums:
    """The units of all models, and sums over those of each subject.

    A model's values do not depend on which other models are there. A model with a value that is
    not finite has no value of any metric of classes.

    Attributes:
        target: What the units are evaluated by.
        num_subjects: Subjects with a unit; 1 where there is no unit.
        subject_U: Each unit's subject as a position, rising.
        reference_U: Each unit's truth: a number, or the index of its class.
        predicted: (U, M) numbers, or (U, M, K) probabilities.
        centre: The mean of the numbers; measured from it, squares keep their precision.
        fold_S: Each subject's fold; nothing where one fit predicted all. Metrics of the order of
            units compare those of one fold.
    """

    target: Target
    num_subjects: int
    subject_U: IntArray
    reference_U: NDArray[Any]
    predicted: FloatArray
    centre: float = 0.0
    fold_S: IntArray | None = None
    _sums: dict[Quantity, FloatArray] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(
        cls,
        subjects_U: Sequence[object] | NDArray[np.generic],
        reference_U: NDArray[Any],
        predicted: FloatArray,
        target: Target = NUMBERS,
        folds_U: NDArray[Any] | None = None,
    ) -> SubjectSums:
        """Gathers the units by subject.

        Args:
            subjects_U: Whose unit it is; subjects are kept in sorted order.
            reference_U: The truth.
            predicted: What the models predicted of it.
            target: What the units are evaluated by.
            folds_U: The fold of each unit, one for all units of a subject; see ``fold_S``.

        Raises:
            ValueError: The shapes do not belong together, or an index names no class.
        """
        names, subject_U = np.unique(np.asarray(subjects_U), return_inverse=True)
        order = np.argsort(subject_U, kind="stable")
        predicted = np.asarray(predicted, np.float64)
        if target.kind == "numbers":
            reference_U = np.asarray(reference_U, np.float64)
            centre = float(reference_U.mean()) if len(reference_U) else 0.0
        else:
            checked_classes(reference_U, np.zeros(predicted.shape[::2]))
            reference_U, centre = np.asarray(reference_U, np.int64), 0.0
            is_usable_M1 = np.asarray(np.isfinite(predicted).all(axis=(0, 2)))[:, None]
            predicted = np.where(is_usable_M1, predicted, np.nan)
        return cls(
            target,
            max(1, len(names)),
            subject_U[order],
            reference_U[order],
            predicted[order],
            centre,
            _folds_of_subjects(folds_U, subject_U, len(names)),
        )

    @property
    def num_models(self) -> int:
        """Models that predicted the units."""
        return int(self.predicted.shape[1])

    def of_models(self, chosen: Sequence[int] | NDArray[np.intp] | slice) -> SubjectSums:
        """The same of some of the models, by position."""
        places = chosen if isinstance(chosen, slice) else np.asarray(chosen, dtype=int)
        sums = {
            each: sums[..., places] if each.is_of_models else sums
            for each, sums in self._sums.items()
        }
        return SubjectSums(
            self.target,
            self.num_subjects,
            self.subject_U,
            self.reference_U,
            self.predicted[:, places],
            self.centre,
            self.fold_S,
            sums,
        )

    def sums(self, quantity: Quantity) -> FloatArray:
        """(S, …) A quantity of the units, summed up by subject."""
        if quantity not in self._sums:
            # A diverged model's infinities become NaN in its own column only.
            with np.errstate(all="ignore"):
                self._sums[quantity] = self._by_subject(quantity.of_units(self))
        return self._sums[quantity]

    def _by_subject(self, values: FloatArray) -> FloatArray:
        if self.target.kind == "numbers" and len(values):
            starts = np.flatnonzero(np.diff(self.subject_U, prepend=-1))
            return np.asarray(np.add.reduceat(values, starts))
        # One after the other, as rankings of classes always were: to the last bit.
        sums = np.zeros((self.num_subjects, *values.shape[1:]))
        np.add.at(sums, self.subject_U, values)
        return sums

    def metric_values(self, metrics: Mapping[str, Metric], weights_RS: FloatArray) -> MetricValues:
        """Metrics under each weighting of the subjects.

        Args:
            metrics: Those of this target, by name.
            weights_RS: How often each subject counts; rows of ones give the plain values.

        Returns:
            By metric, weightings by models; NaN where it is undefined.
        """
        if not len(self.reference_U):
            return {name: np.full((len(weights_RS), self.num_models), np.nan) for name in metrics}
        for metric in metrics.values():
            for quantity in getattr(metric.compute, "quantities", ()):
                self.sums(quantity)
        size = BLOCK[self.target.kind]
        blocks = []
        for start in range(0, max(1, self.num_models), size):
            drawn = Drawn(self.of_models(slice(start, start + size)), weights_RS)
            # A diverged model's infinities become NaN in its own column only.
            with np.errstate(all="ignore"):
                found = {
                    name: each.compute.resampled(each, drawn) for name, each in metrics.items()
                }
            blocks.append(found)
        return {name: np.hstack([block[name] for block in blocks]) for name in metrics}

    def value(self, metric: Metric, weights_RS: FloatArray) -> FloatArray:
        """One of them."""
        return self.metric_values({metric.name: metric}, weights_RS)[metric.name]

    def subject_losses(self) -> FloatArray:
        """(S, M) The mean absolute error or Brier score of each subject's own units."""
        if not len(self.reference_U):
            return np.full((1, self.num_models), np.nan)
        metric = METRICS[LOSSES[self.target.kind]].of(self.target)
        with np.errstate(all="ignore"):
            return cast(FloatArray, metric.compute.resampled(metric, Drawn(self)))


def _folds_of_subjects(
    folds_U: NDArray[Any] | None, subject_U: IntArray, num_subjects: int
) -> IntArray | None:
    if folds_U is None or not len(subject_U):
        return None
    fold_S = np.empty(num_subjects, np.int64)
    fold_S[subject_U] = np.unique(folds_U, return_inverse=True)[1]
    return fold_S


MetricValues = dict[str, FloatArray]


@dataclass(frozen=True)
class Quantity:
    """Numbers of each unit whose sums a metric follows from.

    Attributes:
        of_units: Units in, (U, W, M) or (U, M) out; (U, W) where it is of the truth alone.
        is_of_models: Whether it has the models on its last axis.
    """

    of_units: Callable[[SubjectSums], FloatArray]
    is_of_models: bool = True


@dataclass(frozen=True)
class Drawn:
    """Some models' units under weightings of the subjects.

    Attributes:
        units: The units.
        weights_RS: How often each subject counts; nothing weighs each subject alone, R is S.
    """

    units: SubjectSums
    weights_RS: FloatArray | None = None
    _found: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)

    def totals(self, quantity: Quantity) -> FloatArray:
        """(R, …) A quantity, summed up over the units that were drawn."""
        sums = self.units.sums(quantity)
        if self.weights_RS is None:
            return sums
        weights_RS = self.weights_RS
        return self.once(quantity, lambda: np.tensordot(weights_RS, sums, 1))

    @property
    def num_units(self) -> FloatArray:
        """(R,) Units that were drawn."""
        return self.totals(NUM_UNITS)[:, 0]

    @property
    def unit_weights(self) -> FloatArray:
        """(R, U) How often each unit counts."""
        weights_RS = np.eye(self.units.num_subjects) if self.weights_RS is None else self.weights_RS
        return self.once("weights", lambda: weights_RS[:, self.units.subject_U])

    def once(self, key: object, compute: Callable[[], T]) -> T:
        """What ``compute`` gives, computed when it is asked for the first time."""
        if key not in self._found:
            self._found[key] = compute()
        return cast(T, self._found[key])


NUM_UNITS = Quantity(lambda units: np.ones((len(units.reference_U), 1)), is_of_models=False)
