"""How much each meta-learner makes of each base learner."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.canvas import SMALL, TEXT, add_axes, fitted, new_figure
from analysis.figures.drawing import Drawing, draw
from analysis.figures.palette import ACCENT, FAINT, INK, PAPER

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


def _paint(weights: pd.DataFrame, width: int) -> Figure:
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
    shares = np.abs(values) / np.maximum(np.abs(values).max(axis=0, keepdims=True), 1e-12)
    for row, column in np.argwhere(shares > 1e-4):
        axes.plot(
            [column], [row], "o", color=ACCENT,
            markersize=max(1.2, most * shares[row, column] ** 0.5),
            markerfacecolor=ACCENT if values[row, column] > 0 else PAPER, markeredgewidth=1.1,
        )  # fmt: skip
    return figure
