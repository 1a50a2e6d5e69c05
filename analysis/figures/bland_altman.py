"""Bland-Altman: difference against average, with the limits of agreement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.clinical.agreement import BlandAltman
from analysis.figures.canvas import SMALL, add_axes, new_figure, side_by_side
from analysis.figures.drawing import Drawing, draw
from analysis.figures.palette import ACCENT, INK, MUTED, PAPER
from analysis.figures.scatter import PARTITION_TITLES


def draw_bland_altman(parts: Sequence[BlandAltman]) -> Drawing:
    """A panel a partition: the mean difference and the limits with their intervals.

    Args:
        parts: One or two partitions of one model, each with at least one visit.
    """
    return draw(
        "bland_altman",
        f"Agreement of {parts[0].model} with the physician (Bland-Altman)",
        describe_bland_altman(parts),
        partial(_paint, tuple(parts)),
    )


def describe_bland_altman(parts: Sequence[BlandAltman]) -> str:
    """Bias and limits in sentences."""
    sentences = []
    for facts in parts:
        text = (
            f"{PARTITION_TITLES[facts.partition].capitalize()}: mean difference "
            f"{facts.mean_difference.value:+.2f}"
        )
        if math.isfinite(facts.lower.value):
            text += (
                f", 95 % limits of agreement {facts.lower.value:+.2f} to {facts.upper.value:+.2f} "
                f"PASI points, which hold {100 * facts.share_within:.0f} % of "
                f"{facts.num_visits} visits"
            )
        sentences.append(text + ".")
    return " ".join(sentences)


def _paint(parts: tuple[BlandAltman, ...], width: int) -> Figure:
    places, height = side_by_side(width, len(parts), shape=0.82, left=48, top=24, bottom=42)
    figure = new_figure(width, height)
    right = 1.04 * max(float(facts.points["average"].max()) for facts in parts) or 1.0
    reach = 1.12 * max(_reach(facts) for facts in parts) or 1.0
    for facts, place in zip(parts, places, strict=True):
        axes = add_axes(figure, *place)
        axes.set_xlim(0, right)
        axes.set_ylim(-reach, reach)
        axes.set_title(PARTITION_TITLES[facts.partition], loc="left", fontsize=SMALL, color=INK)
        axes.set_xlabel("average of both, PASI", fontsize=SMALL, loc="left")
        axes.set_ylabel("predicted − physician", fontsize=SMALL, loc="bottom")
        axes.locator_params(nbins=6)
        _paint_panel(axes, facts, right)
    return figure


def _reach(facts: BlandAltman) -> float:
    ends = [float(facts.points["difference"].abs().max())]
    ends += [abs(x) for x in (facts.lower.value, facts.upper.value) if math.isfinite(x)]
    return max(ends)


def _paint_panel(axes: Axes, facts: BlandAltman, right: float) -> None:
    axes.axhline(0, color=MUTED, linewidth=1, linestyle=(0, (1, 2.5)), zorder=1)
    lines = (("+1.96 SD", facts.upper), ("mean", facts.mean_difference), ("−1.96 SD", facts.lower))
    for label, estimate in lines:
        if not math.isfinite(estimate.value):
            continue
        if math.isfinite(estimate.low):
            axes.axhspan(estimate.low, estimate.high, color=ACCENT, alpha=0.13, linewidth=0)
        axes.axhline(estimate.value, color=ACCENT, linewidth=1.3, zorder=2)
        axes.annotate(
            f"{label} {estimate.value:+.1f}".replace("-", "−"), (right, estimate.value), (-2, 3),
            textcoords="offset points", ha="right", va="bottom", fontsize=SMALL, color=INK,
            zorder=5,
            bbox={"facecolor": PAPER, "alpha": 0.78, "linewidth": 0, "pad": 1.5},
        )  # fmt: skip
    size = 4.2 if facts.num_visits < 120 else 3.2
    axes.plot(
        facts.points["average"], facts.points["difference"], "o", color=ACCENT, markersize=size,
        alpha=0.5, markeredgewidth=0, zorder=3, clip_on=False,
    )  # fmt: skip
