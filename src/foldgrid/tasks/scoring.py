"""A task: what is predicted, what predictions mean, how they count, how a network learns them.

One class a task, made from its words; what a task does not say, the classes here say for it.

Rules, kept by every task: ``targets``, ``target_columns`` and ``prediction_columns`` give one row a
sample, in the samples' order; ``values`` of a perfect network's predictions equal what
``reference`` says; every unit's samples are of one subject; all metrics of perfect values are at
their best; ``loss`` is a mean over the batch, so that parts of a batch can be added up, and at its
lowest for perfect outputs; no other bias alone costs less than ``start_bias``; nothing is clipped
that lies within ``scale``.

Knows torch by `foldgrid.tasks.losses` alone, which is imported when a loss is asked for.
Shape letters: B batch, N samples, T targets, K outputs, U units.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from foldgrid.metrics import NUMBER_METRICS
from foldgrid.specs.heads import OutputKind
from foldgrid.specs.metric import Metric, Target, TargetKind, metrics_of
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.scale import Scale
from foldgrid.tasks.units import UnitName, UnitTable

if TYPE_CHECKING:
    import pandas as pd

    from foldgrid.tasks.losses import Tensor

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Monitored:
    """What one fit is evaluated by while a sweep trains.

    Attributes:
        key: One of what ``Scoring.evaluate`` gives.
        title: What people call it.
        is_higher_better: Its direction.
        decimals: Digits after the point that are shown of it.
    """

    key: str
    title: str
    is_higher_better: bool = False
    decimals: int = 2


class Scoring(ABC):
    """A prediction task at work: its targets, metrics and words.

    Args:
        spec: The task's words, resolved; see ``resolved``.

    Attributes:
        target_kind: Whether a unit's truth is a number or a class.
        is_binary: Whether there are two classes of which the last is the positive one.
        is_ordered: Whether the classes are ordered, from the lowest to the highest.
        output_kind: What the network's outputs are, as far as a head that is solved has to know;
            none where only training by ``loss`` finds them.
        standard_metrics: The metrics that a ranking holds unless more is asked for, by name; the
            first orders it.
        stratum: The column of the samples whose values a split should balance.
        balanced: What these are, for people: ``labels``.
        unit_name: What a unit is called.
        shown: The metrics that a table shows, in the order of its columns.
        baseline: The name of the model that says the same for everybody.
        unit: What evaluated numbers are counted in, such as ``months``; "" for pure numbers.
        metrics_are_of: Of what a value is where that is not the samples' values: `` of the
            visits' PASI``.
        yardstick: What a value is held against, a sentence; "" where nothing is known.
        report: Which words a report has: ``numbers``, ``classes`` or ``pasi``.
        exhibits: The exhibits of a report that only some tasks have, by name; the page has them in
            its own order.
        published: The study whose table the ranking is shown beside; "" for none.
    """

    target_kind: TargetKind
    is_binary = False
    is_ordered = False
    output_kind: OutputKind | None = None
    standard_metrics: tuple[str, ...]
    stratum: str
    balanced: str
    unit_name = UnitName("photograph", "photographs")
    shown: tuple[str, ...]
    baseline: str
    report: str
    exhibits: tuple[str, ...] = ()
    unit = ""
    metrics_are_of = ""
    yardstick = ""
    published = ""
    spec: TaskSpec

    @staticmethod
    def resolved(spec: Any, samples: pd.DataFrame) -> TaskSpec:
        """The words with what only the data can tell, such as the classes.

        What it returns goes into the fits' ids, and comes back unchanged when resolved again.

        Args:
            spec: As the sweep says it.
            samples: All samples, with their ``partition``.

        Raises:
            InputError: The data do not have what the task asks for.
        """
        words: TaskSpec = spec
        return words

    @property
    def aims(self) -> Mapping[str, float]:
        """What operating points must reach: a ``sensitivity``, a ``specificity``, or nothing."""
        return {}

    def further_classes(
        self, probabilities_NK: NDArray[np.float64]
    ) -> dict[str, tuple[tuple[str, ...], NDArray[np.float64]]]:
        """What else than the evaluated classes the same probabilities tell of.

        Returns:
            By name, classes and (N, their number) a probability for each.
        """
        return {}

    def learned(self, samples: pd.DataFrame) -> dict[str, float]:
        """What only a fit's own training samples tell; kept in its record, no part of its id.

        Args:
            samples: What the fit trains on.
        """
        return {}

    def with_learned(self, facts: Mapping[str, float]) -> Self:
        """The task as a fit uses it that learned these facts."""
        return self

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """K, the size of the network's last layer."""

    @property
    @abstractmethod
    def scale(self) -> Scale:
        """Where ``values`` lie."""

    @property
    @abstractmethod
    def target_names(self) -> tuple[str, ...]:
        """The columns of ``predictions.parquet`` that hold the truth."""

    @property
    def prediction_names(self) -> tuple[str, ...]:
        """The columns of ``predictions.parquet`` that hold what was predicted."""
        return tuple(f"predicted_{name}" for name in self.target_names)

    @property
    @abstractmethod
    def num_values(self) -> int:
        """Numbers that are evaluated of a unit: 1, or one for each class."""

    @property
    def target(self) -> Target:
        """What the units are evaluated by, as metrics know it."""
        num_classes = self.num_values if self.target_kind == "classes" else 0
        return Target(self.target_kind, num_classes, self.is_binary, self.is_ordered, self.unit)

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """Every metric that can be computed here by name, the standard ones first."""
        return metrics_of(self.target, self.standard_metrics)

    def measured(self, *further: str) -> dict[str, Metric]:
        """The standard metrics, and further ones after them.

        Args:
            further: Names of ``metrics``.
        """
        names = dict.fromkeys((*self.standard_metrics, *further))
        return {name: self.metrics[name] for name in names}

    @property
    @abstractmethod
    def monitored(self) -> Monitored:
        """What a fit's progress is reported by."""

    def decimals(self, metric: str) -> int:
        """Digits after the point that people are shown of a metric."""
        return 2

    @property
    @abstractmethod
    def outputs_are(self) -> str:
        """What the network's outputs are: ``one a class, made probabilities by a softmax``."""

    @property
    @abstractmethod
    def loss_is(self) -> str:
        """What the loss is: ``cross-entropy``."""

    @abstractmethod
    def loss(self, outputs_BK: Tensor, targets_BT: Tensor) -> Tensor:
        """The training loss, a scalar."""

    @abstractmethod
    def start_bias(self, targets_NT: FloatArray) -> FloatArray:
        """(K,) The bias of a last layer that says the same for every picture, as well as can be.

        Args:
            targets_NT: The training samples' targets.
        """

    @abstractmethod
    def targets(self, samples: pd.DataFrame) -> FloatArray:
        """What is to be predicted, (N, T)."""

    def rated_targets(self, samples: pd.DataFrame, num_raters: int) -> FloatArray:
        """(N, T) Targets by the majority of so many raters' opinions.

        Raises:
            ValueError: The task or the samples know no raters.
        """
        raise ValueError("this task has one opinion of each sample, no annotations")

    @abstractmethod
    def target_columns(self, samples: pd.DataFrame) -> dict[str, NDArray[Any]]:
        """The truth by ``target_names``, in the units that people use."""

    @abstractmethod
    def prediction_columns(self, outputs_NK: FloatArray) -> dict[str, NDArray[Any]]:
        """A network's outputs by ``prediction_names``, in the units that people use."""

    @abstractmethod
    def values(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """What is evaluated of predictions: a column of numbers, or a column of probabilities each.

        Args:
            predictions: ``prediction_names``, by sample; of several fits, their means.
        """

    @abstractmethod
    def reference(self, targets: pd.DataFrame) -> pd.Series[Any]:
        """The truth that ``values`` is evaluated by, of a table with ``target_names``."""

    def parts(self, samples: pd.DataFrame) -> frozenset[str]:
        """What a unit of these samples is made of; empty where a sample is a unit."""
        return frozenset()

    def units(
        self, samples: pd.DataFrame, predicted: pd.DataFrame, parts: frozenset[str]
    ) -> UnitTable:
        """Samples to units: here each is one, ordered by subject and sample.

        Args:
            samples: By sample: its subject, fold, what tells units apart, and ``reference``.
            predicted: By the same samples, the ``values`` of each model; see ``UnitTable``.
            parts: From ``parts`` of all samples; a unit that lacks one is left out.
        """
        kept = samples.rename_axis("sample").reset_index().sort_values(["subject", "sample"])
        order = kept["sample"].tolist()
        units = kept.assign(unit=kept["sample"], fold=kept["fold"].fillna(-1).astype(int))
        return UnitTable(units.reset_index(drop=True), predicted.loc[order].reset_index(drop=True))

    @abstractmethod
    def evaluate(self, samples: pd.DataFrame, outputs_NK: FloatArray) -> dict[str, float]:
        """Metrics of a network's outputs for ``samples``, by name, for each epoch."""

    @abstractmethod
    def reported(self, table: UnitTable, model: str) -> pd.DataFrame:
        """What one model predicted beside the truth, a row a unit, in columns for people."""

    @abstractmethod
    def explained(self, parts: frozenset[str]) -> str:
        """What the models predict and what the values compare, in sentences."""

    @abstractmethod
    def stacking_words(self, num_meta_learners: int) -> str:
        """How so many meta-learners combine the base learners, a sentence or two."""

    @abstractmethod
    def other_truth(self, reference: pd.Series[Any]) -> pd.Series[Any]:
        """Another truth for each sample, to see who looks at it."""

    @abstractmethod
    def other_values(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predictions that say something else, likewise; (N, ``num_values``)."""


class NumberScoring(Scoring):
    """What all tasks of numbers share: a number a unit, evaluated by its distance from truth."""

    target_kind: TargetKind = "numbers"
    output_kind: OutputKind | None = "numbers"
    num_values = 1
    standard_metrics = NUMBER_METRICS
    shown = ("mae", "mse", "pcc", "ccc")
    baseline = "predict_the_mean"
    report = "numbers"
    exhibits: tuple[str, ...] = ("number_agreement",)

    def decimals(self, metric: str) -> int:
        """Down to a hundredth of the scale's step, and of its square."""
        finest = self.scale.decimals
        if metric == "mse":
            return max(0, 2 * finest - 2)
        return finest if self.metrics[metric].is_in_unit else 2

    def other_truth(self, reference: pd.Series[Any]) -> pd.Series[Any]:
        """The scale upside down."""
        import pandas as pd

        scale = self.scale.over(reference.to_numpy())
        return pd.Series(scale.mirrored(reference.to_numpy()), index=reference.index)

    def other_values(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scale upside down."""
        return self.scale.over(values).mirrored(values)


def by_model(values: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The values of several models side by side: see ``UnitTable.predicted``.

    Args:
        values: By model, what ``Scoring.values`` gave; all of the same columns.
    """
    import pandas as pd

    if any(table.shape[1] != 1 for table in values.values()):
        return pd.concat(values, axis=1)
    return pd.DataFrame({name: table.iloc[:, 0] for name, table in values.items()})


def evaluated_units(scoring: Scoring, samples: pd.DataFrame, outputs_NK: FloatArray) -> UnitTable:
    """What a ranking would compare, of one network's outputs.

    Args:
        scoring: The task's.
        samples: A row a sample: ``sample``, subject, fold, and what is to be predicted.
        outputs_NK: The network's outputs for them.

    Returns:
        The units; their one model is called ``predicted``.
    """
    return predicted_units(scoring, samples, scoring.prediction_columns(outputs_NK))


def predicted_units(
    scoring: Scoring, samples: pd.DataFrame, columns: Mapping[str, NDArray[Any]]
) -> UnitTable:
    """The same of predictions that are in the units that people use; see ``evaluated_units``.

    Args:
        scoring: The task's.
        samples: A row a sample, as there.
        columns: What ``Scoring.prediction_columns`` gave.
    """
    import pandas as pd

    index = pd.Index(samples["sample"], name="sample")
    predictions = pd.DataFrame(dict(columns), index=index)
    targets = pd.DataFrame(scoring.target_columns(samples), index=index)
    table = samples.set_index("sample").assign(reference=scoring.reference(targets))
    predicted = by_model({"predicted": scoring.values(predictions)})
    return scoring.units(table, predicted, scoring.parts(table))
