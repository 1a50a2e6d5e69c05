"""Predicted against physician PASI with the 95 % band (the paper's figure 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.clinical.scatter import ScatterFacts
from analysis.figures.canvas import SMALL, add_axes, new_figure, side_by_side
from analysis.figures.drawing import Drawing, draw
from analysis.figures.palette import ACCENT, INK, MUTED

PARTITION_TITLES = {"oof": "out of fold", "test": "test"}


def draw_scatter(parts: Sequence[ScatterFacts]) -> Drawing:
    """A panel a partition, visits as points, the line of identity and the band.

    Args:
        parts: One or two partitions of one model, each with at least one visit.
    """
    return draw(
        "scatter",
        f"Predicted against physician PASI, {parts[0].model}",
        describe_scatter(parts),
        partial(_paint, tuple(parts)),
    )


def describe_scatter(parts: Sequence[ScatterFacts]) -> str:
    """The points, the line and the band in sentences."""
    sentences = []
    for facts in parts:
        text = (
            f"{PARTITION_TITLES[facts.partition].capitalize()}: {len(facts.points)} visits, "
            f"MAE {facts.mae.value:.2f}"
        )
        if math.isfinite(facts.pcc.value):
            text += f", Pearson's correlation {facts.pcc.value:.2f}"
        if math.isfinite(facts.slope.value):
            text += f"; the least-squares line has a slope of {facts.slope.value:.2f}"
        if math.isfinite(facts.share_in_band):
            text += f", and {100 * facts.share_in_band:.0f} % of the visits lie in the band"
        sentences.append(text + ".")
    return " ".join(sentences)


def _end(parts: Sequence[ScatterFacts]) -> float:
    """The end of all axes: the largest value in sight, rounded up to tens."""
    largest = max(float(facts.points[["physician", "predicted"]].max().max()) for facts in parts)
    return min(10.0 * math.ceil(largest / 10.0 + 0.05), parts[0].max_pasi) or 10.0


def _paint(parts: tuple[ScatterFacts, ...], width: int) -> Figure:
    places, height = side_by_side(width, len(parts), shape=1.0, left=40, top=24, bottom=42)
    figure = new_figure(width, height)
    end = _end(parts)
    for facts, place in zip(parts, places, strict=True):
        axes = add_axes(figure, *place)
        axes.set_xlim(0, end)
        axes.set_ylim(0, end)
        axes.set_aspect("equal")
        axes.set_title(PARTITION_TITLES[facts.partition], loc="left", fontsize=SMALL, color=INK)
        axes.set_xlabel("physician's PASI", fontsize=SMALL, loc="left")
        axes.set_ylabel("predicted PASI", fontsize=SMALL, loc="bottom")
        axes.locator_params(nbins=6)
        _paint_panel(axes, facts, end)
    return figure


def _paint_panel(axes: Axes, facts: ScatterFacts, end: float) -> None:
    axes.plot([0, end], [0, end], color=MUTED, linewidth=1, linestyle=(0, (1, 2.5)), zorder=1)
    band = facts.band
    if np.isfinite(band["fitted"]).all():
        axes.fill_between(
            band["physician"], band["lower"], band["upper"], color=ACCENT, alpha=0.11, linewidth=0,
            zorder=0,
        )  # fmt: skip
        axes.plot(band["physician"], band["fitted"], color=ACCENT, linewidth=1.4, zorder=2)
    points = facts.points
    size = 4.2 if len(points) < 120 else 3.2
    axes.plot(
        points["physician"], points["predicted"], "o", color=ACCENT, markersize=size, alpha=0.55,
        markeredgewidth=0, zorder=3, clip_on=False,
    )  # fmt: skip
    text = f"MAE {facts.mae.value:.2f}\nCCC {facts.ccc.value:.2f}"
    axes.text(0.035 * end, 0.965 * end, text, va="top", fontsize=SMALL, color=INK, linespacing=1.4)
