"""A comparison for people at a terminal: readable at 80 columns, in a pipe and in colour."""

from __future__ import annotations

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.comparison.board import ComparedRun, Comparison, Difference
from analysis.ranking.terminal import READABLE, WIDE, format_figure

_RULED = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


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
    console.print(_notes(comparison), width=min(console.width, READABLE))


def _runs(comparison: Comparison) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for run in comparison.runs:
        extent = f"{run.complete} of {run.planned} base learners complete"
        grid.add_row(Text(f"  {run.letter}", style="bold"), Text(run.location), Text(extent))
    return grid


def _differences(comparison: Comparison, run: ComparedRun, is_wide: bool) -> Table:
    # Widths are fixed: at 80 columns a long name ends in an ellipsis, a figure never does.
    others = [name for name in comparison.scoring.shown if name != comparison.by] if is_wide else []
    names = [comparison.by, *others]
    table = Table(box=_RULED, padding=0, show_edge=False, header_style="")
    table.add_column("\n  base learner", no_wrap=True, width=24 if is_wide else 27)
    for name in names:
        for letter in ("A", run.letter):
            heading = Text(f"{letter}\n{comparison.scoring.metrics[name].title}", justify="right")
            table.add_column(heading, justify="right", no_wrap=True, width=6)
    table.add_column(
        f"{run.letter} - A\n{comparison.scoring.metrics[comparison.by].title}",
        justify="right",
        width=7,
    )
    table.add_column("\n95 % interval", justify="right", no_wrap=True, width=16)
    table.add_column("\n ", no_wrap=True, width=11)
    for model, first, second, difference in comparison.paired_rows(run):
        reading = comparison.reading(difference, run.letter)
        style = "bold" if reading.endswith("better") else ""
        figures = (format_figure(each[name]) for name in names for each in (first, second))
        table.add_row(
            Text(f"  {model}"),
            *map(Text, figures),
            Text(format_signed(difference.value), style=style),
            Text(format_interval(difference)),
            Text(f" {reading}", style=style),
        )
    return table


def _settings(comparison: Comparison) -> Table:
    table = Table(box=_RULED, padding=0, show_edge=False, header_style="")
    table.add_column("  differs")
    for run in comparison.runs:
        table.add_column(f" {run.letter}", overflow="fold")
    for each in comparison.settings:
        table.add_row(Text(f"  {each.key}"), *(Text(f" {value}") for value in each.values))
    return table


def _notes(comparison: Comparison) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    for note in comparison.notes:
        style = "yellow" if note.is_warning else ""
        mark = "!" if note.is_warning else " "
        grid.add_row(Text(f"{mark} {note.topic}", style=style), Text(note.text, style=style))
    return grid
