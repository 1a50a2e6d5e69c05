"""A parameter's values as numbers, on the scale on which they were drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foldgrid.analysis.search.results import StudyResults
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.search_space import ChoiceParameter
from foldgrid.specs.trials import TrialRecord

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """A parameter's axis, wide enough for all trials; the default configuration may lie outside.

    A logarithmic axis has no place for 0, such as the default configuration's weight decay:
    whatever is not above its lower end stands there, a decade below the rest.

    Attributes:
        name: The parameter.
        is_log: Whether it was drawn on a logarithmic scale.
        low: Its lower end; of a choice 0. Of a logarithmic one with values of 0, where they stand.
        high: Its upper end; of a choice the position of the last.
        choices: Its values in order; empty where it is a number.
        has_zero: Whether its lower end stands for 0.
    """

    name: str
    is_log: bool
    low: float
    high: float
    choices: tuple[Value, ...] = ()
    has_zero: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it has an order and distances."""
        return not self.choices

    def position(self, value: Value) -> float:
        """Where a value is: a choice's place, a number or its logarithm to base 10."""
        if self.choices:
            return float(self.choices.index(value))
        number = float(value)  # type: ignore[arg-type]
        return math.log10(max(number, self.low)) if self.is_log else number

    @property
    def ends(self) -> tuple[float, float]:
        """The positions of both ends."""
        if self.is_log:
            return math.log10(self.low), math.log10(self.high)
        return self.low, self.high

    def is_zero(self, position: float) -> bool:
        """Whether a position stands for 0."""
        return self.has_zero and position <= self.ends[0] + 1e-9

    def fraction(self, value: Value) -> float:
        """Where a value is between the ends, 0 to 1; in the middle where they are one."""
        low, high = self.ends
        return (self.position(value) - low) / (high - low) if high > low else 0.5


def scales(study: StudyResults) -> tuple[Scale, ...]:
    """The parameters of a study's space, in its order."""
    return tuple(_scale(study, name) for name in study.plan.space.parameters)


def _scale(study: StudyResults, name: str) -> Scale:
    parameter = study.plan.space.parameters[name]
    seen = [study.value(trial, name) for trial in study.trials]
    if isinstance(parameter, ChoiceParameter):
        choices = tuple(dict.fromkeys([*parameter.choices, *seen]))
        if all(isinstance(each, int | float) and not isinstance(each, bool) for each in choices):
            choices = tuple(sorted(choices, key=lambda each: float(each or 0)))
        return Scale(name, False, 0.0, len(choices) - 1.0, choices)
    numbers = [float(each) for each in seen if isinstance(each, int | float)]
    ends = [float(parameter.low), float(parameter.high), *numbers]
    if parameter.log and min(ends) <= 0:
        lowest = min(end for end in ends if end > 0)
        return Scale(name, True, lowest / 10, max(ends), has_zero=True)
    return Scale(name, parameter.log, min(ends), max(ends))


def positions(
    study: StudyResults, trials: Sequence[TrialRecord], axes: Sequence[Scale]
) -> FloatArray:
    """Where the trials are, trials by parameters."""
    rows = [[axis.position(study.value(trial, axis.name)) for axis in axes] for trial in trials]
    return np.array(rows, dtype=np.float64).reshape(len(trials), len(axes))
