"""A search space: which parts of the recipe may vary, and how far.

A parameter is named by its key in ``training``, dotted where it is nested (``plateau.patience``),
or is ``backbone``. Its conditions speak of parameters above it, and of the ``task``. Knows the
recipe and its limits; does not know who searches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from foldgrid.specs.base import Spec
from foldgrid.specs.errors import did_you_mean
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import Value, current_key, recipe_keys, recipe_value, with_values
from foldgrid.specs.sweep import Sweep
from foldgrid.specs.task import TASKS

BACKBONE = "backbone"
"""The one parameter that is not a key of ``training``."""
TASK = "task"
"""What a condition may speak of besides: the name of what is predicted."""
MAX_GRID_POINTS = 10_000
"""A larger grid is a mistake: nobody trains so many configurations on all folds."""


class _Parameter(Spec):
    when: dict[str, tuple[Value, ...]] = Field(default_factory=dict)


class FloatParameter(_Parameter):
    """A real number.

    Attributes:
        type: ``float``.
        low: The smallest value.
        high: The largest value.
        log: Draw evenly on a logarithmic scale.
        step: Only ``low``, ``low + step``, …; null draws any number.
        when: Conditions, by parameter the values that each must have; otherwise the sweep's own
            recipe decides this one. ``task: [binary, classification]`` are the tasks that it is
            for.
    """

    type: Literal["float"]
    low: float
    high: float
    log: bool = False
    step: float | None = Field(default=None, gt=0)


class IntParameter(_Parameter):
    """A whole number.

    Attributes:
        type: ``int``.
        low: The smallest value.
        high: The largest value.
        log: Draw evenly on a logarithmic scale.
        step: Only ``low``, ``low + step``, ….
        when: As for a real number.
    """

    type: Literal["int"]
    low: int
    high: int
    log: bool = False
    step: int = Field(default=1, ge=1)


class ChoiceParameter(_Parameter):
    """One of several values.

    Attributes:
        type: ``choice``.
        choices: The values.
        when: As for a real number.
    """

    type: Literal["choice"]
    choices: tuple[Value, ...] = Field(min_length=1)


Parameter = Annotated[FloatParameter | IntParameter | ChoiceParameter, Field(discriminator="type")]


class SearchSpace(Spec):
    """What may vary, as the files in ``search_spaces/`` say it.

    Attributes:
        title: One line for people.
        parameters: By name, in the order in which they are drawn; a condition can only speak of
            a parameter above it.
    """

    title: str
    parameters: dict[str, Parameter] = Field(min_length=1)

    def is_active(self, name: str, values: Mapping[str, Value]) -> bool:
        """Whether the conditions of ``name`` hold among the values drawn so far."""
        conditions = self.parameters[name].when
        return all(values.get(other) in allowed for other, allowed in conditions.items())

    def for_task(self, task: str) -> SearchSpace:
        """The space without the parameters that are for other tasks, or depend on such."""
        kept: dict[str, Parameter] = {}
        for name, parameter in self.parameters.items():
            when = dict(parameter.when)
            if task in when.pop(TASK, (task,)) and when.keys() <= kept.keys():
                kept[name] = parameter.model_copy(update={"when": when})
        return self.model_copy(update={"parameters": kept})


def extremes(parameter: Parameter) -> dict[str, Value]:
    """The values at the parameter's ends, by the key that says them."""
    if isinstance(parameter, ChoiceParameter):
        return {f"choices.{index}": value for index, value in enumerate(parameter.choices)}
    return {"low": parameter.low, "high": parameter.high}


def num_values(parameter: Parameter) -> int | None:
    """How many values there are; nothing where they cannot be counted."""
    if isinstance(parameter, ChoiceParameter):
        return len(parameter.choices)
    if parameter.step is None or parameter.log:
        return None
    return int((parameter.high - parameter.low) / parameter.step + 1e-9) + 1


_ONE_RECIPE = "Say it in the sweep's training, or compare values as ablation or learners of a grid."

NOT_SEARCHED = {
    "input_size": "trials of a backbone share its network's size, which memory and time are "
    f"planned by. {_ONE_RECIPE}",
    "phases": f"a list is no single value. {_ONE_RECIPE}",
    "recipe": "it is many keys. Say it in the sweep, or compare several as learners of a grid.",
}
"""Keys of the recipe that no space may vary, and why."""


