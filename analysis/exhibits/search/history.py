"""How a search went: the best so far, by trial and by epochs, and what became of the epochs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure
from matplotlib.ticker import MaxNLocator

from foldgrid.analysis.drawing.blocks import Block, Column, Figure, Section, Table, Text, cells
from foldgrid.analysis.drawing.canvas import SMALL, add_axes, new_figure, side_by_side
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.frames import frame_of
from foldgrid.analysis.drawing.numbers import count, percent
from foldgrid.analysis.drawing.palette import ACCENT, INK, MUTED, PAPER
from foldgrid.analysis.drawing.trial_marks import mark_trials, score_axis, score_limits
from foldgrid.analysis.exhibits.search.of_study import study_exhibit
from foldgrid.analysis.search.run import StudyFacts
from foldgrid.metrics import Metric
from foldgrid.specs.counted import counted


@dataclass(frozen=True)
class SearchHistory:
    """A search's course.

    Attributes:
        table: As ``optimisation_history`` gives it.
        metric: What was searched for.
        own: The score of the sweep's default configuration; NaN where it has none.
    """

    table: pd.DataFrame
    metric: Metric
    own: float


def draw_history(facts: SearchHistory) -> Drawing:
    """Two panels that share their scores."""
    title = f"Best {facts.metric.title} so far, by trial and by epochs spent"
    return draw("history", title, describe_history(facts), partial(_paint, facts))


def describe_history(facts: SearchHistory) -> str:
    """When the search was how good, in sentences."""
    table = facts.table
    known = table[table["best_so_far"].notna()]
    if known.empty:
        return f"{counted(len(table), 'trial')}, none of which has trained to its end."
    found = known[known["best_so_far"] == known["best_so_far"].iloc[-1]].iloc[0]
    return (
        f"{counted(len(table), 'trial')}, {int(table['epochs_spent'].iloc[-1])} epochs. The best "
        f"score, "
        f"{found['best_so_far']:.3g}, was found by trial {int(found['trial'])}, after "
        f"{int(found['epochs_spent'])} epochs."
    )


def _paint(facts: SearchHistory, width: int) -> MplFigure:
    places, height = side_by_side(width, 2, shape=0.72, left=42, top=22, bottom=46)
    figure = new_figure(width, height)
    panels = (("trial", "trial"), ("epochs_spent", "epochs spent, all folds together"))
    for (column, label), place in zip(panels, places, strict=True):
        axes = add_axes(figure, *place)
        _paint_panel(axes, facts, column)
        axes.set_xlabel(label, fontsize=SMALL, loc="left")
        axes.set_title(score_axis(facts.metric), loc="left", fontsize=SMALL, color=MUTED, pad=6)
    return figure


def _paint_panel(axes: Axes, facts: SearchHistory, column: str) -> None:
    table = facts.table
    low, high = score_limits(table["score"].to_numpy(dtype=float))
    axes.set_ylim(low, high)
    end = float(table[column].max())
    axes.set_xlim(-0.02 * end - 0.5, 1.02 * end + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.grid(False, axis="x")
    if math.isfinite(facts.own):
        axes.axhline(facts.own, color=MUTED, linewidth=1, linestyle=(0, (1, 2.5)), zorder=1)
        axes.annotate(
            "default", (1, facts.own), (0, 3), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="right", fontsize=SMALL, color=MUTED,
            bbox={"facecolor": PAPER, "alpha": 0.75, "linewidth": 0, "pad": 0.5}, zorder=5,
        )  # fmt: skip
    for status in ("complete", "stopped", "diverged"):
        own = table[table["status"] == status]
        worst = low if facts.metric.direction == "higher" else high
        scores = own["score"].fillna(worst).clip(low, high)
        mark_trials(axes, own[column].to_numpy(), scores.to_numpy(), status, 4.6)
    known = table[table["best_so_far"].notna()]
    if len(known):
        found = known[known["best_so_far"] == known["best_so_far"].iloc[-1]]
        axes.step(
            [*known[column], axes.get_xlim()[1]],
            [*known["best_so_far"], known["best_so_far"].iloc[-1]],
            where="post", color=INK, linewidth=1.5, zorder=3,
        )  # fmt: skip
        axes.plot(
            found[column].iloc[:1], found["best_so_far"].iloc[:1], "o", color=ACCENT,
            markersize=7.5, markeredgecolor=INK, markeredgewidth=1.3, zorder=5,
        )  # fmt: skip


MARKS = (
    "A filled dot trained to its end, a hollow one was stopped by the scheduler and shows its "
    "last score, a cross diverged and stands at the worst end of the axis."
)


def history_section(study: StudyFacts) -> Section:
    """The optimisation history."""
    metric, own = study.results.metric, study.results.own
    facts = SearchHistory(
        study.history,
        metric,
        math.nan if own is None else own.oof.get(metric.name, math.nan),
    )
    caption = (
        f"The best {metric.title} so far (line), by trial and by the epochs spent until then. "
        f"{MARKS} Only trials that trained to their end can be the best. Dotted: the sweep's "
        "default configuration, trial 0. The wildest scores are set at the axis' end. Trials stand "
        "in the order in which they were drawn; side by side they may have ended in another."
    )
    paint = partial(draw_history, facts)
    blocks: tuple[Block, ...] = (
        Figure(study.key("history"), paint, caption, lambda: study.history, is_filed=True),
        _epochs_table(study),
        Text((_epochs_words(study),)),
    )
    return Section(_lead(study), blocks)


def _lead(study: StudyFacts) -> str:
    trials = study.results.trials
    ends = {
        status: sum(trial.status == status for trial in trials)
        for status in ("complete", "stopped", "diverged")
    }
    text = f"Of {count(len(trials), 'trial')}, {ends['complete']} trained to the end"
    text += f", {ends['stopped']} were stopped" if ends["stopped"] else ""
    text += f", {ends['diverged']} diverged" if ends["diverged"] else ""
    if study.best is None:
        return f"{text}."
    until = study.history[study.history["trial"] <= study.best.number]
    after = int(until["epochs_spent"].max())
    return (
        f"{text}. The best was found after {after} of {counted(study.saved.num_trained, 'epoch')}."
    )


def _epochs_table(study: StudyFacts) -> Table:
    saved = study.saved

    def row(name: str, number: int) -> tuple[str, str, str]:
        share = number / saved.num_planned if saved.num_planned else math.nan
        return name, f"{number:,}".replace(",", "\u202f"), percent(share)

    rows = [
        row("trained", saved.num_trained),
        row("saved: stopped by the scheduler", saved.num_saved),
        row("not needed: ended by patience", saved.num_patience),
        row("not trained: diverged", saved.num_diverged),
        row("planned", saved.num_planned),
    ]
    columns = (Column("Epochs of all folds"), Column("Epochs", True), Column("Of planned", True))
    return Table(
        study.key("epochs"),
        "What became of the epochs",
        columns,
        tuple(cells(*each) for each in rows),
        lambda: frame_of([saved]),
    )


def _epochs_words(study: StudyFacts) -> str:
    if not study.saved.num_stopped:
        return "No scheduler gave a trial up, so none of the epochs was saved by one."
    return (
        f"Stopping {count(study.saved.num_stopped, 'trial')} saved at most "
        f"{percent(study.saved.fraction)} of the epochs: some of these trials' folds might have "
        "ended by their own patience. That is early stopping of fits, part of the recipe, and is "
        "counted apart."
    )


HISTORY = study_exhibit("history", "How the search went", history_section, anchor="course")
