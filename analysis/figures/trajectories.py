"""Each subject's PASI over time, model against physician (the paper's figure 4)."""

from __future__ import annotations

import math
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.clinical.change import ChangeFacts
from analysis.clinical.response import RESPONSE_LEVELS, is_response
from analysis.figures.canvas import SMALL, add_axes, fitted, new_figure
from analysis.figures.drawing import Drawing, draw
from analysis.figures.palette import ACCENT, FAINT, INK, MUTED, PAPER

MOST_SUBJECTS = 24
"""More panels than these would be a wall, not a figure."""

MARKS = (-75, -90, -100)
_TINY = 9.5
_UPPER, _LOWER, _STEP = 92.0, 112.0, 304.0
_RATERS = (("physician", INK, PAPER, "o"), ("predicted", ACCENT, ACCENT, "o"))


def draw_trajectories(facts: ChangeFacts) -> Drawing:
    """Two small panels a subject: the PASI, and its change from baseline with the response marks.

    Args:
        facts: The change of one model on one partition with at least one visit. The first 24
            subjects are drawn.
    """
    return draw(
        "trajectories",
        f"PASI over time by subject, {facts.model} against the physician",
        describe_trajectories(facts),
        partial(_paint, facts),
    )


def describe_trajectories(facts: ChangeFacts) -> str:
    """Each drawn subject's course in a sentence."""
    sentences = []
    for subject, visits in _subjects(facts):
        first, last = visits.iloc[0], visits.iloc[-1]
        sentences.append(
            f"{subject}: physician {first['physician']:.1f} to {last['physician']:.1f}, "
            f"model {first['predicted']:.1f} to {last['predicted']:.1f} over {len(visits)} visits."
        )
    return " ".join(sentences)


def best_response(change: float) -> str:
    """The highest response that a percent change reaches: ``PASI90``; a dash for none."""
    reached = [level for level in RESPONSE_LEVELS if is_response(pd.Series([change]), level)[0]]
    return f"PASI{max(reached)}" if reached else "–"


def _subjects(facts: ChangeFacts) -> list[tuple[str, pd.DataFrame]]:
    groups = facts.trajectories.groupby("subject", sort=False)
    return [(str(name), visits) for name, visits in list(groups)[:MOST_SUBJECTS]]


def _paint(facts: ChangeFacts, width: int) -> Figure:
    subjects = _subjects(facts)
    columns = min(len(subjects), 3 if width > 500 else 2) or 1
    rows = math.ceil(len(subjects) / columns)
    left, gap = 34.0, 30.0
    panel = (width - left - gap * (columns - 1) - 4) / columns
    figure = new_figure(width, rows * _STEP - 12)
    top = 1.08 * float(facts.trajectories[["physician", "predicted"]].max().max()) or 1.0
    has_days = bool(facts.trajectories["day"].notna().all())
    for place, (name, visits) in enumerate(subjects):
        row, column = divmod(place, columns)
        x, y = left + column * (panel + gap), 44 + row * _STEP
        upper = add_axes(figure, x, y, panel, _UPPER)
        lower = add_axes(figure, x, y + _UPPER + 12, panel, _LOWER)
        times = visits["day" if has_days else "place"]
        _paint_scores(upper, times, visits, top)
        _paint_changes(lower, times, visits)
        _write_title(upper, name, visits, panel)
        upper.tick_params(labelbottom=False)
        lower.set_xlabel("day" if has_days else "visit", fontsize=_TINY, loc="left", labelpad=1)
        if column == 0:
            upper.set_ylabel("PASI", fontsize=_TINY, loc="bottom")
            lower.set_ylabel("change, %", fontsize=_TINY, loc="bottom")
    return figure


def _write_title(axes: Axes, name: str, visits: pd.DataFrame, width: float) -> None:
    axes.text(
        0, 1 + 31 / _UPPER, fitted(name, width, SMALL), transform=axes.transAxes, fontsize=SMALL,
        color=INK, fontweight="bold",
    )  # fmt: skip
    last = visits.iloc[-1]
    for place, (rater, colour, _, _) in enumerate(_RATERS):
        said = "physician" if rater == "physician" else "model"
        text = f"{said} {best_response(last[f'{rater}_change'])}"
        axes.text(
            0, 1 + (19 - 12 * place) / _UPPER, text, transform=axes.transAxes, fontsize=_TINY,
            color=colour,
        )  # fmt: skip


def _paint_scores(axes: Axes, times: pd.Series[float], visits: pd.DataFrame, top: float) -> None:
    for rater, colour, face, mark in _RATERS:
        axes.plot(
            times, visits[rater], mark + "-", color=colour, markerfacecolor=face, markersize=4,
            markeredgewidth=1.1, linewidth=1.3, clip_on=False,
        )  # fmt: skip
    axes.set_ylim(0, top)
    axes.grid(False, axis="x")
    axes.tick_params(labelsize=_TINY)
    axes.locator_params(axis="y", nbins=4)
    axes.locator_params(axis="x", nbins=4, integer=True)


def _paint_changes(axes: Axes, times: pd.Series[float], visits: pd.DataFrame) -> None:
    axes.set_ylim(-106, 28)
    axes.grid(False)
    axes.axhline(0, color=MUTED, linewidth=0.9)
    for level in MARKS:
        axes.axhline(level, color=FAINT, linewidth=0.9, linestyle=(0, (3, 2)))
    axes.set_yticks([0, *MARKS], ["0", *(f"−{-level}" for level in MARKS)], fontsize=_TINY - 1)
    axes.tick_params(axis="x", labelsize=_TINY)
    for rater, colour, face, mark in _RATERS:
        axes.plot(
            times, visits[f"{rater}_change"].clip(upper=28), mark + "-", color=colour,
            markerfacecolor=face, markersize=4, markeredgewidth=1.1, linewidth=1.3, clip_on=False,
        )  # fmt: skip
    axes.locator_params(axis="x", nbins=4, integer=True)
