"""The score over two parameters: a surface where there are trials, and the trials."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from analysis.figures.canvas import SMALL, add_axes, new_figure
from analysis.figures.drawing import Drawing, draw
from analysis.figures.palette import ACCENT, INK, MUTED, PAPER
from analysis.figures.trial_marks import mark_trials, name_point, strengths
from analysis.search.landscape import Landscape
from analysis.search.numbers import Scale
from foldgrid.scoring import Metric

_LEVELS = 7
_OPACITIES = (0.05, 0.12, 0.20, 0.30, 0.41, 0.54, 0.68)
"""Of the surface, the worst score first."""


@dataclass(frozen=True)
class LandscapeFigure:
    """A landscape and what is pointed out in it.

    Attributes:
        key: The figure's name.
        landscape: The score over two parameters.
        metric: What was searched for.
        best: The number of the best trial; -1 where there is none.
    """

    key: str
    landscape: Landscape
    metric: Metric
    best: int


def draw_landscape(facts: LandscapeFigure) -> Drawing:
    """A surface, and a mark a trial."""
    across, up = _scales(facts.landscape)
    title = f"{facts.metric.title} over {across.name} and {up.name}"
    return draw(facts.key, title, describe_landscape(facts), partial(_paint, facts))


def _scales(landscape: Landscape) -> tuple[Scale, Scale]:
    if landscape.across is None or landscape.up is None:
        raise ValueError(landscape.reason)
    return landscape.across, landscape.up


def describe_landscape(facts: LandscapeFigure) -> str:
    """Where the best score lies, in sentences."""
    across, up = _scales(facts.landscape)
    points = facts.landscape.points
    text = f"{len(points)} trials."
    best = points[points["trial"] == facts.best]
    if len(best):
        row = best.iloc[0]
        text += (
            f" The best has {across.name} {row[across.name]:.3g} and {up.name} {row[up.name]:.3g}."
        )
    if facts.landscape.surface_GG.size:
        text += f" The two explain {facts.landscape.explained:.0%} of the scores' variance."
    return text


def _paint(facts: LandscapeFigure, width: int) -> Figure:
    across, up = _scales(facts.landscape)
    is_wide = width > 500
    left, right, top = 48.0, 128.0 if is_wide else 10.0, 26.0
    panel = width - left - right
    height = min(0.72 * panel, 390.0) if is_wide else 0.95 * panel
    below = 46.0 if is_wide else 92.0
    figure = new_figure(width, top + height + below)
    axes = add_axes(figure, left, top, panel, height)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    _label(axes, across, up)
    levels = _levels(facts)
    if len(levels) > 1:
        _paint_surface(axes, facts, levels)
        key = (
            add_axes(figure, left + panel + 34, top, 12, 0.62 * height)
            if is_wide
            else add_axes(figure, left, top + height + 62, panel, 10)
        )
        _paint_key(key, facts, levels, is_wide)
    _mark_points(axes, facts)
    _point_out(axes, facts)
    return figure


def _label(axes: Axes, across: Scale, up: Scale) -> None:
    ticks = _ticks(across)
    axes.set_xticks([share for share, _ in ticks], [text for _, text in ticks])
    ticks = _ticks(up)
    axes.set_yticks([share for share, _ in ticks], [text for _, text in ticks])
    log = " (log scale)"
    axes.set_xlabel(across.name + (log if across.is_log else ""), fontsize=SMALL, loc="left")
    axes.set_title(
        up.name + (log if up.is_log else ""), loc="left", fontsize=SMALL, color=MUTED, pad=7
    )


def _ticks(scale: Scale) -> list[tuple[float, str]]:
    """Round values between the ends: decades and their halves, or even steps."""
    low, high = scale.ends
    if high <= low:
        return [(0.5, f"{scale.low:g}")]
    if scale.is_log:
        steps = (1,) if high - low > 2.2 else (1, 2, 5)
        values = [
            step * 10.0**decade
            for decade in range(math.floor(low), math.ceil(high) + 1)
            for step in steps
        ]
        places = [(math.log10(value), value) for value in values]
    else:
        places = [(float(value), float(value)) for value in np.linspace(low, high, 5)]
    kept = [(place, value) for place, value in places if low - 1e-9 <= place <= high + 1e-9]
    return [
        ((place - low) / (high - low), "0" if scale.is_zero(place) else f"{value:.3g}")
        for place, value in kept
    ]


def _levels(facts: LandscapeFigure) -> np.ndarray:
    surface = facts.landscape.surface_GG
    known = surface[np.isfinite(surface)] if surface.size else surface
    if not known.size or np.ptp(known) <= 1e-9 * max(1.0, float(np.abs(known).max())):
        return np.empty(0)
    return np.linspace(float(known.min()), float(known.max()), _LEVELS + 1)


def _colours(facts: LandscapeFigure) -> list[tuple[float, float, float, float]]:
    ordered = _OPACITIES if facts.metric.direction == "higher" else _OPACITIES[::-1]
    return [(*to_rgb(ACCENT), opacity) for opacity in ordered]


def _paint_surface(axes: Axes, facts: LandscapeFigure, levels: np.ndarray) -> None:
    line = np.linspace(0, 1, len(facts.landscape.surface_GG))
    surface = np.ma.masked_invalid(facts.landscape.surface_GG)
    filled = axes.contourf(line, line, surface, levels=levels, colors=_colours(facts), zorder=1)
    filled.set_edgecolor("none")
    axes.contour(line, line, surface, levels=levels[1:-1], colors=[PAPER], linewidths=0.8, zorder=2)


def _paint_key(axes: Axes, facts: LandscapeFigure, levels: np.ndarray, is_wide: bool) -> None:
    axes.grid(False)
    for place, colour in enumerate(_colours(facts)):
        span = (place, place + 1)
        (axes.axhspan if is_wide else axes.axvspan)(*span, facecolor=colour, linewidth=0)
    shown = [(place, f"{levels[place]:.3g}") for place in range(0, _LEVELS + 1, 2)]
    places, texts = [place for place, _ in shown], [text for _, text in shown]
    title = facts.metric.title
    if is_wide:
        axes.set_ylim(0, _LEVELS)
        axes.set_xticks([])
        axes.set_yticks(places, texts)
        axes.yaxis.tick_right()
        axes.tick_params(length=0, colors=MUTED, labelsize=SMALL)
        axes.set_title(f"smoothed\n{title}", loc="left", fontsize=SMALL, color=MUTED, pad=6)
        return
    axes.set_xlim(0, _LEVELS)
    axes.set_yticks([])
    axes.set_xticks(places, texts)
    axes.set_title(f"smoothed {title}", loc="left", fontsize=SMALL, color=MUTED, pad=4)


def _mark_points(axes: Axes, facts: LandscapeFigure) -> None:
    points = facts.landscape.points
    for status in ("diverged", "stopped", "complete"):
        own = points[points["status"] == status]
        x, y = own["x"].to_numpy(dtype=float), own["y"].to_numpy(dtype=float)
        if status != "complete" or facts.landscape.surface_GG.size:
            mark_trials(axes, x, y, status, 5.6)
            continue
        # Without a ground the marks themselves say how good a trial is.
        shades = strengths(own["score"].to_numpy(dtype=float), facts.metric)
        for at_x, at_y, shade in zip(x, y, shades, strict=True):
            axes.plot([at_x], [at_y], "o", color=ACCENT, alpha=shade, markersize=8.5, zorder=4,
                      markeredgecolor=ACCENT, clip_on=False)  # fmt: skip


def _point_out(axes: Axes, facts: LandscapeFigure) -> None:
    points = facts.landscape.points
    places = {
        int(trial): (float(x), float(y))
        for trial, x, y in zip(points["trial"], points["x"], points["y"], strict=True)
    }
    if facts.best in places:
        x, y = places[facts.best]
        axes.plot([x], [y], "o", color=ACCENT, markersize=9.5, zorder=5,
                  markeredgecolor=INK, markeredgewidth=1.6, clip_on=False)  # fmt: skip
        name_point(axes, x, y, "best", above=True)
    if 0 in places and facts.best != 0:
        x, y = places[0]
        axes.plot([x], [y], "D", color=INK, markersize=6.2, zorder=5,
                  markeredgecolor=PAPER, markeredgewidth=0.8, clip_on=False)  # fmt: skip
        name_point(axes, x, y, "own recipe", above=False)
