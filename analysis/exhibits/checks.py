"""What could make the figures wrong, looked for one by one."""

from __future__ import annotations

from analysis.checks.catalogue import stored_or_checked
from analysis.checks.report import CheckReport, CheckResult
from analysis.drawing.blocks import Block, Cell, Column, Section, Table, Text, Tone
from analysis.run import RunFacts

CALL = "from analysis.checks.catalogue import run_checks\nrun_checks(run.store)"
SIGNS = {"failed": "✕ failed", "warning": "! warning", "passed": "✓ passed"}
TONES: dict[str, Tone] = {"failed": "caution", "warning": "caution", "not applicable": "muted"}
MOST_PLACES = 10


def checks_section(run: RunFacts) -> Section:
    """Every check with its code and evidence; what broke, in full."""
    report = stored_or_checked(run.store)
    blocks: list[Block] = [_table(run, report)]
    blocks += [
        _breach(run, result) for result in (*report.having("failed"), *report.having("warning"))
    ]
    lead = f"{report.headline}. “Not applicable” is not “passed”: there was nothing to look at."
    return Section("checks", "Checks", lead, tuple(blocks))


def _table(run: RunFacts, report: CheckReport) -> Table:
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
    return Table("checks_table", "Checks by code", columns, rows, CALL)


def _breach(run: RunFacts, result: CheckResult) -> Text:
    places = [run.without_names(place) for place in result.places[:MOST_PLACES]]
    if len(result.places) > MOST_PLACES:
        places.append(f"… and {len(result.places) - MOST_PLACES} more.")
    words = [text for text in (result.meaning, result.mend) if text]
    return Text((*words, *places), is_list=True, heading=f"{result.code}: {result.title}")
