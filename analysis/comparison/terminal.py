"""A comparison for people at a terminal: readable at 80 columns, in a pipe and in colour."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from analysis.comparison.board import ComparedRun, Comparison, Difference
from analysis.ranking.terminal import format_figure
from foldgrid.tables.table import Cell, Column, Table, Tone
from foldgrid.tables.terminal import READABLE, WIDE, as_rich, topics


def heading(comparison: Comparison) -> str:
    """What is compared, in one sentence."""
    return (
        f"{len(comparison.runs)} sweeps compared by out-of-fold (OOF) "
        f"{comparison.scoring.metrics[comparison.by].title}: "
        f"{comparison.scoring.noun.count(comparison.num_units)} of "
        f"{comparison.num_subjects} subjects, held out on the same folds."
    )


def format_signed(value: float | None) -> str:
    """A difference with its sign; ``-`` where it is undefined, ``0.00`` without a sign."""
    if value is None:
        return "-"
    text = f"{value:+.2f}"
    return text if float(text) else "0.00"


def format_interval(difference: Difference) -> str:
    """``-0.51 to +0.20``; ``-`` where there is none."""
    if difference.low is None or difference.high is None:
        return "-"
    return f"{format_signed(difference.low)} to {format_signed(difference.high)}"


def best_of_each(comparison: Comparison, run: ComparedRun) -> str:
    """The best model of the reference and of a run, and their difference, in one sentence."""
    first, second, difference = comparison.runs[0].best, run.best, run.minus_reference
    named = ", ".join(
        f"{letter} {best.model} {format_figure(best.oof[comparison.by])}"
        for letter, best in (("A", first), (run.letter, second))
    )
    if difference is None:
        return f"Best of each: {named}."
    return (
        f"Best of each: {named}; {run.letter} - A {format_signed(difference.value)} "
        f"({format_interval(difference)}), {comparison.reading(difference, run.letter)}."
    )


def render_terminal(comparison: Comparison, console: Console) -> None:
    """Prints the comparison: the runs, a table for each pair, what differs, how to read it.

    Args:
        comparison: What to print.
        console: Where; its width decides whether all figures are shown.
    """
    console.print(Text(heading(comparison)), width=min(console.width, READABLE))
    console.print(_runs(comparison), end="\n")
    for run in comparison.runs[1:]:
        console.print()
        console.print(_differences(comparison, run, is_wide=console.width >= WIDE))
        best = Text(f"\n{best_of_each(comparison, run)}")
        console.print(best, width=min(console.width, READABLE))
    console.print()
    if comparison.settings:
        console.print(_settings(comparison))
        console.print()
    notes = ((note.topic, note.text, note.is_warning) for note in comparison.notes)
    console.print(topics(notes), width=min(console.width, READABLE))


def _runs(comparison: Comparison) -> RichTable:
    grid = RichTable.grid(padding=(0, 2, 0, 0))
    for run in comparison.runs:
        extent = f"{run.complete} of {run.planned} base learners complete"
        grid.add_row(Text(f"  {run.letter}", style="bold"), Text(run.location), Text(extent))
    return grid


def _differences(comparison: Comparison, run: ComparedRun, is_wide: bool) -> RichTable:
    # Widths are fixed: at 80 columns a long name ends in an ellipsis, a figure never does.
    others = [name for name in comparison.scoring.shown if name != comparison.by] if is_wide else []
    names = [comparison.by, *others]
    metrics = comparison.scoring.metrics
    minus = f"{run.letter} - A\n{metrics[comparison.by].title}"
    columns = (
        Column("\n  base learner", format="  {}".format, width=24 if is_wide else 27),
        *(
            Column(f"{letter}\n{metrics[name].title}", True, format=format_figure, width=6)
            for name in names
            for letter in ("A", run.letter)
        ),
        Column(minus, is_number=True, width=7, wraps="words"),
        Column("\n95 % interval", is_number=True, width=16),
        Column("\n ", width=11),
    )
    rows = []
    for model, first, second, difference in comparison.paired_rows(run):
        reading = comparison.reading(difference, run.letter)
        tone: Tone = "strong" if reading.endswith("better") else ""
        figures = (each[name] for name in names for each in (first, second))
        signed = Cell(format_signed(difference.value), tone)
        rows.append(
            (model, *figures, signed, format_interval(difference), Cell(f" {reading}", tone))
        )
    return as_rich(Table("", "", columns, tuple(rows)))


def _settings(comparison: Comparison) -> RichTable:
    columns = (
        Column("  differs", format="  {}".format, wraps="words"),
        *(
            Column(f" {run.letter}", format=" {}".format, wraps="anywhere")
            for run in comparison.runs
        ),
    )
    rows = tuple((each.key, *each.values) for each in comparison.settings)
    return as_rich(Table("", "", columns, rows))
