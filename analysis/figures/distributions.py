"""How the physician scored, training against test (the paper's figure 2)."""

from __future__ import annotations

import math
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.clinical.distributions import ScoreDistributions
from analysis.figures.canvas import SMALL, add_axes, new_figure
from analysis.figures.drawing import Drawing, draw
from analysis.figures.palette import ACCENT, INK, MUTED

_PANEL_HEIGHT = 92.0


def draw_distributions(facts: ScoreDistributions) -> Drawing:
    """Paired bars: the share of each grade, and of each band of the PASI."""
    return draw(
        "distributions",
        "Distribution of the physician's scores, training against test",
        describe_distributions(facts),
        partial(_paint, facts),
    )


def describe_distributions(facts: ScoreDistributions) -> str:
    """How far training and test lie apart, score by score."""
    gaps = [
        f"{_title(name)} {100 * gap:.0f} %"
        for name, gap in facts.differences.items()
        if math.isfinite(gap)
    ]
    text = "Share of samples by grade, and of visits by PASI. "
    if gaps:
        text += "The part of a distribution that would have to move: " + ", ".join(gaps) + "."
    return text


def _title(name: str) -> str:
    return "PASI" if name == "pasi" else name


def _paint(facts: ScoreDistributions, width: int) -> Figure:
    names = list(dict.fromkeys(facts.scores["score"])) if len(facts.scores) else []
    columns = 4 if width > 500 else 2
    rows = math.ceil(len(names) / columns)
    left, gap, step = 30.0, 18.0, _PANEL_HEIGHT + 52
    figure = new_figure(width, (rows + 1) * step + 18)
    panel = (width - left - gap * (columns - 1) - 4) / columns
    top = 1.1 * max(_largest(facts.scores), _largest(facts.pasi), 0.05)
    for place, name in enumerate(names):
        row, column = divmod(place, columns)
        axes = add_axes(
            figure, left + column * (panel + gap), 24 + row * step, panel, _PANEL_HEIGHT
        )
        table = facts.scores[facts.scores["score"] == name]
        _paint_panel(axes, table, [f"{grade:g}" for grade in table["grade"]], name, top)
        if column:
            axes.tick_params(labelleft=False)
    axes = add_axes(figure, left, 24 + rows * step, width - left - 4, _PANEL_HEIGHT)
    labels = [f"{low:g}–" for low in facts.pasi["low"]]
    _paint_panel(axes, facts.pasi, labels, "PASI of a visit, in steps of 5", top)
    _write_legend(axes)
    return figure


def _largest(table: pd.DataFrame) -> float:
    shares = table.reindex(columns=["train_share", "test_share"])
    return float(shares.max().max()) if shares.notna().any(axis=None) else 0.0


def _paint_panel(
    axes: Axes, table: pd.DataFrame, labels: list[str], title: str, top: float
) -> None:
    places = list(range(len(table)))
    axes.bar(
        [x - 0.2 for x in places], table["train_share"].fillna(0), 0.38, color=MUTED, alpha=0.5
    )
    axes.bar([x + 0.2 for x in places], table["test_share"].fillna(0), 0.38, color=ACCENT)
    axes.set_xticks(places, labels)
    axes.set_xlim(-0.7, len(table) - 0.3)
    axes.set_ylim(0, top)
    axes.grid(False, axis="x")
    axes.locator_params(axis="y", nbins=4)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
    axes.set_title(title, loc="left", fontsize=SMALL, color=INK, pad=5)


def _write_legend(axes: Axes) -> None:
    for text, colour, right in (("training", MUTED, 62.0), ("test", ACCENT, 0.0)):
        axes.annotate(
            f"■ {text}", (1, 1), (-right, 5), xycoords="axes fraction", textcoords="offset points",
            ha="right", fontsize=SMALL, color=colour,
        )  # fmt: skip
