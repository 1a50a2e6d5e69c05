"""A ranking as CSV, Markdown, LaTeX, JSON and SVG; the terminal's is next door."""

from __future__ import annotations

from analysis.ranking.board import KIND_TITLES, RankedModel, Ranking, ranking_table
from analysis.ranking.picture import render_svg
from analysis.ranking.sureness import all_notes, format_interval
from analysis.ranking.terminal import describe_extent, format_figure, heading, render_terminal
from foldgrid.tables.table import csv_text, escape_latex, latex_label, markdown_row

__all__ = [
    "TEXT_FORMATS",
    "render_csv",
    "render_json",
    "render_latex",
    "render_markdown",
    "render_svg",
    "render_terminal",
]


def render_csv(ranking: Ranking) -> str:
    """Comma-separated, full precision, an empty cell for the undefined."""
    return csv_text(ranking_table(ranking))


def render_json(ranking: Ranking) -> str:
    """Everything, notes included; ``Ranking.model_validate_json`` reads it back."""
    return ranking.model_dump_json(indent=2) + "\n"


def render_markdown(ranking: Ranking) -> str:
    """A table for a README or an issue, best figures bold, the notes as a list below.

    The ordering figure comes with its interval; ``~`` after the rank: tied with the best.
    """
    columns = _columns(ranking)
    names = ["#", "model", "kind", "folds", *(_column(ranking, *column) for column in columns)]
    aligned = ["--:", ":--", ":--", ":--", *(["--:"] * len(columns))]
    lines = [f"**{heading(ranking)}**", "", markdown_row(names), markdown_row(aligned)]
    for row in ranking.rows:
        figures = _figure_cells(ranking, row, "**{}**")
        start = [_rank(ranking, row, "~"), f"`{row.model}`", KIND_TITLES[row.kind], row.folds]
        lines.append(markdown_row([*start, *figures]))
    lines.append("")
    for note in all_notes(ranking):
        topic = f"**{note.topic}**" if note.is_warning else note.topic
        lines.append(f"- {topic}: {note.text}")
    return "\n".join(lines) + "\n"


def render_latex(ranking: Ranking) -> str:
    """A ``table`` that needs the package booktabs, the notes in its caption.

    The ordering figure comes with its interval; a ``~`` after the rank: tied with the best.
    """
    columns = _columns(ranking)
    num_figures = len(columns) // 2
    groups = " & ".join(
        rf"\multicolumn{{{num_figures}}}{{c}}{{{name}, {describe_extent(ranking, partition)}}}"
        for partition, name in (("oof", "Out of fold"), ("test", "Test"))
    )
    titles = " & ".join(_title(ranking, name, r"\%") for _, name in columns)
    body = []
    for row in ranking.rows:
        start = [
            _rank(ranking, row, r"$\sim$"),
            escape_latex(row.model),
            KIND_TITLES[row.kind],
            row.folds,
        ]
        cells = [*start, *_figure_cells(ranking, row, r"\textbf{{{}}}")]
        body.append("    " + " & ".join(cells) + r" \\")
    notes = " ".join(escape_latex(note.text) for note in all_notes(ranking))
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{escape_latex(heading(ranking))} {notes}}}",
            rf"  \label{{tab:{latex_label(ranking.sweep or 'ranking')}}}",
            rf"  \begin{{tabular}}{{rlll{'r' * len(columns)}}}",
            r"    \toprule",
            rf"    & & & & {groups} \\",
            rf"    \cmidrule(lr){{5-{4 + num_figures}}} "
            rf"\cmidrule(lr){{{5 + num_figures}-{4 + 2 * num_figures}}}",
            rf"    & Model & Kind & Folds & {titles} \\",
            r"    \midrule",
            *body,
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


TEXT_FORMATS = {
    "csv": render_csv,
    "md": render_markdown,
    "latex": render_latex,
    "json": render_json,
    "svg": render_svg,
}
"""Every format that is a string, by the name that the command line knows."""


def _columns(ranking: Ranking) -> list[tuple[str, str]]:
    return [(partition, name) for partition in ("oof", "test") for name in ranking.columns()]


def _column(ranking: Ranking, partition: str, name: str) -> str:
    return f"{'OOF' if partition == 'oof' else 'test'} {_title(ranking, name, '%')}"


def _title(ranking: Ranking, name: str, percent: str) -> str:
    title = ranking.metrics[name].title
    return f"{title} (95 {percent} interval)" if name == ranking.by else title


def _rank(ranking: Ranking, row: RankedModel, tied: str) -> str:
    return f"{row.rank or ''}{tied if ranking.standing(row).is_tied else ''}"


def _figure_cells(ranking: Ranking, row: RankedModel, emphasis: str) -> list[str]:
    best = ranking.best_figures()
    cells = []
    for partition, name in _columns(ranking):
        value = row.figure(partition, name)
        digits = ranking.scoring.decimals(name)
        text = format_figure(value, digits)
        is_best = value is not None and value == best.get((partition, name))
        text = emphasis.format(text) if is_best else text
        interval = row.interval(partition, name)
        if name == ranking.by and interval.low is not None:
            text += f" ({format_interval(interval.low, interval.high, digits)})"
        cells.append(text)
    return cells
