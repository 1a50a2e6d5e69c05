"""Bland-Altman: how far a model's PASI may lie from the physician's for a single visit.

    difference = predicted - physician        average = (predicted + physician) / 2
    limits of agreement = mean difference -+ 1.96 SD of the differences

Visits of one subject are not independent, so the SD comes in two readings: over all visits as if
they were (what most papers print), and from the variance between and within subjects (Bland and
Altman 2007, J Biopharm Stat 17:571, where the true value varies). Intervals resample subjects.
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

from foldgrid.analysis.drawing.blocks import Figure, Numbers, Section
from foldgrid.analysis.drawing.canvas import SMALL, add_axes, new_figure, side_by_side
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.frames import beside_each_other, frame_of
from foldgrid.analysis.drawing.numbers import format_number, percent
from foldgrid.analysis.drawing.palette import ACCENT, INK, MUTED, PAPER
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.pasi.scatter import scatter_figure, scatter_numbers
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
    WeightedMetric,
    estimate,
    mean_of,
    ratio,
    resample_subjects,
    second_moments,
    slope_of,
)
from foldgrid.analysis.statistics.resamples import SEED
from foldgrid.specs.counted import counted

WITHIN_95 = 1.959963984540054
"""How many SDs about the mean hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class BlandAltman:
    """Agreement of one model with the physician.

    Attributes:
        model: Its name.
        partition: ``oof`` or ``test``.
        points: subject, visit, average and difference, a row a visit.
        num_visits: Visits.
        num_subjects: Subjects that they are of.
        mean_difference: The bias; above 0 the model scores too high.
        sd: SD of the differences over all visits (divided by n - 1); undefined below two.
        lower: Lower 95 % limit of agreement, by ``sd``.
        upper: Upper limit.
        sd_repeated: SD from the variances between and within subjects.
        lower_repeated: Lower limit by ``sd_repeated``.
        upper_repeated: Upper limit by ``sd_repeated``.
        slope: Proportional bias: the slope of difference on average. Below 0 the model shrinks
            the scale; undefined where all averages are equal.
        share_within: Fraction of visits between ``lower`` and ``upper``.
    """

    model: str
    partition: str
    points: pd.DataFrame
    num_visits: int
    num_subjects: int
    mean_difference: Estimate
    sd: Estimate
    lower: Estimate
    upper: Estimate
    sd_repeated: Estimate
    lower_repeated: Estimate
    upper_repeated: Estimate
    slope: Estimate
    share_within: float


def bland_altman(pairs: ModelVisits, seed: int = SEED) -> BlandAltman:
    """Limits of agreement between a model and the physician.

    Args:
        pairs: One model's visits; with none, every value is NaN.
        seed: Of the bootstrap over subjects.
    """
    visits = pairs.visits
    points = pd.DataFrame(
        {
            "subject": visits["subject"],
            "visit": visits["visit"],
            "average": (visits["physician"] + visits["predicted"]) / 2,
            "difference": pairs.errors,
        }
    )
    differences = points["difference"].to_numpy(dtype=np.float64)
    resamples = resample_subjects(visits["subject"], seed=seed)
    mean = mean_of(differences)
    plain = _plain_sd(differences)
    repeated = _repeated_sd(differences, visits["subject"])
    metric_values: dict[str, WeightedMetric] = {
        "mean_difference": mean,
        "sd": plain,
        "lower": _limit(mean, plain, -WITHIN_95),
        "upper": _limit(mean, plain, WITHIN_95),
        "sd_repeated": repeated,
        "lower_repeated": _limit(mean, repeated, -WITHIN_95),
        "upper_repeated": _limit(mean, repeated, WITHIN_95),
        "slope": slope_of(differences, points["average"].to_numpy(dtype=np.float64)),
    }
    found = {name: estimate(figure, resamples) for name, figure in metric_values.items()}
    is_within = points["difference"].between(found["lower"].value, found["upper"].value)
    return BlandAltman(
        model=pairs.model,
        partition=pairs.partition,
        points=points,
        num_visits=pairs.num_visits,
        num_subjects=pairs.num_subjects,
        share_within=float(is_within.mean()) if pairs.num_visits > 1 else np.nan,
        **found,
    )


