"""FG4xx: whether the way in which models were stopped and stacked kept to what was held out.

The meta-learners are put to the test rather than read: their labels are falsified where they may
not look, and their predictions must not move. That is done on a part of the stored predictions,
which shows a leak as well as all of them. Falsified truth cannot show what the stored predictions
themselves know of it, so the meta-learners are also given base learners that only know their fit's
training mean. It is a test of our code rather than of a run, and takes
as long as a ranking: ``check`` and ``report`` do it, a ranking does not.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.analysis.checks.check import Check, Finding, breach, holds, not_applicable
from foldgrid.analysis.checks.run_contents import RunContents
from foldgrid.analysis.predictions.predictions import PredictionTable
from foldgrid.analysis.predictions.validation import some
from foldgrid.analysis.stacking import nested
from foldgrid.analysis.stacking.nested_fits import FEWEST_BASE_LEARNERS
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import Problem, SweepError
from foldgrid.specs.learners import is_ablation
from foldgrid.tasks.scale import Scale
from foldgrid.tasks.units import model_names

FloatArray = NDArray[np.float64]

MOST_LEARNERS, MOST_SAMPLES, MOST_FOLDS = 3, 30, 3
"""Base learners, samples of a fold, and folds that the meta-learners are tried on."""

READS_LEVELS = "reads a fold's truth from what the other folds' fits learned of its mean."

A_LITTLE = 0.01
"""How far a truth is raised, a fraction of the way; and of that, what counts as read."""

UNMOVED = 1e-9
"""Refits may differ by rounding, a fraction of the task's scale."""


def _stopping(contents: RunContents) -> Finding:
    records = [each for each in contents.records.values() if each.config.given is None]
    policies = {record.config.training.early_stopping.policy for record in records}
    if not policies:
        return not_applicable("No fit is finished yet.")
    monitored = [
        record
        for record in records
        if record.config.training.early_stopping.policy == "held_out_fold"
    ]
    total = len(records)
    if monitored:
        return breach(
            f"{len(monitored)} of {counted(total, 'fit')} stopped on the fold that is then "
            f"predicted."
        )
    if policies == {"none"}:
        return holds(f"{counted(total, 'fit')} trained to the last epoch: nothing was chosen.")
    return holds(f"{counted(total, 'fit')} stopped on subjects of the training folds.")


def _recipe(contents: RunContents) -> Finding:
    if not contents.records:
        return not_applicable("No fit is finished yet.")
    chain = contents.found_recipe
    if chain is None:
        return holds("No search found the recipe (`--hyperparameters` was not given).")
    run, searched = chain["run"], chain.get("num_searched")
    if searched == 0:
        return holds(f"The search {run} saw none of the subjects that are predicted here.")
    if searched is None:
        return breach(
            f"The recipe was found by the search {run}; whom it saw is not recorded, so it may be "
            "the subjects that are predicted here."
        )
    return breach(
        f"The recipe was found by the search {run}, which saw {searched} of the "
        f"{counted(chain['num_subjects'], 'subject')} that are predicted here. Out-of-fold values "
        "are optimistic, and the value corrected for choosing the best of the base learners does "
        "not cover that choice."
    )


def _held_out_labels(contents: RunContents) -> Finding:
    table = _part(contents)
    if isinstance(table, str):
        return not_applicable(table)
    before, _ = nested.stack(table)
    folds = table.train_samples["fold"]
    moved: dict[str, list[int]] = {}
    has_power = False
    tried = sorted(folds.unique())
    for fold in tried:
        falsified = _falsified(table, folds.index[folds == fold])
        # That others move needs to be seen once.
        after, _ = nested.stack(falsified, [fold] if has_power else None)
        is_moved = _moved(before, after, table.scoring.scale)
        has_power |= bool(is_moved[folds != fold].to_numpy().any())
        for name in is_moved.columns[is_moved[folds == fold].any()]:
            moved.setdefault(str(name), []).append(int(fold))
    num_evaluated = len(model_names(before))
    if moved:
        return breach(f"{some(moved, 'meta-learner')} of {num_evaluated} moved.", _reported(moved))
    if skilled := _skilled_in_nothing(table):
        problems = [Problem(name, "", READS_LEVELS) for name in skilled]
        count = f"{some(skilled, 'meta-learner')} of {num_evaluated} find skill in nothing."
        return breach(count, problems)
    if not has_power:
        return not_applicable("The meta-learners do not depend on any score, so nothing is shown.")
    return holds(
        f"The held-out scores of {counted(len(tried), 'fold')} were falsified in turn; none of the "
        f"{num_evaluated} meta-learners' predictions for that fold moved, others did. Nor does any "
        "find skill in base learners that only know their fit's training mean."
    )


def _skilled_in_nothing(table: PredictionTable) -> list[str]:
    """Meta-learners that read a fold's truth where base learners only know their training mean.

    Fold by fold the truth is raised a little, and with it what the fits of the other folds know.
    Honestly made predictions of a fold do not rise with it.
    """
    folds_N, reference_N = (table.train_samples[each].to_numpy() for each in ("fold", "reference"))
    truth_NK = reference_N[:, None].astype(np.float64)
    raised_K = truth_NK.max(axis=0)
    if table.scoring.num_values > 1:
        truth_NK = np.eye(table.scoring.num_values)[reference_N.astype(np.int64)]
        raised_K = np.eye(table.scoring.num_values)[truth_NK.sum(axis=0).argmin()]
    before = _stacked_on_nothing(table, truth_NK, np.unique(folds_N))
    # In one fold alone a regression through the origin may turn over where a mean is near it.
    found = set(model_names(before))
    for fold in np.unique(folds_N):
        own = folds_N == fold
        other_NK = truth_NK.copy()
        other_NK[own] += A_LITTLE * (raised_K - truth_NK[own])
        after = _stacked_on_nothing(table, other_NK, [fold])
        rise_K = (other_NK - truth_NK)[own].mean(axis=0)
        for name in model_names(before):
            risen_NK = (after[name] - before[name])[own].to_numpy().reshape(-1, len(rise_K))
            if risen_NK.mean(axis=0) @ rise_K <= A_LITTLE * rise_K @ rise_K:
                found.discard(name)
    return [name for name in model_names(before) if name in found]


