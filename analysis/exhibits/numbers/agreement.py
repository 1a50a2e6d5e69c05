"""Predicted against true numbers, and their differences, on whatever range they lie.

The limits of agreement are Bland and Altman's, as for PASI (`pasi.bland_altman`); intervals
resample subjects.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure

from foldgrid.analysis.drawing.blocks import Figure, Section
from foldgrid.analysis.drawing.canvas import SMALL, add_axes, new_figure, side_by_side
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.frames import beside_each_other, frame_of
from foldgrid.analysis.drawing.numbers import format_number, percent
from foldgrid.analysis.drawing.palette import ACCENT, INK, MUTED
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.run import Run
from foldgrid.analysis.statistics.estimates import Estimate, estimate, mean_of, resample_subjects
from foldgrid.metrics import METRICS
from foldgrid.specs.counted import counted
from foldgrid.tasks.units import UnitTable

Partition = Literal["oof", "test"]
TITLES: dict[Partition, str] = {"oof": "out of fold", "test": "test"}
WITHIN_95 = 1.959963984540054
"""How many SDs about the mean hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class NumberAgreement:
    """One model beside the truth in one partition.

    Attributes:
        model: Its name.
        partition: ``oof`` or ``test``.
        points: ``subject``, ``unit``, ``truth`` and ``predicted``, a row a unit.
        unit: What the numbers are counted in; "" for pure numbers.
        bias: Mean of predicted minus true, with its interval over resampled subjects.
        lower: Lower 95 % limit of agreement: the bias less 1.96 SD of the differences.
        upper: Upper limit.
        share_within: Fraction of the units between the limits.
        mae: Mean absolute error.
        ccc: Lin's concordance.
        decimals: Digits after the point of what is in the unit.
    """

    model: str
    partition: Partition
    points: pd.DataFrame
    unit: str
    bias: Estimate
    lower: float
    upper: float
    share_within: float
    mae: float
    ccc: float
    decimals: int

    def said(self, value: float) -> str:
        """A number in the unit, for people."""
        return format_number(value, self.decimals)


def number_agreement(run: Run, partition: Partition) -> NumberAgreement:
    """The agreement of the model that a report is about."""
    table: UnitTable = getattr(run.evaluation, partition)
    points = table.units[["subject", "unit"]].assign(
        truth=table.units["reference"], predicted=table.predicted[run.best.model]
    )
    errors = (points["predicted"] - points["truth"]).to_numpy(np.float64)
    spread = WITHIN_95 * float(np.std(errors, ddof=1)) if len(errors) > 1 else math.nan
    bias = estimate(mean_of(errors), resample_subjects(points["subject"]))
    lower, upper = bias.value - spread, bias.value + spread
    pair = points["truth"].to_numpy(), points["predicted"].to_numpy()
    return NumberAgreement(
        model=run.best.model,
        partition=partition,
        points=points,
        unit=run.scoring.unit,
        bias=bias,
        lower=lower,
        upper=upper,
        share_within=float(((errors >= lower) & (errors <= upper)).mean()),
        mae=METRICS["mae"](*pair),
        ccc=METRICS["ccc"](*pair),
        decimals=run.scoring.scale.decimals,
    )


def numbers_section(run: Run) -> Section:
    """The best model's predictions and their differences, out of fold and on the test set."""
    partitions: list[Partition] = ["oof", "test"] if run.has_test else ["oof"]
    parts = [run.once(number_agreement, partition) for partition in partitions]
    unit_name, unit = run.scoring.unit_name, f" {run.scoring.unit}" if run.scoring.unit else ""
    first = parts[0]
    lead = (
        f"For a single {unit_name.one}, {first.model} lies between {first.said(first.lower)} and "
        f"{first.said(first.upper)}{unit} from the truth in {percent(first.share_within)} of the "
        f"out-of-fold {unit_name.many}."
    )
    blocks = (
        Figure(
            "predicted",
            partial(draw_predicted, parts),
            f"Predicted against true values by {first.model}, a point a {unit_name.one}. Dotted: "
            "identity.",
            partial(_points, parts),
        ),
        Figure(
            "differences",
            partial(draw_differences, parts),
            f"Difference against average of prediction and truth, a point a {unit_name.one}. "
            "Solid: mean difference and 95 % limits of agreement; shaded: the mean's 95 % interval "
            "over resampled subjects.",
            partial(_limits, parts),
        ),
    )
    return Section(lead, blocks)


