"""Labels of photographs in, class probabilities out.

Shape letters: N samples, K classes of the network, J judged classes, U units, M models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foldgrid.metrics.classification import class_metrics
from foldgrid.metrics.regression import Metric
from foldgrid.specs.errors import InputError, Problem, did_you_mean
from foldgrid.specs.task import BinarySpec, Classes, ClassificationSpec, LabelSpec
from foldgrid.tasks.classification.grades import majority_grade, translate_grades
from foldgrid.tasks.scoring import FloatArray, Judged, Watched
from foldgrid.tasks.units import Noun, UnitTable

if TYPE_CHECKING:
    import pandas as pd


class LabelScoring:
    """What all tasks of classes share: a photograph is a unit, its truth the index of a class.

    Attributes:
        outputs_are: What the network's outputs are, for the methods text of a report.
        loss_is: What the loss is, likewise.

    Args:
        spec: The task's words, with its classes filled in; see ``resolved``.

    Raises:
        ValueError: The classes are not known yet.
    """

    judges: Judged = "classes"
    stratum = "label"
    noun = Noun("photograph", "photographs")
    shown = ("auc", "accuracy", "sensitivity", "specificity")
    exhibits: tuple[str, ...] = (
        "classes",
        "confusion",
        "roc",
        "calibration",
        "embedding",
        "published_classes",
    )
    watched = Watched("auc", "AUC", is_higher_better=True)
    target_names = ("label",)
    is_binary = False
    outputs_are = "one a class, made probabilities by a softmax"
    loss_is = "cross-entropy"

    def __init__(self, spec: LabelSpec) -> None:
        if not spec.classes:
            raise ValueError("the classes are not known: resolve the task with its samples first")
        self.spec = spec
        self.classes = tuple(spec.classes)
        self._index = {
            label: place for place, labels in enumerate(spec.classes.values()) for label in labels
        }

    @property
    def num_outputs(self) -> int:
        """K, the classes that the network tells apart."""
        return len(self.classes)

    @property
    def judged_classes(self) -> tuple[str, ...]:
        """J, the classes that models are judged by: the network's own, unless it says otherwise."""
        return self.classes

    @property
    def num_values(self) -> int:
        """J, a probability for each judged class."""
        return len(self.judged_classes)

    @property
    def prediction_names(self) -> tuple[str, ...]:
        """See ``Scoring``."""
        return tuple(f"predicted_{name}" for name in self.classes)

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """See ``Scoring``."""
        return class_metrics(len(self.judged_classes), is_binary=self.is_binary)

    def targets(self, samples: pd.DataFrame) -> FloatArray:
        """The index of each photograph's class, (N, 1)."""
        return np.array([[self._index[label]] for label in samples["label"]], np.float32).reshape(
            -1, 1
        )

    def graded_targets(self, samples: pd.DataFrame, num_grades: int) -> FloatArray:
        """The class that most of the first so many graders say; without any grade, the label's.

        Of classes with equally many votes the later one of the task's order wins, so a positive
        finding is not lost to a tie.

        Raises:
            ValueError: The samples have no grades, or grades that belong to no class.
        """
        columns = sorted(str(name) for name in samples if str(name).startswith("grade_"))
        if not columns:
            raise ValueError("the manifest has no columns grade_<grader>")
        words = self.spec.grades or {name: (name,) for name in self.classes}
        class_of = {word: name for name, given in words.items() for word in given}
        grades_NG = translate_grades(samples[columns].to_numpy(), class_of)
        names = [str(name) for name in samples["sample"]]
        voted = majority_grade(grades_NG, num_grades, names, order=self.classes)
        own = self.targets(samples)[:, 0]
        place = {name: index for index, name in enumerate(self.classes)}
        found = [place[vote] if vote else label for vote, label in zip(voted, own, strict=True)]
        return np.array(found, np.float32)[:, None]

    def target_columns(self, samples: pd.DataFrame) -> dict[str, NDArray[Any]]:
        """The manifest's labels."""
        return {"label": samples["label"].to_numpy()}

    def prediction_columns(self, outputs_NK: FloatArray) -> dict[str, NDArray[Any]]:
        """The softmax of the outputs: a probability for each class."""
        return dict(zip(self.prediction_names, softmax(outputs_NK).T, strict=True))

    def values(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """The probabilities of the judged classes; each row adds up to 1."""
        import pandas as pd

        probabilities_NK = predictions[list(self.prediction_names)].to_numpy(np.float64)
        values_NJ = self.judged(probabilities_NK)
        values_NJ = values_NJ / values_NJ.sum(axis=1, keepdims=True)
        return pd.DataFrame(values_NJ, predictions.index, list(self.judged_classes))

    def further_classes(
        self, probabilities_NK: NDArray[np.float64]
    ) -> dict[str, tuple[tuple[str, ...], NDArray[np.float64]]]:
        """What else than the judged classes the same probabilities tell of.

        Returns:
            By name, classes and (N, their number) a probability for each.
        """
        return {}

    def judged(self, probabilities_NK: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities of the judged classes, of those of the network's."""
        return probabilities_NK

    def judged_index(self, labels: Sequence[str]) -> NDArray[np.int64]:
        """The index of the judged class of each label."""
        return np.array([self._index[label] for label in labels], np.int64)

    def reference(self, targets: pd.DataFrame) -> pd.Series[Any]:
        """The index of the judged class."""
        import pandas as pd

        values = self.judged_index(targets["label"].tolist())
        return pd.Series(values, index=targets.index, name="reference")

    def parts(self, samples: pd.DataFrame) -> frozenset[str]:
        """Nothing: a photograph is a unit."""
        return frozenset()

    def units(
        self,
        samples: pd.DataFrame,
        predicted: pd.DataFrame,
        parts: frozenset[str],
    ) -> UnitTable:
        """The photographs, ordered by subject and sample.

        Args:
            samples: By sample: subject, fold, ``reference``, and what else there is.
            predicted: By the same samples and by model the probabilities of the judged classes.
            parts: Nothing.
        """
        kept = samples.rename_axis("sample").reset_index().sort_values(["subject", "sample"])
        order = kept["sample"].tolist()
        units = kept.assign(unit=kept["sample"], fold=kept["fold"].fillna(-1).astype(int))
        return UnitTable(units.reset_index(drop=True), predicted.loc[order].reset_index(drop=True))

    def evaluate(self, samples: pd.DataFrame, outputs_NK: FloatArray) -> dict[str, float]:
        """The metrics that a table shows, of the judged classes."""
        if len(samples) == 0:
            return {}
        reference_N = self.judged_index(samples["label"].tolist())
        probabilities_NJ = self.judged(softmax(outputs_NK))
        return {name: self.metrics[name](reference_N, probabilities_NJ) for name in self.shown}


class ClassScoring(LabelScoring):
    """Which of several classes a photograph shows."""

    @staticmethod
    def resolved(spec: ClassificationSpec, samples: pd.DataFrame) -> ClassificationSpec:
        """The task with its classes: those it names, or every label of the samples.

        Raises:
            InputError: A label belongs to no class, or a class has no photograph.
        """
        labels = label_counts(samples)
        classes = spec.classes or {label: (label,) for label in sorted(labels)}
        check_labels(classes, labels)
        return spec.model_copy(update={"classes": classes})


class BinaryScoring(LabelScoring):
    """Whether a photograph shows a finding; the positive class comes last."""

    is_binary = True
    exhibits = (*LabelScoring.exhibits, "operating")
    spec: BinarySpec

    @staticmethod
    def resolved(spec: BinarySpec, samples: pd.DataFrame) -> BinarySpec:
        """The task with its two classes: the positive labels, and all others.

        Raises:
            InputError: A positive label does not occur, or nothing else does.
        """
        labels = label_counts(samples)
        if spec.classes:
            check_labels(spec.classes, labels)
            return spec
        if missing := [label for label in spec.positive if label not in labels]:
            hint = did_you_mean(missing[0], labels)
            message = f'no photograph has the label "{missing[0]}". {hint}'
            raise InputError("task", [Problem("positive", "", message)])
        others = tuple(sorted(set(labels) - set(spec.positive)))
        if not others:
            message = "every photograph is positive; a second label is needed to tell it from."
            raise InputError("task", [Problem("positive", "", message)])
        names = "_or_".join(others), "_or_".join(spec.positive)
        classes = dict(zip(names, (others, spec.positive), strict=True))
        return spec.model_copy(update={"classes": classes})


def softmax(outputs_NK: NDArray[Any]) -> NDArray[np.float64]:
    """Outputs to probabilities, each row adding up to 1."""
    shifted = np.asarray(outputs_NK, np.float64)
    shifted = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def label_counts(samples: pd.DataFrame) -> dict[str, int]:
    """How many photographs each label has."""
    return {str(label): int(number) for label, number in samples["label"].value_counts().items()}


def check_labels(classes: Classes, labels: Mapping[str, int]) -> None:
    """Checks that classes and the manifest's labels are about the same.

    Raises:
        InputError: A label belongs to no class, or a class has no photograph; all of them.
    """
    known = {label for given in classes.values() for label in given}
    problems = [
        Problem("classes", "", f'the label "{label}" ({labels[label]} photographs) is in no class.')
        for label in sorted(set(labels) - known)
    ]
    problems += [
        Problem("classes", name, f"no photograph has {' or '.join(given)}.")
        for name, given in classes.items()
        if not set(given) & set(labels)
    ]
    if problems:
        advice = f"The manifest's labels: {', '.join(sorted(labels))}."
        raise InputError("task", problems, advice)
