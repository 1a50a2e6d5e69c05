"""Classes in an order, such as grades of severity: the words, and what they mean.

The network has one output fewer than there are classes: the log-odds of being beyond the first,
beyond the second, and so on (Frank and Hall 2001). Shape letters: N samples, T targets, K outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from foldgrid.metrics import ORDINAL_METRICS
from foldgrid.specs.heads import OutputKind
from foldgrid.tasks.classification.scoring import LabelScoring, check_labels, label_counts
from foldgrid.tasks.classification.spec import DistinctClasses, LabelSpec
from foldgrid.tasks.scoring import FloatArray, Monitored

if TYPE_CHECKING:
    import pandas as pd

    from foldgrid.tasks.losses import Tensor


class OrdinalSpec(LabelSpec):
    """Which of several grades a photograph shows.

    Attributes:
        name: ``ordinal``.
        classes: The grades from the lowest to the highest: a list of labels, or by grade the
            labels that it is made of. Empty takes the manifest's labels: numbers by value, then
            words by the alphabet.
    """

    name: Literal["ordinal"] = "ordinal"
    classes: DistinctClasses = Field(default_factory=dict)


class OrdinalScoring(LabelScoring):
    """Grades from the chances of being beyond each but the last; ordered by quadratic kappa."""

    outputs_are = "one for each threshold between the classes"
    loss_is = "binary cross-entropy of every threshold"
    is_ordered = True
    output_kind: OutputKind | None = "thresholds"
    standard_metrics = ORDINAL_METRICS
    shown = ("quadratic_kappa", "auc", "accuracy", "sensitivity")
    monitored = Monitored("quadratic_kappa", "QWK", is_higher_better=True)
    spec: OrdinalSpec

    @staticmethod
    def resolved(spec: OrdinalSpec, samples: pd.DataFrame) -> OrdinalSpec:
        """The task with its grades: those it names, or every label of the samples.

        Raises:
            InputError: A label belongs to no grade, or a grade has no photograph.
        """
        labels = label_counts(samples)
        classes = spec.classes or {label: (label,) for label in sorted(labels, key=_by_value)}
        check_labels(classes, labels)
        return spec.model_copy(update={"classes": classes})

    @property
    def num_outputs(self) -> int:
        """K, the thresholds between the grades."""
        return len(self.classes) - 1

    @property
    def decided(self) -> str:
        """See ``LabelScoring``."""
        return (
            "They are ordered, from the lowest to the highest: in the quadratic-weighted kappa a "
            f"mistake by two of them weighs four times one by a single one. {super().decided}"
        )

    def probabilities(self, outputs_NK: FloatArray) -> NDArray[np.float64]:
        """The probability of each grade: what lies between two thresholds."""
        beyond = 1 / (1 + np.exp(-np.asarray(outputs_NK, np.float64)))
        # Nothing keeps the thresholds in order but the data; where they are not, none is negative.
        beyond = np.minimum.accumulate(beyond, axis=1)
        ends = np.ones((len(beyond), 1)), np.zeros((len(beyond), 1))
        return np.asarray(-np.diff(np.hstack([ends[0], beyond, ends[1]]), axis=1))

    def loss(self, outputs_BK: Tensor, targets_BT: Tensor) -> Tensor:
        """Binary cross-entropy of every threshold."""
        from foldgrid.tasks.losses import threshold_cross_entropy

        return threshold_cross_entropy(outputs_BK, targets_BT)

    def start_bias(self, targets_NT: FloatArray) -> FloatArray:
        """The log-odds of being beyond each threshold; a fraction of none or all counts as 1 %."""
        beyond = (targets_NT > np.arange(self.num_outputs)).mean(axis=0).clip(0.01, 0.99)
        return np.asarray(np.log(beyond / (1 - beyond)), np.float32)


def _by_value(label: str) -> tuple[bool, float, str]:
    try:
        return False, float(label), label
    except ValueError:
        return True, 0.0, label
