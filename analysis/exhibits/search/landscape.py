"""The score over two parameters: a smooth estimate where there are trials, nothing elsewhere.

T trials, G grid lines.

The other parameters vary from trial to trial, so neighbours need not agree: a Gaussian process
with a noise term (scikit-learn's) smooths them and does not run through every point. Where no trial
is near, nothing is drawn.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as MplFigure
from numpy.typing import NDArray

from foldgrid.analysis.drawing.blocks import Figure, Section
from foldgrid.analysis.drawing.canvas import SMALL, add_axes, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.numbers import percent
from foldgrid.analysis.drawing.palette import ACCENT, INK, MUTED, PAPER
from foldgrid.analysis.drawing.trial_marks import mark_trials, name_point, strengths
from foldgrid.analysis.exhibits.search.importance import Importances, importances_of
from foldgrid.analysis.exhibits.search.of_study import study_exhibit
from foldgrid.analysis.search.numbers import Scale, scales
from foldgrid.analysis.search.results import StudyResults
from foldgrid.analysis.search.run import StudyFacts
from foldgrid.metrics import Metric
from foldgrid.specs.counted import counted

FloatArray = NDArray[np.float64]

PREFERRED = ("learning_rate", "plateau.patience")
"""The two that are shown where a space has both."""

FEWEST_TRIALS = 8
REACH = 0.14
"""How far from a trial something is drawn, as a fraction of the axes."""

GRID = 181

LEAST_EXPLAINED = 0.05

NUM_FOLDS = 10
"""Of the trials, to see what the estimate foretells of those that it was not notified of."""


@dataclass(frozen=True)
class Landscape:
    """The score over two parameters.

    Attributes:
        across: The parameter from left to right.
        up: The parameter from bottom to top.
        points: A row a trial: trial, status, x and y (positions between the ends, 0 to 1), the
            two values and the score.
        surface_GG: The estimate by y and x, evenly from end to end; NaN where no trial is near.
            Empty where there are too few trials, or the estimate foretells nothing.
        explained: The fraction of the scores' variance that the estimate foretells of a trial that
            it was not notified of; 0 where it foretells nothing.
        reason: Why there is no figure; "" where there is.
    """

    across: Scale | None
    up: Scale | None
    points: pd.DataFrame
    surface_GG: FloatArray
    explained: float
    reason: str = ""


def score_landscape(study: StudyResults, importances: Importances) -> Landscape:
    """The landscape over learning rate and patience, or over the two that matter most.

    Args:
        study: Its trials; only those that trained to their end shape the surface.
        importances: Of its parameters.
    """
    pair = _pair(study, importances)
    if pair is None:
        reason = "fewer than two parameters of the space are numbers"
        return Landscape(None, None, pd.DataFrame(), np.empty((0, 0)), 0.0, reason)
    across, up = pair
    points = _points(study, across, up)
    known = points[(points["status"] == "complete") & np.isfinite(points["score"])]
    if len(known) < FEWEST_TRIALS or known["score"].nunique() < 2:
        return Landscape(across, up, points, np.empty((0, 0)), 0.0)
    surface, explained = _surface(
        known[["x", "y"]].to_numpy(dtype=np.float64), known["score"].to_numpy(dtype=np.float64)
    )
    # Contours of an estimate that foretells nothing would be seen as a finding.
    shown = surface if explained >= LEAST_EXPLAINED else np.empty((0, 0))
    return Landscape(across, up, points, shown, explained)


def _pair(study: StudyResults, importances: Importances) -> tuple[Scale, Scale] | None:
    numbers = {axis.name: axis for axis in scales(study) if axis.is_number}
    ordered = [each.name for each in importances.parameters if each.name in numbers]
    names = list(dict.fromkeys([*ordered, *numbers]))
    if set(PREFERRED) <= set(names):
        names = list(PREFERRED)
    return (numbers[names[0]], numbers[names[1]]) if len(names) > 1 else None


def _points(study: StudyResults, across: Scale, up: Scale) -> pd.DataFrame:
    rows = []
    for trial in study.trials:
        x, y = study.value(trial, across.name), study.value(trial, up.name)
        rows.append(
            {
                "trial": trial.number,
                "status": trial.status,
                "x": across.fraction(x),
                "y": up.fraction(y),
                across.name: x,
                up.name: y,
                "score": study.score(trial),
            }
        )
    return pd.DataFrame(rows)


def _surface(places_T2: FloatArray, scores_T: FloatArray) -> tuple[FloatArray, float]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
    from sklearn.model_selection import KFold, cross_val_predict

    # One wild trial would flatten all others.
    capped_T = np.minimum(scores_T, _upper_fence(scores_T))
    capped_T = np.maximum(capped_T, -_upper_fence(-scores_T))
    kernel = ConstantKernel(1.0, (1e-3, 1e2)) * RBF([0.3, 0.3], (0.1, 10.0)) + WhiteKernel(
        0.5, (1e-3, 1e1)
    )
    model = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    with warnings.catch_warnings():
        # A length or a noise at its bound is an answer here: flat, or nothing but noise.
        warnings.simplefilter("ignore", ConvergenceWarning)
        folds = KFold(min(NUM_FOLDS, len(capped_T)), shuffle=True, random_state=0)
        foretold_T = cross_val_predict(model, places_T2, capped_T, cv=folds)
        model.fit(places_T2, capped_T)
    line = np.linspace(0.0, 1.0, GRID)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    estimate = model.predict(grid)
    nearest = np.sqrt(((grid[:, None] - places_T2[None]) ** 2).sum(axis=-1)).min(axis=1)
    estimate[nearest > REACH] = np.nan
    unexplained = float(np.mean((capped_T - foretold_T) ** 2) / np.var(capped_T))
    return estimate.reshape(GRID, GRID), max(0.0, 1 - unexplained)


def _upper_fence(scores_T: FloatArray) -> float:
    """Tukey's fence: beyond it a score is an outlier."""
    low, high = np.quantile(scores_T, [0.25, 0.75])
    return float(high + 1.5 * (high - low))


