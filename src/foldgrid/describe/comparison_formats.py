"""Networks side by side on paper: terminal, Markdown, CSV, JSON and LaTeX."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from foldgrid.describe.comparison import ComparedNetwork
from foldgrid.describe.lecture import lecture_comparison, lecture_comparison_notes
from foldgrid.describe.numbers import full_count, short_count
from foldgrid.tables.table import TextTable, as_latex, as_markdown, csv_text
from foldgrid.tables.terminal import READABLE, WIDE, Section, bulleted, ruled_table

TITLES = (
    "network",
    "year",
    "idea",
    "top-5 paper",
    "top-5 weights",
    "pixels",
    "parameters",
    "multiply-adds",
)
IS_NUMBER = (False, True, False, True, True, True, True, True)
_SHORT_TITLES = (
    "\nnetwork",
    "\nyear",
    "\nidea",
    "top-5\npaper",
    "top-5\nweights",
    "param-\neters",
    "multiply-\nadds",
)
_IDEA_COLUMN = 2
_PIXELS_COLUMN = 5

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
    is_wide = console.width >= WIDE
    width = min(console.width, READABLE)
    console.print(Text(heading(networks, num_outputs)), width=width)
    console.print()
    console.print(_table(networks, console.width, is_wide))
    console.print()
    console.print(Text("\n".join(_conventions(networks)), style="dim"), width=width)
    if lines := lecture_lines(networks):
        console.print()
        console.print(Text(lines[0]), width=width)
        console.print(bulleted(lines[1:]), width=width)


def render_markdown(networks: Sequence[ComparedNetwork], num_outputs: int) -> str:
    """The same for a README or an issue."""
    return as_markdown(_text_table(networks, num_outputs))


def render_latex(networks: Sequence[ComparedNetwork], num_outputs: int) -> str:
    """A booktabs ``table``."""
    return as_latex(_text_table(networks, num_outputs), "architectures")


def render_csv(networks: Sequence[ComparedNetwork], num_outputs: int) -> str:
    """A row a network, full precision, an empty cell for what is not known."""
    return csv_text([_record(network, num_outputs) for network in networks])


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
    "latex": render_latex,
}
"""Every format that is a string, by the name that the command line knows."""


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
    lines = ["The CNN lecture compares four architectures. Where its figures differ, and why:"]
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
    return (TOP5, MULTIPLY_ADDS, *once)


def _text_table(networks: Sequence[ComparedNetwork], num_outputs: int) -> TextTable:
    return TextTable(
        heading=heading(networks, num_outputs),
        titles=TITLES,
        is_number=IS_NUMBER,
        rows=tuple(_cells(network) for network in networks),
        notes=(*_conventions(networks), *lecture_lines(networks)),
    )


def _table(networks: Sequence[ComparedNetwork], width: int, is_wide: bool) -> Table:
    if is_wide:
        titles = tuple(_two_lines(title) for title in TITLES)
        section = Section([_cells(network) for network in networks])
        return ruled_table(titles, IS_NUMBER, [section], width, _IDEA_COLUMN)
    section = Section([_short_cells(network) for network in networks])
    numbers = tuple(each for place, each in enumerate(IS_NUMBER) if place != _PIXELS_COLUMN)
    return ruled_table(_SHORT_TITLES, numbers, [section], width, _IDEA_COLUMN)


def _two_lines(title: str) -> str:
    first, _, second = title.rpartition(" ")
    return f"{first}\n{second}"


def _cells(network: ComparedNetwork) -> tuple[str, ...]:
    architecture = network.architecture
    return (
        network.backbone,
        str(architecture.year) if architecture else "-",
        architecture.idea if architecture else "-",
        _percent(network.paper_top5),
        _percent(network.torchvision_top5),
        str(network.pixels),
        full_count(network.num_parameters),
        full_count(network.multiply_adds),
    )


def _short_cells(network: ComparedNetwork) -> tuple[str, ...]:
    name, year, idea, paper, torchvision, _, _, _ = _cells(network)
    return (
        name,
        year,
        idea,
        paper,
        torchvision,
        short_count(network.num_parameters),
        short_count(network.multiply_adds),
    )


def _percent(accuracy: float | None) -> str:
    return "-" if accuracy is None else f"{accuracy:.2f}"


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
        "torchvision_top5": network.torchvision_top5,
        "pixels": network.pixels,
        "num_outputs": num_outputs,
        "parameters": network.num_parameters,
        "multiply_adds": network.multiply_adds,
    }


def _architecture_document(network: ComparedNetwork) -> dict[str, object] | None:
    return network.architecture.model_dump() if network.architecture else None
