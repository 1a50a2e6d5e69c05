"""The model by fold matrix: which fold is hard, and what is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure
from matplotlib.patches import Rectangle

from foldgrid.analysis.drawing.blocks import Block, Figure, Section, Text
from foldgrid.analysis.drawing.canvas import SMALL, TEXT, add_axes, fitted, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.frames import frame_of
from foldgrid.analysis.drawing.palette import ACCENT, CAUTION, FAINT, INK, MUTED, PAPER
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.words import task_report
from foldgrid.analysis.predictions.predictions import fold_values
from foldgrid.analysis.predictions.validation import FoldPredictions
from foldgrid.analysis.run import Run
from foldgrid.specs.counted import counted
from foldgrid.tasks.scoring import by_model
from foldgrid.tasks.units import UnitTable

CellState = Literal["complete", "missing", "diverged", "unusable"]

_SIGNS: dict[CellState, str] = {"missing": "–", "diverged": "div.", "unusable": "?"}
UNDEFINED_SIGN = "n/a"
_ROW = 21.0
_STRONGEST = 0.5
"""The most ink behind a number; more, and the number could not be read."""


@dataclass(frozen=True)
class FoldCell:
    """One fit.

    Attributes:
        backbone: Its base learner.
        fold: The fold that it held out.
        state: Whether it is there.
        value: Its value over that fold; NaN where it is not there, or not defined: an AUC of
            units of one class.
        num_units: Visits or photographs behind it.
    """

    backbone: str
    fold: int
    state: CellState
    value: float
    num_units: int


@dataclass(frozen=True)
class FoldMatrix:
    """All fits of a sweep.

    Attributes:
        backbones: The rows, in the order in which they are shown.
        folds: The columns.
        cells: One a row and column.
        title: What the figure is called.
        is_higher_better: Which end of it is good.
        decimals: Digits after the point of every value.
    """

    backbones: tuple[str, ...]
    folds: tuple[int, ...]
    cells: tuple[FoldCell, ...]
    title: str = "MAE"
    is_higher_better: bool = False
    decimals: int = 2

    @property
    def complete(self) -> list[FoldCell]:
        """The cells with a value."""
        return [cell for cell in self.cells if math.isfinite(cell.value)]

    @property
    def undefined(self) -> list[FoldCell]:
        """The cells that are complete and have no value all the same."""
        return [c for c in self.cells if c.state == "complete" and not math.isfinite(c.value)]

    @property
    def fold_means(self) -> dict[int, float]:
        """The mean value over base learners by fold; folds without one are left out."""
        found: dict[int, list[float]] = {}
        for cell in self.complete:
            found.setdefault(cell.fold, []).append(cell.value)
        return {fold: sum(values) / len(values) for fold, values in sorted(found.items())}

    @property
    def hardest_and_easiest(self) -> tuple[int, int]:
        """The folds with the worst and the best mean; there must be one with a value."""
        means = self.fold_means
        ends = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
        return (ends[1], ends[0]) if self.is_higher_better else ends


def draw_fold_matrix(facts: FoldMatrix) -> Drawing:
    """The matrix as a heat map with its values written in."""
    return draw(
        "fold_matrix",
        f"{facts.title} by base learner and fold",
        describe_fold_matrix(facts),
        partial(_paint, facts),
    )


def describe_fold_matrix(facts: FoldMatrix) -> str:
    """The matrix in sentences."""
    digits = facts.decimals
    text = (
        f"{counted(len(facts.backbones), 'base learner')} by {counted(len(facts.folds), 'fold')}. "
    )
    if facts.complete:
        low = min(facts.complete, key=lambda cell: cell.value)
        high = max(facts.complete, key=lambda cell: cell.value)
        text += (
            f"The {facts.title} runs from {low.value:.{digits}f} ({low.backbone}, fold {low.fold}) "
            f"to {high.value:.{digits}f} ({high.backbone}, fold {high.fold}). "
        )
    means = facts.fold_means
    if len(means) > 1:
        hard, easy = facts.hardest_and_easiest
        text += (
            f"Averaged over base learners, fold {hard} is the hardest ({means[hard]:.{digits}f}) "
            f"and fold {easy} the easiest ({means[easy]:.{digits}f}). "
        )
    counts = {str(state): sum(cell.state == state for cell in facts.cells) for state in _SIGNS}
    counts["undefined"] = len(facts.undefined)
    if any(counts.values()):
        named = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        text += f"Without a value: {named}."
    return text.strip()


def _paint(facts: FoldMatrix, width: int) -> MplFigure:
    names = 170 if width > 500 else 132
    top = 24
    height = top + _ROW * len(facts.backbones) + 4
    figure = new_figure(width, height)
    axes = add_axes(figure, names, top, width - names, _ROW * len(facts.backbones))
    axes.set_xlim(0, len(facts.folds))
    axes.set_ylim(len(facts.backbones), 0)
    axes.grid(False)
    axes.set_yticks(
        [row + 0.5 for row in range(len(facts.backbones))],
        [fitted(name, names - 8, TEXT if width > 500 else SMALL) for name in facts.backbones],
        color=INK,
        fontsize=TEXT if width > 500 else SMALL,
    )
    axes.set_xticks(
        [column + 0.5 for column in range(len(facts.folds))],
        [f"fold {fold}" if width / len(facts.folds) > 60 else str(fold) for fold in facts.folds],
    )
    axes.xaxis.tick_top()
    values = [cell.value for cell in facts.complete]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    has_room = (width - names) / len(facts.folds) > 30
    for cell in facts.cells:
        place = facts.folds.index(cell.fold), facts.backbones.index(cell.backbone)
        text = f"{cell.value:.{facts.decimals}f}"
        _paint_cell(axes, cell, place, (cell.value - low) / ((high - low) or 1.0), has_room, text)
    return figure


def _paint_cell(
    axes: Axes, cell: FoldCell, place: Sequence[int], share: float, has_room: bool, text: str
) -> None:
    column, row = place
    is_there = math.isfinite(cell.value)
    background = Rectangle(
        (column, row),
        1,
        1,
        facecolor=ACCENT if is_there else "none",
        alpha=0.03 + (_STRONGEST - 0.03) * share if is_there else None,
        hatch=None if is_there else "////",
        edgecolor="none" if is_there else FAINT,
        linewidth=0,
    )
    axes.add_patch(background)
    axes.add_patch(Rectangle((column, row), 1, 1, facecolor="none", edgecolor=PAPER, linewidth=1.6))
    text = text if is_there else _SIGNS.get(cell.state, UNDEFINED_SIGN)
    colour = INK if is_there else CAUTION if cell.state == "diverged" else MUTED
    if has_room or not is_there:
        axes.text(
            column + 0.5, row + 0.53, text, ha="center", va="center", fontsize=SMALL, color=colour
        )


def fold_matrix(run: Run) -> FoldMatrix:
    """A metric of every fit over the units of the fold that it held out.

    Args:
        run: The opened run.

    Returns:
        Base learners in the ranking's order, those left out last; a cell for every planned fit.
    """
    metric = run.scoring.metrics[task_report(run).fold_metric(run)]
    order = [row.model for row in run.ranking.rows if row.kind == "base_learner"]
    learners = {learner.name: learner for learner in run.evaluation.table.learners}
    cells = []
    for name in order:
        usable = {fit.fold: fit for fit in learners[name].fits}
        for planned in (fit for fit in run.plan if fit.backbone == name):
            fold = planned.fold
            if fold in usable:
                units = fold_units(run, usable[fold])
                value = metric(units.reference, units.predicted_by(name))
                cells.append(FoldCell(name, fold, "complete", value, units.num_units))
            else:
                cells.append(FoldCell(name, fold, _state(run, planned.fit_id), math.nan, 0))
    folds = tuple(sorted({cell.fold for cell in cells}))
    is_higher_better = metric.direction == "higher"
    digits = run.scoring.decimals(metric.name)
    return FoldMatrix(tuple(order), folds, tuple(cells), metric.title, is_higher_better, digits)


def fold_units(run: Run, fit: FoldPredictions) -> UnitTable:
    """The units that one fit held out, as it predicted them under its base learner's name."""
    scoring, values = run.evaluation.table.scoring, fold_values(fit)
    samples = run.evaluation.table.samples.loc[values.index]
    return scoring.units(samples, by_model({fit.backbone: values}), run.evaluation.parts)


