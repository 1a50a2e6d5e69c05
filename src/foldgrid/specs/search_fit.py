"""Whether a search space, a sweep and the way it is searched go together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

from pydantic import ValidationError

from foldgrid.specs.recipe_keys import Value, with_values
from foldgrid.specs.search_space import (
    BACKBONE,
    MAX_GRID_POINTS,
    ChoiceParameter,
    SearchSpace,
    allows,
    describe,
    extremes,
    first_values,
    grid_points,
    num_values,
)
from foldgrid.specs.sweep import SearchSettings, Sweep

SweepProblem = tuple[tuple[str, ...], str]
"""The sweep's key that a problem is about, and what is wrong with it."""


def sweep_problems(space: SearchSpace, sweep: Sweep) -> list[SweepProblem]:
    """Why a space and a sweep do not go together, each with the sweep's key that it is about."""
    return [
        *_recipe_problems(space, sweep),
        *_backbone_problems(space, sweep),
        *_sampler_problems(space, sweep.search),
        *_scheduler_problems(space, sweep),
    ]


def most_epochs(space: SearchSpace, sweep: Sweep) -> int:
    """The most epochs that any trial may be planned to train."""
    planned = [sweep.recipe_of(backbone).planned_epochs for backbone in sweep.backbones]
    if "max_epochs" in space.parameters:
        planned += [int(str(v)) for v in extremes(space.parameters["max_epochs"]).values()]
    return max(planned)


def _recipe_problems(space: SearchSpace, sweep: Sweep) -> Iterator[SweepProblem]:
    firsts = [first_values(space, sweep, backbone) for backbone in sweep.backbones]
    for name, value in dict.fromkeys(pair for first in firsts for pair in first.items()):
        parameter = space.parameters[name]
        if name != BACKBONE and not allows(parameter, value):
            written = "null" if value is None else repr(value)
            how = "change it, or widen the space."
            if value is None and not isinstance(parameter, ChoiceParameter):
                how = "give it a number here, or search choices with null among them."
            message = (
                f"found {written}, which is not in the search space ({describe(parameter)}). "
                f"The sweep's default configuration is its first trial: {how}"
            )
            yield ("training", *name.split(".")), message
    yield from _unfit_problems(space, sweep)


def _unfit_problems(space: SearchSpace, sweep: Sweep) -> Iterator[SweepProblem]:
    """Values of the space that the sweep's recipe does not allow, its other keys as they are."""
    for backbone in {sweep.recipe_of(name): name for name in reversed(sweep.backbones)}.values():
        for values in _extreme_values(space):
            try:
                with_values(sweep.recipe_of(backbone), values)
            except ValidationError as error:
                said = error.errors()[0]["msg"].removeprefix("Value error, ")
                found = " and ".join(f"{name} {value}" for name, value in values.items())
                message = f"the search space has {found}, with which {backbone} has: {said}."
                yield ("search_space",), message
                return


def _extreme_values(space: SearchSpace) -> Iterator[dict[str, Value]]:
    """Each value at a parameter's ends alone, and any two choices that are drawn together."""
    names = [name for name in space.parameters if name != BACKBONE]
    for name in names:
        yield from ({name: value} for value in extremes(space.parameters[name]).values())
    chosen = [name for name in names if isinstance(space.parameters[name], ChoiceParameter)]
    for pair in combinations(chosen, 2):
        ends = (extremes(space.parameters[name]).values() for name in pair)
        for each in product(*ends):
            values = dict(zip(pair, each, strict=True))
            conditions = [space.parameters[name].when for name in pair]
            if all(
                values[other] in allowed
                for when in conditions
                for other, allowed in when.items()
                if other in values
            ):
                yield values


def _backbone_problems(space: SearchSpace, sweep: Sweep) -> Iterator[SweepProblem]:
    backbone = space.parameters.get(BACKBONE)
    if isinstance(backbone, ChoiceParameter):
        strangers = [name for name in backbone.choices if name not in sweep.backbones]
        left_out = [name for name in sweep.backbones if name not in backbone.choices]
        if strangers or left_out:
            message = (
                "must be those that the search space chooses from; they differ in "
                f"{', '.join(map(str, [*strangers, *left_out]))}."
            )
            yield ("backbones",), message


def _sampler_problems(space: SearchSpace, settings: SearchSettings) -> Iterator[SweepProblem]:
    if settings.sampler == "GridSampler":
        endless = [name for name, each in space.parameters.items() if num_values(each) is None]
        if endless:
            message = (
                f"GridSampler tries all values, but {', '.join(endless)} cannot be counted. "
                "Give them `step` or `choices`, or take TPESampler."
            )
            yield ("search", "sampler"), message
        elif (size := len(grid_points(space))) > MAX_GRID_POINTS:
            message = (
                f"GridSampler would try {size} points; at most {MAX_GRID_POINTS} are sensible. "
                "Leave values out, or take TPESampler."
            )
            yield ("search", "sampler"), message
    if settings.sampler == "CmaEsSampler" and len(settings.objectives) > 1:
        message = "CmaEsSampler takes one objective. Name one, or take NSGAIISampler."
        yield ("search", "objectives"), message


def _scheduler_problems(space: SearchSpace, sweep: Sweep) -> Iterator[SweepProblem]:
    settings, longest = sweep.search, most_epochs(space, sweep)
    for key, message in settings.scheduling.problems(
        settings, settings.own, longest, space.parameters
    ):
        yield ("search", key), message