def _stacked_on_nothing(
    table: PredictionTable, known_NK: FloatArray, folds: Collection[int]
) -> pd.DataFrame:
    """What is stacked, for some folds, on base learners that predict their fits' training mean."""
    mean_NK, _ = nested.same_for_all(known_NK, table.train_samples["fold"].to_numpy(), 0)
    predicted = np.tile(mean_NK, len(table.complete_learners))
    oof = pd.DataFrame(predicted, index=table.oof.index, columns=table.oof.columns)
    return nested.stack(replace(table, oof=oof), folds)[0]


def _test_set(contents: RunContents) -> Finding:
    table = _part(contents)
    if isinstance(table, str):
        return not_applicable(table)
    if len(table.test) < 2:
        return not_applicable("There are fewer than two test samples.")
    before_oof, before_test = nested.stack(table)
    scale = table.scoring.scale.over(before_oof.to_numpy())
    first = table.test.index[:1]
    # Everything of the test set but the first sample's predictions: they alone may matter to it.
    predictions = _turned_around(table)
    predictions.loc[first] = table.test.loc[first]
    falsified = replace(_falsified(table, table.test.index), test=predictions)
    after_oof, after_test = nested.stack(falsified)
    is_moved = (
        _moved(before_oof, after_oof, scale).any()
        | _moved(before_test.loc[first], after_test.loc[first], scale).any()
    )
    names, num_evaluated = list(is_moved.index[is_moved]), len(model_names(before_oof))
    if names:
        problems = [Problem(name, "", "changes with the test set.") for name in names]
        count = f"{some(names, 'meta-learner')} of {num_evaluated} moved."
        return breach(count, problems)
    return holds(
        f"The scores of {len(table.test)} test samples, and what was predicted for all but one, "
        f"were falsified; none of the {counted(num_evaluated, 'meta-learner')} moved."
    )


def _part(contents: RunContents) -> PredictionTable | str:
    """A part of the predictions that meta-learners can be fitted on, or why there is none."""
    try:
        table = contents.table
    except SweepError as error:
        return f"There is nothing to stack: {str(error).splitlines()[0]}"
    if sum(not is_ablation(name) for name in table.complete_learners) < FEWEST_BASE_LEARNERS:
        return "Stacking needs two complete base learners."
    folds = table.train_samples["fold"]
    if folds.nunique() < 2:
        return "Stacking needs two folds."
    names = _unlike(table.oof)
    tried = folds[folds.isin(sorted(folds.unique())[:MOST_FOLDS])]
    rows = tried.groupby(tried, sort=True).head(MOST_SAMPLES).index
    oof, test = table.oof.loc[rows], table.test.head(MOST_SAMPLES)
    return replace(table, oof=oof[names], test=test[names])


def _unlike(oof: pd.DataFrame) -> list[str]:
    """Some base learners, those whose predictions vary most: constant ones would show nothing."""
    spread = oof.std().groupby(level=0, sort=False).max()
    ordered = spread.sort_values(ascending=False, kind="stable")
    return [str(name) for name in ordered.index if not is_ablation(str(name))][:MOST_LEARNERS]


def _falsified(table: PredictionTable, rows: pd.Index[str]) -> PredictionTable:
    """The same table with another truth of some samples."""
    samples = table.samples.copy()
    samples.loc[rows, "reference"] = table.scoring.other_truth(samples.loc[rows, "reference"])
    return replace(table, samples=samples)


def _turned_around(table: PredictionTable) -> pd.DataFrame:
    """Test predictions that say something else, learner by learner."""
    num_values = table.scoring.num_values
    values_NLK = table.test.to_numpy(dtype=np.float64).reshape(len(table.test), -1, num_values)
    others = [
        table.scoring.other_values(values_NLK[:, place]) for place in range(values_NLK.shape[1])
    ]
    turned = np.stack(others, axis=1).reshape(table.test.shape)
    return pd.DataFrame(turned, table.test.index, table.test.columns)


def _moved(before: pd.DataFrame, after: pd.DataFrame, scale: Scale) -> pd.DataFrame:
    """Which predictions of each meta-learner differ by more than rounding."""
    new, old = after[before.columns].to_numpy(), before.to_numpy()
    smallest = UNMOVED * scale.over(old).width
    is_same = np.isclose(new, old, rtol=0.0, atol=smallest, equal_nan=True)
    moved = pd.DataFrame(~is_same, index=before.index, columns=before.columns)
    return moved.T.groupby(level=0, sort=False).any().T


def _reported(moved: dict[str, list[int]]) -> list[Problem]:
    return [
        Problem(name, "", f"its predictions for fold {fold} change with that fold's scores.")
        for name, folds in moved.items()
        for fold in folds
    ]


CHECKS = (
    Check("FG401", _stopping),
    Check("FG402", _held_out_labels, is_before_ranking=False),
    Check("FG403", _test_set, is_before_ranking=False),
    Check("FG404", _recipe),
)