def best_agreement(run: Run, partition: Partition) -> BlandAltman:
    """The agreement of the model that a report is about."""
    return bland_altman(run.once(best_visits, partition))


def _limit(mean: WeightedMetric, sd: WeightedMetric, num_sds: float) -> WeightedMetric:
    return lambda weights_RN: mean(weights_RN) + num_sds * sd(weights_RN)


def _plain_sd(differences_N: FloatArray) -> WeightedMetric:
    def sd(weights_RN: FloatArray) -> FloatArray:
        total = weights_RN.sum(axis=1)
        spread, _, _ = second_moments(differences_N, differences_N, weights_RN)
        return np.asarray(np.sqrt(spread * ratio(total, total - 1.0)))

    return sd


def _repeated_sd(differences_N: FloatArray, subjects: pd.Series[str]) -> WeightedMetric:
    """The SD of one visit's difference: between plus within subjects, by analysis of variance.

    A subject drawn twice counts as two. With one visit a subject it is the plain SD.
    """
    by_subject = pd.Series(differences_N).groupby(subjects.to_numpy())
    size_N = by_subject.transform("size").to_numpy(dtype=np.float64)
    mean_N = by_subject.transform("mean").to_numpy(dtype=np.float64)

    def sd(weights_RN: FloatArray) -> FloatArray:
        num_visits = weights_RN.sum(axis=1)
        num_subjects = np.rint(weights_RN @ (1.0 / size_N))
        within = weights_RN @ (differences_N - mean_N) ** 2
        spread, _, _ = second_moments(mean_N, mean_N, weights_RN)
        between = spread * num_visits
        freedom = num_visits - num_subjects
        mean_square_within = np.where(freedom > 0, within / np.maximum(freedom, 1.0), 0.0)
        mean_square_between = ratio(between, num_subjects - 1.0)
        size = ratio(
            num_visits - ratio(weights_RN @ size_N, num_visits),
            num_subjects - 1.0,
        )
        variance = np.maximum(ratio(mean_square_between - mean_square_within, size), 0.0)
        return np.asarray(np.sqrt(variance + mean_square_within))

    return sd


def draw_bland_altman(parts: Sequence[BlandAltman]) -> Drawing:
    """A panel a partition: the mean difference and the limits with their intervals.

    Args:
        parts: One or two partitions of one model, each with at least one visit.
    """
    return draw(
        "bland_altman",
        f"Agreement of {parts[0].model} with the physician (Bland-Altman)",
        describe_bland_altman(parts),
        partial(_paint, tuple(parts)),
    )


def describe_bland_altman(parts: Sequence[BlandAltman]) -> str:
    """Bias and limits in sentences."""
    sentences = []
    for facts in parts:
        text = (
            f"{PARTITION_TITLES[facts.partition].capitalize()}: mean difference "
            f"{facts.mean_difference.value:+.2f}"
        )
        if math.isfinite(facts.lower.value):
            text += (
                f", 95 % limits of agreement {facts.lower.value:+.2f} to {facts.upper.value:+.2f} "
                f"PASI points, which hold {100 * facts.share_within:.0f} % of "
                f"{counted(facts.num_visits, 'visit')}"
            )
        sentences.append(text + ".")
    return " ".join(sentences)


