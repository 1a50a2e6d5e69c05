"""A ranking as CSV, Markdown, LaTeX, JSON and SVG; the terminal's is next door."""

from __future__ import annotations

import csv
import io
import re

from analysis.ranking.board import FIGURES, KIND_TITLES, RankedModel, Ranking, ranking_table
from analysis.ranking.picture import render_svg
from analysis.ranking.terminal import describe_extent, format_figure, heading, render_terminal
from foldgrid.scoring import METRICS

__all__ = [
    "TEXT_FORMATS",
    "render_csv",
    "render_json",
    "render_latex",
    "render_markdown",
    "render_svg",
    "render_terminal",
]

COLUMNS = [(partition, name) for partition in ("oof", "test") for name in FIGURES]
_LATEX_SPECIAL = str.maketrans(
    {
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
    }
)


def render_csv(ranking: Ranking) -> str:
    """Comma-separated, full precision, an empty cell for the undefined."""
    rows = ranking_table(ranking)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def render_json(ranking: Ranking) -> str:
    """Everything, notes included; ``Ranking.model_validate_json`` reads it back."""
    return ranking.model_dump_json(indent=2) + "\n"


def render_markdown(ranking: Ranking) -> str:
    """A table for a README or an issue, best figures bold, the notes as a list below."""
    names = ["#", "model", "kind", "folds", *(_column(*column) for column in COLUMNS)]
    aligned = ["--:", ":--", ":--", ":--", *(["--:"] * len(COLUMNS))]
    lines = [f"**{heading(ranking)}**", "", _markdown_row(names), _markdown_row(aligned)]
    for row in ranking.rows:
        figures = _figure_cells(ranking, row, "**{}**")
        start = [str(row.rank or ""), f"`{row.model}`", KIND_TITLES[row.kind], row.folds]
        lines.append(_markdown_row([*start, *figures]))
    lines.append("")
    for note in ranking.notes:
        topic = f"**{note.topic}**" if note.is_warning else note.topic
        lines.append(f"- {topic}: {note.text}")
    return "\n".join(lines) + "\n"


def render_latex(ranking: Ranking) -> str:
    """A ``table`` that needs the package booktabs, the notes in its caption."""
    groups = " & ".join(
        rf"\multicolumn{{{len(FIGURES)}}}{{c}}{{{name}, {describe_extent(ranking, partition)}}}"
        for partition, name in (("oof", "Out of fold"), ("test", "Test"))
    )
    titles = " & ".join(METRICS[name].title for _, name in COLUMNS)
    body = []
    for row in ranking.rows:
        start = [str(row.rank or ""), _escape(row.model), KIND_TITLES[row.kind], row.folds]
        cells = [*start, *_figure_cells(ranking, row, r"\textbf{{{}}}")]
        body.append("    " + " & ".join(cells) + r" \\")
    notes = " ".join(_escape(note.text) for note in ranking.notes)
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{_escape(heading(ranking))} {notes}}}",
            rf"  \label{{tab:{re.sub('[^A-Za-z0-9]+', '-', ranking.sweep or 'ranking')}}}",
            rf"  \begin{{tabular}}{{rlll{'r' * len(COLUMNS)}}}",
            r"    \toprule",
            rf"    & & & & {groups} \\",
            r"    \cmidrule(lr){5-8} \cmidrule(lr){9-12}",
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


def _column(partition: str, name: str) -> str:
    return f"{'OOF' if partition == 'oof' else 'test'} {METRICS[name].title}"


def _figure_cells(ranking: Ranking, row: RankedModel, emphasis: str) -> list[str]:
    best = ranking.best_figures()
    cells = []
    for partition, name in COLUMNS:
        value = getattr(row, partition).get(name)
        text = format_figure(value)
        is_best = value is not None and value == best.get((partition, name))
        cells.append(emphasis.format(text) if is_best else text)
    return cells


def _markdown_row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escape(text: str) -> str:
    return text.translate(_LATEX_SPECIAL)
