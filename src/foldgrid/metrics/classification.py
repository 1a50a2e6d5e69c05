"""The metrics of class probabilities, each with its name and its direction.

Every function takes the reference first, U class indices from 0, and the probabilities second,
U units by K classes. What cannot be computed is NaN, never an error:

    no unit at all, or a value that is not finite     every metric is NaN
    a single class in the reference                   AUC is NaN; so is specificity, and a binary
                                                      metric that asks for the missing class
    one class in the reference, all decided for it    kappa is NaN

With several classes, AUC, sensitivity and specificity are the plain mean of one-vs-rest figures
over the classes that occur in the reference (macro average). Their mean sensitivity is what others
call balanced accuracy, so that is not listed again. A binary task has a positive class, the last
of two, and its figures are of that class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from foldgrid.metrics.counts import (
    ClassCounts,
    FloatArray,
    IntArray,
    confusion_matrix,
    decide,
    mean_over_occurring,
    quadratic_kappa,
)
from foldgrid.metrics.regression import Metric
from foldgrid.metrics.roc import area_under_curve

LEAST_PROBABILITY = 1e-6
"""A smaller probability counts as this in a logarithm: a sure mistake is not infinitely bad."""

POSITIVE = 1
"""The positive class of a binary task: the last of two."""


@dataclass(frozen=True)
class _Judged:
    """Checked classes and probabilities of one model."""

    reference_U: IntArray
    probabilities_UK: FloatArray
    is_binary: bool

    @property
    def num_classes(self) -> int:
        return int(self.probabilities_UK.shape[1])

    def counts(self) -> ClassCounts:
        decided_U = decide(self.probabilities_UK, self.is_binary)
        return ClassCounts.of(confusion_matrix(self.reference_U, decided_U, self.num_classes))


def class_metrics(
    num_classes: int, is_binary: bool = False, is_ordered: bool = False
) -> Mapping[str, Metric]:
    """Every metric of a classification by name; a ranking goes by the first unless told.

    Args:
        num_classes: K, 2 or more.
        is_binary: Of two classes the last is the positive one.
        is_ordered: The classes are grades, from the lowest to the highest: the quadratic-weighted
            kappa comes first.

    Raises:
        ValueError: Fewer than two classes, or a binary task with more.
    """
    if num_classes < 2 or (is_binary and num_classes != 2):
        raise ValueError(f"{num_classes} classes cannot be judged (is_binary={is_binary})")
    return _metrics(num_classes, is_binary, is_ordered)


def unit_log_losses(reference_U: IntArray, probabilities_UK: FloatArray) -> FloatArray:
    """Each unit's log loss: minus the logarithm of its class's probability, never above 13.8.

    Args:
        reference_U: Class indices.
        probabilities_UK: Units first, classes last; axes between them are kept.
    """
    of_reference = _of_reference(reference_U, probabilities_UK)
    return np.asarray(-np.log(np.maximum(of_reference, LEAST_PROBABILITY)))


def unit_brier_scores(
    reference_U: IntArray, probabilities_UK: FloatArray, is_binary: bool
) -> FloatArray:
    """Each unit's squared distance from certainty (Brier 1950).

    Args:
        reference_U: Class indices.
        probabilities_UK: Units first, classes last; axes between them are kept.
        is_binary: Only the positive class's probability counts, 0 to 1; else the sum over all
            classes, 0 to 2.
    """
    if is_binary:
        is_positive_U = (reference_U == POSITIVE).astype(np.float64)
        between = (1,) * (probabilities_UK.ndim - 2)
        distance = probabilities_UK[..., POSITIVE] - is_positive_U.reshape(-1, *between)
        return np.asarray(distance**2)
    others = (probabilities_UK**2).sum(axis=-1)
    return np.asarray(others - 2 * _of_reference(reference_U, probabilities_UK) + 1.0)


def checked_classes(
    reference: ArrayLike, probabilities: ArrayLike
) -> tuple[IntArray, FloatArray] | None:
    """Class indices and probabilities; nothing where they are empty or not finite.

    Raises:
        ValueError: The shapes do not belong together, or an index names no class.
    """
    classes = np.asarray(reference)
    values = np.asarray(probabilities, dtype=np.float64)
    if classes.ndim != 1 or values.ndim != 2 or len(classes) != len(values):
        raise ValueError(
            "a class metric compares U classes with U by K probabilities, "
            f"not {classes.shape} with {values.shape}"
        )
    if not classes.size or not np.isfinite(classes).all() or not np.isfinite(values).all():
        return None
    indices = classes.astype(np.int64)
    if (indices != classes).any() or indices.min() < 0 or indices.max() >= values.shape[1]:
        raise ValueError(f"classes are indices from 0 to {values.shape[1] - 1}")
    return indices, values


def _of_reference(reference_U: IntArray, probabilities_UK: FloatArray) -> FloatArray:
    """The probability of each unit's own class."""
    between = (1,) * (probabilities_UK.ndim - 2)
    places = reference_U.reshape(-1, *between, 1)
    return np.take_along_axis(probabilities_UK, places, axis=-1)[..., 0]


