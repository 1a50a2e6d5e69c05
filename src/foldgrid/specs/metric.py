"""What a metric is, and every metric by name.

A metric is one thing, a `Metric`: its words, its direction and how it is computed. The room
`foldgrid.metrics` adds ours, other packages theirs by an entry point: docs/how-to/metrics.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, Protocol

from foldgrid.specs.registry import Registry

Direction = Literal["lower", "higher", "zero"]
TargetKind = Literal["numbers", "classes"]
Suits = Literal["numbers", "classes", "binary", "ordered"]


@dataclass(frozen=True)
class Target:
    """What a task's units are evaluated by: the type of its target.

    Attributes:
        kind: Whether a unit's truth is a number or a class.
        num_classes: K; 0 where it is not said.
        is_binary: Of two classes the last is the positive one.
        is_ordered: The classes are ordered, from the lowest to the highest.
        unit: What numbers are counted in, such as ``months``; "" for pure numbers.
    """

    kind: TargetKind = "numbers"
    num_classes: int = 0
    is_binary: bool = False
    is_ordered: bool = False
    unit: str = ""

    def is_of(self, suits: Suits) -> bool:
        """Whether a metric for such targets can be computed here."""
        if suits == "binary":
            return self.is_binary
        return self.is_ordered if suits == "ordered" else self.kind == suits


class Computation(Protocol):
    """How a metric is computed; see `foldgrid.metrics.computations`."""

    def value(self, metric: Metric, reference: Any, predicted: Any) -> float:
        """Of one model's predictions; NaN where it is undefined."""

    def resampled(self, metric: Metric, drawn: Any) -> Any:
        """Of several models' predictions, under many weightings of the subjects at once."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """An evaluation metric: its value, direction, unit and words.

    Attributes:
        name: Its key, in commands and files: ``mae``.
        title: Its heading: ``MAE``.
        description: What it is, a few words: ``mean absolute error``.
        direction: Which values are better: ``lower``, ``higher``, or nearer to ``zero``.
        compute: How; a computation of `foldgrid.metrics.computations`.
        suits: The targets that it can be computed of; ``binary`` and ``ordered`` are classes.
        short: Its heading where there is room for five letters; "" where the title has no more.
        lowest: No value is below.
        highest: No value is above.
        is_in_unit: Whether it is counted in the unit of what is predicted.
        of_positive: The description where a binary task has its value of the positive class; ""
            where that makes no difference.
        source: Where it is defined.
        target: What it is of; see ``of``.

    Example:
        >>> METRICS["mae"]([1.0, 2.0], [2.0, 4.0])
        1.5
        >>> METRICS["mae"].direction
        'lower'
    """

    name: str
    title: str
    description: str
    direction: Direction
    compute: Computation
    suits: Suits = "numbers"
    short: str = ""
    lowest: float = -math.inf
    highest: float = math.inf
    is_in_unit: bool = False
    of_positive: str = ""
    source: str = ""
    target: Target = Target()

    def of(self, target: Target) -> Metric:
        """The same metric as it is computed and told for one target."""
        description = self.of_positive if target.is_binary else ""
        return replace(self, target=target, description=description or self.description)

    @property
    def heading(self) -> str:
        """Its heading in a narrow column."""
        return self.short or self.title

    @property
    def unit(self) -> str:
        """What it is counted in, said after it: ``months``; "" for a pure number."""
        return self.target.unit if self.is_in_unit else ""

    @property
    def is_within_folds(self) -> bool:
        """Whether it compares units with each other, so that they must be of one fit."""
        return bool(getattr(self.compute, "is_within_folds", False))

    def __call__(self, reference: Any, predicted: Any, folds: Any = None) -> float:
        """The value; NaN where it is undefined.

        Args:
            reference: U numbers, or indices of classes.
            predicted: U numbers, or U by K probabilities.
            folds: Which fit predicted each unit. A metric of the order of units compares those of
                one fit only: another's probabilities are on another scale. All are one fit's
                without.

        Raises:
            ValueError: The shapes do not belong together, or an index names no class.
            SweepError: The metric is another package's, and fails.
        """
        if folds is not None and self.is_within_folds:
            compute: Any = self.compute
            return float(compute.value_within(self, reference, predicted, folds))
        return self.compute.value(self, reference, predicted)

    def sort_key(self, value: float | None) -> float:
        """A number that is smaller the better ``value`` is; the undefined comes last."""
        if value is None or math.isnan(value):
            return math.inf
        return {"lower": value, "higher": -value, "zero": abs(value)}[self.direction]


METRICS: Registry[Metric] = Registry("metric", Metric, home="foldgrid.metrics")
"""Every metric by name."""


def metrics_of(target: Target, first: Iterable[str] = ()) -> Mapping[str, Metric]:
    """Every metric that can be computed of a target.

    Args:
        target: What it is computed of.
        first: The names that come first, in this order.
    """
    names = dict.fromkeys((*first, *METRICS))
    suited = {name: METRICS.named(name) for name in names}
    return MappingProxyType(
        {name: metric.of(target) for name, metric in suited.items() if target.is_of(metric.suits)}
    )
