"""A flow table as text, Markdown, CSV, LaTeX and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence

from foldgrid.data.flow import FlowStep, flow_record, flow_rows

_LATEX_SPECIAL = str.maketrans(
    {
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
    }
)


def render_terminal(steps: Sequence[FlowStep]) -> str:
    """Columns lined up; an exclusion's numbers carry a minus."""
    cells = _cells(steps)
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    return "\n".join(lines) + "\n"


def render_markdown(steps: Sequence[FlowStep]) -> str:
    """A table for a README or an issue."""
    header, *rows = _cells(steps)
    aligned = [":--", *["--:"] * (len(header) - 1)]
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in (header, aligned, *rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in escaped)


def render_csv(steps: Sequence[FlowStep]) -> str:
    """Comma-separated; an exclusion's numbers are those taken away, without a sign."""
    rows = flow_rows(steps)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def render_latex(steps: Sequence[FlowStep]) -> str:
    """A ``booktabs`` table."""
    header, *rows = [[cell.translate(_LATEX_SPECIAL) for cell in row] for row in _cells(steps)]
    lines = [
        rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
        r"\toprule",
        " & ".join(header) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def render_json(steps: Sequence[FlowStep]) -> str:
    """The fields as they are."""
    return json.dumps(flow_record(steps), indent=2, ensure_ascii=False) + "\n"


FLOW_FORMATS: dict[str, Callable[[Sequence[FlowStep]], str]] = {
    "terminal": render_terminal,
    "csv": render_csv,
    "md": render_markdown,
    "latex": render_latex,
    "json": render_json,
}


def _cells(steps: Sequence[FlowStep]) -> list[list[str]]:
    rows = flow_rows(steps)
    signed = [
        [
            f"-{value}" if step.is_exclusion and isinstance(value, int) and value else str(value)
            for value in row.values()
        ]
        for step, row in zip(steps, rows, strict=True)
    ]
    return [[*rows[0]], *signed]
