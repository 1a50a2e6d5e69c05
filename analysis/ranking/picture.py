"""The terminal's ranking as a picture: an SVG file that needs nothing from elsewhere."""

from __future__ import annotations

import io
import re

from rich.console import Console

from analysis.ranking.board import Ranking
from analysis.ranking.terminal import render_terminal

COLUMNS = 112
_WEB_FONT = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def render_svg(ranking: Ranking) -> str:
    """What the terminal shows, at 112 columns, for a README or a slide."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    render_terminal(ranking, console)
    title = f"python -m analysis rank {ranking.location} --by {ranking.by}"
    # Rich fetches its font from the web; a viewer's own monospaced font does as well.
    return _WEB_FONT.sub("", console.export_svg(title=title, unique_id="ranking")) + "\n"
