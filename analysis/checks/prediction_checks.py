"""FG3xx: whether every sample was predicted once, by a fit that had not seen it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

from foldgrid.analysis.checks.check import Check, Finding, breach, holds, not_applicable
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
CONSTANT_FRACTION = 0.01
"""Predictions that vary by less than this fraction of the truth's spread count as constant."""

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


def _constant(contents: RunContents) -> Finding:
    if not contents.fits:
        return not_applicable(NO_PREDICTIONS)
    constant = [fit for fit in contents.fits if is_constant(fit)]
    total = len(contents.fits)
    if not constant:
        return holds(
            f"The out-of-fold predictions of {counted(total, 'fit')} differ between samples."
        )
    folds: dict[str, list[str]] = {}
    for fit in constant:
        folds.setdefault(fit.backbone, []).append(str(fit.fold))
    problems = [
        Problem(f"{name} fold{'s' if len(own) > 1 else ''} {', '.join(own)}", "", LITTLE)
        for name, own in folds.items()
    ]
    names = some(folds, "base learner")
    count = f"The same of everybody: {len(constant)} of {counted(total, 'fit')}, of {names}."
    return breach(count, problems)


def is_constant(fit: FoldPredictions) -> bool:
    """Whether a fit says nearly the same of all the samples that it held out.

    True where every prediction has a standard deviation below ``CONSTANT_FRACTION`` of the truth's.
    A fold in which the truth is the same of everybody does not count.
    """
    table = fit.table[fit.table["partition"] == "oof"]
    scoring = scoring_of(fit)
    if len(table) < 2:
        return False
    given = _as_numbers(table[list(scoring.target_names)]).std(axis=0)
    predicted = table[list(scoring.prediction_names)].to_numpy(dtype=np.float64).std(axis=0)
    smallest = given if len(given) == len(predicted) else given.max(initial=0.0)
    return bool(given.any() and (predicted <= CONSTANT_FRACTION * smallest).all())


def _as_numbers(targets: pd.DataFrame) -> NDArray[np.float64]:
    """The truth as numbers: scores as they are, a label as 0 and 1 for each that occurs."""
    is_number = all(is_numeric_dtype(each) for each in targets.dtypes)
    return (targets if is_number else pd.get_dummies(targets)).to_numpy(dtype=np.float64)


EQUAL_FRACTION = 0.95
"""A fit that meets the truth to rounding in so many of its samples did not predict it."""


def _truth(contents: RunContents) -> Finding:
    if not contents.fits:
        return not_applicable(NO_PREDICTIONS)
    problems = []
    for fit in contents.fits:
        for partition, where in (("oof", "out of fold"), ("test", "of the test set")):
            is_equal = _is_truth(fit, partition)
            if len(is_equal) > 1 and is_equal.mean() >= EQUAL_FRACTION:
                message = f"{is_equal.sum()} of {counted(len(is_equal), 'sample')} {where}."
                problems.append(Problem(fit.name, "", message))
    if problems:
        fits = sorted({each.where for each in problems})
        return breach(f"The truth itself, to rounding, by {some(fits, 'fit')}.", problems)
    return holds(f"No one of {counted(len(contents.fits), 'fit')} predicts the truth itself.")


def _is_truth(fit: FoldPredictions, partition: str) -> NDArray[np.bool_]:
    """Where predictions are the truth to float32's rounding; of classes, where they are certain."""
    table, scoring = fit.table[fit.table["partition"] == partition], scoring_of(fit)
    predicted = table[list(scoring.prediction_names)].to_numpy(dtype=np.float64)
    if scoring.target_kind == "classes":
        values, truth = scoring.values(table).to_numpy(), scoring.reference(table).to_numpy()
        true_N = values[np.arange(len(values)), truth.astype(np.intp)]
        return np.asarray(true_N == 1.0)
    given = table[list(scoring.target_names)].to_numpy(dtype=np.float64)
    if len(given) == 0 or not given.std(axis=0).any():
        return np.zeros(0, np.bool_)
    return np.asarray(np.isclose(predicted, given, rtol=1e-6, atol=1e-6).all(axis=1))


def _twins(contents: RunContents) -> Finding:
    fits = [fit for fit in contents.fits if not is_constant(fit)]
    if len({fit.backbone for fit in fits}) < 2:
        return not_applicable("There are no two base learners to compare.")
    known: dict[tuple[int, bytes], list[FoldPredictions]] = {}
    for fit in fits:
        known.setdefault((fit.fold, _digits_of(fit)), []).append(fit)
    problems = [
        Problem(f"{first.backbone} and {other.backbone}", "", f"fold {first.fold}.")
        for first, *others in known.values()
        for other in others
        if not _is_same_learner(first, other)
    ]
    if problems:
        pairs = sorted({each.where for each in problems})
        return breach(f"Bit for bit the same out of fold: {some(pairs, 'pair')}.", problems)
    learners = counted(len({fit.backbone for fit in fits}), "base learner")
    return holds(f"The out-of-fold predictions of {learners} differ from each other in every fold.")


def _digits_of(fit: FoldPredictions) -> bytes:
    table = fit.table[fit.table["partition"] == "oof"].sort_values("sample")
    predicted = table[list(scoring_of(fit).prediction_names)].to_numpy(dtype=np.float64)
    return predicted.tobytes()


def _is_same_learner(first: FoldPredictions, other: FoldPredictions) -> bool:
    """Whether two learners are the same network trained the same way, as an ablation may plan."""
    one, another = first.record.config, other.record.config
    return (one.backbone, one.training, one.given) == (
        another.backbone,
        another.training,
        another.given,
    )


CHECKS = (
    Check(HELD_OUT_CODE, _held_out),
    Check(TEST_CODE, _test),
    Check(PHYSICIAN_CODE, _physician),
    Check("FG304", _constant),
    Check("FG305", _truth),
    Check("FG306", _twins),
)
