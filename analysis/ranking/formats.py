"""A ranking as CSV, Markdown, LaTeX, JSON and SVG; the terminal's is next door."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePath
from types import MappingProxyType

from rich.console import Console

from foldgrid.analysis.ranking.ranking import KIND_TITLES, RankedModel, Ranking, ranking_table
from foldgrid.analysis.ranking.terminal import (
    describe_extent,
    format_number,
    heading,
    render_terminal,
)
from foldgrid.analysis.ranking.uncertainty import all_notes, format_interval
from foldgrid.tables.table import Cell, Column, Table, Tone
from foldgrid.tables.text import as_csv, as_latex, as_markdown

__all__ = [
    "NOTED_FORMATS",
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

_FOLDERS = re.compile(r"(?<![\w.:/])(?:[A-Za-z]:\\|/)(?:[^\s/\\'\"`]+[/\\])+")
"""The folders of an absolute path, up to its last name."""

_WEB_FONT = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def render_csv(ranking: Ranking) -> str:
    """Comma-separated, full precision, an empty cell for the undefined."""
    return as_csv(Table.of_records(ranking_table(ranking)))


def render_json(ranking: Ranking) -> str:
    """Everything, notes included; ``Ranking.model_validate_json`` reads it back."""
    return ranking.model_dump_json(indent=2) + "\n"


def render_markdown(ranking: Ranking, has_notes: bool = False) -> str:
    """A table for a README or an issue, best values bold, below it what must be known as a list.

    The ordering value comes with its interval; ``~`` after the rank: tied with the best.

    Args:
        ranking: What to set.
        has_notes: Whether every note stands below in full.
    """
    columns = [
        *(Column(title, is_number=title == "#") for title in ("#", "model", "kind", "folds")),
        *_metric_columns(ranking, "OOF ", "test "),
    ]
    lines = [
        note.markdown if has_notes else f"{note.code}: {note.line}"
        for note in all_notes(_shareable(ranking))
        if has_notes or note.is_needed
    ]
    return as_markdown(_table(ranking, columns, "code"), lines)


def render_latex(ranking: Ranking, has_notes: bool = False) -> str:
    """A ``table`` for a paper; see ``as_latex`` for the packages that it needs.

    The interval of the ordering value has a column of its own; a ``~`` after the rank: tied with
    the best. What must be known stands above it as comments.

    Args:
        ranking: What to set.
        has_notes: Whether every note stands below in full.
    """
    columns = [
        *(Column(title, is_number=not title) for title in ("", "Model", "Kind", "Folds")),
        *_metric_columns(ranking, "", "", is_apart=True),
    ]
    num_columns = len(ranking.columns()) + 1
    groups = [
        (f"{name}, {describe_extent(ranking, partition)}", num_columns)
        for partition, name in (("oof", "Out of fold"), ("test", "Test"))
    ]
    notes = all_notes(_shareable(ranking))
    table = _table(ranking, columns, "", is_apart=True)
    table = replace(table, caption=f"{table.caption}{_legend(ranking)}")
    needed = [f"% {note.code}: {note.line}" for note in notes if note.is_needed]
    full = [f"{note.heading}: {note.text}" for note in notes] if has_notes else []
    return "\n".join([*needed, as_latex(table, full, groups)])


def _legend(ranking: Ranking) -> str:
    """A second sentence of a caption."""
    tied = any(ranking.standing(row).is_tied for row in ranking.rows)
    marks = ["bold marks the best of a column", *(["~ a tie with the best"] if tied else [])]
    return f" Intervals are over resampled subjects; {', '.join(marks)}."


def _shareable(ranking: Ranking) -> Ranking:
    """The ranking without the folders of this machine, which are nobody's business in a paper."""
    name = ranking.sweep or PurePath(ranking.location).name

    def freed(text: str) -> str:
        return _FOLDERS.sub("", text.replace(ranking.location, name))

    notes = tuple(
        note.model_copy(update={"text": freed(note.text), "brief": freed(note.brief)})
        for note in ranking.notes
    )
    return ranking.model_copy(update={"location": name, "notes": notes})


def render_svg(ranking: Ranking, has_notes: bool = False) -> str:
    """What the terminal shows, at 112 columns, for a README or a slide."""
    ranking = _shareable(ranking)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    render_terminal(ranking, console, has_notes=has_notes)
    title = f"foldgrid rank {ranking.location} --by {ranking.by}"
    # Rich fetches its font from the web; a viewer's own monospaced font does as well.
    return _WEB_FONT.sub("", console.export_svg(title=title, unique_id="ranking")) + "\n"


TEXT_FORMATS: Mapping[str, Callable[[Ranking], str]] = MappingProxyType(
    {"csv": render_csv, "json": render_json}
)
"""The formats for programs, by the name that the command line knows."""

NOTED_FORMATS: Mapping[str, Callable[[Ranking, bool], str]] = MappingProxyType(
    {"md": render_markdown, "latex": render_latex, "svg": render_svg}
)
"""The formats for people, which may have every note in full."""


def _metric_columns(ranking: Ranking, oof: str, test: str, is_apart: bool = False) -> list[Column]:
    """A column a partition and metric, with what stands before its title."""
    columns = []
    for start in (oof, test):
        for name in ranking.columns():
            title = f"{start}{ranking.metrics[name].title}"
            is_ordering = name == ranking.by
            if is_ordering and not is_apart:
                title += " (95 % interval)"
            columns.append(Column(title, is_number=True))
            if is_ordering and is_apart:
                columns.append(Column("95 % interval"))
    return columns


def _table(
    ranking: Ranking, columns: list[Column], model_tone: Tone, is_apart: bool = False
) -> Table:
    best = ranking.best_values()
    rows = []
    for row in ranking.rows:
        is_tied, rank = ranking.standing(row).is_tied, row.rank or ""
        tied = Cell(f"{rank}~", latex=rf"{rank}$\sim$") if is_tied else rank
        model = Cell(row.model, model_tone)
        cells = _metric_cells(ranking, row, best, is_apart)
        rows.append((tied, model, KIND_TITLES[row.kind], row.folds, *cells))
    return Table(ranking.sweep or "ranking", heading(ranking), tuple(columns), tuple(rows))


def _metric_cells(
    ranking: Ranking, row: RankedModel, best: dict[tuple[str, str], float], is_apart: bool
) -> list[Cell]:
    """A row's values; the ordering one's interval beside it, or apart in a cell of its own."""
    cells = []
    for partition in ("oof", "test"):
        for name in ranking.columns():
            digits = ranking.scoring.decimals(name)
            value, interval = row.value(partition, name), row.interval(partition, name)
            is_best = value is not None and value == best.get((partition, name))
            ends = ""
            if name == ranking.by:
                ends = format_interval(interval.low, interval.high, digits)
            text = format_number(value, digits)
            if is_apart and value is not None:
                text = f"{value:z.{digits}f}"
            cells.append(Cell(text, "strong" if is_best else "", "" if is_apart else ends))
            if is_apart and name == ranking.by:
                cells.append(Cell(ends))
    return cells
