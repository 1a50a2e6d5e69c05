"""A ranking for people at a terminal: one table, readable at 80 columns, in a pipe and in colour.

Nothing depends on colour alone: meta-learners carry ``+`` and the baseline ``=`` before the name.
Only ASCII is drawn, so a log file or a terminal of any encoding shows the same.
"""

from __future__ import annotations

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.ranking.board import FIGURES, KIND_TITLES, RankedModel, Ranking
from foldgrid.scoring import METRICS

WIDE = 112
"""Columns from which the table has room for the kind and the folds."""

READABLE = 100
"""Sentences are not set wider than this."""

MARKS = {"base_learner": " ", "meta_learner": "+", "baseline": "="}
STYLES = {"base_learner": "", "meta_learner": "cyan", "baseline": "magenta"}
UNDEFINED = "-"

_RULED = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


def heading(ranking: Ranking) -> str:
    """What the table shows and how it is ordered, in one sentence."""
    ranked = sum(1 for row in ranking.rows if row.rank is not None)
    end = {"lower": "lowest", "higher": "highest", "zero": "nearest to 0"}[ranking.metric.direction]
    models = f"{ranked} model{'s' if ranked != 1 else ''}"
    name = f"{ranking.sweep}: " if ranking.sweep else ""
    return f"{name}{models} ordered by out-of-fold (OOF) {ranking.metric.title}, {end} first."


def describe_extent(ranking: Ranking, partition: str) -> str:
    """How much data is behind a partition's figures: ``304 visits of 54 subjects``."""
    visits, subjects = ranking.num_visits[partition], ranking.num_subjects[partition]
    return f"{visits} visits of {subjects} subjects"


def format_figure(value: float | None) -> str:
    """A figure in five characters while it is below 100,000; ``-`` where it is undefined."""
    if value is None:
        return UNDEFINED
    decimals = 2 if abs(value) < 99.995 else 1 if abs(value) < 999.95 else 0
    return f"{value:.{decimals}f}"


def render_terminal(ranking: Ranking, console: Console, top: int | None = None) -> None:
    """Prints the ranking: what it is, the table, how to read it.

    Args:
        ranking: What to print.
        console: Where; its width decides how much of each row is shown.
        top: Show only the best so many models, and the baseline; None shows all.
    """
    # Base learners without a single complete fit are named in the notes, not row by row.
    begun = [row for row in ranking.rows if not row.folds.startswith("0/")]
    shown = [
        row
        for place, row in enumerate(begun)
        if top is None or place < top or row.kind == "baseline"
    ]
    if ranking.title:
        console.print(Text(ranking.title, style="bold"))
    console.print(Text(heading(ranking)))
    extents = [f"{name} {describe_extent(ranking, name.lower())}" for name in ("OOF", "test")]
    console.print(Text("; ".join(extents) + "."), end="\n\n")
    console.print(_table(ranking, shown, is_wide=console.width >= WIDE))
    kinds = {row.kind for row in shown}
    legend = [f"{MARKS[kind]} {KIND_TITLES[kind]}" for kind in KIND_TITLES if kind in kinds]
    legend.append("bold: best of its column")
    console.print(Text("   " + "   ".join(legend[1:]), style="dim"))
    if len(shown) < len(begun):
        hidden = f"{len(begun) - len(shown)} more: python -m analysis rank"
        console.print(Text(f"   {hidden} {ranking.location}", style="dim"), soft_wrap=True)
    console.print()
    console.print(_notes(ranking), width=min(console.width, READABLE))


def _table(ranking: Ranking, rows: list[RankedModel], is_wide: bool) -> Table:
    # Widths are fixed, and with a blank between columns make 80: a name that is too long ends in
    # an ellipsis, a figure never does.
    table = Table(box=_RULED, padding=0, show_edge=False, header_style="")
    table.add_column("\n#", justify="right", width=2)
    table.add_column("\n  model", no_wrap=True, width=27 + 2 * is_wide)
    if is_wide:
        table.add_column("\nkind", no_wrap=True, width=13)
        table.add_column("\nfolds", justify="right", width=5)
    for partition in ("oof", "test"):
        for name in FIGURES:
            title = f"{'OOF' if partition == 'oof' else 'test'}\n{METRICS[name].title}"
            is_ordering = partition == "oof" and name == ranking.by
            table.add_column(
                Text(title, style="bold" if is_ordering else "", justify="right"),
                justify="right",
                no_wrap=True,
                width=5 + is_wide + 2 * (partition == "test" and name == FIGURES[0]),
            )
    best = ranking.best_figures()
    for row in rows:
        cells = _cells(row, best, is_wide)
        table.add_row(*cells, style="dim" if row.left_out else STYLES[row.kind])
    return table


def _cells(row: RankedModel, best: dict[tuple[str, str], float], is_wide: bool) -> list[Text]:
    cells = [Text(str(row.rank or "")), Text(f"{MARKS[row.kind]} {row.model}")]
    if is_wide:
        cells += [Text(KIND_TITLES[row.kind]), Text(row.folds)]
    for partition in ("oof", "test"):
        for name in FIGURES:
            value = getattr(row, partition).get(name)
            is_best = value is not None and value == best.get((partition, name))
            cells.append(Text(format_figure(value), style="bold" if is_best else ""))
    return cells


def _notes(ranking: Ranking) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    for note in ranking.notes:
        style = "yellow" if note.is_warning else ""
        mark = "!" if note.is_warning else " "
        grid.add_row(Text(f"{mark} {note.topic}", style=style), Text(note.text, style=style))
    return grid
