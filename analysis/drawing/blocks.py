"""What a section is made of: text, tables, figures, their numbers. The page makes HTML of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import pandas as pd

from foldgrid.analysis.drawing.drawing import Drawing
from foldgrid.tables import table
from foldgrid.tables.table import Cell, Column, Tone, cells

__all__ = [
    "Block",
    "Cell",
    "Column",
    "Figure",
    "Numbers",
    "Pairs",
    "Section",
    "Table",
    "Text",
    "Tone",
    "cells",
]

Numbers = Callable[[], pd.DataFrame]
"""Gives numbers when they are asked for: a page is made without most of them."""


@dataclass(frozen=True)
class Table(table.Table):
    """A table of an exhibit, with its numbers.

    Attributes:
        frame: Gives its numbers as they are, before they are rounded and written.
        note: How to read it.
        exhibit: The exhibit that it is a part of.
    """

    frame: Numbers
    note: str = ""
    exhibit: str = ""

    @property
    def call(self) -> str:
        """What gives its numbers, of an opened ``run``."""
        return f'run.exhibit("{self.exhibit}").frame("{self.key}")'


@dataclass(frozen=True)
class Figure:
    """A picture with its caption; drawn when it is first looked at.

    Attributes:
        key: Its anchor, its file's name, and its name in an exhibit.
        paint: Draws it.
        caption: What it shows and how to read it.
        frame: Gives the numbers that are drawn.
        is_filed: Whether a report files these numbers as CSV beside the picture; they name nobody.
        exhibit: The exhibit that it is a part of.
    """

    key: str
    paint: Callable[[], Drawing]
    caption: str
    frame: Numbers
    is_filed: bool = False
    exhibit: str = ""

    @cached_property
    def drawing(self) -> Drawing:
        """The picture."""
        return replace(self.paint(), key=self.key)

    @property
    def call(self) -> str:
        """What gives its numbers and draws it, of an opened ``run``."""
        shown = f'run.exhibit("{self.exhibit}")'
        return f'{shown}.frame("{self.key}")\n{shown}.plot("{self.key}")'

    @property
    def data(self) -> str:
        """What is filed beside the picture; "" for nothing."""
        return self.frame().to_csv(index=False) if self.is_filed else ""


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
        lead: What it found, in a sentence or two.
        blocks: Its content.
        left_out: Why there is none; "" where there is.
        further: Numbers that stand in a sentence or in a picture alone, by name.
        key: Its anchor.
        title: Its heading.
    """

    lead: str = ""
    blocks: tuple[Block, ...] = ()
    left_out: str = ""
    further: Mapping[str, Numbers] = field(default_factory=dict)
    key: str = ""
    title: str = ""

    def named(self, exhibit: str, key: str, title: str) -> Section:
        """The same under a heading, as what an exhibit shows."""
        blocks = tuple(
            replace(each, exhibit=exhibit) if isinstance(each, Table | Figure) else each
            for each in self.blocks
        )
        return replace(self, blocks=blocks, key=key, title=title)
