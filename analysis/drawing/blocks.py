"""What a section is made of: text, tables, figures. Plain data; the page turns it into HTML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from analysis.drawing.drawing import Drawing

Tone = Literal["", "strong", "muted", "caution"]


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: What it says.
        tone: How it is set; never the only sign of anything.
        note: A second, smaller line, such as an interval.
    """

    text: str
    tone: Tone = ""
    note: str = ""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        title: Its heading.
        is_number: Whether it is set right-aligned in figures of one width.
        unit: A second line of the heading.
    """

    title: str
    is_number: bool = False
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first column names its rows.

    Attributes:
        key: Its anchor.
        caption: What it holds.
        columns: From left to right.
        rows: From top to bottom, as many cells as columns.
        call: The documented call that computes its figures again.
        note: How to read it.
    """

    key: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    call: str = ""
    note: str = ""


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


def cells(*texts: str | Cell) -> tuple[Cell, ...]:
    """A row of plain cells."""
    return tuple(each if isinstance(each, Cell) else Cell(each) for each in texts)


def joined(*calls: str) -> str:
    """Several calls one after the other, a line that is in several of them once."""
    return "\n".join(dict.fromkeys(line for call in calls for line in call.splitlines()))