def _points(parts: Sequence[NumberAgreement]) -> pd.DataFrame:
    return beside_each_other(
        each.points.assign(model=each.model, partition=each.partition) for each in parts
    )


def _limits(parts: Sequence[NumberAgreement]) -> pd.DataFrame:
    return frame_of(parts).drop(columns="points")


def draw_predicted(parts: Sequence[NumberAgreement]) -> Drawing:
    """A panel a partition, units as points, and the line of identity."""
    return draw(
        "predicted",
        f"Predicted against true values, {parts[0].model}",
        " ".join(
            f"{TITLES[each.partition].capitalize()}: {counted(len(each.points), 'point')}, MAE "
            f"{each.said(each.mae)}, CCC {format_number(each.ccc)}."
            for each in parts
        ),
        partial(_paint, tuple(parts), False),
    )


def draw_differences(parts: Sequence[NumberAgreement]) -> Drawing:
    """A panel a partition: the mean difference and the limits of agreement."""
    return draw(
        "differences",
        f"Agreement of {parts[0].model} with the truth (Bland-Altman)",
        " ".join(
            f"{TITLES[each.partition].capitalize()}: mean difference "
            f"{each.said(each.bias.value)}, 95 % limits of agreement {each.said(each.lower)} to "
            f"{each.said(each.upper)}."
            for each in parts
        ),
        partial(_paint, tuple(parts), True),
    )


def _paint(parts: tuple[NumberAgreement, ...], is_difference: bool, width: int) -> MplFigure:
    shape, left = (0.82, 56) if is_difference else (1.0, 52)
    places, height = side_by_side(width, len(parts), shape=shape, left=left, top=24, bottom=42)
    drawn = new_figure(width, height)
    of = f", {parts[0].unit}" if parts[0].unit else ""
    paint, below, beside = _paint_predicted, f"true{of}", f"predicted{of}"
    if is_difference:
        paint, below, beside = _paint_differences, f"average of both{of}", "predicted − true"
    low, high = _ends(parts)
    for facts, place in zip(parts, places, strict=True):
        axes = add_axes(drawn, *place)
        axes.set_xlim(low, high)
        axes.set_title(TITLES[facts.partition], loc="left", fontsize=SMALL, color=INK)
        axes.set_xlabel(below, fontsize=SMALL, loc="left")
        axes.set_ylabel(beside, fontsize=SMALL, loc="bottom")
        axes.locator_params(nbins=6)
        paint(axes, facts, (low, high))
    return drawn


def _ends(parts: Sequence[NumberAgreement]) -> tuple[float, float]:
    """Both ends of the numbers in sight, with a margin."""
    seen = np.concatenate(
        [part.points[["truth", "predicted"]].to_numpy().ravel() for part in parts]
    )
    margin = 0.04 * float(np.ptp(seen)) or 0.5
    return float(seen.min()) - margin, float(seen.max()) + margin


def _paint_predicted(axes: Axes, facts: NumberAgreement, ends: tuple[float, float]) -> None:
    axes.set_ylim(*ends)
    axes.set_aspect("equal")
    axes.plot(ends, ends, color=MUTED, linewidth=1, linestyle=(0, (1, 2.5)), zorder=1)
    _paint_points(axes, facts.points["truth"], facts.points["predicted"])


def _paint_differences(axes: Axes, facts: NumberAgreement, ends: tuple[float, float]) -> None:
    axes.plot(ends, (0, 0), color=MUTED, linewidth=1, linestyle=(0, (1, 2.5)), zorder=1)
    if math.isfinite(facts.bias.low):
        axes.axhspan(facts.bias.low, facts.bias.high, color=ACCENT, alpha=0.13, linewidth=0)
    for line in (facts.lower, facts.bias.value, facts.upper):
        if math.isfinite(line):
            axes.axhline(line, color=ACCENT, linewidth=1.3, zorder=2)
    points = facts.points
    middle = (points["truth"] + points["predicted"]) / 2
    _paint_points(axes, middle, points["predicted"] - points["truth"])


def _paint_points(axes: Axes, across: pd.Series[float], up: pd.Series[float]) -> None:
    size = 4.2 if len(across) < 120 else 3.2
    axes.plot(
        across, up, "o", color=ACCENT, markersize=size, alpha=0.55, markeredgewidth=0, zorder=3
    )


NUMBER_AGREEMENT = Exhibit(
    "number_agreement", "Against the truth", numbers_section, "task", anchor="agreement"
)
