"""The score of every trial by epoch; what was stopped ends early."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure
from matplotlib.ticker import MaxNLocator

from foldgrid.analysis.drawing.blocks import Figure, Section
from foldgrid.analysis.drawing.canvas import SMALL, add_axes, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.palette import ACCENT, INK, MUTED, PAPER
from foldgrid.analysis.drawing.trial_marks import mark_trials, score_axis
from foldgrid.analysis.exhibits.search.of_study import study_exhibit
from foldgrid.analysis.search.run import StudyFacts
from foldgrid.metrics import Metric
from foldgrid.specs.counted import counted

_LINE = 13.0
"""Between the names at the right."""


@dataclass(frozen=True)
class TrialCurves:
    """All trials of a study by epoch.

    Attributes:
        table: As ``trial_curves`` gives it.
        metric: What was searched for.
        best: The number of the best trial; -1 where there is none.
    """

    table: pd.DataFrame
    metric: Metric
    best: int


def draw_trial_curves(facts: TrialCurves) -> Drawing:
    """A line a trial."""
    title = f"Out-of-fold {facts.metric.title} of every trial by epoch"
    return draw("curves", title, describe_trial_curves(facts), partial(_paint, facts))


def describe_trial_curves(facts: TrialCurves) -> str:
    """How long the trials trained, in sentences."""
    ends = facts.table.groupby("trial").agg(status=("status", "first"), epochs=("epoch", "max"))
    text = f"{counted(len(ends), 'trial')} of up to {int(ends['epochs'].max())} epochs."
    for status, words in (("stopped", "were stopped early"), ("diverged", "diverged")):
        own = ends[ends["status"] == status]
        if len(own):
            low, high = int(own["epochs"].min()), int(own["epochs"].max())
            span = str(low) if low == high else f"{low} to {high}"
            text += f" {len(own)} {words} after {span} epochs."
    return text


def _paint(facts: TrialCurves, width: int) -> MplFigure:
    left, right = 42.0, 84.0 if width > 500 else 66.0
    height = 300.0 if width > 500 else 240.0
    figure = new_figure(width, height + 70)
    axes = add_axes(figure, left, 24, width - left - right, height)
    last = int(facts.table["epoch"].max())
    axes.set_xlim(1 - 0.02 * last, last + 0.01 * last)
    low, high = _limits(facts)
    axes.set_ylim(low, high)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.grid(False, axis="x")
    axes.set_xlabel("epoch", fontsize=SMALL, loc="left")
    axes.set_title(score_axis(facts.metric), loc="left", fontsize=SMALL, color=MUTED, pad=6)
    for number, curve in facts.table.groupby("trial"):
        _paint_curve(axes, facts, int(number), curve)  # type: ignore[arg-type]
    _name_ends(axes, facts)
    return figure


def _limits(facts: TrialCurves) -> tuple[float, float]:
    """The highlighted curves whole, all that is better, and most of what is worse."""
    scores = facts.table["score"].to_numpy(dtype=float)
    scores = scores[np.isfinite(scores)]
    if not len(scores):
        return 0.0, 1.0
    lit = facts.table[facts.table["trial"].isin([0, facts.best])]["score"].dropna()
    fractions = {"lower": (0.0, 0.94), "higher": (0.06, 1.0), "zero": (0.03, 0.97)}
    middle = np.quantile(scores, fractions[facts.metric.direction])
    low, high = min([*middle, *lit]), max([*middle, *lit])
    room = 0.06 * (high - low) or 0.5
    return low - room, high + room


def _paint_curve(axes: Axes, facts: TrialCurves, number: int, curve: pd.DataFrame) -> None:
    status = str(curve["status"].iloc[0])
    is_lit = number in (facts.best, 0)
    look: dict[str, Any] = {"color": ACCENT, "linewidth": 1.0, "alpha": 0.45, "zorder": 2.0}
    if status != "complete":
        look = {"color": MUTED, "linewidth": 0.9, "alpha": 0.55, "zorder": 1.0}
    if number == 0:
        look = {"color": INK, "linewidth": 1.7, "alpha": 1.0, "zorder": 4.0}
    if number == facts.best:
        look = {"color": ACCENT, "linewidth": 2.4, "alpha": 1.0, "zorder": 5.0}
    style = (0, (4, 2)) if number == 0 and facts.best != 0 else "-"
    axes.plot(curve["epoch"], curve["score"], linestyle=style, **look)
    known = curve[np.isfinite(curve["score"].to_numpy(dtype=float))]
    if status == "complete" and not is_lit and len(curve) > 1:
        return
    at = float(known["score"].iloc[-1]) if len(known) else math.nan
    low, high = axes.get_ylim()
    if status == "diverged":
        at = high if math.isnan(at) else at
    if math.isfinite(at) and low <= at <= high:
        mark_trials(axes, [float(curve["epoch"].iloc[-1])], [at], status, 4.4)


def _name_ends(axes: Axes, facts: TrialCurves) -> None:
    names = {0: "default"}
    if facts.best >= 0:
        names[facts.best] = (
            "default,\nthe best" if facts.best == 0 else f"best,\ntrial {facts.best}"
        )
    ends = []
    for number, name in names.items():
        known = facts.table[(facts.table["trial"] == number) & facts.table["score"].notna()]
        if len(known):
            ends.append((float(known["score"].iloc[-1]), int(known["epoch"].iloc[-1]), name))
    to_pixels = axes.transData.transform
    lowest = math.inf
    for score, epoch, name in sorted(ends, reverse=True):
        y = float(to_pixels((epoch, score))[1])
        lines = name.count("\n") + 1
        lowest = min(y, lowest - _LINE * (lines + 1) / 2)
        axes.annotate(
            name, (axes.get_xlim()[1], score), (8, lowest - y), textcoords="offset points",
            va="center", fontsize=SMALL, color=INK, annotation_clip=False, linespacing=1.15,
            bbox={"facecolor": PAPER, "alpha": 0.0, "linewidth": 0},
        )  # fmt: skip


def curves_section(study: StudyFacts) -> Section:
    """The score of every trial by epoch."""
    best = study.best
    if study.curves.empty or study.curves["score"].isna().all():
        return Section(left_out="no epoch has a score.")
    facts = TrialCurves(study.curves, study.results.metric, best.number if best else -1)
    caption = (
        f"Out-of-fold {study.results.metric.title} after each epoch, a line a trial: each fold "
        "predicts with the weights that its own validation subjects liked best so far. Thick: the "
        "best trial. Dashed: the sweep's default configuration. Grey lines that end in a hollow "
        "dot were stopped there; a cross diverged. The worst curves may leave the axis."
    )
    paint = partial(draw_trial_curves, facts)
    figure = Figure(study.key("curves"), paint, caption, lambda: study.curves, is_filed=True)
    lead = "A trial's score after an epoch is what one would have by stopping there."
    return Section(lead, (figure,))


CURVES = study_exhibit("curves", "Learning curves", curves_section, anchor="curves_part")
