"""ROC curves drawn: several models in one panel with their operating points, or a panel a class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure

from foldgrid.analysis.drawing.canvas import SMALL, add_axes, fitted, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.palette import ACCENT, FAINT, INK, MUTED, PAPER
from foldgrid.analysis.drawing.series import key_line, series
from foldgrid.analysis.exhibits.classes.roc_facts import OperatingFacts, RocFacts

_LINE = 22.0
_CLOSE_UP = 0.3
"""How much of both rates the close-up of the upper left corner shows."""

_GOOD = 0.85
"""From this area on of all models their curves share one corner, and a close-up helps."""

_POINT_MARKS = ("o", "s", "^", "D")


@dataclass(frozen=True)
class ModelRoc:
    """One model.

    Attributes:
        roc: Its curve.
        points: Its operating points on the same units; of all models by the same names.
    """

    roc: RocFacts
    points: tuple[OperatingFacts, ...] = ()


def draw_roc_models(positive: str, partition: str, models: Sequence[ModelRoc]) -> Drawing:
    """All curves in one panel, beside it or below it who is who.

    Args:
        positive: The positive class.
        partition: In words: ``test``.
        models: One to ``series.MOST_SERIES`` models, best first.
    """
    return draw(
        "roc_models",
        f"ROC curves for {positive}, {partition}",
        describe_roc_models(models),
        partial(_paint, tuple(models)),
    )


def describe_roc_models(models: Sequence[ModelRoc]) -> str:
    """Areas and operating points in sentences."""
    sentences = []
    for each in models:
        sentences.append(f"{each.roc.name}: {auc_words(each.roc)}.")
        sentences += [
            f"Its point of {point.name} has a sensitivity of {point.sensitivity.value:.2f} and a "
            f"specificity of {point.specificity.value:.2f}."
            for point in each.points
        ]
    return " ".join(sentences)


def _paint(models: tuple[ModelRoc, ...], width: int) -> MplFigure:
    is_wide = width > 500
    left, top = 38.0, 12.0
    panel = 372.0 if is_wide else width - left - 8
    names = _point_names(models)
    words = _LINE * (len(models) + len(names)) + (14 if names else 0)
    below = top + panel + 44
    height = max(below, words + 30) if is_wide else below + words
    figure = new_figure(width, height)
    axes = add_axes(figure, left, top, panel, panel)
    prepare_roc_axes(axes)
    axes.set_xlabel("1 − specificity", fontsize=SMALL, loc="left")
    axes.set_ylabel("sensitivity", fontsize=SMALL, loc="bottom", labelpad=2)
    _paint_curves(axes, models, names)
    if min(each.roc.auc for each in models) >= _GOOD:
        _paint_close_up(axes, models, names)
    room = width - left - panel - 24 if is_wide else width - 4
    start = (left + panel + 24, top + 4) if is_wide else (4.0, below)
    _paint_key(add_axes(figure, *start, room, words), models, names, room, words)
    return figure


def _point_names(models: Sequence[ModelRoc]) -> list[str]:
    return list(dict.fromkeys(point.name for each in models for point in each.points))


def _paint_curves(axes: Axes, models: Sequence[ModelRoc], names: Sequence[str]) -> None:
    for place, each in enumerate(models):
        curve = each.roc.curve
        axes.plot(
            curve.false_positive_rates_T, curve.sensitivities_T, linewidth=1.7, zorder=3,
            **series(place).line,
        )  # fmt: skip
        for point in each.points:
            at = 1 - point.specificity.value, point.sensitivity.value
            if all(map(math.isfinite, at)):
                axes.plot(
                    *at, linestyle="none", color=INK, marker=_mark(names, point.name), markersize=7,
                    markerfacecolor=PAPER, markeredgecolor=series(place).colour,
                    markeredgewidth=1.6, zorder=5, clip_on=False,
                )  # fmt: skip


def _paint_close_up(axes: Axes, models: Sequence[ModelRoc], names: Sequence[str]) -> None:
    close = axes.inset_axes((0.43, 0.09, 0.54, 0.54))
    close.set_facecolor(PAPER)
    _paint_curves(close, models, names)
    for line in close.lines:
        line.set_clip_on(True)
    close.set_xlim(0, _CLOSE_UP)
    close.set_ylim(1 - _CLOSE_UP, 1)
    close.set_xticks([0, _CLOSE_UP], ["0", f"{_CLOSE_UP:g}"])
    close.set_yticks([1 - _CLOSE_UP, 1], [f"{1 - _CLOSE_UP:g}", "1"])
    close.tick_params(length=0, pad=4, labelsize=SMALL - 0.5, colors=MUTED)
    close.set_title("upper left corner", loc="left", fontsize=SMALL - 0.5, color=MUTED, pad=4)
    for spine in close.spines.values():
        spine.set_color(FAINT)


def _paint_key(
    axes: Axes, models: Sequence[ModelRoc], names: Sequence[str], width: float, height: float
) -> None:
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    for place, each in enumerate(models):
        auc = auc_words(each.roc)
        name = fitted(each.roc.name, width - 44 - 5.9 * len(auc), SMALL)
        y = (place + 0.5) * _LINE
        key_line(axes, 0, y, 26, f"{name}   {auc}", **series(place).line)
    for place, name in enumerate(names, start=len(models)):
        y = (place + 0.5) * _LINE + 14
        axes.plot(
            [13], [y], color=INK, marker=_mark(names, name), markersize=7, markerfacecolor=PAPER,
            markeredgecolor=INK, markeredgewidth=1.4,
        )  # fmt: skip
        axes.text(34, y, name, va="center", fontsize=SMALL)


def _mark(names: Sequence[str], name: str) -> str:
    return _POINT_MARKS[list(names).index(name) % len(_POINT_MARKS)]


_GAP = 46.0
_TICKS = (0.0, 0.5, 1.0)


def draw_roc_panels(model: str, partition: str, facts: Sequence[RocFacts]) -> Drawing:
    """A panel a class.

    Args:
        model: Whose probabilities they are.
        partition: In words: ``out of fold``.
        facts: One or more classes.
    """
    return draw(
        "roc_curves",
        f"ROC curves of {model}, one class against the rest, {partition}",
        describe_roc(facts),
        partial(_paint_panels, tuple(facts)),
    )


def describe_roc(facts: Sequence[RocFacts]) -> str:
    """The areas in sentences."""
    return " ".join(
        f"{each.name}: {auc_words(each)}, {each.num_positives} units against {each.num_negatives}"
        f"{fold_words(each, '; folds ')}."
        for each in facts
    )


def auc_words(facts: RocFacts) -> str:
    """``AUC 0.93 (0.90 to 0.96)``; where folds are apart, with the pooled one."""
    low, high = facts.interval.low, facts.interval.high
    ends = "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"
    pooled = f", pooled {facts.pooled:.2f}" if facts.folds else ""
    return f"AUC {facts.auc:.2f}{ends}{pooled}"


def fold_words(facts: RocFacts, before: str) -> str:
    """``folds 0.93 ± 0.02``, or nothing where there are no folds."""
    if not facts.folds:
        return ""
    sd = "" if math.isnan(facts.fold_sd) else f" ± {facts.fold_sd:.2f}"
    return f"{before}{facts.fold_mean:.2f}{sd}"


def prepare_roc_axes(axes: Axes) -> None:
    """Both rates from 0 to 1, and the diagonal of a score that knows nothing."""
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    axes.set_xticks(_TICKS, [f"{each:g}" for each in _TICKS])
    axes.set_yticks(_TICKS, [f"{each:g}" for each in _TICKS])
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 2.5)), zorder=1)


def _paint_panels(facts: tuple[RocFacts, ...], width: int) -> MplFigure:
    most = 3 if width > 500 else 2
    columns = min(len(facts), most)
    left, gap = 42.0, 20.0
    panel = min((width - left - gap * (columns - 1) - 8) / columns, 260.0)
    rows = math.ceil(len(facts) / columns)
    step = panel + _GAP
    figure = new_figure(width, rows * step + 18)
    for place, each in enumerate(facts):
        row, column = divmod(place, columns)
        axes = add_axes(figure, left + column * (panel + gap), 22 + row * step, panel, panel)
        prepare_roc_axes(axes)
        _paint_panel(axes, each)
        axes.set_title(fitted(each.name, panel, SMALL), loc="left", fontsize=SMALL, color=INK)
        if column:
            axes.tick_params(labelleft=False)
        elif row == 0:
            axes.set_ylabel("sensitivity", fontsize=SMALL, loc="bottom", labelpad=2)
        if place >= len(facts) - columns and column == 0:
            axes.set_xlabel("1 − specificity", fontsize=SMALL, loc="left")
    return figure


def _paint_panel(axes: Axes, facts: RocFacts) -> None:
    for fold in facts.folds:
        axes.plot(
            fold.curve.false_positive_rates_T, fold.curve.sensitivities_T, color=MUTED,
            linewidth=0.8, alpha=0.55, zorder=2,
        )  # fmt: skip
    axes.fill_between(
        facts.curve.false_positive_rates_T, facts.curve.sensitivities_T, color=ACCENT, alpha=0.07,
        linewidth=0, zorder=0,
    )  # fmt: skip
    axes.plot(
        facts.curve.false_positive_rates_T, facts.curve.sensitivities_T, color=ACCENT,
        linewidth=1.9, zorder=3, solid_joinstyle="round", clip_on=False,
    )  # fmt: skip
    low, high = facts.interval.low, facts.interval.high
    lines = [f"AUC {facts.auc:.2f}"]
    if low is not None and high is not None:
        lines.append(f"{low:.2f} to {high:.2f}")
    if facts.folds:
        lines += [fold_words(facts, "folds "), f"pooled {facts.pooled:.2f}"]
    axes.text(
        0.97, 0.05, "\n".join(lines), ha="right", va="bottom", fontsize=SMALL, color=INK,
        linespacing=1.4, zorder=4,
    )  # fmt: skip
    axes.spines["left"].set(visible=True, color=FAINT)
    axes.spines["bottom"].set(visible=True, color=FAINT)
