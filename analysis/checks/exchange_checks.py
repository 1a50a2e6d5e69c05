"""FG307 and FG308: whether subjects could be exchanged, between folds, and with the test set.

Who is in which fold, and who is in the test set, was decided without looking at any prediction. So
a model's errors on one fold's subjects are like those on another's, and out-of-fold errors like
those of the same fits on the test set; otherwise something lies between them: a fold whose rows
slipped, a fold that was trained on, a test set of another kind. Each is a permutation test over
subjects, exact whatever the errors' distribution. The learners and folds are evaluated together by
the largest standardised difference of each permutation (Westfall and Young 1993), which needs no
further correction.

Shape letters: S subjects, G groups of subjects, M columns of errors, P permutations.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.analysis.checks.check import Check, Finding, breach, holds, not_applicable
from foldgrid.analysis.checks.run_contents import RunContents
from foldgrid.analysis.predictions.validation import some
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import Problem

FloatArray = NDArray[np.float64]

LEVEL = 0.005
"""The probability of a false alarm of each of the two, over all learners and folds together."""

NUM_PERMUTATIONS = 3999
BATCH = 250
"""Exchanges that are in memory at a time."""

SEED = 20_260_404

TOO_FEW = "Too few subjects for any difference to be beyond chance."


def permuted_p_values(
    errors_SM: FloatArray,
    groups_S: NDArray[np.intp],
    *,
    num_permutations: int = NUM_PERMUTATIONS,
    seed: int = SEED,
) -> FloatArray:
    """How surprising each group's mean of each column is, corrected for all of them: (G, M).

    Args:
        errors_SM: Errors; a constant column surprises nobody.
        groups_S: The group of each subject, from 0.
        num_permutations: Random exchanges of the subjects.
        seed: Decides them.

    Example:
        >>> errors = np.array([[1.0], [1.1], [0.9], [1.05], [1.0], [0.95], [5.0], [5.1], [4.9]])
        >>> p = permuted_p_values(errors, np.repeat([0, 1, 2], 3))
        >>> bool(p[2, 0] < p[0, 0])
        True
    """
    num_groups, num_subjects = int(groups_S.max()) + 1, len(groups_S)
    spread_M = errors_SM.std(axis=0)
    is_constant_M = spread_M <= 1e-12 * np.maximum(np.abs(errors_SM).max(axis=0), 1e-300)
    scaled_SM = (errors_SM - errors_SM.mean(axis=0)) / np.where(is_constant_M, np.inf, spread_M)
    sizes_G = np.bincount(groups_S)
    # The mean of the group less that of the others, over its standard error.
    weight_G = np.sqrt(num_subjects / (sizes_G * (num_subjects - sizes_G)))

    def differences(groups_PS: NDArray[np.intp]) -> FloatArray:
        is_in_PGS = (groups_PS[:, None, :] == np.arange(num_groups)[:, None]).astype(np.float64)
        return np.asarray(np.abs(is_in_PGS @ scaled_SM) * weight_G[:, None])

    observed_GM = differences(groups_S[None])[0]
    random = np.random.default_rng(seed)
    largest: list[float] = []
    while (num_left := num_permutations - len(largest)) > 0:
        exchanged_PS = np.tile(groups_S, (min(num_left, BATCH), 1))
        largest += differences(random.permuted(exchanged_PS, axis=1)).max(axis=(1, 2)).tolist()
    # The differences of equal exchanges may differ in their last bits.
    as_large_GM = (np.array(largest)[:, None, None] >= observed_GM - 1e-9).sum(axis=0)
    return np.asarray((1 + as_large_GM) / (1 + num_permutations))


def smallest_p_value(groups_S: NDArray[np.intp]) -> float:
    """The probability that an exchange leaves some group's subjects together by chance."""
    sizes = np.bincount(groups_S)
    alike = {int(size): int((sizes == size).sum()) for size in sizes}
    num_subjects = len(groups_S)
    # Of two groups each is the other's rest.
    return min(
        (1 if len(sizes) == 2 else number) / math.comb(num_subjects, size)
        for size, number in alike.items()
    )


