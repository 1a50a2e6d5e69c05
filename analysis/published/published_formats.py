"""The comparison with the published study on paper: terminal, Markdown, CSV and JSON."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.text import Text

from foldgrid.analysis.published.published import COMPARED, ComparedModel, PublishedComparison
from foldgrid.analysis.published.study import METRIC_NAMES
from foldgrid.analysis.ranking.terminal import format_number
from foldgrid.metrics import METRICS
from foldgrid.specs.counted import counted
from foldgrid.tables.table import Cell, Column, Table
from foldgrid.tables.terminal import READABLE, as_rich
from foldgrid.tables.text import as_csv, as_markdown


def render_terminal(comparison: PublishedComparison, console: Console) -> None:
    """Prints the verdict, the table of MAE and CCC, and the correlations.

    Models of the study that this sweep does not have are counted; CSV and JSON list them.
    """
    width = min(console.width, READABLE)
    console.print(Text(_heading(comparison)), width=width)
    console.print()
    console.print(Text(comparison.verdict, style="yellow"), width=width)
    console.print(as_rich(_table(comparison, "\n"), box=SIMPLE_HEAD, padding=(0, 1)))
    for line in _lines_below(comparison):
        console.print(Text(line), width=width)


def render_markdown(comparison: PublishedComparison) -> str:
    """The same for a README or an issue."""
    table = as_markdown(_table(comparison, " "), _lines_below(comparison))
    return f"**{_heading(comparison)}**\n\n{comparison.verdict}\n\n{table}"


def render_csv(comparison: PublishedComparison) -> str:
    """A row a model, full precision, an empty cell for what one side lacks."""
    records = [
        {
            "model": row.model,
            "paper_name": row.paper_name,
            "kind": row.kind,
            "published_rank": row.published_rank,
            **{
                f"{side}_{metric}": getattr(row, side).get(metric)
                for side in ("published", "oof", "test")
                for metric in METRIC_NAMES
            },
            "left_out": row.left_out,
        }
        for row in comparison.rows
    ]
    return as_csv(Table.of_records(records))


def render_json(comparison: PublishedComparison) -> str:
    """Everything; ``PublishedComparison.model_validate_json`` reads it back."""
    return comparison.model_dump_json(indent=2) + "\n"


PUBLISHED_FORMATS = {"md": render_markdown, "csv": render_csv, "json": render_json}
"""Every format that is a string, by the name that the command line knows."""


def _heading(comparison: PublishedComparison) -> str:
    return f"{comparison.sweep} beside the published study ({comparison.source})"


def _ours(comparison: PublishedComparison) -> list[ComparedModel]:
    return [row for row in comparison.rows if row.model]


def _table(comparison: PublishedComparison, between: str) -> Table:
    """The models of both, with what stands between a side and its metric in the headings."""
    metric_values = (
        Column(
            f"{side}{between}{METRICS[metric].title}",
            is_number=True,
            format=format_number,
        )
        for metric in COMPARED
        for side in ("published", "OOF", "test")
    )
    rows = (
        (
            Cell(row.model, "code"),
            *(
                side.get(metric)
                for metric in COMPARED
                for side in (row.published, row.oof, row.test)
            ),
        )
        for row in _ours(comparison)
    )
    return Table(
        "",
        "",
        (Column("model" if between == " " else f"{'model':<18}"), *metric_values),
        tuple(rows),
    )


def _correlation_lines(comparison: PublishedComparison) -> list[str]:
    lines = []
    for each in comparison.correlations:
        against = f"our {'OOF' if each.partition == 'oof' else 'test'}"
        start = f"Order by {METRICS[each.metric].title}, published test against {against}"
        if each.spearman is None or each.kendall is None:
            lines.append(f"{start}: undefined over {counted(each.num_models, 'base learner')}.")
            continue
        lines.append(
            f"{start}: Spearman {each.spearman:.2f} (p = {each.spearman_p:.3f}), "
            f"Kendall {each.kendall:.2f} (p = {each.kendall_p:.3f}), "
            f"{counted(each.num_models, 'base learner')}."
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
        lines.append(f"{counted(num_missing, 'model')} of the paper are not in this sweep.")
    lines += [
        f"{each.topic}: ours {each.ours}; the paper's {each.theirs}."
        for each in comparison.differences
    ]
    return lines