def _state(run: Run, fit_id: str) -> CellState:
    record = run.records.get(fit_id)
    if record is None:
        return "missing"
    return "diverged" if record.status == "diverged" else "unusable"


def folds_section(run: Run) -> Section:
    """The matrix as a figure, and what is missing in words."""
    facts = fold_matrix(run)
    larger = "larger it is" if facts.is_higher_better else "larger its error"
    undefined = f", “n/a” one over whose fold the {facts.title} is not defined"
    caption = (
        f"Out-of-fold {facts.title} of the {run.scoring.unit_name.many} by base learner and "
        f"held-out fold; the darker a cell, the {larger}. A dash is a fit that is not trained yet, "
        "“div.” one that diverged, a question mark one whose predictions cannot be used"
        f"{undefined if facts.undefined else ''}."
    )
    blocks: list[Block] = [
        Figure(
            "fold_matrix", partial(draw_fold_matrix, facts), caption, lambda: frame_of(facts.cells)
        )
    ]
    left_out = [row for row in run.ranking.rows if row.left_out]
    if left_out:
        lines = tuple(f"{row.model} ({row.folds} folds): {row.left_out}." for row in left_out)
        blocks.append(Text(lines, is_list=True, heading="Left out of the ranking"))
    return Section(_lead(facts), tuple(blocks))


def _lead(facts: FoldMatrix) -> str:
    done = sum(cell.state == "complete" for cell in facts.cells)
    text = f"{done} of {len(facts.cells)} planned fits are complete."
    means, digits = facts.fold_means, facts.decimals
    if len(means) > 1:
        hard, easy = facts.hardest_and_easiest
        text += (
            f" Fold {hard} is the hardest ({means[hard]:.{digits}f} on average), fold {easy} the "
            f"easiest ({means[easy]:.{digits}f}): how much of a value is owed to the people in "
            "the fold."
        )
    return text


FOLDS = Exhibit("folds", "Fold by fold", folds_section)
