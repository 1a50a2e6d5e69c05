"""The forest plot: every model's error with its interval, against what an error means."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.canvas import SMALL, TEXT, add_axes, fitted, new_figure
from analysis.figures.drawing import Drawing, draw
from analysis.figures.palette import ACCENT, FAINT, INK, MUTED, PAPER

_ROW = 21.0
_BOTTOM = 40.0
_LINE = 13.0
"""Between two lines of landmark labels."""
_MARKERS = {"base_learner": "o", "meta_learner": "D", "baseline": "s"}


@dataclass(frozen=True)
class ForestRow:
    """One model.

    Attributes:
        model: Its name.
        kind: ``base_learner``, ``meta_learner`` or ``baseline``.
        value: Its figure.
        low: The lower end of its interval; NaN where there is none.
        high: The upper end.
        is_tied: Whether it cannot be told apart from the best; the best is tied with itself.
    """

    model: str
    kind: str
    value: float
    low: float
    high: float
    is_tied: bool


@dataclass(frozen=True)
class Landmark:
    """A line to read the errors against.

    Attributes:
        label: What it is.
        value: Where it is.
    """

    label: str
    value: float


@dataclass(frozen=True)
class Forest:
    """The models of a ranking with intervals.

    Attributes:
        title: What the figure shows.
        axis: The axis label, with the unit.
        rows: Best first.
        landmarks: Lines across all rows.
    """

    title: str
    axis: str
    rows: tuple[ForestRow, ...]
    landmarks: tuple[Landmark, ...]


def draw_forest(facts: Forest, key: str = "forest") -> Drawing:
    """A point and an interval a model, best on top."""
    return draw(key, facts.title, describe_forest(facts), partial(_paint, facts))


def describe_forest(facts: Forest) -> str:
    """The plot in sentences."""
    best = facts.rows[0]
    text = f"{len(facts.rows)} models. Best is {best.model} with {best.value:.2f}"
    if math.isfinite(best.low):
        text += f", 95 % interval {best.low:.2f} to {best.high:.2f}"
    tied = sum(row.is_tied for row in facts.rows[1:])
    text += f". {tied} others cannot be told apart from it" if tied != 1 else ". 1 other is tied"
    text += f". Last is {facts.rows[-1].model} with {facts.rows[-1].value:.2f}. "
    lines = [f"{landmark.label} at {landmark.value:.2f}" for landmark in facts.landmarks]
    return text + (f"Lines: {', '.join(lines)}." if lines else "")


def _paint(facts: Forest, width: int) -> Figure:
    is_wide = width > 500
    names, figures = (206, 132) if is_wide else (142, 36)
    top = 12.0 + _LINE * len(facts.landmarks)
    size = TEXT if is_wide else SMALL - 0.5
    height = _ROW * len(facts.rows)
    figure = new_figure(width, top + height + _BOTTOM)
    axes = add_axes(figure, names, top, width - names - figures, height)
    axes.set_ylim(len(facts.rows) - 0.5, -0.5)
    right = _right_end(facts)
    axes.set_xlim(0, right)
    axes.grid(False, axis="y")
    axes.set_yticks(
        range(len(facts.rows)),
        [fitted(row.model, names - 8, size) for row in facts.rows],
        color=INK,
        fontsize=size,
    )
    axes.locator_params(axis="x", nbins=7 if is_wide else 4)
    axes.set_xlabel(facts.axis, fontsize=SMALL, loc="left")
    _paint_landmarks(axes, facts, right)
    for place, row in enumerate(facts.rows):
        _paint_row(axes, row, place, right, is_wide)
    return figure


def _right_end(facts: Forest) -> float:
    """An axis that a few models without any sense cannot stretch."""
    ends = sorted(row.high if math.isfinite(row.high) else row.value for row in facts.rows)
    typical = ends[int(0.75 * (len(ends) - 1))]
    return 1.06 * max(min(ends[-1], 1.8 * typical), *(each.value for each in facts.landmarks), 0.1)


def _paint_landmarks(axes: Axes, facts: Forest, right: float) -> None:
    for place, landmark in enumerate(sorted(facts.landmarks, key=lambda each: -each.value)):
        reach = 1 + (_LINE * (place + 0.8)) / (_ROW * len(facts.rows))
        axes.axvline(
            landmark.value, 0, reach, color=MUTED, linewidth=1.0, linestyle=(0, (1, 2.5)),
            zorder=1, clip_on=False,
        )  # fmt: skip
        axes.annotate(
            f"{landmark.label} {landmark.value:.2f}",
            (landmark.value, 1),
            (-3 if landmark.value > 0.5 * right else 3, 4 + _LINE * place),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="right" if landmark.value > 0.5 * right else "left",
            fontsize=SMALL,
            color=MUTED,
            bbox={"facecolor": PAPER, "linewidth": 0, "pad": 0.8},
        )


def _paint_row(axes: Axes, row: ForestRow, place: int, right: float, is_wide: bool) -> None:
    colour = MUTED if row.kind == "baseline" else ACCENT
    if place % 2 == 0:
        axes.axhspan(place - 0.5, place + 0.5, facecolor=FAINT, alpha=0.28, linewidth=0, zorder=0)
    if math.isfinite(row.low):
        high = min(row.high, right)
        axes.plot([min(row.low, right), high], [place, place], color=colour, linewidth=1.8,
                  solid_capstyle="butt", zorder=2)  # fmt: skip
        if row.high > right:
            axes.plot([right], [place], ">", color=colour, markersize=4.5, clip_on=False)
    if row.value <= right:
        axes.plot(
            [row.value], [place], _MARKERS[row.kind], color=colour, markersize=6.2, zorder=3,
            markerfacecolor=colour if row.is_tied else PAPER, markeredgewidth=1.5,
            clip_on=False,
        )  # fmt: skip
    text = f"{row.value:.2f}"
    if is_wide and math.isfinite(row.low):
        text += f"  ({row.low:.2f}–{row.high:.2f})"
    axes.annotate(
        text, (1, place), (10, 0), xycoords=("axes fraction", "data"),
        textcoords="offset points", va="center", fontsize=SMALL, color=INK,
    )  # fmt: skip
