"""How much each meta-learner makes of each base learner."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as MplFigure

from foldgrid.analysis.drawing.blocks import Cell, Column, Figure, Section, Table
from foldgrid.analysis.drawing.canvas import SMALL, TEXT, add_axes, fitted, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.numbers import format_number, interval
from foldgrid.analysis.drawing.palette import ACCENT, FAINT, INK, PAPER
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.words import task_report
from foldgrid.analysis.run import Run

_ROW = 20.0


def draw_meta_weights(weights: pd.DataFrame) -> Drawing:
    """A bubble a weight: area by size within its meta-learner, filled above 0, open below.

    Args:
        weights: A row a base learner, a column a meta-learner.
    """
    return draw(
        "meta_weights",
        "Weights of the base learners in each meta-learner",
        describe_meta_weights(weights),
        partial(_paint, weights),
    )


def describe_meta_weights(weights: pd.DataFrame) -> str:
    """The heaviest base learner of each meta-learner, in sentences."""
    sentences = []
    for name in weights.columns:
        column = weights[name].to_numpy(dtype=float)
        heaviest = int(np.abs(column).argmax())
        sentences.append(f"{name}: most on {weights.index[heaviest]} ({column[heaviest]:.2f})")
    return "; ".join(sentences) + "."


def _paint(weights: pd.DataFrame, width: int) -> MplFigure:
    is_wide = width > 500
    num_rows, num_columns = weights.shape
    left, top = (206.0, 150.0) if is_wide else (142.0, 134.0)
    size = TEXT if is_wide else SMALL - 0.5
    figure = new_figure(width, top + _ROW * num_rows + 6)
    span = width - left - 6
    axes = add_axes(figure, left, top, span, _ROW * num_rows)
    axes.set_xlim(-0.5, num_columns - 0.5)
    axes.set_ylim(num_rows - 0.5, -0.5)
    axes.grid(True, color=FAINT, linewidth=0.8)
    names = [fitted(str(name), left - 8, size) for name in weights.index]
    axes.set_yticks(range(num_rows), names, color=INK, fontsize=size)
    axes.xaxis.tick_top()
    axes.set_xticks(
        range(num_columns), [str(name) for name in weights.columns], color=INK, fontsize=size,
        rotation=90,
    )  # fmt: skip
    most = min(_ROW, span / num_columns) - 3.0
    values = weights.to_numpy(dtype=float)
    fractions = np.abs(values) / np.maximum(np.abs(values).max(axis=0, keepdims=True), 1e-12)
    for row, column in np.argwhere(fractions > 1e-4):
        axes.plot(
            [column], [row], "o", color=ACCENT,
            markersize=max(1.2, most * fractions[row, column] ** 0.5),
            markerfacecolor=ACCENT if values[row, column] > 0 else PAPER, markeredgewidth=1.1,
        )  # fmt: skip
    return figure


def stacking_section(run: Run) -> Section:
    """The weights as bubbles and as numbers."""
    if not run.evaluation.meta_learners:
        reason = "stacking needs two complete base learners and two folds."
        return Section(left_out=reason)
    weights = run.evaluation.meta_weights
    known = set(weights.columns.get_level_values(0))
    names = [name for name in run.evaluation.meta_learners if name in known]
    order = [row.model for row in run.ranking.rows if row.model in weights.index]
    whole = pd.DataFrame({name: weights[name, "weight"] for name in names}).loc[order]
    caption = (
        "Weights of the fits on all out-of-fold predictions; base learners in the ranking's order. "
        "A bubble's area is the weight's size within its meta-learner; open bubbles are negative. "
        f"{task_report(run).weight_meaning}"
    )
    blocks = (
        Figure(
            "meta_weights", partial(draw_meta_weights, whole), caption, partial(_frame, weights)
        ),
        _table(weights, names, order),
    )
    return Section(_lead(run), blocks)


def _lead(run: Run) -> str:
    found = [row for row in run.ranking.rows if row.kind == "meta_learner" and row.rank is not None]
    text = (
        "Learners that resemble each other share or trade weight: a weight is no measure of a "
        "learner's worth."
    )
    if found:
        first = found[0]
        text += f" The best meta-learner is {first.model}, at place {first.rank} of the ranking."
    return text


def _table(weights: pd.DataFrame, names: list[str], order: list[str]) -> Table:
    columns = (Column("Base learner"), *(Column(name, True) for name in names))
    rows = tuple((Cell(name), *(_cell(weights, name, meta) for meta in names)) for name in order)
    note = "Second lines: lowest and highest weight of the fits that left one fold out."
    caption = "Weights of the base learners in each meta-learner"
    return Table("meta_weights_table", caption, columns, rows, partial(_frame, weights), note)


def _cell(weights: pd.DataFrame, name: str, meta: str) -> Cell:
    weight, lowest, highest = (
        float(weights[meta, part].loc[name]) for part in ("weight", "lowest", "highest")
    )
    return Cell(format_number(weight), "", interval(lowest, highest))


def _frame(weights: pd.DataFrame) -> pd.DataFrame:
    """A row a meta-learner and base learner: weight, lowest and highest."""
    long = weights.rename_axis("base_learner").stack("meta_learner", future_stack=True)
    return long.reset_index()[["meta_learner", "base_learner", "weight", "lowest", "highest"]]


STACKING = Exhibit("stacking", "Meta-learner weights", stacking_section)