def _auc(judged: _Judged) -> float:
    aucs_K = np.array(
        [
            area_under_curve(judged.reference_U == each, judged.probabilities_UK[:, each])
            for each in range(judged.num_classes)
        ]
    )
    return _of_positive_or_mean(judged, aucs_K)


def _accuracy(judged: _Judged) -> float:
    return float(judged.counts().accuracy())


def _sensitivity(judged: _Judged) -> float:
    return _of_positive_or_mean(judged, judged.counts().sensitivities(), needs_others=False)


def _specificity(judged: _Judged) -> float:
    return _of_positive_or_mean(judged, judged.counts().specificities())


def _kappa(judged: _Judged) -> float:
    return float(judged.counts().kappa())


def _quadratic_kappa(judged: _Judged) -> float:
    decided_U = decide(judged.probabilities_UK, judged.is_binary)
    counts = judged.counts()
    steps = np.square(decided_U - judged.reference_U).sum(dtype=np.float64)
    return float(quadratic_kappa(steps, counts.support, counts.decided))


def _log_loss(judged: _Judged) -> float:
    return float(unit_log_losses(judged.reference_U, judged.probabilities_UK).mean())


def _brier(judged: _Judged) -> float:
    scores = unit_brier_scores(judged.reference_U, judged.probabilities_UK, judged.is_binary)
    return float(scores.mean())


def _of_positive_or_mean(judged: _Judged, values_K: FloatArray, needs_others: bool = True) -> float:
    if judged.is_binary:
        return float(values_K[POSITIVE])
    support = np.bincount(judged.reference_U, minlength=judged.num_classes).astype(np.float64)
    return float(mean_over_occurring(values_K, support, needs_others))


@cache
def _metrics(num_classes: int, is_binary: bool, is_ordered: bool) -> Mapping[str, Metric]:
    def metric(function: Callable[[_Judged], float]) -> Callable[[ArrayLike, ArrayLike], float]:
        def figure(reference: ArrayLike, probabilities: ArrayLike) -> float:
            if np.shape(probabilities)[1:] != (num_classes,):
                raise ValueError(f"{num_classes} probabilities a unit are needed")
            checked = checked_classes(reference, probabilities)
            return np.nan if checked is None else function(_Judged(*checked, is_binary))

        return figure

    of = "of the positive class" if is_binary else "one-vs-rest, mean over classes"
    found = (
        Metric("auc", "AUC", f"area under the ROC curve {of}", "higher", metric(_auc)),
        Metric(
            "accuracy", "Accuracy", "share decided rightly", "higher", metric(_accuracy), "Acc."
        ),
        Metric(
            "sensitivity",
            "Sensitivity",
            f"sensitivity {of}",
            "higher",
            metric(_sensitivity),
            "Sens.",
        ),
        Metric(
            "specificity",
            "Specificity",
            f"specificity {of}",
            "higher",
            metric(_specificity),
            "Spec.",
        ),
        Metric("kappa", "Kappa", "Cohen's kappa", "higher", metric(_kappa)),
        Metric("log_loss", "Log loss", "mean log loss", "lower", metric(_log_loss), "Loss"),
        Metric("brier", "Brier", "mean Brier score", "lower", metric(_brier)),
    )
    graded = Metric(
        "quadratic_kappa",
        "Quadratic kappa",
        "quadratic-weighted kappa of the grades",
        "higher",
        metric(_quadratic_kappa),
        "QWK",
    )
    return MappingProxyType({each.name: each for each in ((graded,) * is_ordered + found)})


@dataclass(frozen=True)
class ClassFigures:
    """One class against the rest; NaN is undefined.

    Attributes:
        support: Units of the class.
        decided: Units decided for it.
        sensitivity: Share of its units that was decided for it.
        specificity: Share of the other units that was not.
        precision: Share of the units decided for it that are of it.
        auc: Area under the ROC curve of its probability.
    """

    support: int
    decided: int
    sensitivity: float
    specificity: float
    precision: float
    auc: float


def by_class(
    reference: ArrayLike, probabilities: ArrayLike, is_binary: bool = False
) -> tuple[ClassFigures, ...]:
    """Figures of each class, in the order of the columns.

    Args:
        reference: U class indices.
        probabilities: U units by K classes.
        is_binary: How a unit is decided; see ``class_counts.decide``.

    Returns:
        One a class; none where there is no unit or a value is not finite.

    Raises:
        ValueError: The shapes do not belong together, or an index names no class.
    """
    checked = checked_classes(reference, probabilities)
    if checked is None:
        return ()
    reference_U, probabilities_UK = checked
    num_classes = probabilities_UK.shape[1]
    decided_U = decide(probabilities_UK, is_binary)
    counts = ClassCounts.of(confusion_matrix(reference_U, decided_U, num_classes))
    sensitivities_K = counts.sensitivities()
    specificities_K, precisions_K = counts.specificities(), counts.precisions()
    return tuple(
        ClassFigures(
            support=int(counts.support[each]),
            decided=int(counts.decided[each]),
            sensitivity=float(sensitivities_K[each]),
            specificity=float(specificities_K[each]),
            precision=float(precisions_K[each]),
            auc=area_under_curve(reference_U == each, probabilities_UK[:, each]),
        )
        for each in range(num_classes)
    )
