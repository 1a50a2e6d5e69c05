"""The comparison with the published study on paper: terminal, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.published.published import COMPARED, ComparedModel, PublishedComparison
from analysis.published.study import FIGURES
from analysis.ranking.terminal import format_figure
from foldgrid.metrics import METRICS

READABLE = 100
"""Lines of prose are not drawn out over a wide screen."""


def render_terminal(comparison: PublishedComparison, console: Console) -> None:
    """Prints the verdict, the table of MAE and CCC, and the correlations.

    Models of the study that this sweep does not have are counted; CSV and JSON list them.
    """
    width = min(console.width, READABLE)
    console.print(Text(_heading(comparison)), width=width)
    console.print()
    console.print(Text(comparison.verdict, style="yellow"), width=width)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), header_style="")
    table.add_column("model", no_wrap=True, min_width=18)
    for title in _titles():
        table.add_column(title.replace(" ", "\n"), justify="right", no_wrap=True)
    for row in _ours(comparison):
        table.add_row(row.model, *_cells(row))
    console.print(table)
    for line in _lines_below(comparison):
        console.print(Text(line), width=width)


def render_markdown(comparison: PublishedComparison) -> str:
    """The same for a README or an issue."""
    titles = ["model", *_titles()]
    lines = [f"**{_heading(comparison)}**", "", comparison.verdict, ""]
    lines.append("| " + " | ".join(titles) + " |")
    lines.append("| :-- |" + " --: |" * (len(titles) - 1))
    for row in _ours(comparison):
        lines.append(f"| {' | '.join([f'`{row.model}`', *_cells(row)])} |")
    lines.append("")
    lines += [f"- {line}" for line in _lines_below(comparison)]
    return "\n".join(lines) + "\n"


def render_csv(comparison: PublishedComparison) -> str:
    """A row a model, full precision, an empty cell for what one side lacks."""
    stream = io.StringIO()
    sides = ("published", "oof", "test")
    figures = [f"{side}_{metric}" for side in sides for metric in FIGURES]
    names = ["model", "paper_name", "kind", "published_rank", *figures, "left_out"]
    writer = csv.DictWriter(stream, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    for row in comparison.rows:
        cells = {
            f"{side}_{metric}": getattr(row, side).get(metric)
            for side in sides
            for metric in FIGURES
        }
        writer.writerow({**{name: getattr(row, name, None) for name in names}, **cells})
    return stream.getvalue()


def render_json(comparison: PublishedComparison) -> str:
    """Everything; ``PublishedComparison.model_validate_json`` reads it back."""
    return comparison.model_dump_json(indent=2) + "\n"


PUBLISHED_FORMATS = {"md": render_markdown, "csv": render_csv, "json": render_json}
"""Every format that is a string, by the name that the command line knows."""


def _heading(comparison: PublishedComparison) -> str:
    return f"{comparison.sweep} beside the published study ({comparison.source})"


def _titles() -> list[str]:
    return [
        f"{side} {METRICS[metric].title}"
        for metric in COMPARED
        for side in ("published", "OOF", "test")
    ]


def _ours(comparison: PublishedComparison) -> list[ComparedModel]:
    return [row for row in comparison.rows if row.model]


def _cells(row: ComparedModel) -> list[str]:
    return [
        format_figure(side.get(metric))
        for metric in COMPARED
        for side in (row.published, row.oof, row.test)
    ]


def _correlation_lines(comparison: PublishedComparison) -> list[str]:
    lines = []
    for each in comparison.correlations:
        against = f"our {'OOF' if each.partition == 'oof' else 'test'}"
        start = f"Order by {METRICS[each.metric].title}, published test against {against}"
        if each.spearman is None or each.kendall is None:
            lines.append(f"{start}: undefined over {each.num_models} base learners.")
            continue
        lines.append(
            f"{start}: Spearman {each.spearman:.2f} (p = {each.spearman_p:.3f}), "
            f"Kendall {each.kendall:.2f} (p = {each.kendall_p:.3f}), "
            f"{each.num_models} base learners."
        )
    return lines


def _lines_below(comparison: PublishedComparison) -> list[str]:
    lines = _correlation_lines(comparison)
    names = {row.model: row.paper_name for row in _ours(comparison) if row.paper_name}
    renamed = [f"{ours} is its {theirs}" for ours, theirs in names.items() if ours != theirs]
    if renamed:
        lines.append(f"Names of the paper: {', '.join(renamed)}.")
    num_missing = len(comparison.rows) - len(_ours(comparison))
    if num_missing:
        lines.append(f"{num_missing} models of the paper are not in this sweep.")
    lines += [
        f"{each.topic}: ours {each.ours}; the paper's {each.theirs}."
        for each in comparison.differences
    ]
    return lines
