"""Figures class by class, one class against the rest."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from foldgrid.scoring.class_counts import ClassCounts, confusion_matrix, decide
from foldgrid.scoring.class_metrics import checked_classes
from foldgrid.scoring.roc import area_under_curve


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
