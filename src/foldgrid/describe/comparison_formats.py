"""Networks side by side on paper: terminal, Markdown, CSV, JSON and LaTeX."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from foldgrid.describe.comparison import ComparedNetwork
from foldgrid.describe.lecture import lecture_comparison, lecture_comparison_notes
from foldgrid.describe.numbers import full_count, short_count
from foldgrid.tables.table import Column, Table
from foldgrid.tables.terminal import READABLE, WIDE, as_rich, bulleted
from foldgrid.tables.text import as_csv, as_latex, as_markdown


def _percent(accuracy: float | None) -> str:
    return "-" if accuracy is None else f"{accuracy:.2f}"


_COLUMNS = (
    Column("network"),
    Column("year", is_number=True),
    Column("idea", wraps="words"),
    Column("top-5 paper", is_number=True, format=_percent),
    Column("top-5 weights", is_number=True, format=_percent),
    Column("pixels", is_number=True),
    Column("parameters", is_number=True, format=full_count),
    Column("multiply-adds", is_number=True, format=full_count),
)
_NARROW_COLUMNS = (
    *_COLUMNS[:5],
    Column("param- eters", is_number=True, format=short_count),
    Column("multiply- adds", is_number=True, format=short_count),
)
"""Without the pixels."""

TOP5 = (
    "Top-5 is the accuracy in percent on ImageNet's validation set. Paper: of one network, tested "
    "as the paper says; - where none is recorded here. Weights: of torchvision's first, one centre "
    "crop."
)
MULTIPLY_ADDS = (
    "Multiply-adds are those of one image in convolutions, dense layers and attention; parameters "
    "hold those of auxiliary heads."
)


def render_terminal(
    networks: Sequence[ComparedNetwork], num_outputs: int, console: Console
) -> None:
    """Prints the table, how to read it, and the lecture's four networks beside it."""
    width = min(console.width, READABLE)
    console.print(Text(heading(networks, num_outputs)), width=width)
    console.print()
    console.print(_as_printed(networks, console.width))
    console.print()
    console.print(Text("\n".join(_conventions(networks)), style="dim"), width=width)
    if lines := lecture_lines(networks):
        console.print()
        console.print(Text(lines[0]), width=width)
        console.print(bulleted(lines[1:]), width=width)


def render_markdown(networks: Sequence[ComparedNetwork], num_outputs: int) -> str:
    """The same for a README or an issue."""
    return as_markdown(_table(networks, num_outputs), _notes(networks))


def render_latex(
    networks: Sequence[ComparedNetwork], num_outputs: int, has_notes: bool = False
) -> str:
    """A ``table``, and where asked for below it how numbers were counted."""
    return as_latex(_table(networks, num_outputs), _notes(networks) if has_notes else ())


def render_csv(networks: Sequence[ComparedNetwork], num_outputs: int) -> str:
    """A row a network, full precision, an empty cell for what is not known."""
    return as_csv(Table.of_records([_record(network, num_outputs) for network in networks]))


def render_json(networks: Sequence[ComparedNetwork], num_outputs: int) -> str:
    """Everything, the lecture's comparison and its notes included."""
    document = {
        "num_outputs": num_outputs,
        "networks": [
            asdict(each) | {"architecture": _architecture_document(each)} for each in networks
        ],
        "lecture": {
            "rows": lecture_comparison(),
            "notes": [note.model_dump() for note in lecture_comparison_notes()],
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


TEXT_FORMATS = {
    "md": render_markdown,
    "csv": render_csv,
    "json": render_json,
}
"""The formats that are one string, by the name that the command line knows; LaTeX is apart."""


def heading(networks: Sequence[ComparedNetwork], num_outputs: int) -> str:
    """What is compared, in one sentence."""
    pixels = {network.pixels for network in networks}
    size = f"{pixels.pop()} pixels" if len(pixels) == 1 else "each at its own pixels"
    return f"{len(networks)} networks, the oldest idea first; {num_outputs} outputs, {size}."


def lecture_lines(networks: Sequence[ComparedNetwork]) -> tuple[str, ...]:
    """The lecture's comparison of those of ``networks`` that it has, and what to know about it."""
    families = [network.architecture.backbones for network in networks if network.architecture]
    shown = {backbone for family in families for backbone in family}
    rows = [row for row in lecture_comparison() if row["ours"] in shown]
    if not rows:
        return ()
    lines = ["The CNN lecture compares four architectures. Where its numbers differ, and why:"]
    for row in rows:
        lines += [
            f"{row['network']} ({row['top5_accuracy']}, {row['parameters']} parameters, "
            f"{row['multiply_adds']} operations): "
            + " ".join(
                note.text for note in lecture_comparison_notes() if row["network"] in note.layers
            )
        ]
    return tuple(lines)


def _conventions(networks: Sequence[ComparedNetwork]) -> tuple[str, ...]:
    notes = [network.architecture for network in networks if network.architecture]
    once = dict.fromkeys(f"{each.name}: {each.note}" for each in notes if each.note)
    from_memory = [
        each.backbone
        for each in networks
        if each.paper_top5 is not None
        and each.architecture is not None
        and each.architecture.top5_from == "memory"
    ]
    unchecked = f"From memory, not held against the paper again: {', '.join(from_memory)}."
    return (f"{TOP5} {unchecked}" if from_memory else TOP5, MULTIPLY_ADDS, *once)


def _notes(networks: Sequence[ComparedNetwork]) -> tuple[str, ...]:
    return (*_conventions(networks), *lecture_lines(networks))


def _table(networks: Sequence[ComparedNetwork], num_outputs: int) -> Table:
    rows = tuple(_row(network) for network in networks)
    return Table("architectures", heading(networks, num_outputs), _COLUMNS, rows)


def _as_printed(networks: Sequence[ComparedNetwork], width: int) -> RichTable:
    rows = [_row(network) for network in networks]
    columns: tuple[Column, ...] = _COLUMNS
    if width < WIDE:
        rows = [(*row[:5], *row[6:]) for row in rows]
        columns = _NARROW_COLUMNS
    titled = [replace(each, title="\n".join(each.title.rpartition(" ")[::2])) for each in columns]
    return as_rich(Table("", "", tuple(titled), tuple(rows)), width)


def _row(network: ComparedNetwork) -> tuple[object, ...]:
    architecture = network.architecture
    return (
        network.backbone,
        architecture.year if architecture else "-",
        architecture.idea if architecture else "-",
        network.paper_top5,
        network.torchvision_top5,
        network.pixels,
        network.num_parameters,
        network.multiply_adds,
    )


def _record(network: ComparedNetwork, num_outputs: int) -> dict[str, object]:
    architecture = network.architecture
    return {
        "network": network.backbone,
        "architecture": architecture.name if architecture else None,
        "year": architecture.year if architecture else None,
        "idea": architecture.idea if architecture else None,
        "paper": architecture.paper if architecture else None,
        "paper_top5": network.paper_top5,
        "paper_conditions": architecture.conditions if architecture and network.paper_top5 else "",
        "paper_top5_from": architecture.top5_from if architecture and network.paper_top5 else "",
        "torchvision_top5": network.torchvision_top5,
        "pixels": network.pixels,
        "num_outputs": num_outputs,
        "parameters": network.num_parameters,
        "multiply_adds": network.multiply_adds,
    }


def _architecture_document(network: ComparedNetwork) -> dict[str, object] | None:
    return network.architecture.model_dump() if network.architecture else None
