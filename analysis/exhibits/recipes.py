"""Which recipe each base learner had, and what another recipe changed for the same backbone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from foldgrid.analysis.comparison.build import compare_learners
from foldgrid.analysis.comparison.comparison import Comparison
from foldgrid.analysis.drawing.blocks import Block, Cell, Column, Section, Table
from foldgrid.analysis.drawing.frames import frame_of
from foldgrid.analysis.drawing.numbers import count, format_number, interval, listed
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.run import Run
from foldgrid.specs.given import is_given
from foldgrid.specs.learners import backbone_of, is_ablation, label_of
from foldgrid.specs.phases import describe_phases
from foldgrid.specs.recipe import TrainingRecipe


@dataclass(frozen=True)
class RecipeGroup:
    """Base learners whose fits all had one recipe.

    Attributes:
        learners: Their names, in the sweep's order.
        recipe: Theirs.
        changes: Where it differs from the first group's: each key, dotted where nested, and its
            value in words.
    """

    learners: tuple[str, ...]
    recipe: TrainingRecipe
    changes: tuple[tuple[str, str], ...]

    @property
    def words(self) -> str:
        """What differs, in one line."""
        return ", ".join(f"{key} {value}" for key, value in self.changes)


def recipe_groups(run: Run) -> tuple[RecipeGroup, ...]:
    """The recipes of the base learners that were trained, ablations apart, as their fits had them.

    First that of the learner whose recipe the methods section describes. One whose fits differ is
    in several groups.
    """
    plain = {
        fit.fit_id: fit.backbone
        for fit in run.plan
        if not is_ablation(fit.backbone) and not is_given(fit.backbone)
    }
    common = _words(run.config.training)
    found: dict[tuple[tuple[str, str], ...], tuple[TrainingRecipe, dict[str, None]]] = {}
    found[()] = (run.config.training, {})
    for record in run.records.values():
        if name := plain.get(record.fit_id):
            recipe = record.config.training
            own = _words(recipe)
            changes = tuple(pair for pair in sorted(own.items()) if pair not in common.items())
            found.setdefault(changes, (recipe, {}))[1][name] = None
    return tuple(
        RecipeGroup(tuple(names), recipe, changes)
        for changes, (recipe, names) in found.items()
        if names
    )


def _words(recipe: TrainingRecipe) -> dict[str, str]:
    values = recipe.model_dump(mode="json", by_alias=False)
    # Of other optimisers and heads nothing counts.
    for key, chosen in (("optimizer_settings", recipe.optimizer), ("head_settings", recipe.head)):
        values[key] = {name: each for name, each in values[key].items() if name == chosen}
    values["phases"] = describe_phases(recipe.phases)
    return {key: str(value) for key, value in _flat(values).items()}


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= (
            _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return flat


def learner_pairs(run: Run) -> Comparison | None:
    """Each backbone beside its further learners; nothing where no two of one are complete."""
    complete = set(run.evaluation.table.complete_learners)
    if not any(label_of(name) and backbone_of(name) in complete for name in complete):
        return None
    return run.once(_compared)


def _compared(run: Run) -> Comparison:
    return compare_learners(run.store, run.evaluation, run.by)


def recipes_section(run: Run) -> Section:
    """The pairs, where backbones have further learners, and every recipe."""
    groups, pairs = recipe_groups(run), learner_pairs(run)
    blocks: list[Block] = [] if pairs is None else [_pairs_table(run, pairs)]
    blocks.append(_recipes_table(groups))
    lead = f"The base learners were trained by {count(len(groups), 'recipe')}."
    if pairs is not None:
        lead += (
            " A learner and its backbone were held out on the same folds, so what another recipe "
            "did for a network is their difference, subject by subject."
        )
    return Section(lead, tuple(blocks))


def _differences(pairs: Comparison) -> list[dict[str, Any]]:
    return [
        {
            "backbone": backbone,
            "learner": f"{backbone}{run.learners}",
            pairs.by: first[pairs.by],
            f"learner_{pairs.by}": second[pairs.by],
            "difference": difference.value,
            "difference_low": difference.low,
            "difference_high": difference.high,
            "reading": _READINGS.get(pairs.reading(difference, run.letter), "learner better"),
        }
        for run in pairs.runs[1:]
        if label_of(f"x{run.learners}")
        for backbone, first, second, difference in pairs.paired_rows(run)
    ]


def _pairs_table(run: Run, pairs: Comparison) -> Table:
    metric, decimals = run.ranking.metric, run.scoring.decimals(run.by)
    columns = (
        Column("Backbone"),
        Column("Learner"),
        Column(metric.title, True, "the backbone"),
        Column(metric.title, True, "the learner"),
        Column("Difference", True),
        Column("95 % interval"),
        Column("By this"),
    )
    rows = []
    for each in _differences(pairs):
        shown = format_number(each["difference"], decimals)
        is_above = (each["difference"] or 0) > 0 and any(digit in shown for digit in "123456789")
        ends = (each["difference_low"], each["difference_high"])
        rows.append(
            (
                Cell(each["backbone"], "code"),
                Cell(label_of(each["learner"]), "code"),
                Cell(format_number(each[pairs.by], decimals)),
                Cell(format_number(each[f"learner_{pairs.by}"], decimals)),
                Cell(f"+{shown}" if is_above else shown),
                Cell(interval(*ends, decimals)),
                Cell(each["reading"]),
            )
        )
    note = (
        "A difference is the learner's value less the backbone's, out of fold; intervals are over "
        "resampled subjects, the same for both, and each stands for itself. "
        f"{metric.direction.capitalize()} is better. `foldgrid compare` prints the same with the "
        "settings that differ."
    )
    return Table(
        "recipe_pairs",
        f"Out-of-fold {metric.title} of a backbone and of its further learners",
        columns,
        tuple(rows),
        partial(_pairs_frame, pairs),
        note,
    )


_READINGS = {
    "A better": "backbone better",
    "not clear": "not clear",
    "identical": "identical",
    "undefined": "undefined",
}


def _pairs_frame(pairs: Comparison) -> pd.DataFrame:
    return frame_of(_differences(pairs))


def _recipes_table(groups: tuple[RecipeGroup, ...]) -> Table:
    rows = tuple(
        (Cell(listed(list(each.learners))), Cell(each.words or "as the methods section says"))
        for each in groups
    )
    return Table(
        "recipes",
        "Which base learners had which recipe",
        (Column("Base learners"), Column("Recipe", unit="what differs from the first")),
        rows,
        partial(_recipes_frame, groups),
        "As the fits' own records have it, which is what their ids are made of.",
    )


def _recipes_frame(groups: tuple[RecipeGroup, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"learner": name, "recipe": place, "key": key, "value": value}
            for place, each in enumerate(groups, start=1)
            for name in each.learners
            for key, value in each.changes or (("", ""),)
        ],
        columns=["learner", "recipe", "key", "value"],
    )


def _why_not(run: Run) -> str:
    return "" if len(recipe_groups(run)) > 1 else "its base learners had one recipe"


RECIPES = Exhibit("recipes", "Recipes", recipes_section, needs=_why_not)
