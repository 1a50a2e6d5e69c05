"""One table: columns, rows of plain values, a caption. Knows nothing of what stands in it.

Its renderers are next door: ``text`` writes CSV, Markdown and LaTeX, ``terminal`` prints, and the
report's page sets it in HTML. JSON is written by what a table shows a part of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Tone = Literal["", "strong", "muted", "caution", "code"]


@dataclass(frozen=True)
class Cell:
    """A value as it is to be read, where the column's format does not say all.

    Attributes:
        text: What it says.
        tone: How it is set; never the only sign of anything.
        note: Beside the value and smaller, such as an interval.
        latex: How LaTeX writes the text, where that is not the text escaped.
    """

    text: str
    tone: Tone = ""
    note: str = ""
    latex: str = ""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        title: Its heading; a terminal breaks it where it has a line break.
        is_number: Whether it stands to the right, in values of one width.
        unit: A second line of the heading.
        format: How its plain values are written.
        tone: How the heading is set.
        width: Characters at a terminal; 0 is as wide as its cells.
        wraps: Where it goes on in a second line at a terminal that is too narrow; "" is nowhere.
    """

    title: str
    is_number: bool = False
    unit: str = ""
    format: Callable[[Any], str] = str
    tone: Tone = ""
    width: int = 0
    wraps: Literal["", "words", "anywhere"] = ""

    def cell(self, value: object) -> Cell:
        """A value of this column, to be read."""
        return value if isinstance(value, Cell) else Cell(self.format(value))


@dataclass(frozen=True)
class Table:
    """A table; the first column names its rows.

    Attributes:
        key: Its anchor, and its label in LaTeX.
        caption: What it holds.
        columns: From left to right.
        rows: From top to bottom, as many values or cells as columns.
        totals: Rows that stand below a rule.

    Example:
        >>> from foldgrid.tables.text import as_markdown
        >>> columns = (Column("fold"), Column("MAE", is_number=True, format="{:.2f}".format))
        >>> print(as_markdown(Table("folds", "Each fold", columns, ((0, 4.6), (1, 5.25)))), end="")
        **Each fold**
        <BLANKLINE>
        | fold | MAE |
        | :-- | --: |
        | 0 | 4.60 |
        | 1 | 5.25 |
    """

    key: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    totals: tuple[tuple[Any, ...], ...] = field(default=(), kw_only=True)

    @staticmethod
    def of_records(records: Sequence[Mapping[str, object]], names: Sequence[str] = ()) -> Table:
        """A table of plain values, such as one that is written as CSV.

        Args:
            records: A row each, by the column's name; what is not there is nothing.
            names: The columns; without them those of the first record.
        """
        names = names or tuple(records[0])
        rows = tuple(tuple(record.get(name) for name in names) for record in records)
        return Table("", "", tuple(Column(name) for name in names), rows)

    @property
    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows, to be read."""
        return self._read(self.rows)

    @property
    def total_cells(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows below the rule, to be read."""
        return self._read(self.totals)

    def _read(self, rows: Sequence[Sequence[object]]) -> tuple[tuple[Cell, ...], ...]:
        return tuple(
            tuple(column.cell(value) for column, value in zip(self.columns, row, strict=True))
            for row in rows
        )


def cells(*texts: str | Cell) -> tuple[Cell, ...]:
    """A row of plain cells."""
    return tuple(each if isinstance(each, Cell) else Cell(each) for each in texts)
