"""A ranking as CSV, Markdown, LaTeX, JSON and SVG; the terminal's is next door."""

from __future__ import annotations

import io
import re

from rich.console import Console

from foldgrid.analysis.ranking.board import KIND_TITLES, RankedModel, Ranking, ranking_table
from foldgrid.analysis.ranking.sureness import all_notes, format_interval
from foldgrid.analysis.ranking.terminal import (
    describe_extent,
    format_figure,
    heading,
    render_terminal,
)
from foldgrid.tables.table import Cell, Column, Table, Tone
from foldgrid.tables.text import as_csv, as_latex, as_markdown

__all__ = [
    "TEXT_FORMATS",
    "render_csv",
    "render_json",
    "render_latex",
    "render_markdown",
    "render_svg",
    "render_terminal",
]


COLUMNS = 112
"""Of the picture."""

_WEB_FONT = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def render_csv(ranking: Ranking) -> str:
    """Comma-separated, full precision, an empty cell for the undefined."""
    return as_csv(Table.of_records(ranking_table(ranking)))


def render_json(ranking: Ranking) -> str:
    """Everything, notes included; ``Ranking.model_validate_json`` reads it back."""
    return ranking.model_dump_json(indent=2) + "\n"


def render_markdown(ranking: Ranking) -> str:
    """A table for a README or an issue, best figures bold, the notes as a list below.

    The ordering figure comes with its interval; ``~`` after the rank: tied with the best.
    """
    columns = [
        *(Column(title, is_number=title == "#") for title in ("#", "model", "kind", "folds")),
        *_figure_columns(ranking, "OOF ", "test "),
    ]
    notes = [note.markdown for note in all_notes(ranking)]
    return as_markdown(_table(ranking, columns, "code"), notes)


def render_latex(ranking: Ranking) -> str:
    """A ``table`` that needs the package booktabs, the notes in its caption.

    The ordering figure comes with its interval; a ``~`` after the rank: tied with the best.
    """
    columns = [
        *(Column(title, is_number=not title) for title in ("", "Model", "Kind", "Folds")),
        *_figure_columns(ranking, "", ""),
    ]
    num_figures = len(ranking.columns())
    groups = [
        (f"{name}, {describe_extent(ranking, partition)}", num_figures)
        for partition, name in (("oof", "Out of fold"), ("test", "Test"))
    ]
    notes = [note.text for note in all_notes(ranking)]
    return as_latex(_table(ranking, columns, ""), notes, groups)


def render_svg(ranking: Ranking) -> str:
    """What the terminal shows, at 112 columns, for a README or a slide."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    render_terminal(ranking, console)
    title = f"foldgrid rank {ranking.location} --by {ranking.by}"
    # Rich fetches its font from the web; a viewer's own monospaced font does as well.
    return _WEB_FONT.sub("", console.export_svg(title=title, unique_id="ranking")) + "\n"


TEXT_FORMATS = {
    "csv": render_csv,
    "md": render_markdown,
    "latex": render_latex,
    "json": render_json,
    "svg": render_svg,
}
"""Every format that is a string, by the name that the command line knows."""


def _figure_columns(ranking: Ranking, oof: str, test: str) -> list[Column]:
    """A column a partition and figure, with what stands before its title."""
    return [
        Column(f"{start}{_title(ranking, name)}", is_number=True)
        for start in (oof, test)
        for name in ranking.columns()
    ]


def _title(ranking: Ranking, name: str) -> str:
    title = ranking.metrics[name].title
    return f"{title} (95 % interval)" if name == ranking.by else title


def _table(ranking: Ranking, columns: list[Column], model_tone: Tone) -> Table:
    best = ranking.best_figures()
    rows = []
    for row in ranking.rows:
        is_tied, rank = ranking.standing(row).is_tied, row.rank or ""
        tied = Cell(f"{rank}~", latex=rf"{rank}$\sim$") if is_tied else rank
        model = Cell(row.model, model_tone)
        rows.append(
            (tied, model, KIND_TITLES[row.kind], row.folds, *_figure_cells(ranking, row, best))
        )
    return Table(ranking.sweep or "ranking", heading(ranking), tuple(columns), tuple(rows))


def _figure_cells(
    ranking: Ranking, row: RankedModel, best: dict[tuple[str, str], float]
) -> list[Cell]:
    cells = []
    for partition in ("oof", "test"):
        for name in ranking.columns():
            digits = ranking.scoring.decimals(name)
            value, interval = row.figure(partition, name), row.interval(partition, name)
            is_best = value is not None and value == best.get((partition, name))
            ends = ""
            if name == ranking.by:
                ends = format_interval(interval.low, interval.high, digits)
            cells.append(Cell(format_figure(value, digits), "strong" if is_best else "", ends))
    return cells
