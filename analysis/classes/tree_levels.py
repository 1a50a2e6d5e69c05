"""A tree's base learner at every level: its training classes, the nodes above, two sides.

The judged level alone is in the ranking; the others follow from the probabilities of the training
classes, which the fits keep. U units, K training classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.classes.class_units import ClassUnits
from analysis.evidence.predictions import BaseLearner, PredictionTable, learner_predictions
from foldgrid.scoring.tree import is_below
from foldgrid.scoring.tree_scoring import TreeScoring

UNDECIDED = 0.5
"""The score of a unit to which a model gives neither side any probability."""


def training_units(table: PredictionTable, learner: str, partition: str) -> ClassUnits:
    """A base learner's probabilities of the training classes.

    Args:
        table: The base learners; its task is a tree.
        learner: A complete one.
        partition: ``oof`` or ``test``.
    """
    scoring = tree_scoring(table)
    fits = _learner(table, learner).fits
    found = learner_predictions(fits, partition)
    samples = table.samples.loc[found.index]
    samples = samples.rename_axis("sample").reset_index().sort_values(["subject", "sample"])
    said_UK = found.loc[samples["sample"]].to_numpy(dtype=np.float64)
    places = {label: k for k, given in enumerate(scoring.spec.classes.values()) for label in given}
    return ClassUnits(
        model=learner,
        classes=scoring.classes,
        is_binary=False,
        subjects_U=samples["subject"].to_numpy(dtype=str),
        folds_U=samples["fold"].fillna(-1).to_numpy(dtype=np.int64),
        reference_U=np.array([places[label] for label in samples["label"]], dtype=np.int64),
        probabilities_UK=said_UK / said_UK.sum(axis=1, keepdims=True),
    )


def level_units(table: PredictionTable, learner: str, level: str, partition: str) -> ClassUnits:
    """The same summed up to a level of the tree.

    Args:
        table: The base learners; its task is a tree.
        learner: A complete one.
        level: One of the task's.
        partition: ``oof`` or ``test``.
    """
    scoring, fine = tree_scoring(table), training_units(table, learner, partition)
    of_class = scoring.probabilities_at(level, np.eye(len(fine.classes))).argmax(axis=1)
    return ClassUnits(
        model=learner,
        classes=scoring.classes_at(level),
        is_binary=False,
        subjects_U=fine.subjects_U,
        folds_U=fine.folds_U,
        reference_U=of_class[fine.reference_U].astype(np.int64),
        probabilities_UK=scoring.probabilities_at(level, fine.probabilities_UK),
    )


def side_units(table: PredictionTable, learner: str, partition: str) -> ClassUnits | None:
    """The task's positive node against its negative one; photographs of neither are left out.

    The score is the positive node's share of what both nodes get.

    Args:
        table: The base learners; its task is a tree.
        learner: A complete one.
        partition: ``oof`` or ``test``.

    Returns:
        Negative, then positive; nothing where the task names no positive node.
    """
    spec = tree_scoring(table).spec
    if spec.positive is None:
        return None
    fine = training_units(table, learner, partition)
    is_positive_K = np.array([is_below(way, spec.positive) for way in fine.classes])
    is_negative_K = (
        ~is_positive_K
        if spec.negative is None
        else np.array([is_below(way, spec.negative) for way in fine.classes])
    )
    kept_U = (is_positive_K | is_negative_K)[fine.reference_U]
    score_U = _share(
        fine.probabilities_UK[kept_U][:, is_positive_K].sum(axis=1),
        fine.probabilities_UK[kept_U][:, is_negative_K].sum(axis=1),
    )
    return ClassUnits(
        model=learner,
        classes=(spec.negative or f"not {spec.positive}", spec.positive),
        is_binary=True,
        subjects_U=fine.subjects_U[kept_U],
        folds_U=fine.folds_U[kept_U],
        reference_U=is_positive_K[fine.reference_U[kept_U]].astype(np.int64),
        probabilities_UK=np.stack([1 - score_U, score_U], axis=1),
    )


def tree_scoring(table: PredictionTable) -> TreeScoring:
    """The scoring of a table whose task is a tree."""
    scoring = table.scoring
    assert isinstance(scoring, TreeScoring)
    return scoring


def _learner(table: PredictionTable, name: str) -> BaseLearner:
    return next(each for each in table.learners if each.name == name)


def _share(positive_U: NDArray[np.float64], negative_U: NDArray[np.float64]) -> NDArray[np.float64]:
    total_U = positive_U + negative_U
    undecided_U = np.full(total_U.shape, UNDECIDED)
    return np.asarray(np.divide(positive_U, total_U, out=undecided_U, where=total_U > 0))
