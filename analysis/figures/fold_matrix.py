"""The model by fold matrix: which fold is hard, and what is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.figures.canvas import SMALL, TEXT, add_axes, fitted, new_figure
from analysis.figures.drawing import Drawing, draw
from analysis.figures.palette import ACCENT, CAUTION, FAINT, INK, MUTED, PAPER

CellState = Literal["complete", "missing", "diverged", "unusable"]

_SIGNS: dict[CellState, str] = {"missing": "–", "diverged": "div.", "unusable": "?"}
UNDEFINED_SIGN = "n/a"
_ROW = 21.0
_STRONGEST = 0.5
"""The most ink behind a figure; more, and the figure could not be read."""


@dataclass(frozen=True)
class FoldCell:
    """One fit.

    Attributes:
        backbone: Its base learner.
        fold: The fold that it held out.
        state: Whether it is there.
        value: Its figure over that fold; NaN where it is not there, or not defined: an AUC of
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
    """

    backbones: tuple[str, ...]
    folds: tuple[int, ...]
    cells: tuple[FoldCell, ...]
    title: str = "MAE"
    is_higher_better: bool = False

    @property
    def complete(self) -> list[FoldCell]:
        """The cells with a figure."""
        return [cell for cell in self.cells if math.isfinite(cell.value)]

    @property
    def undefined(self) -> list[FoldCell]:
        """The cells that are complete and have no figure all the same."""
        return [c for c in self.cells if c.state == "complete" and not math.isfinite(c.value)]

    @property
    def fold_means(self) -> dict[int, float]:
        """The mean figure over base learners by fold; folds without one are left out."""
        found: dict[int, list[float]] = {}
        for cell in self.complete:
            found.setdefault(cell.fold, []).append(cell.value)
        return {fold: sum(values) / len(values) for fold, values in sorted(found.items())}

    @property
    def hardest_and_easiest(self) -> tuple[int, int]:
        """The folds with the worst and the best mean; there must be one with a figure."""
        means = self.fold_means
        ends = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
        return (ends[1], ends[0]) if self.is_higher_better else ends


def draw_fold_matrix(facts: FoldMatrix) -> Drawing:
    """The matrix as a heat map with its figures written in."""
    return draw(
        "fold_matrix",
        f"{facts.title} by base learner and fold",
        describe_fold_matrix(facts),
        partial(_paint, facts),
    )


def describe_fold_matrix(facts: FoldMatrix) -> str:
    """The matrix in sentences."""
    text = f"{len(facts.backbones)} base learners by {len(facts.folds)} folds. "
    if facts.complete:
        low = min(facts.complete, key=lambda cell: cell.value)
        high = max(facts.complete, key=lambda cell: cell.value)
        text += (
            f"The {facts.title} runs from {low.value:.2f} ({low.backbone}, fold {low.fold}) to "
            f"{high.value:.2f} ({high.backbone}, fold {high.fold}). "
        )
    means = facts.fold_means
    if len(means) > 1:
        hard, easy = facts.hardest_and_easiest
        text += (
            f"Averaged over base learners, fold {hard} is the hardest ({means[hard]:.2f}) and "
            f"fold {easy} the easiest ({means[easy]:.2f}). "
        )
    counts = {str(state): sum(cell.state == state for cell in facts.cells) for state in _SIGNS}
    counts["undefined"] = len(facts.undefined)
    if any(counts.values()):
        named = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        text += f"Without a figure: {named}."
    return text.strip()


def _paint(facts: FoldMatrix, width: int) -> Figure:
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
        _paint_cell(axes, cell, place, (cell.value - low) / ((high - low) or 1.0), has_room)
    return figure


def _paint_cell(
    axes: Axes, cell: FoldCell, place: Sequence[int], share: float, has_room: bool
) -> None:
    column, row = place
    is_there = math.isfinite(cell.value)
    ground = Rectangle(
        (column, row),
        1,
        1,
        facecolor=ACCENT if is_there else "none",
        alpha=0.03 + (_STRONGEST - 0.03) * share if is_there else None,
        hatch=None if is_there else "////",
        edgecolor="none" if is_there else FAINT,
        linewidth=0,
    )
    axes.add_patch(ground)
    axes.add_patch(Rectangle((column, row), 1, 1, facecolor="none", edgecolor=PAPER, linewidth=1.6))
    text = f"{cell.value:.2f}" if is_there else _SIGNS.get(cell.state, UNDEFINED_SIGN)
    colour = INK if is_there else CAUTION if cell.state == "diverged" else MUTED
    if has_room or not is_there:
        axes.text(
            column + 0.5, row + 0.53, text, ha="center", va="center", fontsize=SMALL, color=colour
        )
