"""All checks in the order of their codes, and running them."""

from __future__ import annotations

from contextlib import suppress

from analysis.checks import (
    canary_check,
    fit_checks,
    method_checks,
    prediction_checks,
    split_checks,
)
from analysis.checks.check import Check
from analysis.checks.report import CheckReport, checked_state, load_current, save
from analysis.checks.run_evidence import read_evidence
from foldgrid.records import RunStore

CATALOGUE: tuple[Check, ...] = (
    *split_checks.CHECKS,
    *fit_checks.CHECKS,
    *prediction_checks.CHECKS,
    *method_checks.CHECKS,
    *canary_check.CHECKS,
)
"""Every check."""


def run_checks(store: RunStore) -> CheckReport:
    """Runs every check on a run folder; reads, and writes nothing.

    No damage to the run folder is an error here: it is what is looked for.
    """
    made_from = checked_state(store)
    evidence = read_evidence(store)
    return CheckReport(
        made_from=made_from,
        location=store.location,
        sweep=str(store.read_sweep().get("name") or ""),
        results=tuple(check.run(evidence) for check in CATALOGUE),
    )


def check_and_save(store: RunStore) -> CheckReport:
    """Runs every check and writes ``checks.json``, where the run folder can be written."""
    report = run_checks(store)
    with suppress(OSError):
        # Somebody else's run folder is often read-only; the checks are worth as much unsaved.
        save(store, report)
    return report


def stored_or_checked(store: RunStore) -> CheckReport:
    """The stored results where they are up to date, else new ones: what a report shows."""
    return load_current(store) or check_and_save(store)
