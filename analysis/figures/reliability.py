"""Reliability diagrams: what was said against how often it came true, and how often it was said."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.classes.reliability import ReliabilityFacts
from analysis.figures.canvas import SMALL, add_axes, new_figure, side_by_side
from analysis.figures.drawing import Drawing, draw
from analysis.figures.palette import ACCENT, INK, MUTED, PAPER

_COUNTS = 44.0
"""The height of the counts below a panel."""

_EDGE = 14.0
"""Half of the last tick's label stands to the right of a panel."""

_FEWEST_UNITS = 5
"""A bin with fewer is drawn hollow and apart from the line."""

_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def draw_reliability(parts: Sequence[ReliabilityFacts], titles: Sequence[str]) -> Drawing:
    """A panel a partition or model.

    Args:
        parts: One or two.
        titles: What each panel is called: ``out of fold``.
    """
    return draw(
        "reliability",
        f"Probability of {parts[0].says} against how often it came true, {parts[0].name}",
        describe_reliability(parts, titles),
        partial(_paint, tuple(parts), tuple(titles)),
    )


def describe_reliability(parts: Sequence[ReliabilityFacts], titles: Sequence[str]) -> str:
    """The error of calibration and its direction in sentences."""
    sentences = []
    for facts, title in zip(parts, titles, strict=True):
        num_units = sum(each.share.num_units for each in facts.bins)
        sentences.append(
            f"{title.capitalize()}: {num_units} units in {len(facts.bins)} bins, expected "
            f"calibration error {facts.calibration_error:.3f}."
        )
        above = [each for each in facts.bins if each.share.value < each.mean_probability]
        share = sum(each.share.num_units for each in above) / num_units if num_units else 0.0
        sentences.append(f"For {100 * share:.0f} % of the units the probabilities are too high.")
    return " ".join(sentences)


def _paint(parts: tuple[ReliabilityFacts, ...], titles: tuple[str, ...], width: int) -> Figure:
    places, height = side_by_side(
        width, len(parts), shape=1.0, left=54, top=24, bottom=_COUNTS + 54
    )
    figure = new_figure(width, height)
    for facts, title, (left, top, room, _) in zip(parts, titles, places, strict=True):
        size = room - _EDGE
        axes = add_axes(figure, left, top, size, size)
        axes.set_title(title, loc="left", fontsize=SMALL, color=INK)
        error = f"calibration error {facts.calibration_error:.3f}"
        axes.set_title(error, loc="right", fontsize=SMALL, color=MUTED)
        axes.set_ylabel("came true", fontsize=SMALL, loc="bottom", labelpad=3)
        axes.set_yticks(_TICKS, [f"{100 * each:.0f} %" for each in _TICKS])
        axes.set_xticks(_TICKS, ["" for _ in _TICKS])
        _paint_panel(axes, facts)
        counts = add_axes(figure, left, top + size + 10, size, _COUNTS)
        _paint_counts(counts, facts)
    return figure


def _paint_panel(axes: Axes, facts: ReliabilityFacts) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 2.5)), zorder=1)
    firm = [each for each in facts.bins if each.share.num_units >= _FEWEST_UNITS]
    said = [each.mean_probability for each in firm]
    axes.plot(said, [each.share.value for each in firm], color=ACCENT, linewidth=1.4, zorder=3)
    for each in facts.bins:
        low, high = each.share.interval.low, each.share.interval.high
        x, y = each.mean_probability, each.share.value
        axes.plot([x, x], [x, y], color=ACCENT, linewidth=5, alpha=0.13, zorder=1)
        if low is not None and high is not None:
            axes.plot([x, x], [low, high], color=ACCENT, linewidth=1.2, alpha=0.75, zorder=2)
        axes.plot(
            [x], [y], "o", color=ACCENT, markersize=5.5, zorder=4, clip_on=False,
            markerfacecolor=ACCENT if each in firm else PAPER, markeredgewidth=1.2,
        )  # fmt: skip


def _paint_counts(axes: Axes, facts: ReliabilityFacts) -> None:
    axes.grid(False)
    most = max(each.share.num_units for each in facts.bins)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.35 * most)
    for each in facts.bins:
        middle = (each.low + each.high) / 2
        axes.bar(
            middle, each.share.num_units, 0.86 * (each.high - each.low), color=MUTED, alpha=0.4
        )
        axes.text(
            middle, each.share.num_units + 0.07 * most, f"{each.share.num_units}", ha="center",
            va="bottom", fontsize=SMALL - 2, color=MUTED,
        )  # fmt: skip
    axes.set_yticks([])
    axes.set_xticks(_TICKS, [f"{100 * each:.0f} %" for each in _TICKS])
    axes.set_xlabel(f"probability of {facts.says}; units", fontsize=SMALL, loc="left")
