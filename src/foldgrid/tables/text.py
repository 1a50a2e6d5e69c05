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
        "~": r"$\sim$",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
    }
)
_NUMBER = re.compile(r"(?P<sign>-?)(?P<whole>\d[\d,]*)(?:\.(?P<decimals>\d+))?")
_UNDEFINED = ("", "-")
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
    """The table for a paper: rules of booktabs, numbers lined up by siunitx.

    Args:
        table: What to set; without a caption it is the ``tabular`` alone.
        notes: Sentences below it, set by threeparttable.
        groups: Headings above the last columns, each with the number of those that it spans.
    """
    columns = [_latex_column(table, place) for place in range(len(table.columns))]
    titles = [
        f"{{{escape_latex(column.title)}}}" if spec[0] == "S" else escape_latex(column.title)
        for column, spec in zip(table.columns, columns, strict=True)
    ]
    inner = [
        r"\toprule",
        *_latex_groups(groups, len(table.columns)),
        _latex_row(titles).lstrip(),
        r"\midrule",
        *(_latex_cells(row, columns) for row in table.cells),
    ]
    if table.totals:
        inner.append(r"\midrule")
        inner += [_latex_cells(row, columns) for row in table.total_cells]
    inner.append(r"\bottomrule")
    tabular = [rf"\begin{{tabular}}{{{''.join(columns)}}}", *inner, r"\end{tabular}"]
    if not table.caption:
        return "\n".join(tabular) + "\n"
    caption = [
        rf"\caption{{{escape_latex(table.caption)}}}",
        rf"\label{{tab:{re.sub('[^A-Za-z0-9]+', '-', table.key)}}}",
    ]
    body = [*caption, tabular[0], *(f"  {line}" for line in inner), tabular[-1]]
    if notes:
        items = [rf"  \item {escape_latex(note)}" for note in notes]
        listed = [r"\begin{tablenotes}\footnotesize", *items, r"\end{tablenotes}"]
        body = [r"\begin{threeparttable}", *_indented([*body, *listed]), r"\end{threeparttable}"]
    packages = "booktabs,siunitx,threeparttable" if notes else "booktabs,siunitx"
    lines = [
        rf"% \usepackage{{{packages}}}",
        r"\begin{table}",
        r"  \centering",
        # Else bold numbers are set as plain ones.
        r"  \sisetup{detect-weight=true}",
        *_indented(body),
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


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_column(table: Table, place: int) -> str:
    """``S`` of siunitx, with room for its numbers, where all are such; else ``r`` or ``l``."""
    if not table.columns[place].is_number:
        return "l"
    cells = [row[place] for row in (*table.cells, *table.total_cells)]
    numbers = [_NUMBER.fullmatch(cell.text) for cell in cells if cell.text not in _UNDEFINED]
    found = [number for number in numbers if number]
    if not found or len(found) < len(numbers) or any(cell.latex for cell in cells):
        return "r"
    sign = "-" if any(number["sign"] for number in found) else ""
    whole = max(len(number["whole"].replace(",", "")) for number in found)
    decimals = max(len(number["decimals"] or "") for number in found)
    return f"S[table-format={sign}{whole}.{decimals}]"


def _latex_cells(row: Sequence[Cell], columns: Sequence[str]) -> str:
    return _latex_row(
        [_latex_cell(cell, spec[0] == "S") for cell, spec in zip(row, columns, strict=True)]
    )


def _latex_cell(cell: Cell, is_lined_up: bool) -> str:
    text = cell.latex or escape_latex(cell.text)
    note = f" ({escape_latex(cell.note)})" if cell.note else ""
    if not is_lined_up:
        return (rf"\textbf{{{text}}}" if cell.tone == "strong" else text) + note
    if cell.text in _UNDEFINED:
        return "{--}" if cell.text else ""
    bold = r"\bfseries " if cell.tone == "strong" else ""
    return f"{bold}{cell.text.replace(',', '')}" + (f"{{{note}}}" if note else "")


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
