"""Predicted against physician PASI: the line, its band and the correlations (the paper's figure 3).

The band is a 95 % prediction interval: where the predicted PASI of one further visit is expected,
given the physician's, if the errors about the least-squares line are independent, normal and of
one size. Visits of one subject are not independent and errors grow with severity, so it describes
these visits and tests nothing. It is wider than a confidence band of the line, which is given too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure

from foldgrid.analysis.drawing.blocks import Figure, Numbers
from foldgrid.analysis.drawing.canvas import SMALL, add_axes, new_figure, side_by_side
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.frames import beside_each_other, frame_of
from foldgrid.analysis.drawing.palette import ACCENT, INK, MUTED
from foldgrid.analysis.exhibits.pasi.visits import (
    PARTITION_TITLES,
    ModelVisits,
    Partition,
    best_visits,
    shown_partitions,
)
from foldgrid.analysis.run import Run
from foldgrid.analysis.statistics.estimates import (
    Estimate,
    FloatArray,
    estimate,
    mean_of,
    metric_of,
    resample_subjects,
    slope_of,
)
from foldgrid.analysis.statistics.intervals import LEVEL
from foldgrid.analysis.statistics.resamples import SEED
from foldgrid.metrics import METRICS
from foldgrid.specs.counted import counted

BAND_MEANING = (
    "95 % prediction interval of one further visit about the least-squares line; it takes visits "
    "as independent and errors as normal and of one size."
)
FEWEST_VISITS = 3
"""A line through two points leaves no error to measure."""


@dataclass(frozen=True)
class ScatterFacts:
    """What figure 3 shows.

    Attributes:
        model: Its name.
        partition: ``oof`` or ``test``.
        points: subject, visit, physician (x) and predicted (y), a row a visit.
        max_pasi: The upper end of both axes' scale.
        slope: Of the least-squares line of predicted on physician; undefined where the
            physician's PASI does not vary.
        intercept: Of that line, in PASI.
        residual_sd: SD of the visits about the line (divided by n - 2).
        band: physician, fitted, lower, upper (the prediction interval), line_lower and line_upper
            (the confidence band of the line) on a grid; NaN below three visits. Not cut to the
            scale: draw it as far as the axes go.
        share_in_band: Fraction of the visits inside the prediction interval.
        mae: Mean absolute error.
        bias: Mean of predicted minus physician.
        pcc: Pearson's correlation.
        ccc: Lin's concordance.
    """

    model: str
    partition: str
    points: pd.DataFrame
    max_pasi: float
    slope: Estimate
    intercept: Estimate
    residual_sd: float
    band: pd.DataFrame
    share_in_band: float
    mae: Estimate
    bias: Estimate
    pcc: Estimate
    ccc: Estimate


def scatter_facts(pairs: ModelVisits, num_points: int = 101, seed: int = SEED) -> ScatterFacts:
    """The facts of the scatter of one model; every interval resamples subjects.

    Args:
        pairs: One model's visits; with none, every value is NaN.
        num_points: Points of the band, from 0 to the end of the scale.
        seed: Of the bootstrap over subjects.
    """
    truth = pairs.visits["physician"].to_numpy(dtype=np.float64)
    predicted = pairs.visits["predicted"].to_numpy(dtype=np.float64)
    resamples = resample_subjects(pairs.visits["subject"], seed=seed)
    slope = slope_of(predicted, truth)
    metrics = {}
    for name in ("mae", "bias", "pcc", "ccc"):
        found = estimate(metric_of(name, truth, predicted), resamples)
        value = METRICS[name](truth, predicted)
        metrics[name] = Estimate(value) if math.isnan(value) else _with_value(found, value)
    at = np.linspace(0.0, pairs.max_pasi, num_points)
    band, residual_sd = prediction_band(truth, predicted, at)
    inside, _ = prediction_band(truth, predicted, truth)
    is_inside = (predicted >= inside["lower"]) & (predicted <= inside["upper"])
    return ScatterFacts(
        model=pairs.model,
        partition=pairs.partition,
        points=pairs.visits[["subject", "visit", "physician", "predicted"]],
        max_pasi=pairs.max_pasi,
        slope=estimate(slope, resamples),
        intercept=estimate(
            lambda w: mean_of(predicted)(w) - slope(w) * mean_of(truth)(w), resamples
        ),
        residual_sd=residual_sd,
        band=band,
        share_in_band=math.nan if math.isnan(residual_sd) else float(is_inside.mean()),
        **metrics,
    )


def prediction_band(
    truth_N: FloatArray, predicted_N: FloatArray, at: FloatArray
) -> tuple[pd.DataFrame, float]:
    """The least-squares line of predicted on truth, with both 95 % bands.

    Args:
        truth_N: The physician's PASI.
        predicted_N: The model's.
        at: Where the bands are wanted.

    Returns:
        physician, fitted, lower, upper, line_lower and line_upper at ``at``, and the residual SD;
        all NaN below three visits or where the physician's PASI does not vary.
    """
    from scipy.stats import t as student_t

    names = ("fitted", "lower", "upper", "line_lower", "line_upper")
    num = len(truth_N)
    if num < FEWEST_VISITS or np.ptp(truth_N) == 0.0:
        empty = pd.DataFrame({"physician": at, **dict.fromkeys(names, np.full(len(at), np.nan))})
        return empty, math.nan
    centre, spread = truth_N.mean(), float(((truth_N - truth_N.mean()) ** 2).sum())
    slope = float(((truth_N - centre) * (predicted_N - predicted_N.mean())).sum()) / spread
    level = float(predicted_N.mean())
    residuals = predicted_N - level - slope * (truth_N - centre)
    residual_sd = math.sqrt(float((residuals**2).sum()) / (num - 2))
    reach = float(student_t.ppf((1 + LEVEL) / 2, num - 2)) * residual_sd
    fitted = level + slope * (at - centre)
    leverage = 1.0 / num + (at - centre) ** 2 / spread
    of_visit, of_line = reach * np.sqrt(1.0 + leverage), reach * np.sqrt(leverage)
    columns = (fitted, fitted - of_visit, fitted + of_visit, fitted - of_line, fitted + of_line)
    return pd.DataFrame({"physician": at, **dict(zip(names, columns, strict=True))}), residual_sd


def _with_value(found: Estimate, value: float) -> Estimate:
    """The interval with the value as every other table computes it, to the last bit."""
    return Estimate(value, found.low, found.high)


def draw_scatter(parts: Sequence[ScatterFacts]) -> Drawing:
    """A panel a partition, visits as points, the line of identity and the band.

    Args:
        parts: One or two partitions of one model, each with at least one visit.
    """
    return draw(
        "scatter",
        f"Predicted against physician PASI, {parts[0].model}",
        describe_scatter(parts),
        partial(_paint, tuple(parts)),
    )


def describe_scatter(parts: Sequence[ScatterFacts]) -> str:
    """The points, the line and the band in sentences."""
    sentences = []
    for facts in parts:
        text = (
            f"{PARTITION_TITLES[facts.partition].capitalize()}: "
            f"{counted(len(facts.points), 'visit')}, "
            f"MAE {facts.mae.value:.2f}"
        )
        if math.isfinite(facts.pcc.value):
            text += f", Pearson's correlation {facts.pcc.value:.2f}"
        if math.isfinite(facts.slope.value):
            text += f"; the least-squares line has a slope of {facts.slope.value:.2f}"
        if math.isfinite(facts.share_in_band):
            text += f", and {100 * facts.share_in_band:.0f} % of the visits lie in the band"
        sentences.append(text + ".")
    return " ".join(sentences)


def _end(parts: Sequence[ScatterFacts]) -> float:
    """The end of all axes: the largest value in sight, rounded up to tens."""
    largest = max(float(facts.points[["physician", "predicted"]].max().max()) for facts in parts)
    return min(10.0 * math.ceil(largest / 10.0 + 0.05), parts[0].max_pasi) or 10.0


def _paint(parts: tuple[ScatterFacts, ...], width: int) -> MplFigure:
    places, height = side_by_side(width, len(parts), shape=1.0, left=40, top=24, bottom=42)
    figure = new_figure(width, height)
    end = _end(parts)
    for facts, place in zip(parts, places, strict=True):
        axes = add_axes(figure, *place)
        axes.set_xlim(0, end)
        axes.set_ylim(0, end)
        axes.set_aspect("equal")
        axes.set_title(PARTITION_TITLES[facts.partition], loc="left", fontsize=SMALL, color=INK)
        axes.set_xlabel("physician's PASI", fontsize=SMALL, loc="left")
        axes.set_ylabel("predicted PASI", fontsize=SMALL, loc="bottom")
        axes.locator_params(nbins=6)
        _paint_panel(axes, facts, end)
    return figure


def _paint_panel(axes: Axes, facts: ScatterFacts, end: float) -> None:
    axes.plot([0, end], [0, end], color=MUTED, linewidth=1, linestyle=(0, (1, 2.5)), zorder=1)
    band = facts.band
    if np.isfinite(band["fitted"]).all():
        axes.fill_between(
            band["physician"], band["lower"], band["upper"], color=ACCENT, alpha=0.11, linewidth=0,
            zorder=0,
        )  # fmt: skip
        axes.plot(band["physician"], band["fitted"], color=ACCENT, linewidth=1.4, zorder=2)
    points = facts.points
    size = 4.2 if len(points) < 120 else 3.2
    axes.plot(
        points["physician"], points["predicted"], "o", color=ACCENT, markersize=size, alpha=0.55,
        markeredgewidth=0, zorder=3, clip_on=False,
    )  # fmt: skip
    text = f"MAE {facts.mae.value:.2f}\nCCC {facts.ccc.value:.2f}"
    axes.text(0.035 * end, 0.965 * end, text, va="top", fontsize=SMALL, color=INK, linespacing=1.4)


def best_scatter(run: Run, partition: Partition) -> ScatterFacts:
    """The scatter of the model that a report is about."""
    return scatter_facts(run.once(best_visits, partition))


def scatter_figure(run: Run) -> Figure:
    """The best model's visits on every partition that has some."""
    parts = [run.once(best_scatter, part) for part in shown_partitions(run)]
    caption = (
        f"Predicted against physician PASI by {run.best.model}, a point a visit. Dotted: "
        f"identity. Solid: least-squares line. Shaded: {BAND_MEANING}"
    )
    return Figure("scatter", partial(draw_scatter, parts), caption, partial(_points, parts))


def scatter_numbers(run: Run) -> dict[str, Numbers]:
    """What the picture says beside its points: lines and metrics, and the band."""
    parts = [run.once(best_scatter, part) for part in shown_partitions(run)]
    return {"scatter_line": partial(_lines, parts), "scatter_band": partial(_bands, parts)}


def _points(parts: Sequence[ScatterFacts]) -> pd.DataFrame:
    return beside_each_other(each.points.assign(partition=each.partition) for each in parts)


def _bands(parts: Sequence[ScatterFacts]) -> pd.DataFrame:
    return beside_each_other(each.band.assign(partition=each.partition) for each in parts)


def _lines(parts: Sequence[ScatterFacts]) -> pd.DataFrame:
    return frame_of(parts).drop(columns=["points", "band"])
