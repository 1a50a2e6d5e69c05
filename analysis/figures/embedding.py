"""Units on a plane (t-SNE), by class; what was decided otherwise is ringed.

Up to six classes share one picture, each with a mark of its own. More get a panel each, in which
the other classes are pale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.figures.canvas import SMALL, add_axes, fitted, new_figure
from analysis.figures.drawing import Drawing, draw
from analysis.figures.palette import ACCENT, CAUTION, FAINT, INK
from analysis.figures.series import series

MOST_TOGETHER = 6
"""Classes that can be told apart in one picture."""

Key = tuple[dict[str, Any], str]
"""How a mark looks and what it means."""

_RING: dict[str, Any] = {
    "marker": "o",
    "linestyle": "none",
    "markerfacecolor": "none",
    "markeredgecolor": CAUTION,
    "markeredgewidth": 1.2,
}
_WRONG: Key = (_RING, "ringed: decided otherwise")


@dataclass(frozen=True)
class EmbeddingFacts:
    """Units on a plane.

    Attributes:
        model: Whose features they are.
        coordinates_N2: Where each unit lies.
        classes: Their names.
        reference_N: Each unit's class.
        decided_N: The class that was decided for.
    """

    model: str
    coordinates_N2: NDArray[np.float64]
    classes: tuple[str, ...]
    reference_N: NDArray[np.int64]
    decided_N: NDArray[np.int64]

    @property
    def is_wrong(self) -> NDArray[np.bool_]:
        """By unit, whether another class was decided for."""
        return np.asarray(self.reference_N != self.decided_N)


def draw_embedding(facts: EmbeddingFacts, key: str = "embedding") -> Drawing:
    """The plane, in one picture or a panel a class.

    Args:
        facts: The units.
        key: The figure's file name; several in one report need several.
    """
    return draw(
        key,
        f"The last hidden layer of {facts.model} on a plane (t-SNE)",
        describe_embedding(facts),
        partial(_paint, facts),
    )


def describe_embedding(facts: EmbeddingFacts) -> str:
    """How many units of which class, and how many were decided otherwise."""
    counts = np.bincount(facts.reference_N, minlength=len(facts.classes))
    named = ", ".join(f"{count} {name}" for count, name in zip(counts, facts.classes, strict=True))
    return (
        f"{len(facts.reference_N)} units: {named}. {facts.is_wrong.sum()} were decided otherwise "
        "and are ringed. Only who is whose neighbour means something, not distances between groups."
    )


def _paint(facts: EmbeddingFacts, width: int) -> Figure:
    present = np.unique(facts.reference_N).tolist()
    if len(present) <= MOST_TOGETHER:
        keys = [(series(place).point, facts.classes[each]) for place, each in enumerate(present)]
        top = _key_height(keys, width)
        height = 430.0 if width > 500 else 300.0
        figure = new_figure(width, top + height + 4)
        axes = add_axes(figure, 4, top, width - 8, height)
        _prepare(axes, facts)
        _paint_together(axes, facts, present)
        _paint_key(figure, keys, width)
        return figure
    columns = 4 if width > 500 else 2
    panel = (width - 8 - 10 * (columns - 1)) / columns
    step = panel * 0.86 + 30
    figure = new_figure(width, math.ceil(len(present) / columns) * step + 26)
    for place, each in enumerate(present):
        row, column = divmod(place, columns)
        axes = add_axes(figure, 4 + column * (panel + 10), 46 + row * step, panel, panel * 0.86)
        _prepare(axes, facts)
        _paint_alone(axes, facts, each, panel)
    _paint_key(figure, [], width)
    return figure


def _prepare(axes: Axes, facts: EmbeddingFacts) -> None:
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT)
    low_2, high_2 = facts.coordinates_N2.min(axis=0), facts.coordinates_N2.max(axis=0)
    room_2 = 0.06 * np.maximum(high_2 - low_2, 1e-9)
    axes.set_xlim(low_2[0] - room_2[0], high_2[0] + room_2[0])
    axes.set_ylim(low_2[1] - room_2[1], high_2[1] + room_2[1])


def _paint_together(axes: Axes, facts: EmbeddingFacts, present: list[int]) -> None:
    size = 5.5 if len(facts.reference_N) < 400 else 4.0
    for place, each in enumerate(present):
        own = facts.reference_N == each
        points_N2 = facts.coordinates_N2[own]
        axes.plot(*points_N2.T, markersize=size, alpha=0.85, zorder=3, **series(place).point)
    _ring(axes, facts.coordinates_N2[facts.is_wrong], size)


def _paint_alone(axes: Axes, facts: EmbeddingFacts, each: int, panel: float) -> None:
    own = facts.reference_N == each
    axes.plot(*facts.coordinates_N2[~own].T, "o", color=FAINT, markersize=3, mew=0, zorder=2)
    axes.plot(
        *facts.coordinates_N2[own].T, "o", color=ACCENT, markersize=4.4, alpha=0.85, mew=0, zorder=3
    )
    _ring(axes, facts.coordinates_N2[own & facts.is_wrong], 4.4)
    text = f"{facts.classes[each]} ({own.sum()})"
    axes.set_title(fitted(text, panel, SMALL), loc="left", fontsize=SMALL, color=INK, pad=4)


def _ring(axes: Axes, points_N2: NDArray[np.float64], size: float) -> None:
    axes.plot(*points_N2.T, markersize=size + 4.5, zorder=4, **_RING)


def _paint_key(figure: Figure, keys: list[Key], width: float) -> None:
    """Marks with their words above the picture, as many in a line as fit."""
    height = _key_height(keys, width)
    axes = add_axes(figure, 0, 0, width, height)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    for (look, text), (x, y) in zip([*keys, _WRONG], _key_places(keys, width), strict=True):
        axes.plot([x], [y], markersize=7 if look is not _RING else 9, **look)
        axes.text(x + 10, y, text, va="center", fontsize=SMALL)


def _key_height(keys: list[Key], width: float) -> float:
    return _key_places(keys, width)[-1][1] + 14


def _key_places(keys: list[Key], width: float) -> list[tuple[float, float]]:
    places: list[tuple[float, float]] = []
    x, y = 10.0, 12.0
    for _, text in [*keys, _WRONG]:
        needed = 34 + 0.58 * SMALL * len(text)
        if places and x + needed > width:
            x, y = 10.0, y + 18.0
        places.append((x, y))
        x += needed
    return places
