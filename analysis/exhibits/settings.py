"""What the sweep varied beside its backbones: the ordering metric against each setting."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pandas as pd

from foldgrid.analysis.drawing.blocks import Block, Cell, Column, Figure, Section, Table
from foldgrid.analysis.drawing.frames import beside_each_other, frame_of
from foldgrid.analysis.drawing.numbers import count, format_number, listed
from foldgrid.analysis.drawing.series import MOST_SERIES
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.classes.shared import WORDS, Partition, estimate_cell, partitions
from foldgrid.analysis.exhibits.settings_drawing import (
    SettingCurves,
    SettingPoint,
    draw_setting_curves,
)
from foldgrid.analysis.predictions.predictions import BaseLearner
from foldgrid.analysis.ranking.ranking import RankedModel
from foldgrid.analysis.run import Run
from foldgrid.specs.counted import counted
from foldgrid.specs.learners import is_ablation, label_of, read_ablation
from foldgrid.specs.recipe_keys import Value, recipe_value

FRACTION = "training_fraction"
WORDS_OF: dict[str, str] = {
    FRACTION: "fraction of the training photographs",
    "num_raters": "raters a photograph",
}
"""What a key of the recipe is called; others go by their own name."""

NOTHING: dict[str, str] = {"num_raters": "label"}
"""What null means: the label itself, whoever made it."""


@dataclass(frozen=True)
class Varied:
    """A base learner of one setting.

    Attributes:
        backbone: The network.
        value: The setting's.
        row: Its place in the ranking.
    """

    backbone: str
    value: Value
    row: RankedModel


def varied_keys(run: Run) -> tuple[str, ...]:
    """The keys of the recipe that the sweep varies, in its order."""
    keys = [read_ablation(fit.backbone)[1] for fit in run.plan if is_ablation(fit.backbone)]
    return tuple(dict.fromkeys(keys))


def varied_learners(run: Run, key: str) -> tuple[Varied, ...]:
    """The base learners that differ in one key, the backbones as they are among them.

    Args:
        run: The opened run.
        key: One of ``varied_keys``.

    Returns:
        By backbone in the sweep's order, and within by value; null is last. A learner without a
        finished fit is left out: nothing says its value.
    """
    rows = {row.model: row for row in run.ranking.rows}
    found = []
    for learner in run.evaluation.table.learners:
        backbone, varied_key, _ = read_ablation(learner.name)
        if varied_key in {"", key} and learner.fits and not label_of(learner.name):
            found.append(Varied(backbone, _value(learner, key), rows[learner.name]))
    order = list(dict.fromkeys(each.backbone for each in found))
    return tuple(sorted(found, key=lambda each: (order.index(each.backbone), *_place(each.value))))


def setting_curves(run: Run, key: str, partition: Partition = "oof") -> SettingCurves | None:
    """The ordering metric against a setting, a line a backbone.

    Args:
        run: The opened run.
        key: One of ``varied_keys``.
        partition: ``oof`` or ``test``.

    Returns:
        None where the setting's values are words, or no metric is defined. Null stands one step
        after the largest number.
    """
    learners = varied_learners(run, key)
    values = [each.value for each in learners]
    if any(isinstance(value, bool | str) for value in values):
        return None
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    beyond = max(numbers, default=0.0) + 1.0
    lines: dict[str, list[SettingPoint]] = {}
    for each in learners:
        reached = each.row.value(partition, run.by)
        ends = each.row.interval(partition, run.by)
        if reached is not None:
            at = float(each.value) if isinstance(each.value, int | float) else beyond
            point = SettingPoint(at, reached, ends.low, ends.high)
            lines.setdefault(each.backbone, []).append(point)
    if not lines:
        return None
    return SettingCurves(
        setting=WORDS_OF.get(key, key),
        title=run.ranking.metric.title,
        partition=WORDS[partition],
        is_fraction=key == FRACTION,
        lines={name: tuple(points) for name, points in list(lines.items())[:MOST_SERIES]},
        names={beyond: _written(key, None)} if None in values else {},
    )


def varied_section(run: Run) -> Section:
    """A picture and a table a setting."""
    blocks: list[Block] = []
    for key in varied_keys(run):
        curves = setting_curves(run, key)
        if curves is not None and len(curves.settings) > 1:
            blocks.append(_drawing(run, key, curves))
        blocks.append(_table(run, key))
    names = listed([WORDS_OF.get(key, key) for key in varied_keys(run)])
    lead = (
        f"Beside its backbones the sweep varied: {names}. Each value was trained on the same folds "
        "with everything else as it was; ablations are ranked and never stacked."
    )
    return Section(lead, tuple(blocks))


def photographs_of(run: Run, share: float) -> int:
    """About how many photographs a fit trains on at a fraction, the mean over the folds.

    Args:
        run: The opened run.
        share: Of the training samples, 0 to 1.
    """
    folds = run.evaluation.table.train_samples["fold"]
    others = float(len(folds) * (1 - 1 / max(1, folds.nunique())))
    stopping = run.config.training.early_stopping
    kept = 1 - stopping.inner_fraction if stopping.policy == "inner_split" else 1.0
    return round(others * kept * share)


def _value(learner: BaseLearner, key: str) -> Value:
    return recipe_value(learner.fits[0].record.config.training, key)


def _place(value: Value) -> tuple[bool, float, str]:
    if isinstance(value, int | float):
        return False, float(value), ""
    return value is None, 0.0, str(value)


def _written(key: str, value: Value) -> str:
    if value is None:
        return NOTHING.get(key, "null")
    if key == FRACTION and isinstance(value, int | float):
        return f"{100 * value:g} %"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _drawing(run: Run, key: str, curves: SettingCurves) -> Figure:
    title = run.ranking.metric.title
    caption = (
        f"Out-of-fold {title} against the {curves.setting}, a line a backbone. Uprights: 95 % "
        "intervals over resampled subjects; lines stand a little aside so that they do not cover."
    )
    if key == FRACTION:
        reported = [
            f"{curves.written(each)} are about {count(photographs_of(run, each), 'photograph')}"
            for each in (curves.settings[0], curves.settings[-1])
        ]
        caption += f" {listed(reported)} a fit, on average over the folds."
    if curves.names:
        caption += f" {next(iter(curves.names.values())).capitalize()}: {_nothing(key)}"
    num_backbones = len({each.backbone for each in varied_learners(run, key)})
    if num_backbones > len(curves.lines):
        caption += f" {len(curves.lines)} of {counted(num_backbones, 'backbone')} are drawn."
    return Figure(
        "setting_" + "_".join(curves.setting.split()),
        partial(draw_setting_curves, curves),
        caption,
        lambda: beside_each_other(
            frame_of(points, backbone=name) for name, points in curves.lines.items()
        ),
    )


def _nothing(key: str) -> str:
    if key == "num_raters":
        return "trained on the manifest's labels, not on a majority of some annotations."
    return "the setting is null."


def _table(run: Run, key: str) -> Table:
    title = run.ranking.metric.title
    parts = partitions(run)
    is_fraction, decimals = key == FRACTION, run.scoring.decimals(run.by)
    columns = [Column("Backbone"), Column(key, True)]
    columns += [Column("Photographs", True, "about, a fit")] if is_fraction else []
    columns += [Column(title, True, WORDS[part]) for part in parts]
    rows = []
    named = ""
    for each in varied_learners(run, key):
        cells = [Cell("" if each.backbone == named else each.backbone)]
        cells.append(Cell(_written(key, each.value)))
        if is_fraction and isinstance(each.value, int | float):
            cells.append(Cell(format_number(photographs_of(run, each.value), 0)))
        cells += [
            estimate_cell(each.row.value(part, run.by), each.row.interval(part, run.by), decimals)
            for part in parts
        ]
        named = each.backbone
        rows.append(tuple(cells))
    caption = f"{title} by {WORDS_OF.get(key, key)}"
    note = (
        "Second lines: 95 % intervals over resampled subjects. They are of one metric alone; "
        "whether two settings differ is decided by the paired differences of the ranking."
    )
    return Table(
        f"varied_{key}", caption, tuple(columns), tuple(rows), partial(_frame, run, key), note
    )


def _frame(run: Run, key: str) -> pd.DataFrame:
    return frame_of(
        {
            "backbone": each.backbone,
            key: each.value,
            "partition": part,
            run.by: each.row.value(part, run.by),
            f"{run.by}_interval": each.row.interval(part, run.by),
        }
        for each in varied_learners(run, key)
        for part in partitions(run)
    )


def _why_not(run: Run) -> str:
    return "" if varied_keys(run) else "the sweep has no ablation"


VARIED = Exhibit("varied", "What was varied", varied_section, needs=_why_not)
