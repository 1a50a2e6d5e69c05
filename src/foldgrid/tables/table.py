"""A table of ready cells as CSV, Markdown and LaTeX; knows nothing of what stands in it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foldgrid.specs.errors import SweepError, did_you_mean

_LATEX_SPECIAL = str.maketrans(
    {
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
    }
)


@dataclass(frozen=True)
class TextTable:
    """What a table for a document needs.

    Attributes:
        heading: One sentence that says what it shows.
        titles: A title a column.
        is_number: By column whether it stands to the right.
        rows: The cells, as they are to be read.
        notes: Sentences below it.
        totals: Rows that stand below a rule.
    """

    heading: str
    titles: tuple[str, ...]
    is_number: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    totals: tuple[tuple[str, ...], ...] = ()


def escape_latex(text: str) -> str:
    """``text`` with the characters that LaTeX reads as commands made harmless."""
    return text.translate(_LATEX_SPECIAL)


def latex_label(name: str) -> str:
    """``name`` as a LaTeX label may spell it."""
    return re.sub("[^A-Za-z0-9]+", "-", name)


def markdown_row(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def csv_text(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows with the same keys as CSV, the keys first; nothing is an empty cell."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def as_markdown(table: TextTable) -> str:
    """The table for a README or an issue, its notes as a list below, its totals bold."""
    aligned = ["--:" if is_number else ":--" for is_number in table.is_number]
    totals = [[f"**{cell}**" if cell else "" for cell in row] for row in table.totals]
    lines = [f"**{table.heading}**", "", markdown_row(table.titles), markdown_row(aligned)]
    lines += [markdown_row(row) for row in (*table.rows, *totals)]
    lines += ["", *(f"- {note}" for note in table.notes)]
    return "\n".join(lines).rstrip() + "\n"


def as_latex(table: TextTable, name: str) -> str:
    """A ``table`` that needs the package booktabs, the notes in its caption.

    Args:
        table: What to set.
        name: For the label, ``tab:`` in front.
    """
    columns = "".join("r" if is_number else "l" for is_number in table.is_number)
    caption = " ".join(escape_latex(text) for text in (table.heading, *table.notes))
    totals = [r"    \midrule", *(_latex_row(row) for row in table.totals)] if table.totals else []
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{caption}}}",
            rf"  \label{{tab:{latex_label(name)}}}",
            rf"  \begin{{tabular}}{{{columns}}}",
            r"    \toprule",
            _latex_row(table.titles),
            r"    \midrule",
            *(_latex_row(row) for row in table.rows),
            *totals,
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


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


def _latex_row(cells: Sequence[str]) -> str:
    return "    " + " & ".join(escape_latex(cell) for cell in cells) + r" \\"
