"""Error against cost, with the Pareto front."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from analysis.context.cost import COSTS, CostFacts
from analysis.figures.canvas import SMALL, add_axes, new_figure
from analysis.figures.drawing import Drawing, draw
from analysis.figures.palette import ACCENT, INK, MUTED, PAPER

_HEIGHT = 176.0
_STEP = 250.0
_AXES = {
    "parameters": "parameters",
    "multiply_adds": "multiply-adds an image",
    "train_seconds": "training, seconds over all folds",
    "peak_memory_gib": "peak memory, GiB",
}


def draw_pareto(facts: CostFacts, title: str) -> Drawing:
    """A panel for every cost that is known of at least two base learners.

    Args:
        facts: Costs and fronts of two or more base learners.
        title: What the error is called.
    """
    return draw(
        "pareto",
        f"Out-of-fold {title} against cost",
        describe_pareto(facts),
        partial(_paint, facts, title),
    )


def describe_pareto(facts: CostFacts) -> str:
    """The fronts in sentences."""
    sentences = [
        f"On the front by {COSTS[cost]}, from the cheapest: {', '.join(front)}."
        for cost, front in facts.fronts.items()
        if front
    ]
    return " ".join(sentences)


def _known_costs(facts: CostFacts) -> list[str]:
    return [cost for cost in COSTS if facts.table[cost].notna().sum() > 1]


def _paint(facts: CostFacts, title: str, width: int) -> Figure:
    costs = _known_costs(facts)
    columns = 2 if width > 500 else 1
    rows = math.ceil(len(costs) / columns)
    left = 40.0
    panel = width / columns - left - 14
    figure = new_figure(width, rows * _STEP - 8)
    for place, cost in enumerate(costs):
        row, column = divmod(place, columns)
        x = left + column * (width / columns + 4)
        axes = add_axes(figure, x, 24 + row * _STEP, panel, _HEIGHT)
        known = facts.table[facts.table[cost].notna() & facts.table["error"].notna()]
        _paint_panel(axes, known, cost)
        axes.set_xlabel(f"{_AXES[cost]} (log scale)", fontsize=SMALL, loc="left")
        axes.set_ylabel(title, fontsize=SMALL, loc="bottom")
    return figure


def _paint_panel(axes: Axes, table: pd.DataFrame, cost: str) -> None:
    axes.set_xscale("log")
    x, y = table[cost].to_numpy(dtype=float), table["error"].to_numpy(dtype=float)
    on_front = table[f"front_{cost}"].to_numpy(dtype=bool)
    order = np.argsort(x[on_front])
    axes.plot(x[on_front][order], y[on_front][order], color=ACCENT, linewidth=1, alpha=0.6,
              drawstyle="steps-post", zorder=1)  # fmt: skip
    axes.plot(x[~on_front], y[~on_front], "o", color=MUTED, markerfacecolor=PAPER, markersize=5,
              zorder=2)  # fmt: skip
    axes.plot(x[on_front], y[on_front], "o", color=ACCENT, markersize=6, zorder=3)
    axes.set_xlim(x.min() / 1.35, x.max() * 1.35)
    low, high = float(y.min()), float(np.quantile(y, 0.9))
    room = 0.14 * (max(high, float(y[on_front].max())) - low) or 0.1 * abs(low) or 1.0
    axes.set_ylim(low - 1.5 * room, max(high, float(y[on_front].max())) + 1.5 * room)
    axes.xaxis.set_major_locator(LogLocator(subs=_ticks(x.max() / x.min()), numticks=6))
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(lambda value, _: _short(value))
    for name, at, error in zip(table["model"][on_front], x[on_front], y[on_front], strict=True):
        is_right = np.log(at / x.min()) > 0.55 * np.log(x.max() / x.min() or 1.0)
        axes.annotate(
            str(name), (at, error), (-7 if is_right else 7, -9), textcoords="offset points",
            ha="right" if is_right else "left", va="center", fontsize=SMALL - 0.5, color=INK,
        )  # fmt: skip


def _ticks(span: float) -> tuple[float, ...]:
    """Tick marks a decade: few where there are many decades."""
    return (1.0, 2.0, 5.0) if span < 30 else (1.0, 3.0) if span < 300 else (1.0,)


def _short(value: float) -> str:
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
