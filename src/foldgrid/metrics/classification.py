"""The metrics of class probabilities.

U units, M models, K classes, R weightings of the subjects. What cannot be computed is NaN, never
an error:

    no unit at all, or a value that is not finite     every metric is NaN
    a single class in the reference                   AUC is NaN; so is specificity, and a binary
                                                      metric that asks for the missing class
    one class in the reference, all decided for it    kappa is NaN
    one class in the reference, or among the decided  MCC is NaN

With several classes, AUC, sensitivity and specificity are the plain mean of one-vs-rest values
over the classes that occur in the reference (macro average); their mean sensitivity is the
balanced accuracy. A binary task has a positive class, the last of two, and its AUC, sensitivity
and specificity are of that class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldgrid.metrics.checked import checked_classes
from foldgrid.metrics.computations import Checked, OfCounts, OfWeights
from foldgrid.metrics.counts import (
    POSITIVE,
    ClassCounts,
    confusion_matrix,
    decide,
    mean_over_occurring,
    of_positive_or_mean,
    quotient,
)
from foldgrid.metrics.curves import OfRocCurves, average_precisions
from foldgrid.metrics.roc import area_under_curve
from foldgrid.metrics.sums import Drawn, Quantity, SubjectSums
from foldgrid.specs.metric import METRICS, Metric, Target

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEAST_PROBABILITY = 1e-6
"""A smaller probability counts as this in a logarithm: a sure mistake is not infinitely bad."""


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


def _of_reference(reference_U: IntArray, probabilities_UK: FloatArray) -> FloatArray:
    """The probability of each unit's own class."""
    between = (1,) * (probabilities_UK.ndim - 2)
    places = reference_U.reshape(-1, *between, 1)
    return np.take_along_axis(probabilities_UK, places, axis=-1)[..., 0]


@dataclass(frozen=True)
class OfLosses(Checked):
    """The mean of one of two losses of each unit: the log loss, or the Brier score."""

    place: int

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What is summed up."""
        return (LOSSES,)

    def _value(self, metric: Metric, reference_U: IntArray, predicted: FloatArray) -> float:
        return float(unit_losses(metric.target, reference_U, predicted)[self.place].mean())

    def resampled(self, metric: Metric, drawn: Drawn) -> FloatArray:
        """See ``Checked``."""
        return quotient(drawn.totals(LOSSES)[:, self.place], drawn.num_units[:, None])


def unit_losses(
    target: Target, reference_U: IntArray, predicted: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Each unit's log loss and Brier score."""
    brier = unit_brier_scores(reference_U, predicted, target.is_binary)
    return unit_log_losses(reference_U, predicted), brier


def _losses(units: SubjectSums) -> FloatArray:
    pair = unit_losses(units.target, units.reference_U, units.predicted)
    return np.stack(pair, axis=1)


LOSSES = Quantity(_losses)
"""(U, 2, M) Both losses of each unit."""


def _sensitivity(target: Target, counts: ClassCounts) -> FloatArray:
    values = counts.sensitivities()
    return of_positive_or_mean(target, values, counts.support, needs_others=False)


def _specificity(target: Target, counts: ClassCounts) -> FloatArray:
    return of_positive_or_mean(target, counts.specificities(), counts.support)


def _balanced_accuracy(_target: Target, counts: ClassCounts) -> FloatArray:
    return mean_over_occurring(counts.sensitivities(), counts.support, needs_others=False)


def _positives(reference_U: IntArray, _: FloatArray, weights_RU: FloatArray) -> FloatArray:
    """(R,) Positives that were drawn."""
    return np.asarray(weights_RU @ (reference_U == POSITIVE))


