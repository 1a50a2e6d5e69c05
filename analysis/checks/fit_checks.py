"""FG2xx: whether the fits are all there, whole, and alike in what must be alike."""

from __future__ import annotations

from collections.abc import Sequence

from foldgrid.analysis.checks.check import Check, Finding, breach, holds, not_applicable
from foldgrid.analysis.checks.run_contents import RunContents, cell_name
from foldgrid.analysis.predictions.validation import (
    AGREEMENT_CODE,
    SETTINGS_CODE,
    SHARED_SETTINGS,
    agreement_problems,
    comparison_problems,
    some,
)
from foldgrid.records import PlannedFit
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import Problem

NO_PLAN = "There is no grid of fits, or plan.json cannot be read; see FG201."
ENVIRONMENT_KEYS = ("device", "precision", "torch", "python")
"""What a fit was computed by that can change its last bits, or more."""
NO_FITS = "No fit is finished yet."


def _records(contents: RunContents) -> Finding:
    if contents.faults:
        return breach(
            f"Corrupt or missing: {counted(len(contents.faults), 'file')}.", contents.faults
        )
    if not contents.records:
        return not_applicable(NO_FITS)
    return holds(f"Whole: the records of {counted(len(contents.records), 'finished fit')}.")


def _missing(contents: RunContents) -> Finding:
    if not contents.plan:
        return not_applicable(NO_PLAN)
    num_planned = len(contents.plan)
    if not contents.missing:
        return holds(f"Finished: all of {counted(num_planned, 'planned fit')}.")
    problems = []
    for cell in contents.missing:
        has_failed = contents.store.root.exists(f"fits/{cell.fit_id}/failure.txt")
        message = f"failed; see fits/{cell.fit_id}/failure.txt." if has_failed else "not trained."
        problems.append(Problem(cell_name(cell), "", message))
    return breach(f"Missing: {_some(contents.missing)} of {num_planned} planned.", problems)


def _end_of(cell: PlannedFit, contents: RunContents) -> str:
    record = contents.records.get(cell.fit_id)
    after = f" in epoch {record.num_epochs}" if record is not None else ""
    return f"the loss was no longer finite{after}."


def _diverged(contents: RunContents) -> Finding:
    if not contents.records:
        return not_applicable(NO_FITS)
    if not contents.diverged:
        return holds(f"The loss stayed finite in {counted(len(contents.records), 'finished fit')}.")
    problems = [Problem(cell_name(cell), "", _end_of(cell, contents)) for cell in contents.diverged]
    return breach(f"{_some(contents.diverged)} of {len(contents.records)} diverged.", problems)


def _settings(contents: RunContents) -> Finding:
    if len(contents.fits) < 2:
        return not_applicable("Fewer than two fits can be compared.")
    problems = comparison_problems(fit.record.config for fit in contents.fits)
    if problems:
        return breach(f"{counted(len(problems), 'setting')} differ between fits.", problems)
    settings = ", ".join(SHARED_SETTINGS)
    return holds(f"{counted(len(contents.fits), 'fit')} are equal in {settings}.")


def _agreement(contents: RunContents) -> Finding:
    planned: dict[str, list[int]] = {}
    for cell in contents.plan or ():
        planned.setdefault(cell.backbone, []).append(cell.fold)
    if len(planned) < 2:
        return not_applicable("Fewer than two base learners can be compared.")
    problems = agreement_problems(planned, contents.fits)
    if problems:
        return breach("The base learners were not held out on the same folds.", problems)
    folds = len(next(iter(planned.values())))
    return holds(
        f"{counted(len(planned), 'base learner')} hold out the same samples in {folds} folds."
    )


def _computed_alike(contents: RunContents) -> Finding:
    records = list(contents.records.values())
    if len(records) < 2:
        return not_applicable("Fewer than two finished fits can be compared.")
    names = {cell.fit_id: cell_name(cell) for cell in contents.plan or ()}
    problems = []
    for key in ENVIRONMENT_KEYS:
        holders: dict[str, list[str]] = {}
        for record in records:
            if key in record.environment:
                holders.setdefault(record.environment[key], []).append(names[record.fit_id])
        if len(holders) > 1:
            found = "; ".join(f"{value}: {some(each, 'fit')}" for value, each in holders.items())
            problems.append(Problem(key, "", f"{found}."))
    if problems:
        return breach(f"{', '.join(each.where for each in problems)} differ.", problems)
    return holds(
        f"{counted(len(records), 'fit')} were computed by the same {', '.join(ENVIRONMENT_KEYS)}."
    )


def _some(cells: Sequence[PlannedFit]) -> str:
    return some([cell_name(cell) for cell in cells], "fit")


CHECKS = (
    Check("FG201", _records),
    Check("FG202", _missing),
    Check("FG203", _diverged),
    Check(SETTINGS_CODE, _settings),
    Check(AGREEMENT_CODE, _agreement),
    Check("FG206", _computed_alike),
)
