"""A comparison as CSV, Markdown and JSON; the terminal's is next door."""

from __future__ import annotations

from analysis.comparison.board import ComparedRun, Comparison
from analysis.comparison.terminal import (
    best_of_each,
    format_interval,
    format_signed,
    heading,
    render_terminal,
)
from analysis.ranking.terminal import format_figure
from foldgrid.tables.table import Cell, Column, Table
from foldgrid.tables.text import as_csv, as_markdown


def render_json(comparison: Comparison) -> str:
    """Everything, notes included; ``Comparison.model_validate_json`` reads it back."""
    return comparison.model_dump_json(indent=2) + "\n"


def render_csv(comparison: Comparison) -> str:
    """A row a base learner and other run, full precision, an empty cell for the undefined."""
    names = ["model", "first", "second", "metric", "difference", "low", "high", "reading"]
    names += [f"{side}_{name}" for side in ("first", "second") for name in comparison.scoring.shown]
    return as_csv(Table.of_records(comparison_table(comparison), names))


def comparison_table(comparison: Comparison) -> list[dict[str, float | str | None]]:
    """The differences flat, for CSV and data frames: base learners by other runs."""
    return [
        {
            "model": model,
            "first": comparison.runs[0].location,
            "second": run.location,
            "metric": comparison.by,
            "difference": difference.value,
            "low": difference.low,
            "high": difference.high,
            "reading": comparison.reading(difference, run.letter),
            **{f"first_{name}": value for name, value in first.items()},
            **{f"second_{name}": value for name, value in second.items()},
        }
        for run in comparison.runs[1:]
        for model, first, second, difference in comparison.paired_rows(run)
    ]


def render_markdown(comparison: Comparison) -> str:
    """Tables for an issue or a lab journal: differences, settings, notes."""
    blocks = [
        f"**{heading(comparison)}**\n",
        "".join(f"- {run.letter}: `{run.location}`\n" for run in comparison.runs),
    ]
    for run in comparison.runs[1:]:
        blocks += [as_markdown(_differences(comparison, run)), f"{best_of_each(comparison, run)}\n"]
    if comparison.settings:
        columns = ("setting", *(run.letter for run in comparison.runs))
        rows = tuple((Cell(each.key, "code"), *each.values) for each in comparison.settings)
        blocks.append(as_markdown(Table("", "", tuple(map(Column, columns)), rows)))
    blocks.append("".join(f"- {note.markdown}\n" for note in comparison.notes))
    return "\n".join(blocks)


def _differences(comparison: Comparison, run: ComparedRun) -> Table:
    title = comparison.scoring.metrics[comparison.by].title
    columns = (
        Column("base learner"),
        Column(f"A {title}", is_number=True, format=format_figure),
        Column(f"{run.letter} {title}", is_number=True, format=format_figure),
        Column(f"{run.letter} - A", is_number=True, format=format_signed),
        Column("95 %"),
        Column(""),
    )
    rows = tuple(
        (
            Cell(model, "code"),
            first[comparison.by],
            second[comparison.by],
            difference.value,
            format_interval(difference),
            comparison.reading(difference, run.letter),
        )
        for model, first, second, difference in comparison.paired_rows(run)
    )
    return Table("", "", columns, rows)


__all__ = [
    "TEXT_FORMATS",
    "comparison_table",
    "render_csv",
    "render_json",
    "render_markdown",
    "render_terminal",
]

TEXT_FORMATS = {"csv": render_csv, "md": render_markdown, "json": render_json}
"""Every format that is a string, by the name that the command line knows."""