def space_problems(space: SearchSpace) -> list[tuple[tuple[str, ...], str]]:
    """What is wrong with a space beyond its types, each with the key path it is about."""
    found: list[tuple[tuple[str, ...], str]] = []
    known = [BACKBONE, *recipe_keys()]
    above: list[str] = []
    for name, parameter in space.parameters.items():
        path = ("parameters", name)
        if name in NOT_SEARCHED:
            found.append((path, f"cannot be searched: {NOT_SEARCHED[name]}"))
        elif name != BACKBONE and current_key(name) not in known:
            message = f"the recipe has no such parameter. {did_you_mean(name, known)}"
            found.append((path, message))
        else:
            found += [((*path, key), text) for key, text in _limits(name, parameter)]
        for other, allowed in parameter.when.items():
            text = _condition(space, above, other, allowed)
            if text:
                found.append(((*path, "when"), text))
        above.append(name)
    return found


def _limits(name: str, parameter: Parameter) -> Iterator[tuple[str, str]]:
    if not isinstance(parameter, ChoiceParameter):
        if parameter.low > parameter.high:
            yield (
                "low",
                (f"found {parameter.low:g}, above high ({parameter.high:g}). Exchange the two."),
            )
            return
        if parameter.log and parameter.low <= 0:
            yield (
                "low",
                (
                    f"found {parameter.low:g}; a logarithmic scale needs a number above 0. "
                    "Raise low, or drop `log: true`."
                ),
            )
            return
        if parameter.log and isinstance(parameter, FloatParameter) and parameter.step:
            yield "step", "a logarithmic scale has no equal steps. Drop `step` or `log`."
    if name == BACKBONE:
        if not isinstance(parameter, ChoiceParameter):
            yield "type", "a backbone is a name: use `type: choice` with a list of `choices`."
        return
    for key, value in extremes(parameter).items():
        try:
            with_values(TrainingRecipe(), {name: value})
        except ValidationError as error:
            said = error.errors()[0]["msg"].removeprefix("Value error, ")
            yield key, f"found {value!r}, which the recipe does not allow: {said}."


def _condition(space: SearchSpace, above: list[str], other: str, allowed: tuple[Value, ...]) -> str:
    if other == TASK:
        unknown = [str(name) for name in allowed if name not in TASKS]
        hint = did_you_mean(unknown[0], TASKS) if unknown else ""
        return f'no task is called "{unknown[0]}". {hint}' if unknown else ""
    if other not in above:
        hint = did_you_mean(other, above) or "There is none above."
        return f'speaks of "{other}", which is not a parameter above this one. {hint}'
    parameter = space.parameters[other]
    if isinstance(parameter, ChoiceParameter):
        strangers = [value for value in allowed if value not in parameter.choices]
        if strangers:
            return f"{other} is never {strangers[0]!r}; its choices are {list(parameter.choices)}."
    return ""


def grid_points(space: SearchSpace) -> list[dict[str, Value]]:
    """Every point of a space whose parameters can all be counted, conditions kept.

    Of a grid that is far too large only the beginning is listed.
    """
    points: list[dict[str, Value]] = [{}]
    for name, parameter in space.parameters.items():
        points = [
            {**point, name: value} if space.is_active(name, point) else point
            for point in points[: MAX_GRID_POINTS + 1]
            for value in (_all_values(parameter) if space.is_active(name, point) else [None])
        ]
    return points


def _all_values(parameter: Parameter) -> list[Value]:
    if isinstance(parameter, ChoiceParameter):
        return list(parameter.choices)
    step = parameter.step or 1
    return [parameter.low + index * step for index in range(num_values(parameter) or 0)]


def first_values(space: SearchSpace, sweep: Sweep, backbone: str) -> dict[str, Value]:
    """The point of ``space`` that is the sweep's default configuration of a backbone."""
    values: dict[str, Value] = {}
    for name in space.parameters:
        own = backbone if name == BACKBONE else recipe_value(sweep.recipe_of(backbone), name)
        if space.is_active(name, values):
            values[name] = own
    return values


def describe(parameter: Parameter) -> str:
    """``0.0001 to 0.1, logarithmic``, or the choices."""
    if isinstance(parameter, ChoiceParameter):
        return ", ".join(map(str, parameter.choices))
    words = f"{parameter.low:g} to {parameter.high:g}"
    if num_values(parameter) is not None and parameter.step != 1:
        words += f" in steps of {parameter.step:g}"
    return words + (", logarithmic" if parameter.log else "")


def allows(parameter: Parameter, value: Value) -> bool:
    """Whether ``value`` is one that the parameter may have."""
    if isinstance(parameter, ChoiceParameter):
        return value in parameter.choices
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if not parameter.low <= value <= parameter.high:
        return False
    if parameter.step is None or parameter.log:
        return True
    steps = (value - parameter.low) / parameter.step
    return abs(steps - round(steps)) < 1e-9