_LEVELS = 7
_OPACITIES = (0.05, 0.12, 0.20, 0.30, 0.41, 0.54, 0.68)
"""Of the surface, the worst score first."""


@dataclass(frozen=True)
class ShownLandscape:
    """A landscape and what is pointed out in it.

    Attributes:
        landscape: The score over two parameters.
        metric: What was searched for.
        best: The number of the best trial; -1 where there is none.
    """

    landscape: Landscape
    metric: Metric
    best: int


def draw_landscape(facts: ShownLandscape) -> Drawing:
    """A surface, and a mark a trial."""
    across, up = _scales(facts.landscape)
    title = f"{facts.metric.title} over {across.name} and {up.name}"
    return draw("landscape", title, describe_landscape(facts), partial(_paint, facts))


def _scales(landscape: Landscape) -> tuple[Scale, Scale]:
    if landscape.across is None or landscape.up is None:
        raise ValueError(landscape.reason)
    return landscape.across, landscape.up


def describe_landscape(facts: ShownLandscape) -> str:
    """Where the best score lies, in sentences."""
    across, up = _scales(facts.landscape)
    points = facts.landscape.points
    text = f"{counted(len(points), 'trial')}."
    best = points[points["trial"] == facts.best]
    if len(best):
        row = best.iloc[0]
        text += (
            f" The best has {across.name} {row[across.name]:.3g} and {up.name} {row[up.name]:.3g}."
        )
    if facts.landscape.surface_GG.size:
        text += f" The two explain {facts.landscape.explained:.0%} of the scores' variance."
    return text


