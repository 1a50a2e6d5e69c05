"""Error against cost, with the Pareto front."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure
from matplotlib.ticker import LogLocator, MaxNLocator

from foldgrid.analysis.drawing.blocks import Block, Cell, Column, Figure, Section, Table, Text
from foldgrid.analysis.drawing.canvas import SMALL, add_axes, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.numbers import format_number, listed
from foldgrid.analysis.drawing.palette import ACCENT, INK, MUTED, PAPER
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.cost_facts import COSTS, CostFacts, cost_facts, format_cost
from foldgrid.analysis.run import Run
from foldgrid.specs.counted import counted
from foldgrid.specs.given import is_given

_HEIGHT = 184.0
_STEP = 256.0
_LINE = 12.5
_WIDE_SPAN = 6.0
"""The dearest over the cheapest from which the cost axis is logarithmic."""

_AXES = {
    "parameters": "parameters",
    "multiply_adds": "multiply-adds an image",
    "train_seconds": "training, seconds over all folds",
    "peak_memory_gib": "peak memory, GiB",
}


def draw_pareto(facts: CostFacts, title: str) -> Drawing:
    """A panel for every cost that tells base learners apart.

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
    return " ".join(
        f"On the front by {COSTS[cost]}, from the cheapest: {', '.join(facts.fronts[cost])}."
        for cost in shown_costs(facts)
    )


def shown_costs(facts: CostFacts) -> list[str]:
    """The costs that are known of two base learners or more and mean something.

    The peak memory of a fit on a CPU is its whole process's, so it is left out there.
    """
    on_cpu = facts.table["device"].str.contains("cpu").any()
    return [
        cost
        for cost in COSTS
        if facts.table[cost].nunique() > 1 and not (on_cpu and cost == "peak_memory_gib")
    ]


def _paint(facts: CostFacts, title: str, width: int) -> MplFigure:
    costs = shown_costs(facts)
    columns = 2 if width > 500 else 1
    left = 40.0
    panel = width / columns - left - 14
    figure = new_figure(width, math.ceil(len(costs) / columns) * _STEP - 8)
    for place, cost in enumerate(costs):
        row, column = divmod(place, columns)
        x = left + column * (width / columns + 4)
        axes = add_axes(figure, x, 16 + row * _STEP, panel, _HEIGHT)
        known = facts.table[facts.table[cost].notna() & facts.table["error"].notna()]
        _paint_panel(axes, known, cost)
        axes.set_ylabel(title, fontsize=SMALL, loc="bottom")
    return figure


def _paint_panel(axes: Axes, table: pd.DataFrame, cost: str) -> None:
    cost_N, error_N = (table[name].to_numpy(dtype=float) for name in (cost, "error"))
    is_on = table[f"front_{cost}"].to_numpy(dtype=bool)
    _scale_cost(axes, cost_N, _AXES[cost])
    front = table[is_on].sort_values(cost)
    low = float(error_N.min())
    high = max(float(np.quantile(error_N, 0.9)), float(front["error"].max()))
    room = (high - low) or 0.1 * abs(low) or 1.0
    axes.set_ylim(low - (0.12 + 0.06 * len(front)) * room, high + 0.12 * room)
    axes.plot(
        front[cost], front["error"], color=ACCENT, linewidth=1, alpha=0.6, zorder=1,
        drawstyle="steps-post",
    )  # fmt: skip
    axes.plot(
        cost_N[~is_on], error_N[~is_on], "o", color=MUTED, markerfacecolor=PAPER, markersize=5,
        zorder=2,
    )  # fmt: skip
    axes.plot(front[cost], front["error"], "o", color=ACCENT, markersize=6, zorder=3)
    _name_front(axes, front, cost)


