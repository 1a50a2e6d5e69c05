"""Shares of the explained variance with their intervals, a row a parameter."""

from __future__ import annotations

from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.canvas import SMALL, TEXT, add_axes, fitted, new_figure
from analysis.figures.drawing import Drawing, draw
from analysis.figures.palette import ACCENT, FAINT, INK, MUTED, PAPER
from analysis.search.importance import Importance, Importances, Shares

_ROW = 34.0


def draw_importances(key: str, facts: Importances) -> Drawing:
    """The most important parameter on top."""
    title = "How much the score depends on each parameter"
    return draw(key, title, describe_importances(facts), partial(_paint, facts))


def describe_importances(facts: Importances) -> str:
    """The shares in sentences."""
    words = [
        f"{each.name} {each.shown.mean:.0%} (95 % interval {each.shown.low:.0%} to "
        f"{each.shown.high:.0%})"
        for each in facts.parameters
    ]
    return f"Shares of the explained variance: {', '.join(words)}."


def _paint(facts: Importances, width: int) -> Figure:
    is_wide = width > 500
    names, figures = (150, 118) if is_wide else (112, 34)
    height = _ROW * len(facts.parameters)
    figure = new_figure(width, height + 54)
    axes = add_axes(figure, names, 8, width - names - figures, height)
    axes.set_ylim(len(facts.parameters) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.grid(False, axis="y")
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0] if is_wide else [0, 0.5, 1.0])
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
    axes.set_xlabel("share of the explained variance", fontsize=SMALL, loc="left")
    size = TEXT if is_wide else SMALL - 0.5
    shown = [fitted(each.name, names - 8, size) for each in facts.parameters]
    axes.set_yticks(range(len(shown)), shown, color=INK, fontsize=size)
    for place, each in enumerate(facts.parameters):
        _paint_row(axes, each, place, is_wide)
    return figure


def _paint_row(axes: Axes, each: Importance, place: int, is_wide: bool) -> None:
    if place % 2 == 0:
        axes.axhspan(place - 0.5, place + 0.5, facecolor=FAINT, alpha=0.28, linewidth=0, zorder=0)
    axes.plot([each.chance] * 2, [place - 0.34, place + 0.34], color=MUTED, linewidth=1.2,
              linestyle=(0, (2, 1.5)), zorder=1)  # fmt: skip
    both = each.complete is not None and each.all_trials is not None
    if each.complete is not None:
        _paint_shares(axes, each.complete, place - (0.15 if both else 0), True)
    if each.all_trials is not None:
        _paint_shares(axes, each.all_trials, place + (0.17 if both else 0), False)
    text = f"{100 * each.shown.mean:.0f}%"
    if is_wide:
        text += f"  ({100 * each.shown.low:.0f}–{100 * each.shown.high:.0f}%)"
    axes.annotate(
        text, (1, place), (10, 0), xycoords=("axes fraction", "data"),
        textcoords="offset points", va="center", fontsize=SMALL, color=INK,
    )  # fmt: skip


def _paint_shares(axes: Axes, shares: Shares, at: float, is_complete: bool) -> None:
    colour = ACCENT if is_complete else MUTED
    axes.plot([shares.low, shares.high], [at, at], color=colour, zorder=2,
              linewidth=1.8 if is_complete else 1.1, solid_capstyle="butt")  # fmt: skip
    axes.plot(
        [shares.mean], [at], "o", color=colour, markersize=6.4 if is_complete else 4.6, zorder=3,
        markerfacecolor=colour if is_complete else PAPER, markeredgewidth=1.4, clip_on=False,
    )  # fmt: skip
