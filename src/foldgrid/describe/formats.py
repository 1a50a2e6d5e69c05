"""A network's structure on paper: terminal, Markdown, CSV, JSON and LaTeX."""

from __future__ import annotations

import json
from dataclasses import replace

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from foldgrid.describe.lecture import sizes
from foldgrid.describe.numbers import full_count, short_count
from foldgrid.describe.words import (
    Description,
    as_document,
    cells,
    conventions,
    extent,
    heading,
    lecture_lines,
    sources,
    totals,
)
from foldgrid.models.layers import Layer
from foldgrid.tables.table import Column, Table
from foldgrid.tables.terminal import READABLE, WIDE, as_rich, bulleted
from foldgrid.tables.text import as_csv, as_latex, as_markdown

_COLUMNS = (
    Column("layer"),
    Column("operation"),
    *(
        Column(title, is_number=True)
        for title in ("input", "output", "stride", "padding", "parameters", "multiply-adds")
    ),
)
_SHORT_TITLES = {"stride": "s", "padding": "p", "multiply-adds": "mult-adds"}
_SHORT_COLUMNS = tuple(
    replace(column, title=_SHORT_TITLES.get(column.title, column.title)) for column in _COLUMNS
)
_LONGEST_OPERATION = 34


def render_terminal(description: Description, console: Console) -> None:
    """Prints what it is, the table, its totals, and how to read it; 80 columns are enough."""
    width = min(console.width, READABLE)
    console.print(Text(heading(description), style="bold"), width=width)
    console.print(Text(extent(description)), width=width)
    console.print()
    console.print(_as_printed(description, console.width))
    console.print()
    lines = [*conventions(description), *sources(description)]
    if console.width < WIDE:
        lines.insert(0, "s: stride; p: padding.")
    console.print(Text("\n".join(lines), style="dim"), width=width)
    if compared := lecture_lines(description):
        console.print()
        console.print(Text(compared[0]), width=width)
        console.print(bulleted(compared[1:]), width=width)


def render_markdown(description: Description) -> str:
    """The same for a README or an issue."""
    notes = (*conventions(description), *sources(description), *lecture_lines(description))
    return as_markdown(_table(description), notes)


def render_latex(description: Description, has_notes: bool = False) -> str:
    """A ``table``, without the comparison with the lecture: it would fill a page.

    Args:
        description: What to set.
        has_notes: Whether it says below how numbers were counted.
    """
    return as_latex(_table(description), conventions(description) if has_notes else ())


def render_csv(description: Description) -> str:
    """A row a layer, full precision; ``part`` says whether it is of an auxiliary head."""
    return as_csv(
        Table.of_records(
            [
                {
                    "part": part,
                    "layer": layer.name,
                    "kind": layer.kind,
                    "operation": layer.operation,
                    "input": sizes(layer.input),
                    "output": sizes(layer.output),
                    "kernel": sizes(layer.kernel),
                    "stride": sizes(layer.stride),
                    "padding": sizes(layer.padding),
                    "groups": layer.groups,
                    "hangs_over": layer.hangs_over,
                    "parameters": layer.parameters,
                    "multiply_adds": layer.multiply_adds,
                    "joined": " ".join(layer.joined),
                    "num_layers": layer.num_layers,
                }
                for part, layers in (
                    ("main", description.rows),
                    ("auxiliary", description.auxiliary),
                )
                for layer in layers
            ]
        )
    )


def render_json(description: Description) -> str:
    """Everything: the rows, the conventions, the paper, and the lecture's values that differ."""
    return json.dumps(as_document(description), indent=2, ensure_ascii=False) + "\n"


TEXT_FORMATS = {
    "md": render_markdown,
    "csv": render_csv,
    "json": render_json,
}
"""The formats that are one string, by the name that the command line knows; LaTeX is apart."""


def _table(description: Description) -> Table:
    rows = [cells(layer, is_exact=True) for layer in description.rows]
    rows += [
        (f"{row[0]} (training only)", *row[1:])
        for row in (cells(layer, is_exact=True) for layer in description.auxiliary)
    ]
    caption = f"{heading(description)}. {extent(description)}."
    totals = _total_rows(description, is_exact=True)
    return Table(description.structure.backbone, caption, _COLUMNS, tuple(rows), totals=totals)


def _as_printed(description: Description, width: int) -> RichTable:
    is_wide = width >= WIDE
    main = [_shown(layer, is_wide) for layer in description.rows]
    auxiliary = [_shown(layer, is_wide) for layer in description.auxiliary]
    columns = _COLUMNS if is_wide else _SHORT_COLUMNS
    totals = _total_rows(description, is_exact=is_wide)
    table = Table("", "", columns, (*main, *auxiliary), totals=totals)
    styles = [""] * len(main) + ["dim"] * len(auxiliary)
    return as_rich(table, width, styles, rules=(len(main),))


def _total_rows(description: Description, is_exact: bool) -> tuple[tuple[str, ...], ...]:
    count = full_count if is_exact else short_count
    return tuple(
        (name, "", "", "", "", "", full_count(parameters), count(multiply_adds))
        for name, parameters, multiply_adds in totals(description)
    )


def _shown(layer: Layer, is_wide: bool) -> tuple[str, ...]:
    name, operation, *others = cells(layer, is_exact=is_wide)
    if len(operation) > _LONGEST_OPERATION:
        operation = operation[: _LONGEST_OPERATION - 2] + ".."
    return (name, operation, *others)