def _paint(facts: ShownLandscape, width: int) -> MplFigure:
    across, up = _scales(facts.landscape)
    is_wide = width > 500
    left, right, top = 48.0, 128.0 if is_wide else 10.0, 26.0
    panel = width - left - right
    height = min(0.72 * panel, 390.0) if is_wide else 0.95 * panel
    below = 46.0 if is_wide else 92.0
    figure = new_figure(width, top + height + below)
    axes = add_axes(figure, left, top, panel, height)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    _label(axes, across, up)
    levels = _levels(facts)
    if len(levels) > 1:
        _paint_surface(axes, facts, levels)
        key = (
            add_axes(figure, left + panel + 34, top, 12, 0.62 * height)
            if is_wide
            else add_axes(figure, left, top + height + 62, panel, 10)
        )
        _paint_key(key, facts, levels, is_wide)
    _mark_points(axes, facts)
    _point_out(axes, facts)
    return figure


def _label(axes: Axes, across: Scale, up: Scale) -> None:
    ticks = _ticks(across)
    axes.set_xticks([share for share, _ in ticks], [text for _, text in ticks])
    ticks = _ticks(up)
    axes.set_yticks([share for share, _ in ticks], [text for _, text in ticks])
    log = " (log scale)"
    axes.set_xlabel(across.name + (log if across.is_log else ""), fontsize=SMALL, loc="left")
    axes.set_title(
        up.name + (log if up.is_log else ""), loc="left", fontsize=SMALL, color=MUTED, pad=7
    )


def _ticks(scale: Scale) -> list[tuple[float, str]]:
    """Round values between the ends: decades and their halves, or even steps."""
    low, high = scale.ends
    if high <= low:
        return [(0.5, f"{scale.low:g}")]
    if scale.is_log:
        steps = (1,) if high - low > 2.2 else (1, 2, 5)
        values = [
            step * 10.0**decade
            for decade in range(math.floor(low), math.ceil(high) + 1)
            for step in steps
        ]
        places = [(math.log10(value), value) for value in values]
    else:
        places = [(float(value), float(value)) for value in np.linspace(low, high, 5)]
    kept = [(place, value) for place, value in places if low - 1e-9 <= place <= high + 1e-9]
    return [
        ((place - low) / (high - low), "0" if scale.is_zero(place) else f"{value:.3g}")
        for place, value in kept
    ]


def _levels(facts: ShownLandscape) -> np.ndarray:
    surface = facts.landscape.surface_GG
    known = surface[np.isfinite(surface)] if surface.size else surface
    if not known.size or np.ptp(known) <= 1e-9 * max(1.0, float(np.abs(known).max())):
        return np.empty(0)
    return np.linspace(float(known.min()), float(known.max()), _LEVELS + 1)


def _colours(facts: ShownLandscape) -> list[tuple[float, float, float, float]]:
    ordered = _OPACITIES if facts.metric.direction == "higher" else _OPACITIES[::-1]
    return [(*to_rgb(ACCENT), opacity) for opacity in ordered]


def _paint_surface(axes: Axes, facts: ShownLandscape, levels: np.ndarray) -> None:
    line = np.linspace(0, 1, len(facts.landscape.surface_GG))
    surface = np.ma.masked_invalid(facts.landscape.surface_GG)
    filled = axes.contourf(line, line, surface, levels=levels, colors=_colours(facts), zorder=1)
    filled.set_edgecolor("none")
    axes.contour(line, line, surface, levels=levels[1:-1], colors=[PAPER], linewidths=0.8, zorder=2)


def _paint_key(axes: Axes, facts: ShownLandscape, levels: np.ndarray, is_wide: bool) -> None:
    axes.grid(False)
    for place, colour in enumerate(_colours(facts)):
        span = (place, place + 1)
        (axes.axhspan if is_wide else axes.axvspan)(*span, facecolor=colour, linewidth=0)
    shown = [(place, f"{levels[place]:.3g}") for place in range(0, _LEVELS + 1, 2)]
    places, texts = [place for place, _ in shown], [text for _, text in shown]
    title = facts.metric.title
    if is_wide:
        axes.set_ylim(0, _LEVELS)
        axes.set_xticks([])
        axes.set_yticks(places, texts)
        axes.yaxis.tick_right()
        axes.tick_params(length=0, colors=MUTED, labelsize=SMALL)
        axes.set_title(f"smoothed\n{title}", loc="left", fontsize=SMALL, color=MUTED, pad=6)
        return
    axes.set_xlim(0, _LEVELS)
    axes.set_yticks([])
    axes.set_xticks(places, texts)
    axes.set_title(f"smoothed {title}", loc="left", fontsize=SMALL, color=MUTED, pad=4)