def _paint(parts: tuple[BlandAltman, ...], width: int) -> MplFigure:
    places, height = side_by_side(width, len(parts), shape=0.82, left=48, top=24, bottom=42)
    figure = new_figure(width, height)
    right = 1.04 * max(float(facts.points["average"].max()) for facts in parts) or 1.0
    reach = 1.12 * max(_reach(facts) for facts in parts) or 1.0
    for facts, place in zip(parts, places, strict=True):
        axes = add_axes(figure, *place)
        axes.set_xlim(0, right)
        axes.set_ylim(-reach, reach)
        axes.set_title(PARTITION_TITLES[facts.partition], loc="left", fontsize=SMALL, color=INK)
        axes.set_xlabel("average of both, PASI", fontsize=SMALL, loc="left")
        axes.set_ylabel("predicted − physician", fontsize=SMALL, loc="bottom")
        axes.locator_params(nbins=6)
        _paint_panel(axes, facts, right)
    return figure


def _reach(facts: BlandAltman) -> float:
    ends = [float(facts.points["difference"].abs().max())]
    ends += [abs(x) for x in (facts.lower.value, facts.upper.value) if math.isfinite(x)]
    return max(ends)


def _paint_panel(axes: Axes, facts: BlandAltman, right: float) -> None:
    axes.axhline(0, color=MUTED, linewidth=1, linestyle=(0, (1, 2.5)), zorder=1)
    lines = (("+1.96 SD", facts.upper), ("mean", facts.mean_difference), ("−1.96 SD", facts.lower))
    for label, line in lines:
        if not math.isfinite(line.value):
            continue
        if math.isfinite(line.low):
            axes.axhspan(line.low, line.high, color=ACCENT, alpha=0.13, linewidth=0)
        axes.axhline(line.value, color=ACCENT, linewidth=1.3, zorder=2)
        axes.annotate(
            f"{label} {line.value:+.1f}".replace("-", "−"), (right, line.value), (-2, 3),
            textcoords="offset points", ha="right", va="bottom", fontsize=SMALL, color=INK,
            zorder=5,
            bbox={"facecolor": PAPER, "alpha": 0.78, "linewidth": 0, "pad": 1.5},
        )  # fmt: skip
    size = 4.2 if facts.num_visits < 120 else 3.2
    axes.plot(
        facts.points["average"], facts.points["difference"], "o", color=ACCENT, markersize=size,
        alpha=0.5, markeredgewidth=0, zorder=3, clip_on=False,
    )  # fmt: skip


def agreement_section(run: Run) -> Section:
    """The best model against the physician, out of fold and on the test set: both pictures."""
    parts = [run.once(best_agreement, part) for part in shown_partitions(run)]
    agreement = run.once(best_agreement, "oof")
    lead = (
        f"For a single visit, {run.best.model} lies between "
        f"{format_number(agreement.lower.value, 1)} and "
        f"{format_number(agreement.upper.value, 1)} PASI points "
        f"from the physician in {percent(agreement.share_within)} of the out-of-fold visits"
    )
    slope = agreement.slope.value
    if slope < -0.1:
        lead += "; it scores mild visits too high and severe ones too low"
    elif slope > 0.1:
        lead += "; it scores mild visits too low and severe ones too high"
    caption = (
        "Bland-Altman: difference against average of model and physician, a point a visit. "
        "Solid: mean difference and 95 % limits of agreement over all visits; shaded: their "
        "95 % intervals over resampled subjects."
    )
    paint = partial(draw_bland_altman, parts)
    blocks = (scatter_figure(run), Figure("bland_altman", paint, caption, partial(_points, parts)))
    further: dict[str, Numbers] = {
        **scatter_numbers(run),
        "limits_of_agreement": partial(_limits, parts),
    }
    return Section(f"{lead}.", blocks, further=further)


def _points(parts: Sequence[BlandAltman]) -> pd.DataFrame:
    return beside_each_other(each.points.assign(partition=each.partition) for each in parts)


def _limits(parts: Sequence[BlandAltman]) -> pd.DataFrame:
    return frame_of(parts).drop(columns="points")


AGREEMENT = Exhibit("agreement", "Against the physician", agreement_section, of="task")
