"""A table as text: lined up, CSV, Markdown and LaTeX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from foldgrid.specs.errors import SweepError, did_you_mean
from foldgrid.tables.table import Cell, Table

_LATEX_SPECIAL = str.maketrans(
    {
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
    }
)
_MARKDOWN_TONES = {"strong": "**{}**", "code": "`{}`"}


def as_csv(table: Table) -> str:
    """The plain values at full precision, the columns' titles first; nothing is an empty cell."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([[column.title for column in table.columns], *table.rows])
    return stream.getvalue()


def as_plain(table: Table) -> str:
    """The columns lined up, without a caption."""
    titles = [column.title for column in table.columns]
    rows = [titles, *([cell.text for cell in row] for row in table.cells)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            text.rjust(width) if column.is_number else text.ljust(width)
            for text, width, column in zip(row, widths, table.columns, strict=True)
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def as_markdown(table: Table, notes: Sequence[str] = ()) -> str:
    """The table for a README or an issue, its notes as a list below, its totals bold.

    Args:
        table: What to set; without a caption the rows stand alone.
        notes: Sentences below it.
    """
    lines = [f"**{table.caption}**", ""] if table.caption else []
    # What has no title stands there as one blank.
    titles = [each.title.replace("|", r"\|") for each in table.columns]
    lines.append("|" + "".join(f" {title} |" if title else " |" for title in titles))
    lines.append(_markdown_row(["--:" if each.is_number else ":--" for each in table.columns]))
    lines += [_markdown_row([_markdown_cell(cell) for cell in row]) for row in table.cells]
    lines += [
        _markdown_row([f"**{cell.text}**" if cell.text else "" for cell in row])
        for row in table.total_cells
    ]
    lines += ["", *(f"- {note}" for note in notes)]
    return "\n".join(lines).rstrip() + "\n"


def as_latex(
    table: Table, notes: Sequence[str] = (), groups: Sequence[tuple[str, int]] = ()
) -> str:
    """The table for a paper; it needs the package booktabs.

    Args:
        table: What to set; without a caption it is the ``tabular`` alone.
        notes: Sentences that follow the caption.
        groups: Headings above the last columns, each with the number of those that it spans.
    """
    inner = [
        r"\toprule",
        *_latex_groups(groups, len(table.columns)),
        _latex_row([escape_latex(column.title) for column in table.columns]).lstrip(),
        r"\midrule",
        *(_latex_row([_latex_cell(cell) for cell in row]) for row in table.cells),
    ]
    if table.totals:
        inner.append(r"\midrule")
        inner += [_latex_row([_latex_cell(cell) for cell in row]) for row in table.total_cells]
    inner.append(r"\bottomrule")
    aligned = "".join("r" if column.is_number else "l" for column in table.columns)
    begin, end = rf"\begin{{tabular}}{{{aligned}}}", r"\end{tabular}"
    if not table.caption:
        return "\n".join([begin, *inner, end]) + "\n"
    caption = " ".join(escape_latex(text) for text in (table.caption, *notes))
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{caption}}}",
        rf"  \label{{tab:{re.sub('[^A-Za-z0-9]+', '-', table.key)}}}",
        f"  {begin}",
        *(f"    {line}" for line in inner),
        f"  {end}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escape_latex(text: str) -> str:
    """``text`` with the characters that LaTeX reads as commands made harmless."""
    return text.translate(_LATEX_SPECIAL)


def check_format(name: str, known: Sequence[str]) -> None:
    """Refuses a format that a command cannot print.

    Raises:
        SweepError: With the nearest known ones, and all of them.
    """
    if name not in known:
        raise SweepError(
            f'--format: no format "{name}". {did_you_mean(name, known)}\n'
            f"Print it as one of: {', '.join(known)}."
        )


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _markdown_cell(cell: Cell) -> str:
    text = _MARKDOWN_TONES.get(cell.tone, "{}").format(cell.text.replace("|", r"\|"))
    return f"{text} ({cell.note})" if cell.note else text


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_cell(cell: Cell) -> str:
    text = cell.latex or escape_latex(cell.text)
    text = rf"\textbf{{{text}}}" if cell.tone == "strong" else text
    return f"{text} ({escape_latex(cell.note)})" if cell.note else text


def _latex_groups(groups: Sequence[tuple[str, int]], num_columns: int) -> list[str]:
    if not groups:
        return []
    place = num_columns - sum(span for _, span in groups)
    heads, rules = [], []
    for title, span in groups:
        heads.append(rf"\multicolumn{{{span}}}{{c}}{{{escape_latex(title)}}}")
        rules.append(rf"\cmidrule(lr){{{place + 1}-{place + span}}}")
        place += span
    blanks = "& " * (num_columns - sum(span for _, span in groups))
    return [blanks + " & ".join(heads) + r" \\", " ".join(rules)]
