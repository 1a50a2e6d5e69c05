"""Learning curves: one small panel a base learner, one line a fold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure

from foldgrid.analysis.drawing.blocks import Figure, Section
from foldgrid.analysis.drawing.canvas import SMALL, add_axes, fitted, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.numbers import count
from foldgrid.analysis.drawing.palette import ACCENT, INK, MUTED
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.words import task_report
from foldgrid.analysis.run import Run
from foldgrid.specs.counted import counted

_GAP = 38.0

FEWEST_DECADES = 20.0
"""The largest over the smallest loss from which the loss axis is logarithmic."""


@dataclass(frozen=True)
class Curve:
    """One fit's epochs.

    Attributes:
        fold: The fold that it held out.
        train_losses: By epoch, from epoch 1; NaN where undefined.
        validation_losses: Likewise, on what early stopping monitored.
        best_epoch: The epoch whose weights were kept; 0 where none was.
        phase_starts: The first epochs of its second and later phases of training.
    """

    fold: int
    train_losses: tuple[float, ...]
    validation_losses: tuple[float, ...]
    best_epoch: int
    phase_starts: tuple[int, ...] = ()


@dataclass(frozen=True)
class LearningCurves:
    """All fits with at least one epoch.

    Attributes:
        curves: By base learner, in the order in which they are shown.
        loss: What the loss is, for the axis.
    """

    curves: dict[str, tuple[Curve, ...]]
    loss: str

    @property
    def most_epochs(self) -> int:
        """The epochs of the longest fit."""
        return max(len(curve.train_losses) for each in self.curves.values() for curve in each)


def draw_learning_curves(facts: LearningCurves) -> Drawing:
    """Small multiples that share their axes."""
    return draw(
        "learning_curves",
        "Learning curves of every fit",
        describe_learning_curves(facts),
        partial(_paint, facts),
    )


def describe_learning_curves(facts: LearningCurves) -> str:
    """How long the fits trained and when they were best, in sentences."""
    curves = [curve for each in facts.curves.values() for curve in each]
    epochs = [len(curve.train_losses) for curve in curves]
    best = [curve.best_epoch for curve in curves if curve.best_epoch]
    text = f"{counted(len(curves), 'fit')} of {counted(len(facts.curves), 'base learner')}, "
    text += f"{_span(epochs)} epoch{'s' if max(epochs) > 1 else ''} each. "
    if best:
        last = sum(curve.best_epoch == len(curve.train_losses) for curve in curves)
        text += f"Their best epochs: {_span(best)}"
        text += f"; {last} of {len(curves)} were best in their last epoch." if last else "."
    starts = sorted({start for curve in curves for start in curve.phase_starts})
    if starts:
        text += f" Another phase of training begins with epoch {_span(starts)}."
    return text


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def _paint(facts: LearningCurves, width: int) -> MplFigure:
    columns = max(1, min(len(facts.curves), 5 if width > 500 else 2))
    rows = math.ceil(len(facts.curves) / columns)
    left, gap = 30.0, 14.0
    panel = (width - left - gap * (columns - 1) - 4) / columns
    height = min(0.72 * panel, 150.0)
    step = height + _GAP
    figure = new_figure(width, rows * step + 18)
    limits = _limits(facts)
    for place, (name, curves) in enumerate(facts.curves.items()):
        row, column = divmod(place, columns)
        axes = add_axes(figure, left + column * (panel + gap), 20 + row * step, panel, height)
        _paint_panel(axes, curves)
        if limits[1] > FEWEST_DECADES * limits[0] > 0:
            axes.set_yscale("log")
            axes.minorticks_off()
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_ylim(*limits)
        axes.set_xlim(0.7, facts.most_epochs + 0.3)
        axes.locator_params(axis="x", integer=True, nbins=4)
        if axes.get_yscale() == "linear":
            axes.locator_params(axis="y", nbins=4)
        axes.set_title(fitted(name, panel, SMALL), loc="left", fontsize=SMALL, color=INK, pad=4)
        if column:
            axes.tick_params(labelleft=False)
        if place < len(facts.curves) - columns:
            axes.tick_params(labelbottom=False)
        elif column == 0:
            axes.set_xlabel("epoch", fontsize=SMALL, loc="left")
    return figure


def _limits(facts: LearningCurves) -> tuple[float, float]:
    """Both ends of the loss axis; a few wild epochs cannot stretch it.

    Where some learners' losses are many times those of others the lower end is above 0: the axis
    is then logarithmic, or the others would lie flat at the bottom.
    """
    losses = [
        value
        for curves in facts.curves.values()
        for curve in curves
        for value in (*curve.train_losses, *curve.validation_losses)
        if math.isfinite(value)
    ]
    if not losses:
        return 0.0, 1.0
    top = float(np.quantile(losses, 0.97)) * 1.1 or 1.0
    low = 0.9 * min(losses)
    is_flat, is_wide = low > 0.4 * top, top > FEWEST_DECADES * low > 0
    return (low if is_flat or is_wide else 0.0), top


def _paint_panel(axes: Axes, curves: tuple[Curve, ...]) -> None:
    for start in {start for curve in curves for start in curve.phase_starts}:
        axes.axvline(start - 0.5, color=INK, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=0.5)
    for curve in curves:
        epochs = range(1, len(curve.train_losses) + 1)
        lone = "o" if len(epochs) == 1 else ""
        axes.plot(
            epochs, curve.train_losses, color=MUTED, linewidth=0.9, alpha=0.75, marker=lone,
            linestyle=(0, (3, 1.6)), markersize=2.5,
        )  # fmt: skip
        axes.plot(
            epochs, curve.validation_losses, color=ACCENT, linewidth=1.2, alpha=0.9, marker=lone,
            markersize=2.5,
        )  # fmt: skip
        if curve.best_epoch:
            best = curve.validation_losses[curve.best_epoch - 1]
            axes.plot([curve.best_epoch], [best], "o", color=ACCENT, markersize=3.2)


MONITORED = {
    "inner_split": "the subjects set aside for early stopping",
    "held_out_fold": "the held-out fold, which the fit also predicts",
    "none": "the held-out fold, which decides nothing here",
}


def learning_curves(run: Run) -> LearningCurves:
    """The losses of every planned fit that has trained an epoch, finished or not.

    Args:
        run: The opened run.

    Returns:
        By base learner in the ranking's order; empty where no history was kept.
    """
    order = [row.model for row in run.ranking.rows if row.kind == "base_learner"]
    curves: dict[str, tuple[Curve, ...]] = {}
    for name in order:
        found = []
        for planned in (fit for fit in run.plan if fit.backbone == name):
            epochs = run.store.read_history(planned.fit_id)
            if not epochs:
                continue
            record = run.records.get(planned.fit_id)
            best = record.best_epoch if record else 0
            found.append(
                Curve(
                    fold=planned.fold,
                    train_losses=tuple(epoch.train_loss for epoch in epochs),
                    validation_losses=tuple(epoch.validation_loss for epoch in epochs),
                    best_epoch=best if best <= len(epochs) else 0,
                    phase_starts=tuple(
                        after.epoch
                        for before, after in pairwise(epochs)
                        if after.phase != before.phase
                    ),
                )
            )
        if found:
            curves[name] = tuple(found)
    return LearningCurves(curves, task_report(run).loss_axis(run))


def learning_section(run: Run) -> Section:
    """Small multiples of the losses."""
    facts = learning_curves(run)
    if not facts.curves:
        return Section(left_out="no fit kept a history of its epochs.")
    monitored = MONITORED[run.config.training.early_stopping.policy]
    has_phases = any(curve.phase_starts for each in facts.curves.values() for curve in each)
    phases = " A dotted upright marks the beginning of another phase." if has_phases else ""
    caption = (
        f"Loss by epoch, a panel a base learner and a line a fold. Dashed grey: training, on "
        f"augmented pictures. Solid: {monitored}. The dot is the epoch whose weights made the "
        f"predictions.{phases} All panels share their axes; the highest 3 % of the losses may be "
        "cut off."
    )
    trained = [record for record in run.records.values() if record.config.given is None]
    stopped = [record.stopped_because for record in trained]
    lead = (
        f"Of {count(len(stopped), 'finished fit')}, {stopped.count('early_stopping')} stopped "
        f"early, {stopped.count('max_epochs')} trained to their last epoch and "
        f"{stopped.count('diverged')} diverged."
    )
    paint = partial(draw_learning_curves, facts)
    return Section(lead, (Figure("learning_curves", paint, caption, partial(_frame, facts)),))


def _frame(facts: LearningCurves) -> pd.DataFrame:
    """A row a base learner, fold and epoch."""
    return pd.DataFrame(
        {
            "model": name,
            "fold": curve.fold,
            "epoch": epoch,
            "train_loss": train,
            "validation_loss": validation,
            "is_best": epoch == curve.best_epoch,
        }
        for name, curves in facts.curves.items()
        for curve in curves
        for epoch, (train, validation) in enumerate(
            zip(curve.train_losses, curve.validation_losses, strict=True), start=1
        )
    )


LEARNING = Exhibit("learning", "Learning curves", learning_section)
