"""Two objectives against each other, with the front that no trial beats in both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pandas as pd
from matplotlib.figure import Figure as MplFigure

from foldgrid.analysis.drawing.blocks import Figure, Section
from foldgrid.analysis.drawing.canvas import SMALL, add_axes, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.numbers import format_number, listed
from foldgrid.analysis.drawing.palette import ACCENT, INK, MUTED
from foldgrid.analysis.drawing.trial_marks import mark_trials, name_point, score_axis, score_limits
from foldgrid.analysis.exhibits.search.of_study import study_exhibit
from foldgrid.analysis.search.run import SearchRun, StudyFacts
from foldgrid.metrics import METRICS, Metric
from foldgrid.specs.counted import counted


@dataclass(frozen=True)
class Objectives:
    """Trials by two objectives.

    Attributes:
        table: A row a trial: trial, status, is_best and a column an objective.
        across: The objective from left to right.
        up: The objective from bottom to top.
    """

    table: pd.DataFrame
    across: Metric
    up: Metric


def draw_objectives(facts: Objectives) -> Drawing:
    """A mark a trial, the front joined."""
    title = f"{facts.up.title} against {facts.across.title}"
    return draw("objectives", title, describe_objectives(facts), partial(_paint, facts))


def describe_objectives(facts: Objectives) -> str:
    """The front in sentences."""
    front = facts.table[facts.table["is_best"]].sort_values(facts.across.name)
    words = [
        f"trial {int(trial)} ({facts.across.title} {across:.3g}, {facts.up.title} {up:.3g})"
        for trial, across, up in zip(
            front["trial"], front[facts.across.name], front[facts.up.name], strict=True
        )
    ]
    return f"{counted(len(facts.table), 'trial')}. On the front: {', '.join(words)}."


def _paint(facts: Objectives, width: int) -> MplFigure:
    left = 46.0
    panel = min(width - left - 12, 460.0)
    height = 0.74 * panel
    figure = new_figure(width, height + 72)
    axes = add_axes(figure, left, 24, panel, height)
    table, x, y = facts.table, facts.across.name, facts.up.name
    axes.set_xlim(*score_limits(table[x].to_numpy(dtype=float)))
    axes.set_ylim(*score_limits(table[y].to_numpy(dtype=float)))
    axes.locator_params(nbins=6)
    axes.set_xlabel(score_axis(facts.across), fontsize=SMALL, loc="left")
    axes.set_title(score_axis(facts.up), loc="left", fontsize=SMALL, color=MUTED, pad=7)
    inside = table[table[x].between(*axes.get_xlim()) & table[y].between(*axes.get_ylim())]
    for status in ("stopped", "complete"):
        own = inside[inside["status"] == status]
        mark_trials(axes, own[x].to_numpy(), own[y].to_numpy(), status)
    front = table[table["is_best"]].sort_values(x)
    axes.plot(front[x], front[y], color=ACCENT, linewidth=1, alpha=0.6, drawstyle="steps-post")
    axes.plot(front[x], front[y], "o", color=ACCENT, markersize=8, markeredgecolor=INK,
              markeredgewidth=1.3, zorder=5)  # fmt: skip
    for place, (trial, at, height_at) in enumerate(
        zip(front["trial"], front[x], front[y], strict=True)
    ):
        name = "default" if trial == 0 else f"trial {int(trial)}"
        name_point(axes, float(at), float(height_at), name, above=place % 2 == 0)
    return figure


def front_section(study: StudyFacts) -> Section:
    """The front of several objectives."""
    results = study.results
    if not results.best:
        return Section(left_out="no trial has trained to its end.")
    across, up = (results.scoring.metrics[name] for name in results.objectives[:2])
    best = {trial.number for trial in results.best}
    table = study.trials.assign(is_best=study.trials["trial"].isin(best))
    caption = (
        f"{up.title} against {across.title}, a mark a trial. Joined: the front, trials that no "
        "other beats in every objective. Hollow marks were stopped early; the wildest are left out."
    )
    shown = table[["trial", "status", "is_best", *results.objectives]]
    paint = partial(draw_objectives, Objectives(table, across, up))
    part = Figure(study.key("objectives"), paint, caption, lambda: shown, is_filed=True)
    words = [
        f"trial {trial.number} "
        + "("
        + ", ".join(
            f"{METRICS[name].title} {format_number(trial.oof[name], results.decimals(name))}"
            for name in results.objectives
        )
        + ")"
        for trial in results.best
    ]
    lead = (
        f"On the front: {listed(words)}. Which of them is best depends on what it is for."
        if len(words) > 1
        else f"One trial is the best in every objective: {words[0]}."
    )
    return Section(lead, (part,))


def _why_not(run: SearchRun) -> str:
    has_several = len(run.studies[0].results.objectives) > 1
    return "" if has_several else "it was searched for one objective"


FRONT = study_exhibit("front", "Between the objectives", front_section, needs=_why_not)