def _scale_cost(axes: Axes, cost_N: np.ndarray, label: str) -> None:
    low, high = float(cost_N.min()), float(cost_N.max())
    if low > 0 and high > _WIDE_SPAN * low:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.4, high * 1.4)
        subs = (1.0, 3.0) if high < 300 * low else (1.0,)
        axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=8))
        axes.minorticks_off()
        label += " (log scale)"
    else:
        axes.set_xlim(low - 0.12 * (high - low), high + 0.12 * (high - low))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.xaxis.set_major_formatter(lambda value, _: _short(value))
    axes.set_xlabel(label, fontsize=SMALL, loc="left")


def _name_front(axes: Axes, front: pd.DataFrame, cost: str) -> None:
    """Names below the points of the front; a name that would meet the one before moves down."""
    to_pixels = axes.transData.transform
    middle = float(to_pixels((float(np.mean(axes.get_xlim())), 0.0))[0])
    if axes.get_xscale() == "log":
        middle = float(to_pixels((math.sqrt(math.prod(axes.get_xlim())), 0.0))[0])
    lowest = math.inf
    for name, at, error in zip(front["model"], front[cost], front["error"], strict=True):
        x, y = (float(value) for value in to_pixels((at, error)))
        lowest = min(y - 10.0, lowest - _LINE)
        is_right = x > middle
        axes.annotate(
            str(name), (at, error), (-6 if is_right else 6, lowest - y),
            textcoords="offset points", ha="right" if is_right else "left", va="center",
            fontsize=SMALL - 0.5, color=INK, annotation_clip=False, zorder=1.5,
            bbox={"facecolor": PAPER, "alpha": 0.75, "linewidth": 0, "pad": 0.5},
        )  # fmt: skip


def _short(value: float) -> str:
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def cost_section(run: Run) -> Section:
    """The Pareto front of error against each cost, and the costs as a table."""
    if all(map(is_given, run.evaluation.table.complete_learners)):
        return Section(left_out="no base learner was trained here.")
    facts = cost_facts(run.evaluation, run.by)
    title = run.ranking.metric.title
    blocks: list[Block] = []
    if len(facts.table) > 1 and shown_costs(facts):
        caption = (
            f"Out-of-fold {title} against cost, a point a base learner. Filled and named: on the "
            "Pareto front, no other is both cheaper and better."
        )
        paint = partial(draw_pareto, facts, title)
        blocks.append(Figure("pareto", paint, caption, lambda: facts.table))
    blocks += [
        _table(facts, title, run.scoring.decimals(facts.metric)),
        Text(facts.notes, is_list=True),
    ]
    return Section(_lead(facts), tuple(blocks))


def _lead(facts: CostFacts) -> str:
    front = list(facts.fronts["parameters"])
    if len(facts.table) < 2 or not front:
        return "One base learner: there is nothing to weigh its cost against."
    return (
        f"By parameters, {len(front)} of {counted(len(facts.table), 'base learner')} are on the "
        f"front, from "
        f"the cheapest to the best: {listed(front)}."
    )


def _table(facts: CostFacts, title: str, decimals: int) -> Table:
    columns = (
        Column("Base learner"),
        Column(title, True, "out of fold"),
        Column("Parameters", True),
        Column("Multiply-adds", True, "an image"),
        Column("Training", True, "all folds"),
        Column("Epochs", True, "a fit"),
        Column("Peak memory", True),
    )
    rows = tuple(
        _row({str(name): value for name, value in row.items()}, decimals)
        for row in facts.table.to_dict("records")
    )
    note = "Bold: on the front of error against that cost."
    caption = "Costs of the base learners"
    return Table("costs", caption, columns, rows, lambda: facts.table, note)


def _row(row: dict[str, Any], decimals: int) -> tuple[Cell, ...]:
    costs = {
        cost: Cell(format_cost(cost, row[cost]), "strong" if row[f"front_{cost}"] else "")
        for cost in COSTS
    }
    return (
        Cell(str(row["model"])),
        Cell(format_number(row["error"], decimals)),
        costs["parameters"],
        costs["multiply_adds"],
        costs["train_seconds"],
        Cell(format_number(row["epochs_per_fit"], 1)),
        costs["peak_memory_gib"],
    )


COST = Exhibit("cost", "Cost", cost_section)
