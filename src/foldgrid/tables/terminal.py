"""Tables and sentences for people at a terminal; readable from 80 columns on, in a pipe, in colour.

Only ASCII is drawn, so a log file or a terminal of any encoding shows the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from rich.box import Box
from rich.table import Table as RichTable
from rich.text import Text

from foldgrid.tables.table import Cell, Table, Tone

WIDE = 112
"""Columns from which there is room for exact numbers and longer words."""

READABLE = 100
"""Sentences are not set wider than this."""

STYLES: dict[Tone, str] = {
    "": "",
    "strong": "bold",
    "muted": "dim",
    "caution": "yellow",
    "code": "",
}
RULED = Box("    \n    \n -- \n    \n -- \n -- \n    \n    \n", ascii=True)
"""A rule below the titles and between sections, and no other line."""

_NARROWEST = 12


def as_rich(
    table: Table,
    room: int | None = None,
    styles: Sequence[str] = (),
    rules: Sequence[int] = (),
    box: Box | None = RULED,
    padding: tuple[int, int] = (0, 0),
) -> RichTable:
    """The table as rich prints it: its totals bold and below a rule, its caption left out.

    Args:
        table: What to print.
        room: Columns that it may take, where it is to be as wide as its cells: one column gives
            way, the first that wraps, or the names in the first, which are shortened.
        styles: A style of rich a row, such as ``dim``; one for each row, or none.
        rules: The rows below which a rule is drawn, by their place from 1.
        box: The lines; all but the standard ones come with a blank line above and below.
        padding: Blanks before and behind each cell.
    """
    widths = [column.width for column in table.columns]
    name_width = 0
    if room is not None:
        widths = _widths(table, room)
        name_width = 0 if table.columns[0].wraps else widths[0]
    left, right = padding
    drawn = RichTable(
        box=box, padding=(0, right, 0, left), show_edge=box is not RULED, header_style=""
    )
    for column, width in zip(table.columns, widths, strict=True):
        justify: Literal["left", "right"] = "right" if column.is_number else "left"
        drawn.add_column(
            Text(column.title, STYLES[column.tone], justify=justify),
            justify=justify,
            no_wrap=not column.wraps,
            overflow="fold" if column.wraps == "anywhere" else "ellipsis",
            width=width or None,
        )
    for place, row in enumerate(table.cells, start=1):
        _add_row(drawn, row, name_width, styles[place - 1] if styles else "")
        if place in rules:
            drawn.add_section()
    drawn.add_section()
    for row in table.total_cells:
        _add_row(drawn, row, name_width, "bold")
    return drawn


def _widths(table: Table, room: int) -> list[int]:
    """Columns as wide as their longest line, one of which gives way where the room ends."""
    rows = (*table.cells, *table.total_cells)
    widths = [
        max(len(text) for text in (*column.title.split("\n"), *(row[place].text for row in rows)))
        for place, column in enumerate(table.columns)
    ]
    giving = next((place for place, each in enumerate(table.columns) if each.wraps), 0)
    left = room - (sum(widths) - widths[giving]) - len(widths) + 1
    widths[giving] = max(_NARROWEST, min(widths[giving], left))
    return widths


def _add_row(drawn: RichTable, row: Sequence[Cell], name_width: int, style: str) -> None:
    name = shorten_name(row[0].text, name_width) if name_width else row[0].text
    tones = [STYLES[cell.tone] for cell in row]
    texts = [name, *(cell.text for cell in row[1:])]
    drawn.add_row(*map(Text, texts, tones), style=style)


def shorten_name(name: str, width: int) -> str:
    """``features.denseblock4.denselayer16.conv2`` as ``..denselayer16.conv2``."""
    if len(name) <= width:
        return name
    parts = name.split(".")
    for start in range(1, len(parts)):
        shorter = ".." + ".".join(parts[start:])
        if len(shorter) <= width:
            return shorter
    return ".." + name[2 - width :]


def bulleted(lines: Sequence[str]) -> RichTable:
    """Sentences below each other, the later lines of one as far in as the first."""
    grid = RichTable.grid()
    grid.add_column(width=2)
    grid.add_column()
    for line in lines:
        grid.add_row("- ", Text(line))
    return grid


def topics(rows: Iterable[tuple[str, str, bool]]) -> RichTable:
    """Sentences beside what they are about.

    Args:
        rows: Topic, sentence, and whether it is a warning, which is marked ``!``.
    """
    grid = RichTable.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    for topic, sentence, is_warning in rows:
        style = STYLES["caution"] if is_warning else ""
        mark = "!" if is_warning else " "
        grid.add_row(Text(f"{mark} {topic}", style=style), Text(sentence, style=style))
    return grid
