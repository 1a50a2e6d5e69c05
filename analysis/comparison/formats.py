"""A comparison as CSV, Markdown and JSON; the terminal's is next door."""

from __future__ import annotations

import csv
import io

from analysis.comparison.board import Comparison
from analysis.comparison.terminal import (
    best_of_each,
    format_interval,
    format_signed,
    heading,
    render_terminal,
)
from analysis.ranking.terminal import format_figure


def render_json(comparison: Comparison) -> str:
    """Everything, notes included; ``Comparison.model_validate_json`` reads it back."""
    return comparison.model_dump_json(indent=2) + "\n"


def render_csv(comparison: Comparison) -> str:
    """A row a base learner and other run, full precision, an empty cell for the undefined."""
    stream = io.StringIO()
    rows = comparison_table(comparison)
    shown = comparison.scoring.shown
    names = ["model", "first", "second", "metric", "difference", "low", "high", "reading"]
    names += [f"{side}_{name}" for side in ("first", "second") for name in shown]
    writer = csv.DictWriter(stream, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def comparison_table(comparison: Comparison) -> list[dict[str, float | str | None]]:
    """The differences flat, for CSV and data frames: base learners by other runs."""
    return [
        {
            "model": model,
            "first": comparison.runs[0].location,
            "second": run.location,
            "metric": comparison.by,
            "difference": difference.value,
            "low": difference.low,
            "high": difference.high,
            "reading": comparison.reading(difference, run.letter),
            **{f"first_{name}": value for name, value in first.items()},
            **{f"second_{name}": value for name, value in second.items()},
        }
        for run in comparison.runs[1:]
        for model, first, second, difference in comparison.paired_rows(run)
    ]


def render_markdown(comparison: Comparison) -> str:
    """Tables for an issue or a lab journal: differences, settings, notes."""
    title = comparison.scoring.metrics[comparison.by].title
    lines = [f"**{heading(comparison)}**", ""]
    lines += [f"- {run.letter}: `{run.location}`" for run in comparison.runs]
    for run in comparison.runs[1:]:
        letters = f"{run.letter} - A"
        lines += ["", f"| base learner | A {title} | {run.letter} {title} | {letters} | 95 % | |"]
        lines.append("| :-- | --: | --: | --: | :-- | :-- |")
        for model, first, second, difference in comparison.paired_rows(run):
            cells = [f"`{model}`"]
            cells += [format_figure(each[comparison.by]) for each in (first, second)]
            cells += [format_signed(difference.value), format_interval(difference)]
            cells.append(comparison.reading(difference, run.letter))
            lines.append("| " + " | ".join(cells) + " |")
        lines += ["", best_of_each(comparison, run)]
    if comparison.settings:
        letters = " | ".join(run.letter for run in comparison.runs)
        lines += ["", f"| setting | {letters} |"]
        lines.append("| :-- |" + " :-- |" * len(comparison.runs))
        lines += [f"| `{each.key}` | {' | '.join(each.values)} |" for each in comparison.settings]
    lines.append("")
    for note in comparison.notes:
        topic = f"**{note.topic}**" if note.is_warning else note.topic
        lines.append(f"- {topic}: {note.text}")
    return "\n".join(lines) + "\n"


__all__ = [
    "TEXT_FORMATS",
    "comparison_table",
    "render_csv",
    "render_json",
    "render_markdown",
    "render_terminal",
]

TEXT_FORMATS = {"csv": render_csv, "md": render_markdown, "json": render_json}
"""Every format that is a string, by the name that the command line knows."""
