"""ROC curves of a model, a panel a class against the rest: all units, and thin each fold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.classes.roc_curves import RocFacts
from analysis.figures.canvas import SMALL, add_axes, fitted, new_figure
from analysis.figures.drawing import Drawing, draw
from analysis.figures.palette import ACCENT, FAINT, INK, MUTED

_GAP = 46.0
_TICKS = (0.0, 0.5, 1.0)


def draw_roc_panels(
    model: str, partition: str, facts: Sequence[RocFacts], key: str = "roc_curves"
) -> Drawing:
    """A panel a class.

    Args:
        model: Whose probabilities they are.
        partition: In words: ``out of fold``.
        facts: One or more classes.
        key: The figure's file name; several in one report need several.
    """
    return draw(
        key,
        f"ROC curves of {model}, one class against the rest, {partition}",
        describe_roc(facts),
        partial(_paint, tuple(facts)),
    )


def describe_roc(facts: Sequence[RocFacts]) -> str:
    """The areas in sentences."""
    return " ".join(
        f"{each.name}: {auc_words(each)}, {each.num_positives} units against {each.num_negatives}"
        f"{fold_words(each, '; folds ')}."
        for each in facts
    )


def auc_words(facts: RocFacts) -> str:
    """``AUC 0.93 (0.90 to 0.96)``."""
    low, high = facts.interval.low, facts.interval.high
    ends = "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"
    return f"AUC {facts.auc:.2f}{ends}"


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


def _paint(facts: tuple[RocFacts, ...], width: int) -> Figure:
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
        lines.append(fold_words(facts, "folds "))
    axes.text(
        0.97, 0.05, "\n".join(lines), ha="right", va="bottom", fontsize=SMALL, color=INK,
        linespacing=1.4, zorder=4,
    )  # fmt: skip
    axes.spines["left"].set(visible=True, color=FAINT)
    axes.spines["bottom"].set(visible=True, color=FAINT)
