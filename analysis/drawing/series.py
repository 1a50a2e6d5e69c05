"""Lines and points of several models or classes in one picture, told apart without colour.

Each has a dash pattern and a mark of its own; the three colours only help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from foldgrid.analysis.drawing.canvas import SMALL
from foldgrid.analysis.drawing.palette import ACCENT, INK, MUTED, PAPER

Dashes = str | tuple[float, tuple[float, ...]]


@dataclass(frozen=True)
class Series:
    """How one of several looks.

    Attributes:
        colour: Of its line and mark.
        dashes: Its line.
        mark: Its point.
        is_hollow: Whether the point is empty.
    """

    colour: str
    dashes: Dashes
    mark: str
    is_hollow: bool

    @property
    def line(self) -> dict[str, Any]:
        """For a line without points."""
        return {"color": self.colour, "linestyle": self.dashes}

    @property
    def point(self) -> dict[str, Any]:
        """For points without a line."""
        return {
            "marker": self.mark,
            "color": self.colour,
            "markerfacecolor": PAPER if self.is_hollow else self.colour,
            "markeredgecolor": self.colour if self.is_hollow else PAPER,
            "markeredgewidth": 1.2 if self.is_hollow else 0.6,
            "linestyle": "none",
        }


_LOOKS = (
    Series(ACCENT, "-", "o", False),
    Series(INK, (0, (5, 2)), "s", True),
    Series(MUTED, (0, (1.2, 1.5)), "^", False),
    Series(ACCENT, (0, (6, 1.6, 1.2, 1.6)), "D", True),
    Series(INK, "-", "v", False),
    Series(MUTED, (0, (7, 2.5)), "o", True),
    Series(ACCENT, (0, (1.2, 1.5)), "s", False),
    Series(INK, (0, (6, 1.6, 1.2, 1.6)), "^", True),
)

MOST_SERIES = len(_LOOKS)
"""More in one panel cannot be distinguished."""


def series(place: int) -> Series:
    """The look of the series at this place, from 0; after ``MOST_SERIES`` they repeat."""
    return _LOOKS[place % MOST_SERIES]


def spread_out(wanted: Sequence[float], step: float, low: float, high: float) -> list[float]:
    """Places for labels near where they are wanted, none nearer than ``step`` to another.

    Args:
        wanted: Where each label would stand, in any order.
        step: The least distance.
        low: The lowest place.
        high: The highest; passed over where there are too many labels.
    """
    order = sorted(range(len(wanted)), key=lambda each: wanted[each])
    places = [0.0] * len(wanted)
    below = low - step
    for each in order:
        below = max(wanted[each], below + step)
        places[each] = below
    above = max(high, low + step * (len(wanted) - 1)) + step
    for each in reversed(order):
        above = min(places[each], above - step)
        places[each] = above
    return places


def key_line(axes: Axes, x: float, y: float, width: float, text: str, **line: Any) -> None:
    """A sample of a line with its words, in pixels of axes that are as large as their limits."""
    axes.plot([x, x + width], [y, y], linewidth=1.7, solid_capstyle="butt", **line)
    axes.text(x + width + 8, y, text, va="center", fontsize=SMALL)
