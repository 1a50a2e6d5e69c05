"""Tables and sentences for people at a terminal; ASCII, and readable from 80 columns on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.box import Box
from rich.table import Table
from rich.text import Text

WIDE = 112
"""Columns from which there is room for exact numbers and longer words."""

READABLE = 100
"""Sentences are not set wider than this."""

_NARROWEST = 12
_RULED = Box("    \n    \n -- \n    \n -- \n -- \n    \n    \n", ascii=True)


@dataclass(frozen=True)
class Section:
    """Rows of a table between two rules.

    Attributes:
        rows: The cells; the first of each row is a name.
        style: Of rich, such as ``bold``.
    """

    rows: Sequence[Sequence[str]]
    style: str = ""


def ruled_table(
    titles: Sequence[str],
    is_number: Sequence[bool],
    sections: Sequence[Section],
    width: int,
    wrapped: int | None = None,
) -> Table:
    """A table with columns as wide as their cells, one of which gives way where ``width`` ends.

    Args:
        titles: A title a column; it may have two lines.
        is_number: By column whether it stands to the right.
        sections: The rows; sections without rows are left out.
        width: Of the terminal.
        wrapped: The column whose words go on in a second line; without it, the names in the first
            column are shortened.
    """
    rows = [row for section in sections for row in section.rows]
    lines = [title.split("\n") for title in titles]
    sizes = [
        max(len(text) for text in (*lines[column], *(row[column] for row in rows)))
        for column in range(len(titles))
    ]
    giving = wrapped or 0
    room = width - (sum(sizes) - sizes[giving]) - len(sizes) + 1
    sizes[giving] = max(_NARROWEST, min(sizes[giving], room))
    table = Table(box=_RULED, padding=0, show_edge=False, header_style="")
    for column, title in enumerate(titles):
        justify: Literal["left", "right"] = "right" if is_number[column] else "left"
        table.add_column(
            Text(title, justify=justify),
            justify=justify,
            vertical="top",
            no_wrap=column != wrapped,
            width=sizes[column],
        )
    for section in sections:
        for row in section.rows:
            table.add_row(shorten_name(row[0], sizes[0]), *row[1:], style=section.style)
        table.add_section()
    return table


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


def bulleted(lines: Sequence[str]) -> Table:
    """Sentences below each other, the later lines of one as far in as the first."""
    table = Table.grid()
    table.add_column(width=2)
    table.add_column()
    for line in lines:
        table.add_row("- ", Text(line))
    return table
