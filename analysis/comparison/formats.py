"""A comparison on paper: CSV, Markdown, JSON, and for people at a terminal."""

from __future__ import annotations

from functools import partial

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from foldgrid.analysis.comparison.comparison import ComparedRun, Comparison, Difference
from foldgrid.analysis.ranking.terminal import format_number, print_notes
from foldgrid.specs.counted import counted
from foldgrid.tables.table import Cell, Column, Table, Tone
from foldgrid.tables.terminal import READABLE, WIDE, as_rich
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
            "first": comparison.runs[0].called,
            "second": run.called,
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
        "".join(f"- {run.letter}: `{run.called}`\n" for run in comparison.runs),
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
    decimals = comparison.scoring.decimals(comparison.by)
    shown, signed = (partial(each, decimals=decimals) for each in (format_number, format_signed))
    columns = (
        Column("base learner"),
        Column(f"A {title}", is_number=True, format=shown),
        Column(f"{run.letter} {title}", is_number=True, format=shown),
        Column(f"{run.letter} - A", is_number=True, format=signed),
        Column("95 %"),
        Column(""),
    )
    rows = tuple(
        (
            Cell(model, "code"),
            first[comparison.by],
            second[comparison.by],
            difference.value,
            format_interval(difference, decimals),
            comparison.reading(difference, run.letter),
        )
        for model, first, second, difference in comparison.paired_rows(run)
    )
    return Table("", "", columns, rows)


def heading(comparison: Comparison) -> str:
    """What is compared, in one sentence."""
    what = counted(len(comparison.runs), "sweep")
    if comparison.is_of_one_run:
        what = f"Backbones and {counted(len(comparison.runs) - 1, 'kind')} of further learners"
    return (
        f"{what} compared by out-of-fold (OOF) "
        f"{comparison.scoring.metrics[comparison.by].title}: "
        f"{comparison.scoring.unit_name.count(comparison.num_units)} of "
        f"{counted(comparison.num_subjects, 'subject')}, held out on the same folds."
    )


def format_signed(value: float | None, decimals: int = 2) -> str:
    """A difference with its sign; ``-`` where it is undefined, ``0.00`` without a sign."""
    if value is None:
        return "-"
    text = f"{value:+.{decimals}f}"
    return text if float(text) else text.lstrip("+-")


def format_interval(difference: Difference, decimals: int = 2) -> str:
    """``-0.51 to +0.20``; ``-`` where there is none."""
    if difference.low is None or difference.high is None:
        return "-"
    low, high = (format_signed(end, decimals) for end in (difference.low, difference.high))
    return f"{low} to {high}"


def best_of_each(comparison: Comparison, run: ComparedRun) -> str:
    """The best model of the reference and of a run, and their difference, in one sentence."""
    first, second, difference = comparison.runs[0].best, run.best, run.minus_reference
    decimals = comparison.scoring.decimals(comparison.by)
    named = ", ".join(
        f"{letter} {best.model} {format_number(best.oof[comparison.by], decimals)}"
        for letter, best in (("A", first), (run.letter, second))
    )
    if difference is None:
        return f"Best of each: {named}."
    return (
        f"Best of each: {named}; {run.letter} - A {format_signed(difference.value, decimals)} "
        f"({format_interval(difference, decimals)}), {comparison.reading(difference, run.letter)}."
    )


def render_terminal(comparison: Comparison, console: Console) -> None:
    """Prints the comparison: the runs, a table for each pair, what differs, how to read it.

    Args:
        comparison: What to print.
        console: Where; its width decides whether all values are shown.
    """
    console.print(Text(heading(comparison)), width=min(console.width, READABLE))
    console.print(_runs(comparison), end="\n")
    for run in comparison.runs[1:]:
        console.print()
        console.print(_printed(comparison, run, is_wide=console.width >= WIDE))
        best = Text(f"\n{best_of_each(comparison, run)}")
        console.print(best, width=min(console.width, READABLE))
    console.print()
    if comparison.settings:
        console.print(_settings(comparison))
        console.print()
    print_notes(comparison.notes, console, in_full=True)


def _runs(comparison: Comparison) -> RichTable:
    grid = RichTable.grid(padding=(0, 2, 0, 0))
    for run in comparison.runs:
        extent = f"{run.complete} of {run.planned} base learners complete"
        grid.add_row(Text(f"  {run.letter}", style="bold"), Text(run.called), Text(extent))
    return grid


def _printed(comparison: Comparison, run: ComparedRun, is_wide: bool) -> RichTable:
    # Widths are fixed: at 80 columns a long name ends in an ellipsis, a value never does.
    others = [name for name in comparison.scoring.shown if name != comparison.by] if is_wide else []
    names = [comparison.by, *others]
    metrics = comparison.scoring.metrics
    minus = f"{run.letter} - A\n{metrics[comparison.by].title}"
    digits = comparison.scoring.decimals
    decimals = digits(comparison.by)
    # What finer steps need is taken from the names.
    finer = max(0, decimals - 2)
    columns = (
        Column("\n  base learner", format="  {}".format, width=(24 if is_wide else 27) - 3 * finer),
        *(
            Column(f"{letter}\n{metrics[name].title}", True, format=shown, width=6)
            for name, shown in ((n, partial(format_number, decimals=digits(n))) for n in names)
            for letter in ("A", run.letter)
        ),
        Column(minus, is_number=True, width=7 + finer, wraps="words"),
        Column("\n95 % interval", is_number=True, width=16 + 2 * finer),
        Column("\n ", width=11),
    )
    rows = []
    for model, first, second, difference in comparison.paired_rows(run):
        reading = comparison.reading(difference, run.letter)
        tone: Tone = "strong" if reading.endswith("better") else ""
        metric_values = (each[name] for name in names for each in (first, second))
        signed = Cell(format_signed(difference.value, decimals), tone)
        ends = format_interval(difference, decimals)
        rows.append((model, *metric_values, signed, ends, Cell(f" {reading}", tone)))
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


TEXT_FORMATS = {"csv": render_csv, "md": render_markdown, "json": render_json}
"""Every format that is a string, by the name that the command line knows."""