def folds_finding(errors: pd.DataFrame, fold_of: pd.Series[int]) -> Finding:
    """FG307: whether the errors on some fold's subjects are unlike those on the others'.

    Args:
        errors: Of ``subject_errors``.
        fold_of: By subject.
    """
    own = pd.DataFrame(errors.xs("oof")).dropna()
    folds, groups_S = np.unique(fold_of.loc[own.index].to_numpy(), return_inverse=True)
    if len(folds) < 2 or smallest_p_value(groups_S) > LEVEL:
        return not_applicable(TOO_FEW)
    errors_SM = own.to_numpy(np.float64)
    # Beside its errors, what sets a learner apart from the others on the same people.
    others_S = np.median(errors_SM, axis=1, keepdims=True)
    tried_SM = errors_SM if errors_SM.shape[1] < 3 else np.hstack([errors_SM, errors_SM - others_S])
    p_GM = permuted_p_values(tried_SM, groups_S)
    num_learners = errors_SM.shape[1]
    p_GM = p_GM.reshape(len(folds), -1, num_learners).min(axis=1)
    found = [
        Problem(
            f"{own.columns[place]} fold {folds[group]}", "", _apart(own, groups_S == group, place)
        )
        for group, place in np.argwhere(p_GM <= LEVEL).tolist()
    ]
    tried = f"{counted(num_learners, 'base learner')} and {len(folds)} folds"
    if found:
        learners = {each.where.rpartition(" fold ")[0] for each in found}
        return breach(
            f"{counted(len(found), 'fold')} of {some(sorted(learners), 'base learner')}: errors "
            f"unlike those on the other folds (p at most {LEVEL:g}, corrected over {tried}).",
            found,
        )
    return holds(f"No fold's errors are unlike the others', over {tried}.")


def unseen_finding(errors: pd.DataFrame, *, either_way: bool = True) -> Finding:
    """FG308: whether errors out of fold and on the test set are unlike.

    Args:
        errors: Of ``subject_errors``.
        either_way: Whether smaller test errors count, too. They do not where test predictions may
            be means over several fits.
    """
    both = errors.dropna()
    groups_S = (both.index.get_level_values("partition") == "test").astype(np.intp)
    if not groups_S.any():
        return not_applicable("There is no test set.")
    if groups_S.all() or smallest_p_value(groups_S) > LEVEL:
        return not_applicable(TOO_FEW)
    errors_SM = both.to_numpy(np.float64)
    p_M = permuted_p_values(errors_SM, groups_S)[1]
    is_worse_M = errors_SM[groups_S == 1].mean(axis=0) > errors_SM[groups_S == 0].mean(axis=0)
    found = [
        Problem(str(both.columns[place]), "", _apart(both, groups_S == 0, place, "on the test set"))
        for place in np.flatnonzero((p_M <= LEVEL) & (is_worse_M | either_way)).tolist()
    ]
    counts = (
        f"{counted(int((groups_S == 0).sum()), 'subject')} out of fold and "
        f"{int(groups_S.sum())} of the test set"
    )
    if found:
        names = some([each.where for each in found], "base learner")
        return breach(
            f"{names} of {both.shape[1]}: the errors on {counts} are further apart than chance "
            f"explains (p at most {LEVEL:g}, corrected over the learners).",
            found,
        )
    learners = counted(both.shape[1], "base learner")
    return holds(f"The errors of {learners} on {counts} are no further apart than by chance.")


def _folds(contents: RunContents) -> Finding:
    if isinstance(contents.errors, str):
        return not_applicable(contents.errors)
    assert contents.samples is not None
    by_subject = contents.samples.drop_duplicates("subject").set_index("subject")
    return folds_finding(contents.errors, by_subject["fold"])


def _test_set(contents: RunContents) -> Finding:
    errors = contents.errors
    return not_applicable(errors) if isinstance(errors, str) else unseen_finding(errors)


def _apart(
    errors: pd.DataFrame, is_in: NDArray[np.bool_], place: int, elsewhere: str = "on the others"
) -> str:
    own = errors.iloc[:, place].to_numpy(np.float64)
    inside, outside = own[is_in].mean(), own[~is_in].mean()
    where = "out of fold" if elsewhere != "on the others" else "there"
    return f"a mean error of {inside:.3g} {where}, {outside:.3g} {elsewhere}."


CHECKS = (
    Check("FG307", _folds),
    Check("FG308", _test_set),
)
