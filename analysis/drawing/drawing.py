"""A drawn figure: two SVG texts, a PNG, and the words for those who cannot see it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from xml.sax.saxutils import escape

from matplotlib import image
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure

from foldgrid.analysis.drawing.canvas import NARROW, WIDE, drawing_style
from foldgrid.analysis.drawing.palette import PAPER, ROLES
from foldgrid.specs.errors import SweepError

Painter = Callable[[int], MplFigure]
"""Draws a figure of the given width in pixels."""

PNG_DPI = 216
"""Three pixels of the picture for one of the page."""

FONTS = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Helvetica, Arial, sans-serif"

_FONT = re.compile(r"font-family: [^;\"]*")
_ID = re.compile(r' id="([^"]+)"')
_REFERENCE = re.compile(r'(?:url\(#|xlink:href="#)([^")]+)')
_HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_DEFAULT_STYLE = re.compile(r"\s*<defs>\s*<style type=\"text/css\">[^<]*</style>\s*</defs>")


@dataclass(frozen=True)
class Drawing:
    """A figure in all its forms.

    Attributes:
        key: Its file name without an ending, and the root of its ids.
        title: What it shows, in a few words.
        description: What one would see, in sentences: for screen readers and for those in a hurry.
        wide: The SVG for a page, in the plain light colours.
        figure: The wide picture itself.
        painter: Draws it, of any width.
    """

    key: str
    title: str
    description: str
    # A prompt that shows a picture need not show its paths.
    wide: str = field(repr=False)
    figure: MplFigure = field(repr=False, compare=False)
    painter: Painter = field(repr=False, compare=False)

    @cached_property
    def narrow(self) -> str:
        """The SVG for a telephone; drawn when a page first needs it."""
        with drawing_style():
            return _svg(self.painter(NARROW))

    @cached_property
    def png(self) -> bytes:
        """The wide picture as pixels on a white background; made when it is first asked for."""
        with drawing_style():
            return _png(self.figure)

    @property
    def svg(self) -> str:
        """A file that stands alone: light colours, white background, title and description."""
        background = f'<rect width="100%" height="100%" fill="{PAPER}"/>'
        words = f"<title>{escape(self.title)}</title><desc>{escape(self.description)}</desc>"
        head = '<?xml version="1.0" encoding="utf-8"?>\n'
        return head + re.sub(r"(<svg [^>]*>)", rf"\1{words}{background}", self.wide, count=1) + "\n"

    def save(self, path: str | PathLike[str]) -> None:
        """Writes it to a file.

        Args:
            path: Its ending says what is written: ``.svg`` or ``.png``.

        Raises:
            SweepError: It has another ending.
        """
        file = Path(path)
        if file.suffix == ".svg":
            file.write_text(self.svg, encoding="utf-8")
        elif file.suffix == ".png":
            file.write_bytes(self.png)
        else:
            raise SweepError(
                f'{file}: a picture is saved as .svg or .png, not as "{file.suffix}".\n'
                f"Name it {file.with_suffix('.svg').name} or {file.with_suffix('.png').name}."
            )

    def show_in(self, axes: Axes) -> None:
        """Shows its pixels in axes of another figure, which are left without ticks and frame."""
        axes.imshow(image.imread(io.BytesIO(self.png)), interpolation="antialiased")
        axes.set_axis_off()

    def _repr_svg_(self) -> str:
        """How a notebook shows it."""
        return self.svg

    def inline(self, size: str) -> str:
        """The SVG as a part of an HTML page: the page's colours and fonts, ids of its own.

        Args:
            size: ``wide`` or ``narrow``.
        """
        source: str = getattr(self, size)
        root = f"{self.key}-{size}"
        used = set(_REFERENCE.findall(source))
        source = _ID.sub(
            lambda found: f' id="{root}-{found[1]}"' if found[1] in used else "", source
        )
        source = re.sub(r'(url\(#|xlink:href="#)', rf"\1{root}-", source)
        for colour, role in ROLES.items():
            source = source.replace(colour, role)
        source = source.replace(FONTS, "var(--sans)")
        label = f'role="img" aria-labelledby="{root}-title {root}-desc"'
        words = (
            f'<title id="{root}-title">{escape(self.title)}</title>'
            f'<desc id="{root}-desc">{escape(self.description)}</desc>'
        )
        return re.sub(r"<svg ([^>]*)>", rf"<svg {label} \1>{words}", source, count=1)


def draw(key: str, title: str, description: str, painter: Painter) -> Drawing:
    """Draws a figure for a page; for a telephone it is drawn when that is asked for.

    The same facts give the same bytes: there is no date in the files and no random id.
    """
    with drawing_style():
        wide = painter(WIDE)
        return Drawing(key, title, description, _svg(wide), wide, painter)


def _svg(figure: MplFigure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = _HEAD.sub("", buffer.getvalue()).strip()
    text = _DEFAULT_STYLE.sub("", _METADATA.sub("", text), count=1)
    text = _FONT.sub(f"font-family: {FONTS}", text)
    # The view box alone decides the shape; how large it is shown is the page's affair.
    return re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)


def _png(figure: MplFigure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=PNG_DPI, facecolor=PAPER, metadata={"Software": None})
    return buffer.getvalue()
