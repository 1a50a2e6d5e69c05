"""What a section is made of: text, tables, figures. Plain data; the page turns it into HTML."""

from __future__ import annotations

from dataclasses import dataclass, field

from analysis.drawing.drawing import Drawing
from foldgrid.tables.table import Cell, Column, Table, Tone, cells

__all__ = [
    "Block",
    "Cell",
    "Column",
    "Figure",
    "Pairs",
    "Section",
    "Table",
    "Text",
    "Tone",
    "cells",
    "joined",
]


@dataclass(frozen=True)
class Figure:
    """A drawing with its caption.

    Attributes:
        drawing: The picture.
        caption: What it shows and how to read it.
        call: The documented call that computes its facts again.
        data: Its numbers as CSV; "" where they stand in a table.
    """

    drawing: Drawing
    caption: str
    call: str
    data: str = ""

    @property
    def key(self) -> str:
        """Its anchor."""
        return self.drawing.key


@dataclass(frozen=True)
class Text:
    """Paragraphs, or a list.

    Attributes:
        paragraphs: One string each.
        is_list: Whether they are the items of a list.
        heading: A small heading above them; "" for none.
    """

    paragraphs: tuple[str, ...]
    is_list: bool = False
    heading: str = ""


@dataclass(frozen=True)
class Pairs:
    """Names and values, for what was recorded of a run.

    Attributes:
        pairs: In order.
    """

    pairs: tuple[tuple[str, str], ...]


Block = Table | Figure | Text | Pairs


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        key: Its anchor.
        title: Its heading.
        lead: What it found, in a sentence or two.
        blocks: Its content.
        left_out: Why there is none; "" where there is.
    """

    key: str
    title: str
    lead: str = ""
    blocks: tuple[Block, ...] = field(default=())
    left_out: str = ""


def joined(*calls: str) -> str:
    """Several calls one after the other, a line that is in several of them once."""
    return "\n".join(dict.fromkeys(line for call in calls for line in call.splitlines()))