MEAN, OF_POSITIVE = "one-vs-rest, mean over classes", "of the positive class"
OURS = (
    Metric(
        name="auc",
        title="AUC",
        description=f"area under the ROC curve {MEAN}, within folds",
        of_positive=f"area under the ROC curve {OF_POSITIVE}, within folds",
        direction="higher",
        compute=OfRocCurves(),
        suits="classes",
        lowest=0.0,
        highest=1.0,
        source="Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747",
    ),
    Metric(
        name="auc_pooled",
        title="Pooled AUC",
        description=f"area under the ROC curve {MEAN}, units of all folds compared",
        of_positive=f"area under the ROC curve {OF_POSITIVE}, units of all folds compared",
        direction="higher",
        compute=OfRocCurves(is_within_folds=False),
        suits="classes",
        short="Pool.",
        lowest=0.0,
        highest=1.0,
        source="Parker, Guenter and Bedo 2007, doi:10.1186/1471-2105-8-326",
    ),
    Metric(
        name="accuracy",
        title="Accuracy",
        description="fraction decided rightly",
        direction="higher",
        compute=OfCounts(lambda _, counts: counts.accuracy()),
        suits="classes",
        short="Acc.",
        lowest=0.0,
        highest=1.0,
    ),
    Metric(
        name="sensitivity",
        title="Sensitivity",
        description=f"sensitivity {MEAN}",
        of_positive=f"sensitivity {OF_POSITIVE}",
        direction="higher",
        compute=OfCounts(_sensitivity, "own"),
        suits="classes",
        short="Sens.",
        lowest=0.0,
        highest=1.0,
    ),
    Metric(
        name="specificity",
        title="Specificity",
        description=f"specificity {MEAN}",
        of_positive=f"specificity {OF_POSITIVE}",
        direction="higher",
        compute=OfCounts(_specificity, "other"),
        suits="classes",
        short="Spec.",
        lowest=0.0,
        highest=1.0,
    ),
    Metric(
        name="kappa",
        title="Kappa",
        description="Cohen's kappa",
        direction="higher",
        compute=OfCounts(lambda _, counts: counts.kappa()),
        suits="classes",
        lowest=-1.0,
        highest=1.0,
        source="Cohen 1960, doi:10.1177/001316446002000104",
    ),
    Metric(
        name="log_loss",
        title="Log loss",
        description="mean log loss",
        direction="lower",
        compute=OfLosses(0),
        suits="classes",
        short="Loss",
        highest=float(-np.log(LEAST_PROBABILITY)),
        lowest=0.0,
    ),
    Metric(
        name="brier",
        title="Brier",
        description="mean Brier score",
        direction="lower",
        compute=OfLosses(1),
        suits="classes",
        highest=2.0,
        lowest=0.0,
        source="Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
    ),
    Metric(
        name="quadratic_kappa",
        title="Quadratic kappa",
        description="quadratic-weighted kappa of the ordered classes",
        direction="higher",
        compute=OfCounts(lambda _, counts: counts.quadratic_kappa()),
        suits="ordered",
        short="QWK",
        lowest=-1.0,
        highest=1.0,
        source="Cohen 1968, doi:10.1037/h0026256",
    ),
    Metric(
        name="balanced_accuracy",
        title="Balanced accuracy",
        description="mean sensitivity of the classes",
        direction="higher",
        compute=OfCounts(_balanced_accuracy, "each"),
        suits="classes",
        short="BAcc.",
        lowest=0.0,
        highest=1.0,
        source="Brodersen et al. 2010, doi:10.1109/ICPR.2010.764",
    ),
    Metric(
        name="average_precision",
        title="Average precision",
        description="average precision of the positive class, within folds",
        direction="higher",
        compute=OfWeights(average_precisions, "both", _positives),
        suits="binary",
        short="AP",
        lowest=0.0,
        highest=1.0,
        source="Davis and Goadrich 2006, doi:10.1145/1143844.1143874",
    ),
    Metric(
        name="mcc",
        title="MCC",
        description="Matthews correlation coefficient",
        direction="higher",
        compute=OfCounts(lambda _, counts: counts.matthews_correlation()),
        suits="classes",
        lowest=-1.0,
        highest=1.0,
        source="Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006",
    ),
)
CLASS_METRICS = (
    "auc",
    "auc_pooled",
    "accuracy",
    "sensitivity",
    "specificity",
    "kappa",
    "log_loss",
    "brier",
)
"""What a ranking of classes holds unless more is asked for; its first metric orders it."""

ORDINAL_METRICS = ("quadratic_kappa", *CLASS_METRICS)
"""The same of ordered classes."""


def class_metrics(
    num_classes: int, is_binary: bool = False, is_ordered: bool = False
) -> Mapping[str, Metric]:
    """The metrics that a ranking of classes holds, by name.

    Args:
        num_classes: K, 2 or more.
        is_binary: Of two classes the last is the positive one.
        is_ordered: The classes are ordered, from the lowest to the highest.

    Raises:
        ValueError: Fewer than two classes, or a binary task with more.
    """
    if num_classes < 2 or (is_binary and num_classes != 2):
        raise ValueError(f"{num_classes} classes cannot be evaluated (is_binary={is_binary})")
    target = Target("classes", num_classes, is_binary, is_ordered)
    names = ORDINAL_METRICS if is_ordered else CLASS_METRICS
    return {name: METRICS[name].of(target) for name in names}


@dataclass(frozen=True)
class ClassMetrics:
    """One class against the rest; NaN is undefined.

    Attributes:
        support: Units of the class.
        decided: Units decided for it.
        sensitivity: Fraction of its units that was decided for it.
        specificity: Fraction of the other units that was not.
        precision: Fraction of the units decided for it that are of it.
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
) -> tuple[ClassMetrics, ...]:
    """Values of each class, in the order of the columns.

    Args:
        reference: U class indices.
        probabilities: U units by K classes.
        is_binary: How a unit is decided; see ``counts.decide``.

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
        ClassMetrics(
            support=int(counts.support[each]),
            decided=int(counts.decided[each]),
            sensitivity=float(sensitivities_K[each]),
            specificity=float(specificities_K[each]),
            precision=float(precisions_K[each]),
            auc=area_under_curve(reference_U == each, probabilities_UK[:, each]),
        )
        for each in range(num_classes)
    )
