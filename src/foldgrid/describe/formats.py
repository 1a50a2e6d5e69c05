"""A network's structure on paper: terminal, Markdown, CSV, JSON and LaTeX."""

from __future__ import annotations

import json
from dataclasses import replace

from rich.console import Console
from rich.table import Table
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
from foldgrid.tables.table import TextTable, as_latex, as_markdown, csv_text
from foldgrid.tables.terminal import READABLE, WIDE, Section, bulleted, ruled_table

TITLES = (
    "layer",
    "operation",
    "input",
    "output",
    "stride",
    "padding",
    "parameters",
    "multiply-adds",
)
IS_NUMBER = (False, False, True, True, True, True, True, True)
_SHORT_TITLES = ("layer", "operation", "input", "output", "s", "p", "parameters", "mult-adds")
_LONGEST_OPERATION = 34


def render_terminal(description: Description, console: Console) -> None:
    """Prints what it is, the table, its totals, and how to read it; 80 columns are enough."""
    width = min(console.width, READABLE)
    console.print(Text(heading(description), style="bold"), width=width)
    console.print(Text(extent(description)), width=width)
    console.print()
    console.print(_table(description, console.width))
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
    return as_markdown(_text_table(description))


def render_latex(description: Description) -> str:
    """A booktabs ``table``, without the comparison with the lecture: it would fill a page."""
    table = replace(_text_table(description), notes=conventions(description))
    return as_latex(table, description.structure.backbone)


def render_csv(description: Description) -> str:
    """A row a layer, full precision; ``part`` says whether it is of an auxiliary head."""
    return csv_text(
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
            for part, layers in (("main", description.rows), ("auxiliary", description.auxiliary))
            for layer in layers
        ]
    )


def render_json(description: Description) -> str:
    """Everything: the rows, the conventions, the paper, and the lecture's figures that differ."""
    return json.dumps(as_document(description), indent=2, ensure_ascii=False) + "\n"


TEXT_FORMATS = {
    "md": render_markdown,
    "csv": render_csv,
    "json": render_json,
    "latex": render_latex,
}
"""Every format that is a string, by the name that the command line knows."""


def _text_table(description: Description) -> TextTable:
    rows = [cells(layer, is_exact=True) for layer in description.rows]
    rows += [
        (f"{row[0]} (training only)", *row[1:])
        for row in (cells(layer, is_exact=True) for layer in description.auxiliary)
    ]
    return TextTable(
        heading=f"{heading(description)}. {extent(description)}.",
        titles=TITLES,
        is_number=IS_NUMBER,
        rows=tuple(rows),
        totals=_total_rows(description, is_exact=True),
        notes=(*conventions(description), *sources(description), *lecture_lines(description)),
    )


def _table(description: Description, width: int) -> Table:
    is_wide = width >= WIDE
    main = [_shown(layer, is_wide) for layer in description.rows]
    auxiliary = [_shown(layer, is_wide) for layer in description.auxiliary]
    below = _total_rows(description, is_exact=is_wide)
    titles = TITLES if is_wide else _SHORT_TITLES
    sections = Section(main), Section(auxiliary, "dim"), Section(below, "bold")
    return ruled_table(titles, IS_NUMBER, sections, width)


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
