"""Every trial as a line through its values; stronger lines score better.

On a page the parameters stand side by side; on a telephone, or where there are many, one below the
other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure
from numpy.typing import NDArray

from foldgrid.analysis.drawing.blocks import Figure, Section
from foldgrid.analysis.drawing.canvas import SMALL, add_axes, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.palette import ACCENT, FAINT, INK, MUTED, PAPER
from foldgrid.analysis.drawing.trial_marks import score_limits, strengths
from foldgrid.analysis.exhibits.search.of_study import study_exhibit
from foldgrid.analysis.search.numbers import Scale, scales
from foldgrid.analysis.search.run import StudyFacts
from foldgrid.metrics import Metric
from foldgrid.specs.counted import counted

FloatArray = NDArray[np.float64]

_MOST_COLUMNS = 9
_CLOSE = 0.11
"""Choices share a point; so many trials on it are spread over this much of the axis."""


@dataclass(frozen=True)
class ParallelCoordinates:
    """The trials of a study. T trials, P parameters.

    Attributes:
        scales: The parameters.
        places_TP: Each trial's value, as a fraction of the parameter's axis.
        scores: Each trial's score; NaN where it diverged.
        statuses: How each ended.
        metric: What was searched for.
        best: The row of the best trial; -1 where there is none.
        own: The row of the sweep's default configuration; -1 where it is not over.
    """

    scales: tuple[Scale, ...]
    places_TP: FloatArray
    scores: tuple[float, ...]
    statuses: tuple[str, ...]
    metric: Metric
    best: int
    own: int


def draw_parallel_coordinates(facts: ParallelCoordinates) -> Drawing:
    """A line a trial."""
    title = f"Every trial's values and its {facts.metric.title}"
    return draw("parallel", title, describe_parallel_coordinates(facts), partial(_paint, facts))


def describe_parallel_coordinates(facts: ParallelCoordinates) -> str:
    """Where the best fifth of the complete trials lie, in sentences."""
    complete = [i for i, status in enumerate(facts.statuses) if status == "complete"]
    order = sorted(complete, key=lambda i: facts.metric.sort_key(facts.scores[i]))
    top = order[: max(1, len(order) // 5)]
    text = f"{counted(len(facts.scores), 'trial')}, {len(complete)} of them complete."
    if not top:
        return text
    ranges = []
    for column, scale in enumerate(facts.scales):
        if scale.is_number:
            fractions = facts.places_TP[top, column]
            ranges.append(f"{scale.name} {_value(scale, fractions.min())} to "
                          f"{_value(scale, fractions.max())}")  # fmt: skip
    return text + (f" The best fifth have {', '.join(ranges)}." if ranges else "")


def _value(scale: Scale, share: float) -> str:
    low, high = scale.ends
    place = low + share * (high - low)
    return "0" if scale.is_zero(place) else f"{10**place if scale.is_log else place:.3g}"


def _paint(facts: ParallelCoordinates, width: int) -> MplFigure:
    num_axes = len(facts.scales) + 1
    is_row = width < 500 or num_axes > _MOST_COLUMNS
    lines_TA = np.column_stack([_spread(facts), _score_fractions(facts)])
    if is_row:
        height, left, right = 56.0 * (num_axes - 1), 20.0, 20.0
        figure = new_figure(width, height + 62)
        axes = add_axes(figure, left, 30, width - left - right, height)
    else:
        height, left, right = 290.0, 34.0, 42.0
        figure = new_figure(width, height + 72)
        axes = add_axes(figure, left, 44, width - left - right, height)
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    along, across = (-0.0, num_axes - 1.0), (0.0, 1.0)
    axes.set_xlim(*(across if is_row else along))
    axes.set_ylim(*(along[::-1] if is_row else across))
    _paint_lines(axes, facts, lines_TA, is_row)
    for place, scale in enumerate(facts.scales):
        _paint_axis(axes, place, scale.name, _ticks(scale), is_row)
    _paint_axis(axes, num_axes - 1, facts.metric.title, _score_ticks(facts), is_row)
    return figure


def _spread(facts: ParallelCoordinates) -> FloatArray:
    """The places, with trials of one choice beside each other instead of on top."""
    spread_TP = facts.places_TP.copy()
    for column, scale in enumerate(facts.scales):
        if scale.is_number:
            continue
        for place in np.unique(spread_TP[:, column]):
            rows = np.flatnonzero(facts.places_TP[:, column] == place)
            keys = [facts.metric.sort_key(facts.scores[row]) for row in rows]
            order = rows[np.argsort(np.argsort(keys))] if len(rows) > 1 else rows
            steps = np.linspace(-0.5, 0.5, len(rows)) if len(rows) > 1 else np.zeros(1)
            room = _CLOSE * min(1.0, 3 / max(len(scale.choices), 1))
            shifted = np.clip(place * (1 - room) + room / 2 + steps * room, 0, 1)
            spread_TP[order, column] = shifted
    return spread_TP


def _score_fractions(facts: ParallelCoordinates) -> FloatArray:
    low, high = score_limits(facts.scores)
    fractions = (np.array(facts.scores) - low) / (high - low)
    worst = 0.0 if facts.metric.direction == "higher" else 1.0
    return np.clip(np.where(np.isfinite(fractions), fractions, worst), 0, 1)


def _paint_lines(
    axes: Axes, facts: ParallelCoordinates, lines_TA: FloatArray, is_row: bool
) -> None:
    is_complete = np.array([status == "complete" for status in facts.statuses])
    shades = np.full(len(facts.scores), 0.35)
    shades[is_complete] = strengths(np.array(facts.scores)[is_complete], facts.metric)
    along = np.arange(lines_TA.shape[1])
    for row in np.lexsort((shades, is_complete)):
        is_best, is_own = row == facts.best, row == facts.own
        look = {
            "color": ACCENT if is_complete[row] else MUTED,
            "alpha": shades[row],
            "linewidth": 1.2 if is_complete[row] else 0.8,
            "linestyle": "-" if is_complete[row] else (0, (2, 2)),
            "zorder": 2 + shades[row],
        }
        if is_own:
            look |= {"color": INK, "alpha": 1.0, "linestyle": (0, (5, 2)), "linewidth": 1.6,
                     "zorder": 4}  # fmt: skip
        if is_best:
            look |= {"color": ACCENT, "alpha": 1.0, "linestyle": "-", "linewidth": 3.0, "zorder": 5}
        pair = (lines_TA[row], along) if is_row else (along, lines_TA[row])
        axes.plot(*pair, clip_on=False, solid_joinstyle="round", **look)


def _paint_axis(
    axes: Axes, place: int, name: str, ticks: Sequence[tuple[float, str]], is_row: bool
) -> None:
    ends = ([0, 1], [place, place]) if is_row else ([place, place], [0, 1])
    axes.plot(*ends, color=FAINT, linewidth=1.4, zorder=1.5, clip_on=False, solid_capstyle="round")
    background = {"facecolor": PAPER, "alpha": 0.82, "linewidth": 0, "pad": 0.6}
    for share, text in ticks:
        at, shift = ((share, place), (0, -9)) if is_row else ((place, share), (-5, 0))
        side = "center" if is_row else "right"
        axes.annotate(
            text, at, shift, textcoords="offset points", fontsize=SMALL - 1, color=MUTED,
            annotation_clip=False, zorder=6, bbox=background, ha=side, va="center",
        )  # fmt: skip
    if is_row:
        axes.annotate(
            name, (0, place), (-4, 11), textcoords="offset points", fontsize=SMALL, color=INK,
            ha="left", va="center", annotation_clip=False, zorder=6, bbox=background,
        )  # fmt: skip
        return
    axes.annotate(
        _broken(name), (place, 1), (0, 9), textcoords="offset points", fontsize=SMALL, color=INK,
        ha="center", va="bottom", annotation_clip=False, linespacing=1.1,
    )  # fmt: skip


def _broken(name: str) -> str:
    """A name on two lines, broken where it is joined."""
    for joint in (".", "_"):
        head, found, tail = name.partition(joint)
        if found and len(name) > 9:
            return f"{head}{found}\n{tail}"
    return name


def _ticks(scale: Scale) -> list[tuple[float, str]]:
    if not scale.is_number:
        last = max(len(scale.choices) - 1, 1)
        room = _CLOSE * min(1.0, 3 / len(scale.choices))
        return [
            (place / last * (1 - room) + room / 2 if len(scale.choices) > 1 else 0.5, _short(each))
            for place, each in enumerate(scale.choices)
        ]
    low, high = scale.ends
    if high <= low:
        return [(0.5, _short(scale.low))]
    if scale.is_log and high - low >= 2:
        decades = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
        return [
            ((decade - low) / (high - low), _short(0 if scale.is_zero(decade) else 10.0**decade))
            for decade in decades
        ]
    return [(share, _value_text(scale, share)) for share in (0.0, 0.5, 1.0)]


def _value_text(scale: Scale, share: float) -> str:
    low, high = scale.ends
    place = low + share * (high - low)
    if scale.is_zero(place):
        return "0"
    return _short(10**place if scale.is_log else place)


def _short(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = str(value)
        return text if len(text) < 13 else f"{text[:6]}…{text[-5:]}"
    if value and abs(value) < 1e-3:
        mantissa, _, exponent = f"{value:.0e}".partition("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "\u2212")
    return f"{value:.2g}" if abs(value) < 100 else f"{value:g}"


def _score_ticks(facts: ParallelCoordinates) -> list[tuple[float, str]]:
    low, high = score_limits(facts.scores)
    return [(share, f"{low + share * (high - low):.3g}") for share in (0.04, 0.35, 0.65, 0.96)]


def parallel_section(study: StudyFacts) -> Section:
    """Parallel coordinates."""
    results, best = study.results, study.best
    axes = scales(results)
    numbers = [trial.number for trial in results.trials]
    facts = ParallelCoordinates(
        scales=axes,
        places_TP=np.array(
            [
                [axis.fraction(results.value(trial, axis.name)) for axis in axes]
                for trial in results.trials
            ]
        ),
        scores=tuple(results.score(trial) for trial in results.trials),
        statuses=tuple(trial.status for trial in results.trials),
        metric=results.metric,
        best=numbers.index(best.number) if best else -1,
        own=numbers.index(0) if 0 in numbers else -1,
    )
    end = "highest" if results.metric.direction == "higher" else "lowest"
    caption = (
        f"A line a trial, through its values to its {results.metric.title}. The stronger the "
        f"colour the better the score, in five steps of equally many trials; thick: the best, with "
        f"the {end} {results.metric.title}; long dashes: the sweep's default configuration. Thin "
        "dashed grey lines were stopped early or diverged. Look for a stretch of an axis that only "
        "strong lines cross: that is where a parameter decides. Axes drawn logarithmically are "
        "logarithmic; on an axis of choices the trials of one choice stand beside each other, in "
        "order of score."
    )
    paint = partial(draw_parallel_coordinates, facts)
    part = Figure(study.key("parallel"), paint, caption, lambda: study.trials, is_filed=True)
    return Section(blocks=(part,))


VALUES = study_exhibit("values", "Every trial's values", parallel_section)
