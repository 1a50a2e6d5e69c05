"""All checks in the order of their codes, and running them."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from foldgrid.analysis.checks import (
    exchange_checks,
    fit_checks,
    label_permutation_check,
    method_checks,
    prediction_checks,
    split_checks,
)
from foldgrid.analysis.checks.check import Check, not_applicable
from foldgrid.analysis.checks.evaluated import evaluated_table, subject_errors
from foldgrid.analysis.checks.report import CheckReport, load_current, save
from foldgrid.analysis.checks.run_contents import RunContents, read_contents
from foldgrid.analysis.predictions.predictions import PredictionTable
from foldgrid.analysis.predictions.threads import one_thread
from foldgrid.records import RunStore

CATALOGUE: tuple[Check, ...] = (
    *split_checks.CHECKS,
    *fit_checks.CHECKS,
    *prediction_checks.CHECKS,
    *exchange_checks.CHECKS,
    *method_checks.CHECKS,
    *label_permutation_check.CHECKS,
)
"""Every check."""


def run_checks(store: RunStore) -> CheckReport:
    """Runs every check on a run folder; reads, and writes nothing.

    No corrupt file in the run folder is an error here: it is what is looked for.
    """
    return _look(read_contents(store))


def check_and_save(store: RunStore) -> CheckReport:
    """Runs every check and writes ``checks.json``, where the run folder can be written."""
    return _saved(store, run_checks(store))


def stored_or_checked(store: RunStore) -> CheckReport:
    """The stored results where all are there and up to date, else new ones."""
    stored = load_current(store)
    return stored if stored and _is_complete(stored) else check_and_save(store)


def check_before_ranking(contents: RunContents) -> CheckReport:
    """Runs the checks that a ranking waits for, and no others.

    Args:
        contents: What was read of the run folder.
    """
    return _look(contents, {check.code for check in CATALOGUE if check.is_before_ranking})


def complete_checks(contents: RunContents, report: CheckReport) -> CheckReport:
    """The results of every check: those given, those stored of the same state, and new ones.

    Args:
        contents: What was read of the run folder.
        report: What ``check_before_ranking`` returned of it.
    """
    known = _with_stored(contents.store, report)
    missing = {check.code for check in CATALOGUE} - {each.code for each in known.results}
    return _joined(known, _look(contents, missing)) if missing else known


def check_table(table: PredictionTable, location: str, *, has_folds: bool) -> CheckReport:
    """Runs the checks that a table of predictions alone can answer.

    Args:
        table: What was read of it.
        location: What it is called.
        has_folds: Whether it says which fold held each subject out.
    """
    evaluated = tuple(evaluated_table(table))
    errors = subject_errors(evaluated, table.samples["subject"])
    by_subject = table.samples.drop_duplicates("subject").set_index("subject")
    no_folds = not_applicable("The table has no column `fold`.")
    findings = {
        "FG304": prediction_checks.constant_finding(evaluated),
        "FG305": prediction_checks.truth_finding(evaluated),
        "FG306": prediction_checks.twins_finding(evaluated),
        "FG307": exchange_checks.folds_finding(errors, by_subject["fold"])
        if has_folds
        else no_folds,
        "FG308": exchange_checks.unseen_finding(errors, either_way=False),
    }
    known = {check.code: check for check in CATALOGUE}
    results = tuple(known[code].result(finding) for code, finding in findings.items())
    return CheckReport(made_from="", location=location, sweep="", results=results)


def keep_checks(store: RunStore, report: CheckReport) -> None:
    """Writes ``checks.json``, with what is stored of the same state by checks not run anew."""
    _saved(store, _with_stored(store, report))


def _look(contents: RunContents, codes: Collection[str] | None = None) -> CheckReport:
    """Runs the checks of these codes; all without."""
    # One thread, as for the ranking: the same bits on any number of cores.
    with one_thread():
        results = [
            check.run(contents) for check in CATALOGUE if codes is None or check.code in codes
        ]
    return CheckReport(
        made_from=contents.made_from,
        location=contents.store.location,
        sweep=str(contents.store.read_sweep().get("name") or ""),
        results=tuple(results),
    )


def _with_stored(store: RunStore, report: CheckReport) -> CheckReport:
    """A report, and what is stored of the same state by checks that it does not have."""
    stored = load_current(store)
    if stored is None or stored.made_from != report.made_from:
        return report
    return _joined(report, stored)


def _joined(report: CheckReport, other: CheckReport) -> CheckReport:
    """The results of both in the order of their codes; the first's where both have one."""
    results = {each.code: each for each in (*other.results, *report.results)}
    return report.model_copy(update={"results": tuple(results[code] for code in sorted(results))})


def _is_complete(report: CheckReport) -> bool:
    return {check.code for check in CATALOGUE} <= {each.code for each in report.results}


def _saved(store: RunStore, report: CheckReport) -> CheckReport:
    with suppress(OSError):
        # Somebody else's run folder is often read-only; the checks are worth as much unsaved.
        save(store, report)
    return report
