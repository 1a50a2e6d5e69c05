"""FG3xx: whether every sample was predicted once, by a fit that had not seen it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from foldgrid.analysis.checks.check import Check, Finding, breach, holds, not_applicable
from foldgrid.analysis.checks.evaluated import CONSTANT_FRACTION, Evaluated
from foldgrid.analysis.checks.run_contents import RunContents
from foldgrid.analysis.predictions.finished_fits import scoring_of
from foldgrid.analysis.predictions.validation import (
    HELD_OUT_CODE,
    PHYSICIAN_CODE,
    TEST_CODE,
    FoldPredictions,
    SplitSamples,
    held_out_problems,
    some,
    target_problems,
    test_problems,
)
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import Problem

NO_PREDICTIONS = "No fit's predictions can be read."
NO_SPLIT = "split.parquet cannot be read; see FG201."
EQUAL_FRACTION = 0.95
"""A fit that meets the truth to rounding in so many of its samples did not predict it."""

LITTLE = f"spread under {CONSTANT_FRACTION:.0%} of the truth's."


def _rule(
    contents: RunContents,
    find: Callable[[FoldPredictions, SplitSamples], list[Problem]],
    what: str,
) -> Finding:
    if contents.samples is None:
        return not_applicable(NO_SPLIT)
    if not contents.fits:
        return not_applicable(NO_PREDICTIONS)
    split = SplitSamples(contents.samples)
    problems = [problem for fit in contents.fits for problem in find(fit, split)]
    if problems:
        fits = {problem.where for problem in problems}
        return breach(
            f"{counted(len(problems), 'breach')} by {some(sorted(fits), 'fit')}.", problems
        )
    return holds(f"{counted(len(contents.fits), 'fit')} predicted {what}, each once.")


def _held_out(contents: RunContents) -> Finding:
    return _rule(contents, held_out_problems, "exactly the samples of their held-out folds")


def _test(contents: RunContents) -> Finding:
    return _rule(contents, test_problems, "exactly the test samples")


def _physician(contents: RunContents) -> Finding:
    if not contents.fits:
        return not_applicable(NO_PREDICTIONS)
    tasks = [fit.record.config.task for fit in contents.fits]
    if any(task != tasks[0] for task in tasks):
        return not_applicable("The fits predict different things; see FG204.")
    targets = scoring_of(contents.fits[0]).target_names
    fits = [_without_repetitions(each) for each in contents.fits]
    table = pd.concat([fit.table for fit in fits])
    reference = table.drop_duplicates("sample").set_index("sample")[list(targets)]
    problems = [problem for fit in fits for problem in target_problems(fit, reference, targets)]
    if problems:
        return breach(f"{len(problems)} of {counted(len(fits), 'fit')} disagree.", problems)
    return holds(
        f"The truth of {counted(len(reference), 'sample')} is the same in "
        f"{counted(len(fits), 'fit')}."
    )


def _without_repetitions(fit: FoldPredictions) -> FoldPredictions:
    if not fit.table["sample"].duplicated().any():
        return fit
    return replace(fit, table=fit.table.drop_duplicates("sample").reset_index(drop=True))


def constant_finding(evaluated: Sequence[Evaluated]) -> Finding:
    """FG304: whether any fit says the same of everybody whom it held out."""
    fits = [each for each in evaluated if each.partition == "oof"]
    if not fits:
        return not_applicable(NO_PREDICTIONS)
    constant = [fit for fit in fits if fit.is_constant]
    total = len(fits)
    if not constant:
        return holds(
            f"The out-of-fold predictions of {counted(total, 'fit')} differ between samples."
        )
    folds: dict[str, list[str]] = {}
    for fit in constant:
        folds.setdefault(fit.learner, []).append(str(fit.fold))
    problems = [
        Problem(f"{name} fold{'s' if len(own) > 1 else ''} {', '.join(own)}", "", LITTLE)
        for name, own in folds.items()
    ]
    names = some(folds, "base learner")
    count = f"The same of everybody: {len(constant)} of {counted(total, 'fit')}, of {names}."
    return breach(count, problems)


def truth_finding(evaluated: Sequence[Evaluated]) -> Finding:
    """FG305: whether any fit meets the truth digit for digit."""
    if not evaluated:
        return not_applicable(NO_PREDICTIONS)
    where = {"oof": "out of fold", "test": "of the test set"}
    problems = [
        Problem(
            each.name,
            "",
            f"{each.num_equal} of {counted(len(each.samples), 'sample')} {where[each.partition]}.",
        )
        for each in evaluated
        if len(each.samples) > 1 and each.num_equal >= EQUAL_FRACTION * len(each.samples)
    ]
    if problems:
        fits = sorted({each.where for each in problems})
        return breach(f"The truth itself, to rounding, by {some(fits, 'fit')}.", problems)
    num_fits = len({each.name for each in evaluated})
    return holds(f"No one of {counted(num_fits, 'fit')} predicts the truth itself.")


def twins_finding(evaluated: Sequence[Evaluated]) -> Finding:
    """FG306: whether two base learners say bit for bit the same of a fold."""
    fits = [each for each in evaluated if each.partition == "oof" and not each.is_constant]
    learners = {fit.learner for fit in fits}
    if len(learners) < 2:
        return not_applicable("There are no two base learners to compare.")
    known: dict[tuple[int, bytes], list[Evaluated]] = {}
    for fit in fits:
        known.setdefault((fit.fold, fit.values_NK.tobytes()), []).append(fit)
    problems = [
        Problem(f"{first.learner} and {other.learner}", "", f"fold {first.fold}.")
        for first, *others in known.values()
        for other in others
        # An ablation may plan the same network by the same recipe twice.
        if first.recipe != other.recipe
    ]
    if problems:
        pairs = sorted({each.where for each in problems})
        return breach(f"Bit for bit the same out of fold: {some(pairs, 'pair')}.", problems)
    return holds(
        f"The out-of-fold predictions of {counted(len(learners), 'base learner')} differ from each "
        "other in every fold."
    )


CHECKS = (
    Check(HELD_OUT_CODE, _held_out),
    Check(TEST_CODE, _test),
    Check(PHYSICIAN_CODE, _physician),
    Check("FG304", lambda contents: constant_finding(contents.evaluated)),
    Check("FG305", lambda contents: truth_finding(contents.evaluated)),
    Check("FG306", lambda contents: twins_finding(contents.evaluated)),
)
