"""Which studies a search is made of, and what is said of them before it starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd

from foldgrid.execution.fit_job import FitJob
from foldgrid.launching.durations import format_duration
from foldgrid.launching.planning.grid import with_own_preprocessing
from foldgrid.launching.planning.plan_text import plan_facts, size_words
from foldgrid.launching.planning.preparation import PreparedSweep
from foldgrid.search.study import study_name
from foldgrid.search.trials import TrialJob
from foldgrid.specs.backbone_names import slug_of
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import InputError, Problem
from foldgrid.specs.recipe_keys import Value, with_values
from foldgrid.specs.search_space import (
    BACKBONE,
    ChoiceParameter,
    SearchSpace,
    describe,
    first_values,
)
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.scoring import evaluated_units
from foldgrid.tasks.units import UNIT_COLUMNS
from foldgrid.training import TrainingData

DECIDE_FEATURES = (BACKBONE, "pooling", "normalization", "interpolation", "features.dtype")
"""What may be searched and decides what a frozen backbone makes of pictures."""


@dataclass(frozen=True)
class StudyPlan:
    """One study: of one backbone, or of all where the space chooses the backbone.

    Attributes:
        prepared: The sweep.
        space: What may vary.
        name: The study's name.
        backbones: What it may train.
        first: The values of its first trial: the sweep's default configuration.
    """

    prepared: PreparedSweep
    space: SearchSpace
    name: str
    backbones: tuple[str, ...]
    first: dict[str, Value]

    def job(self, number: int, values: Mapping[str, Value]) -> TrialJob:
        """The trial that trains ``values`` on all folds."""
        backbone = str(values.get(BACKBONE, self.backbones[0]))
        changed = {name: value for name, value in values.items() if name != BACKBONE}
        asked = with_values(self.prepared.sweep.recipe_of(backbone), changed)
        recipe = with_own_preprocessing(asked, backbone)
        slot = self.prepared.resources.slot_of_trial(backbone, number)
        fits = tuple(
            replace(
                cell,
                gpus=slot.gpus,
                card=slot.card,
                config=cell.config.model_copy(update={"training": recipe}),
                keep_weights=False,
                keep_features=False,
            )
            for cell in self.prepared.grid.jobs
            if cell.config.backbone == backbone
        )
        objectives = self.prepared.sweep.search.objectives
        return TrialJob(self.name, number, dict(values), fits, objectives=objectives)

    def feature_fits(self) -> list[FitJob]:
        """Fits that have among them all features that trials may train on, folds included."""
        choices = {
            name: parameter.choices
            for name, parameter in self.space.parameters.items()
            if name in DECIDE_FEATURES and isinstance(parameter, ChoiceParameter)
        }
        points = (dict(zip(choices, each, strict=True)) for each in product(*choices.values()))
        return [fit for point in points for fit in self.job(0, {**self.first, **point}).fits]


def plan_studies(prepared: PreparedSweep) -> tuple[StudyPlan, ...]:
    """The studies of a sweep that names a search space, in the sweep's order.

    Raises:
        InputError: ``--only`` names a part that cannot be searched alone.
    """
    sweep, space, selection = prepared.sweep, prepared.space, prepared.grid.selection
    if space is None:
        raise ValueError("the sweep names no search space")
    if selection.folds:
        message = "a search needs all folds: its score is over the whole training set."
        raise InputError("--only", [Problem("fold", "", message)])
    if BACKBONE in space.parameters:
        if selection.backbones:
            message = "the search space chooses the backbone. Drop --only."
            raise InputError("--only", [Problem("backbone", "", message)])
        groups = [("all", sweep.backbones)]
    else:
        names = [name for name in sweep.backbones if name in (selection.backbones or (name,))]
        groups = [(name, (name,)) for name in names]
    return tuple(
        StudyPlan(
            prepared,
            space,
            _name(prepared, space, slug_of(prefix), backbones),
            backbones,
            first_values(space, sweep, backbones[0]),
        )
        for prefix, backbones in groups
    )


def training_units(plan: StudyPlan, data: TrainingData) -> pd.DataFrame:
    """The training set's visits, subject, unit, fold and reference, as trials score them."""
    task = make_scoring(plan.prepared.sweep.task)
    outputs_NK = np.zeros((len(data.samples), task.num_outputs), np.float32)
    return evaluated_units(task, data.samples, outputs_NK).units[list(UNIT_COLUMNS)]


