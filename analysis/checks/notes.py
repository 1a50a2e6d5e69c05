"""What a ranking says of the checks that were run before it."""

from __future__ import annotations

from foldgrid.analysis.checks.report import CheckReport, CheckResult
from foldgrid.analysis.predictions.notes import BRIEF, Note
from foldgrid.records import RunStore

REPORTED = ("FG202", "FG203", "FG401")
"""Warnings that a ranking explains in notes of its own; their codes in the summary are enough."""


def check_notes(store: RunStore, report: CheckReport) -> tuple[Note, ...]:
    """The notes: that this is a label-permutation test, every failure, then a short summary."""
    return (*_label_permutation(store, report), *report_notes(report))


def report_notes(report: CheckReport) -> tuple[Note, ...]:
    """The notes: every failure, then a short summary."""
    failed, warned = report.having("failed"), report.having("warning")
    text = brief = f"{report.headline}."
    if warned:
        codes = ", ".join(each.code for each in warned)
        text += f" Warnings: {codes}."
        if len(brief) + len(codes) < BRIEF:
            brief = f"{report.headline} ({codes} warn)."
    idle = [each.code for each in report.having("not applicable")]
    if idle:
        text += f" Not applicable, so not passed: {', '.join(idle)}."
    summary = Note(topic="checks", text=text, brief=brief)
    breaches = [_breach(each) for each in (*failed, *warned) if each.code not in REPORTED]
    return (*breaches, summary)


def _breach(result: CheckResult) -> Note:
    no = f"Not met: {result.title}."
    brief = f"FAILED: {no}" if result.status == "failed" else no
    if len(brief) + len(result.evidence) < BRIEF:
        brief += f" {result.evidence}"
    text = f"{no} {result.evidence} {result.meaning}"
    return Note(topic=result.code, text=text, is_warning=True, brief=brief)


def _label_permutation(store: RunStore, report: CheckReport) -> tuple[Note, ...]:
    permutation = store.read_permutation()
    if permutation is None:
        return ()
    [verdict] = [result for result in report.results if result.code == "FG501"]
    text = (
        f"LABEL-PERMUTATION TEST ({permutation.name}) of {permutation.sweep}, no result: every "
        "subject was given the scores of a visit of a random one. Only chance may link "
        "predictions and scores (an error below predict_the_mean's proves nothing). "
        f"FG501 {verdict.status}: {verdict.evidence}"
    )
    brief = f"LABEL-PERMUTATION TEST of {permutation.sweep}, no result; FG501 {verdict.status}."
    return (Note(topic="LABEL PERMUTATION", text=text, is_warning=True, brief=brief),)
