"""What a ranking says of the checks that were run before it."""

from __future__ import annotations

import shlex

from foldgrid.analysis.checks.report import CheckReport
from foldgrid.analysis.predictions.notes import Note
from foldgrid.records import RunStore

TOLD = ("FG202", "FG203", "FG401")
"""Warnings that a ranking explains in notes of its own; here their codes are enough."""


def check_notes(store: RunStore, report: CheckReport) -> tuple[Note, ...]:
    """The notes: that this is a canary, every failure, and the rest in a sentence or two."""
    command = f"`foldgrid check {shlex.quote(store.location)}`"
    failed = [
        Note(
            topic=each.code,
            text=f"{each.title}? No. {each.evidence} {each.meaning}",
            is_warning=True,
        )
        for each in report.having("failed")
    ]
    warnings = [
        each.code if each.code in TOLD else f"{each.code}, {each.evidence.rstrip('.')}"
        for each in report.having("warning")
    ]
    text = f"{report.headline}."
    if warnings:
        text += f" Warnings: {'; '.join(warnings)}."
    idle = [each.code for each in report.having("not applicable")]
    if idle:
        text += f" Not applicable, so not passed: {', '.join(idle)}."
    summary = Note(topic="checks", text=f"{text} {command} explains.", is_warning=bool(warnings))
    return (*_canary(store, report), *failed, summary)


def _canary(store: RunStore, report: CheckReport) -> tuple[Note, ...]:
    canary = store.read_canary()
    if canary is None:
        return ()
    [verdict] = [result for result in report.results if result.code == "FG501"]
    text = (
        f"THIS IS A CANARY ({canary.name}) of {canary.sweep}, no result: every subject was given "
        "the scores of a visit of a random one. Only chance may link predictions and scores "
        f"(an error below predict_the_mean's proves nothing). FG501 {verdict.status}: "
        f"{verdict.evidence}"
    )
    return (Note(topic="CANARY", text=text, is_warning=True),)