def _name(
    prepared: PreparedSweep, space: SearchSpace, prefix: str, backbones: tuple[str, ...]
) -> str:
    """Trials count for a study only while all that decides their scores is as it was."""
    own = [cell.config for cell in prepared.grid.jobs if cell.config.backbone in backbones]
    facts = {
        "space": space.model_dump(mode="json"),
        "fits": [config.fit_id for config in own],
        "objectives": list(prepared.sweep.search.objectives),
    }
    return study_name(prefix, facts)


def search_facts(
    prepared: PreparedSweep,
    studies: tuple[StudyPlan, ...],
    num_done: int,
    num_left: int,
    budget_reason: str,
) -> list[tuple[str, str]]:
    """The plan of a search as (topic, words).

    Args:
        prepared: The sweep.
        studies: What is searched.
        num_done: Trials of earlier launches.
        num_left: Trials of this one.
        budget_reason: Why the budget was chosen, for people.
    """
    return list(_facts(prepared, studies, (num_done, num_left), budget_reason))


def _facts(
    prepared: PreparedSweep,
    studies: tuple[StudyPlan, ...],
    counts: tuple[int, int],
    budget_reason: str,
) -> Iterator[tuple[str, str]]:
    settings, folds = prepared.sweep.search, prepared.sweep.split.num_folds
    done, left = counts
    many = f" (for {len(studies)} backbones, each alike)" if len(studies) > 1 else ""
    yield "trials", f"{done} of {done + left} done{many}, {counted(folds, 'fold')} each in lockstep"
    given = plan_facts(prepared, budget_reason)
    data = next(place for place, (topic, _) in enumerate(given) if topic == "data")
    # What may surprise comes before what is searched, as in the plan of a grid.
    yield from _of_a_search(given[:data], prepared, studies, left)
    goals = ", ".join(settings.objectives)
    of = make_scoring(prepared.sweep.task).metrics_are_of
    yield "search", f"{settings.sampler}, out-of-fold {goals}{of}"
    if words := settings.scheduling.plan(settings, settings.own):
        yield "scheduler", words
    for number, (name, parameter) in enumerate(studies[0].space.parameters.items()):
        when = "".join(f"; when {k} is {', '.join(map(str, v))}" for k, v in parameter.when.items())
        topic = "space" if number == 0 else ""
        yield topic, f"{name}: {describe(parameter)}{when}"
    yield from _of_a_search(given[data:], prepared, studies, left)


def _of_a_search(
    facts: Iterable[tuple[str, str]],
    prepared: PreparedSweep,
    studies: tuple[StudyPlan, ...],
    num_left: int,
) -> Iterator[tuple[str, str]]:
    """Rows of a grid's plan as they are for a search."""
    for topic, words in facts:
        if topic == "time":
            yield topic, _time(prepared, studies, num_left)
        elif topic == "memory":
            yield topic, _memory(prepared)
        elif topic == "training":
            yield "first trial", words
        elif topic not in ("fits", "disk", "backbones"):
            yield topic, words


def _time(prepared: PreparedSweep, studies: tuple[StudyPlan, ...], num_left: int) -> str:
    if not num_left:
        return "nothing to train"
    names = {name for study in studies for name in study.backbones}
    cells = [cell for cell in prepared.grid.jobs if cell.config.backbone in names]
    seconds = sum(cell.estimated_seconds for cell in cells) / len(names)
    whole = seconds * num_left / prepared.resources.num_concurrent
    each = f"a trial of the sweep's default configuration takes about {format_duration(seconds)}"
    if prepared.resources.gpus_per_fit:
        return f"on these GPUs not known yet; on a CPU core {each}"
    return f"about {format_duration(whole)}; {each}"


def _memory(prepared: PreparedSweep) -> str:
    batch, folds = prepared.sweep.training.batch_size, prepared.sweep.split.num_folds
    largest = max(size.memory_gib(batch, folds) for size in prepared.footprints.values())
    together = largest * prepared.resources.num_on_a_machine
    return f"up to {size_words(together)}: a trial holds the networks of its {folds} folds"
