"""The checks for people: a table at a terminal, JSON, and Markdown.

Only ASCII is drawn, and nothing depends on colour alone: a failure is marked ``X``, a warning
``!``, and what was not looked at ``-``.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from foldgrid.analysis.checks.report import CheckReport, CheckResult, Status
from foldgrid.tables.table import Cell, Column, Table
from foldgrid.tables.terminal import READABLE
from foldgrid.tables.text import as_markdown

MOST_PLACES = 10
"""Breaches of one check that a terminal shows; JSON and Markdown have all."""

MARKS: dict[Status, str] = {"failed": "X", "warning": "!", "passed": " ", "not applicable": "-"}
STYLES: dict[Status, str] = {
    "failed": "bold red",
    "warning": "yellow",
    "passed": "green",
    "not applicable": "dim",
}
FORMATS = ("terminal", "json", "md")


def render_terminal(report: CheckReport, console: Console) -> None:
    """Prints every check with its evidence, then the counts."""
    if report.sweep:
        console.print(Text(f"{report.sweep}: {report.headline}.", style="bold"))
    grid = RichTable.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    for result in report.results:
        style = STYLES[result.status]
        word = "n/a" if result.status == "not applicable" else result.status
        lines = list(_lines(result))
        grid.add_row(
            Text(f"{MARKS[result.status]} {result.code}", style=style),
            Text(word.upper() if result.status == "failed" else word, style=style),
            Text("\n").join(lines),
        )
    console.print()
    console.print(grid, width=min(console.width, READABLE))
    console.print()
    console.print(Text("n/a: there was nothing to look at, which says nothing good."))


def _lines(result: CheckResult) -> Iterator[Text]:
    yield Text(result.title, style="" if result.is_quiet else "bold")
    yield Text(result.evidence, style="dim" if result.is_quiet else "")
    for place in result.places[:MOST_PLACES]:
        yield Text(f"- {place}")
    if len(result.places) > MOST_PLACES:
        yield Text(f"- and {len(result.places) - MOST_PLACES} more (--format json has all)")
    if result.meaning:
        yield Text(f"Means: {result.meaning}")
    if result.mend:
        yield Text(f"Do:    {result.mend}")


def render_json(report: CheckReport) -> str:
    """Everything; ``CheckReport.model_validate_json`` reads it back."""
    return report.model_dump_json(indent=2) + "\n"


def render_markdown(report: CheckReport) -> str:
    """A table for an issue or a paper's supplement, the breaches as lists below."""
    columns = (Column("code"), Column("check"), Column("result"), Column("evidence"))
    rows = tuple(
        (
            result.code,
            result.title,
            Cell(result.status, "" if result.is_quiet else "strong"),
            result.evidence,
        )
        for result in report.results
    )
    caption = f"{report.sweep}: {report.headline}"
    lines = as_markdown(Table("", caption, columns, rows)).splitlines()
    for result in (*report.having("failed"), *report.having("warning")):
        lines += ["", f"**{result.code}** {result.meaning} {result.mend}", ""]
        lines += [f"- {place}" for place in result.places]
    return "\n".join(lines).rstrip() + "\n"


TEXT_FORMATS = {"json": render_json, "md": render_markdown}
"""Every format that is a string, by the name that the command line knows."""
