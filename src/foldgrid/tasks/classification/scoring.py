"""Labels of photographs in, class probabilities out.

Shape letters: N samples, K classes of the network, J evaluated classes, U units, M models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foldgrid.metrics import CLASS_METRICS
from foldgrid.specs.errors import InputError, Problem, did_you_mean
from foldgrid.specs.heads import OutputKind
from foldgrid.specs.metric import TargetKind
from foldgrid.tasks.classification.annotations import majority_label, translate_annotations
from foldgrid.tasks.classification.spec import (
    BinarySpec,
    Classes,
    ClassificationSpec,
    LabelSpec,
)
from foldgrid.tasks.scale import Scale
from foldgrid.tasks.scoring import FloatArray, Monitored, Scoring
from foldgrid.tasks.units import UnitTable

if TYPE_CHECKING:
    import pandas as pd

    from foldgrid.tasks.losses import Tensor


class LabelScoring(Scoring):
    """What all tasks of classes share: a photograph is a unit, its truth the index of a class.

    Args:
        spec: The task's words, with its classes filled in; see ``resolved``.

    Raises:
        ValueError: The classes are not known yet.
    """

    target_kind: TargetKind = "classes"
    output_kind: OutputKind | None = "classes"
    stratum = "label"
    balanced = "labels"
    baseline = "class_shares"
    report = "classes"
    scale = Scale(0.0, 1.0)
    standard_metrics: tuple[str, ...] = CLASS_METRICS
    shown = ("auc", "accuracy", "sensitivity", "specificity")
    exhibits: tuple[str, ...] = (
        "classes",
        "confusion",
        "roc",
        "calibration",
        "embedding",
        "published_classes",
    )
    monitored = Monitored("auc", "AUC", is_higher_better=True, decimals=3)
    target_names = ("label",)
    outputs_are = "one a class, made probabilities by a softmax"
    loss_is = "cross-entropy"
    spec: LabelSpec

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
    def evaluated_classes(self) -> tuple[str, ...]:
        """J, the classes that models are evaluated by: the network's, unless it says otherwise."""
        return self.classes

    @property
    def num_values(self) -> int:
        """J, a probability for each evaluated class."""
        return len(self.evaluated_classes)

    @property
    def prediction_names(self) -> tuple[str, ...]:
        """See ``Scoring``."""
        return tuple(f"predicted_{name}" for name in self.classes)

    def targets(self, samples: pd.DataFrame) -> FloatArray:
        """The index of each photograph's class, (N, 1)."""
        return np.array([[self._index[label]] for label in samples["label"]], np.float32).reshape(
            -1, 1
        )

    def rated_targets(self, samples: pd.DataFrame, num_raters: int) -> FloatArray:
        """The class that most of the first so many raters say; without any annotation, the label's.

        Of classes with equally many votes the later one of the task's order wins, so a positive
        finding is not lost to a tie.

        Raises:
            ValueError: The samples have no annotations, or annotations that belong to no class.
        """
        columns = sorted(str(name) for name in samples if str(name).startswith("grade_"))
        if not columns:
            raise ValueError("the manifest has no columns grade_<rater>")
        words = self.spec.annotations or {name: (name,) for name in self.classes}
        class_of = {word: name for name, given in words.items() for word in given}
        labels_NR = translate_annotations(samples[columns].to_numpy(), class_of)
        names = [str(name) for name in samples["sample"]]
        voted = majority_label(labels_NR, num_raters, names, order=self.classes)
        own = self.targets(samples)[:, 0]
        place = {name: index for index, name in enumerate(self.classes)}
        found = [place[vote] if vote else label for vote, label in zip(voted, own, strict=True)]
        return np.array(found, np.float32)[:, None]

    def target_columns(self, samples: pd.DataFrame) -> dict[str, NDArray[Any]]:
        """The manifest's labels."""
        return {"label": samples["label"].to_numpy()}

    def probabilities(self, outputs_NK: FloatArray) -> NDArray[np.float64]:
        """The probability of each of the network's classes: the softmax of the outputs."""
        return softmax(outputs_NK)

    def prediction_columns(self, outputs_NK: FloatArray) -> dict[str, NDArray[Any]]:
        """A probability for each class."""
        return dict(zip(self.prediction_names, self.probabilities(outputs_NK).T, strict=True))

    def values(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """The probabilities of the evaluated classes; each row adds up to 1."""
        import pandas as pd

        probabilities_NK = predictions[list(self.prediction_names)].to_numpy(np.float64)
        values_NJ = self.evaluated(probabilities_NK)
        values_NJ = values_NJ / values_NJ.sum(axis=1, keepdims=True)
        return pd.DataFrame(values_NJ, predictions.index, list(self.evaluated_classes))

    def evaluated(self, probabilities_NK: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities of the evaluated classes, of those of the network's."""
        return probabilities_NK

    def evaluated_index(self, labels: Sequence[str]) -> NDArray[np.int64]:
        """The index of the evaluated class of each label."""
        return np.array([self._index[label] for label in labels], np.int64)

    def reference(self, targets: pd.DataFrame) -> pd.Series[Any]:
        """The index of the evaluated class."""
        import pandas as pd

        values = self.evaluated_index(targets["label"].tolist())
        return pd.Series(values, index=targets.index, name="reference")

    def evaluate(self, samples: pd.DataFrame, outputs_NK: FloatArray) -> dict[str, float]:
        """The metrics that a table shows, of the evaluated classes."""
        if len(samples) == 0:
            return {}
        reference_N = self.evaluated_index(samples["label"].tolist())
        probabilities_NJ = self.evaluated(self.probabilities(outputs_NK))
        return {name: self.metrics[name](reference_N, probabilities_NJ) for name in self.shown}

    def loss(self, outputs_BK: Tensor, targets_BT: Tensor) -> Tensor:
        """Cross-entropy of the softmax of the outputs."""
        from foldgrid.tasks.losses import cross_entropy

        return cross_entropy(outputs_BK, targets_BT)

    def start_bias(self, targets_NT: FloatArray) -> FloatArray:
        """The log class frequencies; a class without a sample counts as half a one."""
        counts_K = np.bincount(targets_NT[:, 0].astype(np.int64), minlength=self.num_outputs)
        fractions_K = np.maximum(counts_K, 0.5) / counts_K.sum()
        return np.asarray(np.log(fractions_K), np.float32)

    def decimals(self, metric: str) -> int:
        """Three of an AUC, since good ones lie near 1; two of all others."""
        return 3 if metric == "auc" else 2

    def reported(self, table: UnitTable, model: str) -> pd.DataFrame:
        """``subject``, ``photograph``, ``reference`` (the class's index), ``predicted_<class>``."""
        columns = ["subject", "unit", "reference"]
        photographs = table.units[columns].rename(columns={"unit": "photograph"})
        return photographs.join(table.predicted[model].add_prefix("predicted_"))

    def explained(self, parts: frozenset[str]) -> str:
        """The classes, and what is decided for."""
        return f"{self.distinguished} {self.decided}"

    @property
    def distinguished(self) -> str:
        """Which classes the models give a probability, a sentence."""
        return (
            f"The models give each {self.unit_name.one} a probability for "
            f"{', '.join(self.evaluated_classes)}."
        )

    @property
    def decided(self) -> str:
        """What is decided for, and what AUC, sensitivity and specificity are of; a sentence."""
        return (
            "AUC, sensitivity and specificity are means over the classes, each against the rest; "
            "the likeliest class is decided for."
        )

    @property
    def classes_are(self) -> str:
        """Which labels each class is made of, a sentence."""
        parts = [
            f"{name} ({', '.join(labels)})" if tuple(labels) != (name,) else name
            for name, labels in self.spec.classes.items()
        ]
        listed = " and ".join([", ".join(parts[:-1]), parts[-1]]) if parts[1:] else parts[0]
        return f"The classes are {listed}."

    def stacking_words(self, num_meta_learners: int) -> str:
        """What is combined."""
        return (
            f"{num_meta_learners} meta-learners combine the base learners' class probabilities; "
            "`mean` is the plain ensemble."
        )

    def other_truth(self, reference: pd.Series[Any]) -> pd.Series[Any]:
        """The next class."""
        return (reference + 1) % self.num_values

    def other_values(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The order of the classes reversed."""
        return values[:, ::-1]


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

    @property
    def aims(self) -> Mapping[str, float]:
        """See ``Scoring``."""
        return {"sensitivity": self.spec.sensitivity, "specificity": self.spec.specificity}

    @property
    def decided(self) -> str:
        """See ``LabelScoring``."""
        return f"Sensitivity is of {self.classes[1]}, decided at a probability of 0.5."

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
