"""Photographs that attention pools: refused where their truths differ, told in the plan."""

from __future__ import annotations

import numpy as np

from foldgrid.data.dataset import Survey
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import InputError, Problem
from foldgrid.specs.heads import ATTENTION
from foldgrid.specs.sweep import Sweep
from foldgrid.tasks.registry import make_scoring
from foldgrid.training.bags import TOGETHER, bag_numbers, photographs_each

_UNIT = f"{', '.join(TOGETHER[:-1])} and {TOGETHER[-1]}"


def _asks(sweep: Sweep) -> bool:
    return any(recipe.pooling == ATTENTION for recipe in sweep.recipes.values())


def check_pooled_photographs(sweep: Sweep, survey: Survey, source: str) -> None:
    """Refuses attention over photographs with several truths.

    Raises:
        InputError: Photographs of one subject, visit and case have different labels or values.
    """
    if not _asks(sweep):
        return
    bag_N = bag_numbers(survey.samples, survey.grid)
    targets_NT = make_scoring(sweep.task).targets(survey.samples)
    firsts_B = np.unique(bag_N, return_index=True)[1]
    differs_N = (targets_NT != targets_NT[firsts_B][bag_N]).any(axis=1)
    mixed = np.unique(bag_N[differs_N])
    if len(mixed):
        first = survey.samples.iloc[np.flatnonzero(bag_N == mixed[0])]
        values = ", ".join(map(str, first[survey.layout.targets[0]].unique()[:3]))
        where = ", ".join(
            f"{name} {first[name].iloc[0]}" for name in TOGETHER if first[name].iloc[0]
        )
        message = (
            f"{ATTENTION} pools the photographs of one {_UNIT}, and "
            f"{counted(len(mixed), 'of these has', 'of these have')} several "
            f"{survey.layout.truth_name} ({where}: {values}). Tell them apart in the manifest's "
            "column case, or take another pooling."
        )
        raise InputError(source, [Problem("training", "pooling", message)])


def pooling_facts(sweep: Sweep, survey: Survey) -> list[tuple[str, str]]:
    """The plan's row about attention, where a recipe has it."""
    if not _asks(sweep):
        return []
    bag_N = bag_numbers(survey.samples, survey.grid)
    sizes = np.bincount(np.repeat(bag_N, photographs_each(survey.samples, survey.grid)))
    if sizes.max() == 1:
        said = (
            f"{ATTENTION} finds one photograph in each {_UNIT}, and learns nothing that pooling: "
            "network does not"
        )
        return [("pooling", said)]
    units = (
        counted(len(sizes), "mosaic")
        if survey.grid > 1
        else f"{len(sizes)} groups, each one {_UNIT}"
    )
    return [("pooling", f"{ATTENTION} over {sizes.min()} to {sizes.max()} photographs: {units}")]
