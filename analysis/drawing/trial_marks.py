"""How a trial looks in every figure of a search: by how it ended, and by how good it is.

A filled dot trained to its end, a hollow one was stopped by the scheduler, a cross diverged.
Stronger colour is better: in five steps of equally many trials, so that one wild score changes
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from foldgrid.analysis.drawing.canvas import SMALL
from foldgrid.analysis.drawing.palette import ACCENT, CAUTION, INK, MUTED, PAPER
from foldgrid.metrics import Metric

FloatArray = NDArray[np.float64]

STRENGTHS = (0.16, 0.32, 0.52, 0.74, 1.0)
"""Opacity by fifth, the worst first."""


def strengths(scores_T: Sequence[float] | FloatArray, metric: Metric) -> FloatArray:
    """Each trial's opacity: its fifth by score; the undefined are in the last."""
    keys_T = np.array([metric.sort_key(float(score)) for score in scores_T])
    ranks_T = np.array([(keys_T < key).mean() for key in keys_T])
    fifth_T = np.minimum((5 * ranks_T).astype(int), 4)
    fifth_T[~np.isfinite(keys_T)] = 4
    return np.array([STRENGTHS[4 - fifth] for fifth in fifth_T])


def score_axis(metric: Metric) -> str:
    """``out-of-fold MAE, PASI points``."""
    return f"out-of-fold {metric.title}" + (f", {metric.unit}" if metric.unit else "")


def score_limits(scores_T: Sequence[float] | FloatArray) -> tuple[float, float]:
    """Both ends of an axis of scores that a few wild trials cannot stretch."""
    known_T = np.array([float(score) for score in scores_T if math.isfinite(score)])
    if not len(known_T):
        return 0.0, 1.0
    low, middle, high = np.quantile(known_T, [0.25, 0.5, 0.75])
    reach = 2.5 * (high - low)
    ends = [max(float(known_T.min()), low - reach), min(float(known_T.max()), high + reach)]
    room = 0.08 * (ends[1] - ends[0]) or 0.05 * abs(float(middle)) or 0.5
    return ends[0] - room, ends[1] + room


def mark_trials(
    axes: Axes, x: Sequence[float] | FloatArray, y: Sequence[float] | FloatArray, status: str,
    size: float = 5.0,
) -> None:  # fmt: skip
    """Marks of trials that ended alike."""
    looks: dict[str, dict[str, Any]] = {
        "complete": {"marker": "o", "color": ACCENT, "markeredgewidth": 0.8, "mec": PAPER},
        "stopped": {"marker": "o", "color": MUTED, "markerfacecolor": PAPER, "mew": 1.1},
        "diverged": {"marker": "x", "color": CAUTION, "markeredgewidth": 1.5},
    }
    axes.plot(x, y, linestyle="none", markersize=size, zorder=4, clip_on=False, **looks[status])


def name_point(axes: Axes, x: float, y: float, text: str, above: bool) -> None:
    """A word beside a point, on the background's colour."""
    left, right = axes.get_xlim()
    is_right = (x - left) / (right - left) > 0.6
    axes.annotate(
        text, (x, y), (-7 if is_right else 7, 9 if above else -9), textcoords="offset points",
        ha="right" if is_right else "left", va="center", fontsize=SMALL, color=INK, zorder=6,
        bbox={"facecolor": PAPER, "alpha": 0.8, "linewidth": 0, "pad": 0.8}, annotation_clip=False,
    )  # fmt: skip