def _mark_points(axes: Axes, facts: ShownLandscape) -> None:
    points = facts.landscape.points
    for status in ("diverged", "stopped", "complete"):
        own = points[points["status"] == status]
        x, y = own["x"].to_numpy(dtype=float), own["y"].to_numpy(dtype=float)
        if status != "complete" or facts.landscape.surface_GG.size:
            mark_trials(axes, x, y, status, 5.6)
            continue
        # Without a background the marks themselves say how good a trial is.
        shades = strengths(own["score"].to_numpy(dtype=float), facts.metric)
        for at_x, at_y, shade in zip(x, y, shades, strict=True):
            axes.plot([at_x], [at_y], "o", color=ACCENT, alpha=shade, markersize=8.5, zorder=4,
                      markeredgecolor=ACCENT, clip_on=False)  # fmt: skip


def _point_out(axes: Axes, facts: ShownLandscape) -> None:
    points = facts.landscape.points
    places = {
        int(trial): (float(x), float(y))
        for trial, x, y in zip(points["trial"], points["x"], points["y"], strict=True)
    }
    if facts.best in places:
        x, y = places[facts.best]
        axes.plot([x], [y], "o", color=ACCENT, markersize=9.5, zorder=5,
                  markeredgecolor=INK, markeredgewidth=1.6, clip_on=False)  # fmt: skip
        name_point(axes, x, y, "best", above=True)
    if 0 in places and facts.best != 0:
        x, y = places[0]
        axes.plot([x], [y], "D", color=INK, markersize=6.2, zorder=5,
                  markeredgecolor=PAPER, markeredgewidth=0.8, clip_on=False)  # fmt: skip
        name_point(axes, x, y, "default", above=False)


def landscape_of(study: StudyFacts) -> Landscape:
    """A study's score over two parameters."""
    return score_landscape(study.results, study.once(importances_of))


def landscape_section(study: StudyFacts) -> Section:
    """The score over two parameters."""
    facts, best = study.once(landscape_of), study.best
    if facts.across is None or facts.up is None:
        return Section(left_out=f"{facts.reason}.")
    metric = study.results.metric
    pair = f"{facts.across.name} and {facts.up.name}"
    caption = (
        f"{metric.title} over {pair}, a mark a trial: filled trained to the end, hollow was "
        "stopped early, a cross diverged."
    )
    if facts.surface_GG.size:
        caption += (
            " The background is a smooth estimate over the complete trials (a Gaussian process "
            "with noise), stronger where the score is better, and left blank where no trial is "
            "near. The other parameters vary from trial to trial, so neighbours may differ."
        )
        lead = (
            f"{pair} together foretell {percent(facts.explained)} of the variance of the score of "
            "a further trial (ten-fold); the rest is other parameters and chance."
        )
    else:
        caption += (
            " The stronger the colour the better the score, in five steps of equally many trials."
        )
        why = (
            f"fewer than {FEWEST_TRIALS} trials trained to their end"
            if len(study.results.complete) < FEWEST_TRIALS
            else f"{pair} foretell nothing about the score of a further trial"
        )
        lead = f"The trials are shown without an estimate between them: {why}."
    shown = ShownLandscape(facts, metric, best.number if best else -1)
    part = Figure(
        study.key("landscape"),
        partial(draw_landscape, shown),
        caption,
        lambda: facts.points.drop(columns=["x", "y"]),
        is_filed=True,
    )
    return Section(lead, (part,))


LANDSCAPE = study_exhibit("landscape", "Where the score is good", landscape_section, anchor="where")
