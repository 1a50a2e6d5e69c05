"""Who is held out: the test set, the folds, and the samples that early stopping monitors.

Knows samples and subjects; never sees a picture. No subject is ever on both sides. Source: One-Step
PASI (Methods, data split); the rule itself is in `foldgrid.data.group_balance`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from foldgrid.data.group_balance import FloatArray, IntArray, divide_groups, imbalance_of
from foldgrid.data.manifest.table import CheckedManifest
from foldgrid.data.sample_table import MOSAICS, SampleLayout
from foldgrid.specs.errors import InputError, Problem
from foldgrid.specs.fits import split_fingerprint
from foldgrid.specs.sweep import SplitSpec

TRAIN, TEST, SEARCH = "train", "test", "search"
"""The parts of a split; that for searches is empty unless the sweep sets one aside."""

TEST_FOLD = -1
"""The fold of a test sample."""


@dataclass(frozen=True)
class Split:
    """Every sample's side.

    Attributes:
        table: One row a sample, in the samples' order: ``sample``, ``subject``, ``visit``,
            ``day``, then ``region`` of a mosaic, ``case`` and ``label`` or ``value`` of a
            single photograph, then ``partition`` (``train``, ``test``, or ``search``, set
            aside for searches), ``fold`` (0 to num_folds - 1, and -1 for test).
        imbalance: Between train and test: `imbalance_of` the stratum's values.
        fold_imbalance: Among the folds, the mean over their pairs.
        seed: Where the random orders started.
        fingerprint: Hash of every sample's partition and fold, 16 hexadecimal digits.
    """

    table: pd.DataFrame
    imbalance: float
    fold_imbalance: float
    seed: int
    fingerprint: str

    @property
    def search_rows(self) -> IntArray:
        """The rows that a search may see: what is set aside for it, else the training part."""
        return search_rows(self.table["partition"])

    @property
    def sizes(self) -> pd.DataFrame:
        """For each ``partition`` and ``fold``: num_subjects, num_visits, num_samples.

        A subject of whom no visits are known counts as one visit.
        """
        visits = self.table.assign(visit=self.table["subject"] + "/" + self.table["visit"])
        return (
            visits.groupby(["partition", "fold"])
            .agg(
                num_subjects=("subject", "nunique"),
                num_visits=("visit", "nunique"),
                num_samples=("sample", "size"),
            )
            .reset_index()
            .sort_values(["partition", "fold"], ascending=[False, True], ignore_index=True)
        )


def search_rows(partition_N: ArrayLike) -> IntArray:
    """The rows that a search may see: what is set aside for it, else the training part."""
    parts_N = np.asarray(partition_N)
    rows = np.flatnonzero(parts_N == SEARCH)
    return rows if len(rows) else np.flatnonzero(parts_N == TRAIN)


def make_split(samples: pd.DataFrame, spec: SplitSpec, layout: SampleLayout = MOSAICS) -> Split:
    """Hold out the test subjects, then divide the others into folds.

    Of mosaics a visit weighs 1 however many of its regions were photographed, so the fractions are
    fractions of visits; of single photographs they are fractions of photographs. Subjects stay
    whole, and with them their cases, for a case has one subject. They are put as `divide_groups`
    says; of ``num_seeds`` orders the best is kept.

    Args:
        samples: `SampleTable.samples`.
        spec: Fractions, folds, method and seeds.
        layout: Of which kind the samples are: what is balanced, and what weighs.

    Raises:
        InputError: There are fewer subjects than folds and a test set need.
    """
    _require_subjects(samples["subject"].nunique(), spec, "split")
    num_parts = 2 if spec.search_fraction else 1
    weights_N = visit_weights(samples) if layout.weighs_visits else np.ones(len(samples))
    strata_N = samples[layout.stratum].to_numpy()
    fractions = [1 - spec.test_fraction, spec.test_fraction]
    sides = divide_groups(
        samples["subject"].to_numpy(),
        strata_N,
        fractions,
        weights_N=weights_N,
        # The folds need a subject each; a large fraction of few subjects must not take them.
        fewest_K=[spec.num_folds * num_parts, 1],
        num_seeds=spec.num_seeds,
        seed=spec.seed,
    )
    partition_N = np.where(sides.assigned == 0, TRAIN, TEST).astype(object)
    if spec.search_fraction:
        rest_N = partition_N == TRAIN
        parts = divide_groups(
            samples["subject"].to_numpy()[rest_N],
            strata_N[rest_N],
            [1 - spec.search_fraction, spec.search_fraction],
            weights_N=weights_N[rest_N],
            fewest_K=[spec.num_folds, spec.num_folds],
            num_seeds=spec.num_seeds,
            seed=spec.seed,
        )
        partition_N[rest_N] = np.where(parts.assigned == 0, TRAIN, SEARCH)
    fold_N = np.full(len(samples), TEST_FOLD, dtype=np.int64)
    for part in (TRAIN, SEARCH):
        own_N = partition_N == part
        if own_N.any():
            subjects = samples["subject"].to_numpy()[own_N]
            fold_N[own_N] = _folds(subjects, strata_N[own_N], weights_N[own_N], spec)
    is_train_N = partition_N == TRAIN
    table = samples[list(layout.split_columns)].reset_index(drop=True)
    table["partition"] = partition_N.astype(str)
    table["fold"] = fold_N
    return Split(
        table=table,
        imbalance=sides.imbalance,
        fold_imbalance=imbalance_of(
            fold_N[is_train_N],
            strata_N[is_train_N],
            _equal_fractions(spec.num_folds),
            weights_N=weights_N[is_train_N],
        ),
        seed=spec.seed,
        fingerprint=_fingerprint(table),
    )


def visit_weights(samples: pd.DataFrame) -> FloatArray:
    """The weight of each sample, (N,): 1 over the number of samples of its visit."""
    sizes = samples.groupby(["subject", "visit"])["sample"].transform("size")
    return np.asarray(1.0 / sizes.to_numpy(), dtype=np.float64)


def _folds(
    subjects_N: NDArray[Any], strata_N: NDArray[Any], weights_N: FloatArray, spec: SplitSpec
) -> IntArray:
    if spec.fold_method == "stratified_group_kfold":
        return _stratified_group_folds(subjects_N, strata_N, spec)
    return divide_groups(
        subjects_N,
        strata_N,
        _equal_fractions(spec.num_folds),
        weights_N=weights_N,
        num_seeds=spec.num_seeds,
        seed=spec.seed,
    ).assigned


def _equal_fractions(num_folds: int) -> list[float]:
    return [1 / num_folds] * num_folds


def _stratified_group_folds(
    groups_N: NDArray[Any], labels_N: NDArray[Any], spec: SplitSpec
) -> IntArray:
    # Imported here: every worker imports this room, and scikit-learn takes it a second.
    from sklearn.model_selection import StratifiedGroupKFold

    folder = StratifiedGroupKFold(spec.num_folds, shuffle=True, random_state=spec.seed)
    fold_N = np.full(len(labels_N), TEST_FOLD, dtype=np.int64)
    try:
        with warnings.catch_warnings():
            # It warns of labels rarer than folds; the imbalance that is reported says how much
            # that matters.
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            parts = list(folder.split(labels_N, labels_N, groups_N))
    except ValueError:
        parts = []
    for fold, (_, held_out) in enumerate(parts):
        fold_N[held_out] = fold
    if len(np.unique(fold_N)) < spec.num_folds or not parts:
        message = (
            f"found stratified_group_kfold, which leaves one of {spec.num_folds} folds empty here. "
            'Use "greedy", which never does, or fewer folds.'
        )
        raise InputError("split", [Problem("fold_method", "", message)])
    return fold_N


def inner_split(
    groups_N: ArrayLike,
    labels_N: ArrayLike,
    fraction: float,
    *,
    seed: int,
    weights_N: ArrayLike | None = None,
    num_seeds: int = 50,
) -> NDArray[np.bool_]:
    """Set whole groups of the training samples aside for early stopping to monitor.

    Args:
        groups_N: The subject of each training sample.
        labels_N: Its label to be balanced.
        fraction: The fraction of the samples to set aside, in (0, 1).
        seed: Decides the random orders.
        weights_N: The weight of each sample; null weighs each 1.
        num_seeds: Random orders tried.

    Returns:
        (N,) True where the sample is set aside; neither side is empty.

    Raises:
        InputError: All samples are of one subject.
    """
    if len(np.unique(np.asarray(groups_N))) < 2:
        message = (
            "found one subject in the training folds. inner_split sets whole subjects aside and "
            'needs at least 2: use more subjects or folds, or "held_out_fold".'
        )
        raise InputError("training.early_stopping", [Problem("policy", "", message)])
    fractions = [1 - fraction, fraction]
    divided = divide_groups(
        groups_N, labels_N, fractions, weights_N=weights_N, num_seeds=num_seeds, seed=seed
    )
    return np.asarray(divided.assigned == 1)


def check_enough_subjects(manifest: CheckedManifest, spec: SplitSpec) -> None:
    """Check that every fold and the test set can have a subject.

    Raises:
        InputError: There are too few.
    """
    _require_subjects(manifest.num_subjects, spec, str(manifest.path))


def _require_subjects(num_subjects: int, spec: SplitSpec, source: str) -> None:
    num_parts = 2 if spec.search_fraction else 1
    needed = spec.num_folds * num_parts + 1
    if num_subjects >= needed:
        return
    mend = "Add subjects"
    if num_subjects > 2 * num_parts:
        mend += f", or lower split.num_folds to {(num_subjects - 1) // num_parts}"
    folds = f"{spec.num_folds} folds"
    if spec.search_fraction:
        folds += ", as many of the part that split.search_fraction sets aside,"
    message = (
        f"found {num_subjects}. {folds} and a test set, each of whole subjects, "
        f"need at least {needed}. {mend}."
    )
    raise InputError(source, [Problem("subjects", "", message)])


def _fingerprint(table: pd.DataFrame) -> str:
    rows = zip(
        table["sample"].tolist(), table["partition"].tolist(), table["fold"].tolist(), strict=True
    )
    return split_fingerprint(rows)
