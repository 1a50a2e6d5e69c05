"""What could make the results wrong, looked for one by one."""

from __future__ import annotations

from foldgrid.analysis.checks.report import CheckReport, CheckResult
from foldgrid.analysis.drawing.blocks import Block, Cell, Column, Section, Table, Text, Tone
from foldgrid.analysis.drawing.frames import frame_of
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.run import Run

SIGNS = {"failed": "✕ failed", "warning": "! warning", "passed": "✓ passed"}
TONES: dict[str, Tone] = {"failed": "caution", "warning": "caution", "not applicable": "muted"}
MOST_PLACES = 10


def checks_section(run: Run) -> Section:
    """Every check with its code and evidence; what broke, in full."""
    report = run.checks
    blocks: list[Block] = [_table(run, report)]
    blocks += [
        _breach(run, result) for result in (*report.having("failed"), *report.having("warning"))
    ]
    lead = f"{report.headline}. “Not applicable” is not “passed”: there was nothing to look at."
    return Section(lead, tuple(blocks))


def _table(run: Run, report: CheckReport) -> Table:
    columns = (Column("Code"), Column("What should hold"), Column("Says"), Column("Evidence"))
    rows = tuple(
        (
            Cell(result.code),
            Cell(result.title),
            Cell(SIGNS.get(result.status, result.status), TONES.get(result.status, "")),
            Cell(run.without_names(result.evidence)),
        )
        for result in report.results
    )
    return Table("checks_table", "Checks by code", columns, rows, lambda: frame_of(report.results))


def _breach(run: Run, result: CheckResult) -> Text:
    places = [run.without_names(place) for place in result.places[:MOST_PLACES]]
    if len(result.places) > MOST_PLACES:
        places.append(f"… and {len(result.places) - MOST_PLACES} more.")
    words = [text for text in (result.meaning, result.mend) if text]
    return Text((*words, *places), is_list=True, heading=f"{result.code}: {result.title}")


CHECKS = Exhibit("checks", "Checks", checks_section)
