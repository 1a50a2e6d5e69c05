"""Empty figures and axes in CSS pixels, and the style that all share.

One unit is one pixel of the page: a figure 720 wide and a font of 11 are as large as they sound.
matplotlib's object interface only; its settings are changed inside ``drawing_style`` and put back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure

from foldgrid.analysis.drawing.palette import FAINT, INK, MUTED

WIDE = 720
"""The report's column on a desk."""

NARROW = 350
"""The report's column on a telephone 390 pixels wide."""

TEXT = 11.5
"""Font size of labels, in pixels."""

SMALL = 10.5
"""Font size of tick labels and numbers in cells, in pixels."""

_WIDTHS = dict.fromkeys("ijlI.,:|", 0.3) | dict.fromkeys("ftr()-", 0.4) | {
    "…": 1.0, "_": 0.5, "@": 1.0, "=": 0.84, "m": 0.97, "w": 0.82, "M": 0.86, "W": 0.99,
}  # fmt: skip
"""How wide letters are that are not as wide as most, as fractions of the font's size."""

_WIDTH = 0.62
"""The others."""

_FEWEST_LETTERS = 5
"""A name is not cut to fewer."""

_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": TEXT,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 1.0,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "svg.fonttype": "none",
    "svg.hashsalt": "foldgrid",
    "path.simplify": False,
    "axes.unicode_minus": True,
}


@contextmanager
def drawing_style() -> Iterator[None]:
    """Inside, figures are drawn and saved in this project's style."""
    with matplotlib.rc_context():
        matplotlib.rcParams.update(_STYLE)  # type: ignore[arg-type]
        yield


def new_figure(width: float, height: float) -> MplFigure:
    """A figure without a background, so that the page shows through; sizes in pixels."""
    return MplFigure(figsize=(width / 72, height / 72), dpi=72, facecolor="none")


def add_axes(figure: MplFigure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place given in pixels from the figure's upper left corner."""
    full_width, full_height = figure.get_size_inches() * 72
    axes = figure.add_axes(
        (
            left / full_width,
            1 - (top + height) / full_height,
            width / full_width,
            height / full_height,
        )
    )
    axes.set_facecolor("none")
    quieten(axes)
    return axes


def quieten(axes: Axes, grid: str = "both") -> None:
    """Axes without a frame: thin grid lines, no tick marks, small grey numbers."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, pad=5, labelsize=SMALL, colors=MUTED)
    axes.grid(False)
    axes.set_axisbelow(True)
    if grid in {"x", "y", "both"}:
        axes.grid(True, axis=grid, color=FAINT, linewidth=0.8)  # type: ignore[arg-type]


def fitted(name: str, width: float, size: float = TEXT) -> str:
    """A name cut in its middle to a width in pixels; ends tell ``ridge`` from ``ridge_stacked``.

    Letters are taken to be as wide as DejaVu's; most fonts of a page are narrower.
    """
    shown, most = name, len(name)
    while most > _FEWEST_LETTERS and size * _letters(shown) > width:
        most -= 1
        head = most // 2
        shown = f"{name[:head]}…{name[len(name) - (most - head - 1) :]}"
    return shown


def _letters(text: str) -> float:
    """How wide a text is, as a fraction of the font's size."""
    return sum(_WIDTHS.get(letter, _WIDTH) for letter in text)


def side_by_side(
    width: float, num_panels: int, *, shape: float, left: float, top: float, bottom: float
) -> tuple[list[tuple[float, float, float, float]], float]:
    """Places for one or two panels: beside each other on a page, one below the other on a phone.

    Args:
        width: The figure's, in pixels.
        num_panels: 1 or 2.
        shape: A panel's height over its width.
        left: Room for a panel's axis labels.
        top: Room above a panel.
        bottom: Room below a panel.

    Returns:
        Left, top, width and height of each panel, for ``add_axes``; and the figure's height.
    """
    columns = 2 if width > 500 else 1
    panel = width / columns - left - (10 if columns == 2 else 6)
    step = top + panel * shape + bottom
    places = []
    for number in range(num_panels):
        row, column = divmod(number, columns)
        x = left + column * (width / columns + 4)
        places.append((x, top + row * step, panel, panel * shape))
    return places, step * -(-num_panels // columns)
