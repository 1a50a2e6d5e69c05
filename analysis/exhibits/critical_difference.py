"""Mean ranks with subjects as blocks, and which models they cannot tell apart."""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure
from matplotlib.transforms import ScaledTranslation, Transform

from foldgrid.analysis.drawing.blocks import Figure, Section
from foldgrid.analysis.drawing.canvas import SMALL, TEXT, add_axes, fitted, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.numbers import count
from foldgrid.analysis.drawing.palette import ACCENT, FAINT, INK, MUTED
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.words import task_report
from foldgrid.analysis.run import Run
from foldgrid.analysis.statistics.facts import CriticalDifference
from foldgrid.specs.counted import counted

_ROW = 19.0
_TOP, _BOTTOM = 34.0, 38.0
_LANE = 7.0
_MOST_LANES = 10


def draw_critical_difference(facts: CriticalDifference) -> Drawing:
    """One row a model at its mean rank; models that share a bar cannot be distinguished.

    Args:
        facts: Facts that were computed (no ``reason``).
    """
    return draw(
        "critical_difference",
        "Mean ranks over subjects and their critical difference",
        describe_critical_difference(facts),
        partial(_paint, facts),
    )


def describe_critical_difference(facts: CriticalDifference) -> str:
    """The ranks in sentences."""
    names = list(facts.mean_ranks)
    text = (
        f"{counted(len(names), 'model')} ranked by each of "
        f"{counted(facts.num_subjects, 'subject')}. Best mean rank: "
        f"{names[0]} ({facts.mean_ranks[names[0]]:.1f}); worst: {names[-1]} "
        f"({facts.mean_ranks[names[-1]]:.1f}). "
    )
    first = next((group for group in facts.groups if names[0] in group), ())
    return text + (
        f"Mean ranks nearer than {facts.critical_difference or 0:.2f} cannot be distinguished; "
        f"{counted(max(len(first) - 1, 0), 'other model')} in the best one's group."
    )


def _paint(facts: CriticalDifference, width: int) -> MplFigure:
    is_wide = width > 500
    names = list(facts.mean_ranks)
    lanes = min(len(facts.groups), _MOST_LANES)
    left = 206.0 if is_wide else 142.0
    right = 36.0 + _LANE * lanes
    height = _ROW * len(names)
    figure = new_figure(width, _TOP + height + _BOTTOM)
    axes = add_axes(figure, left, _TOP, width - left - right, height)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0.5, len(names) + 0.5)
    axes.grid(False, axis="y")
    size = TEXT if is_wide else SMALL - 0.5
    axes.set_yticks(
        range(len(names)), [fitted(name, left - 8, size) for name in names], color=INK,
        fontsize=size,
    )  # fmt: skip
    axes.set_xlabel("mean rank, 1 is best", fontsize=SMALL, loc="left")
    axes.locator_params(axis="x", nbins=6, integer=True)
    for place, name in enumerate(names):
        rank = facts.mean_ranks[name]
        axes.plot([0.5, rank], [place, place], color=FAINT, linewidth=1.2, zorder=1)
        axes.plot([rank], [place], "o", color=ACCENT, markersize=5.5, zorder=3)
        axes.annotate(
            f"{rank:.1f}", (1, place), (8, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", fontsize=SMALL, color=INK,
        )  # fmt: skip
    _paint_groups(axes, facts, names)
    _paint_ruler(axes, facts.critical_difference or 0.0, len(names))
    return figure


def _paint_groups(axes: Axes, facts: CriticalDifference, names: list[str]) -> None:
    for lane, group in enumerate(facts.groups[:_MOST_LANES]):
        ends = names.index(group[0]) - 0.28, names.index(group[-1]) + 0.28
        axes.annotate(
            "", (1, ends[0]), (1, ends[1]), xycoords=_lane(axes, lane),
            textcoords=_lane(axes, lane), annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": ACCENT, "linewidth": 2.4, "shrinkA": 0,
                        "shrinkB": 0},
        )  # fmt: skip


def _lane(axes: Axes, lane: int) -> Transform:
    shift = ScaledTranslation((38 + _LANE * lane) / 72, 0, axes.figure.dpi_scale_trans)
    return axes.get_yaxis_transform() + shift


def _paint_ruler(axes: Axes, length: float, num_models: int) -> None:
    y = -0.5 - 14 / _ROW
    end = min(1 + length, num_models + 0.5)
    axes.plot([1, end], [y, y], color=INK, linewidth=1.6, clip_on=False, solid_capstyle="butt")
    for x in (1.0, end):
        axes.plot([x, x], [y - 0.2, y + 0.2], color=INK, linewidth=1.2, clip_on=False)
    axes.annotate(
        f"critical difference {length:.2f}", (end, y), (6, 0), textcoords="offset points",
        va="center", fontsize=SMALL, color=MUTED, annotation_clip=False,
    )  # fmt: skip


def critical_section(run: Run) -> Section:
    """The critical-difference diagram with subjects as blocks."""
    facts = run.ranking.critical_difference
    if facts is None or facts.reason:
        reason = facts.reason if facts else "it was not computed"
        return Section(left_out=f"{reason}.")
    caption = (
        f"Mean rank of each model over {count(facts.num_subjects, 'subject')}, each subject "
        f"ranking the models by its own out-of-fold {task_report(run).subject_loss}. The blocks "
        "are subjects, not data sets as in most such diagrams. Models joined by a bar at the right "
        "are nearer than the critical difference (Nemenyi, 5 % for all pairs at once)."
    )
    p = facts.p or 0.0
    shown = "below 0.001" if p < 0.001 else f"{p:.3f}"
    lead = f"Friedman's test over {count(facts.num_subjects, 'subject')}: p {shown}. " + (
        "The subjects do not find the models alike."
        if p < 0.05
        else "The subjects give no reason to say that the models differ."
    )
    paint = partial(draw_critical_difference, facts)
    figure = Figure("critical_difference", paint, caption, partial(_frame, facts))
    return Section(lead, (figure,), further={"friedman": partial(_test, facts)})


def _frame(facts: CriticalDifference) -> pd.DataFrame:
    """A row a model: its mean rank and, from 1, the groups that it cannot be distinguished from."""
    return pd.DataFrame(
        {
            "model": model,
            "mean_rank": rank,
            "groups": [place for place, each in enumerate(facts.groups, 1) if model in each],
        }
        for model, rank in facts.mean_ranks.items()
    )


def _test(facts: CriticalDifference) -> pd.DataFrame:
    names = ("num_subjects", "statistic", "p", "critical_difference")
    return pd.DataFrame([{name: getattr(facts, name) for name in names}])


CRITICAL = Exhibit("critical", "Critical difference", critical_section)
