"""A hierarchy's base learner at every level: its training classes, the nodes above, two sides.

The evaluated level alone is in the ranking; the others follow from the probabilities of the
training classes, which the fits keep. U units, K training classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.analysis.drawing.blocks import Block, Cell, Column, Figure, Section, Table, Text
from foldgrid.analysis.drawing.frames import beside_each_other, frame_of
from foldgrid.analysis.drawing.numbers import format_number
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.classes.by_class import ClassFractions, class_fractions
from foldgrid.analysis.exhibits.classes.confusion import (
    MATRIX_READING,
    ConfusionFacts,
    confusion_figure,
)
from foldgrid.analysis.exhibits.classes.operating import auc_table, delong_sentence
from foldgrid.analysis.exhibits.classes.roc import READING, curves_frame
from foldgrid.analysis.exhibits.classes.roc_drawing import auc_words, draw_roc_panels
from foldgrid.analysis.exhibits.classes.roc_facts import RocFacts, roc_facts
from foldgrid.analysis.exhibits.classes.shared import (
    INTERVALS,
    WORDS,
    Partition,
    estimate_cell,
    fraction_cell,
    partitions,
    shown_learners,
)
from foldgrid.analysis.predictions.class_units import ClassUnits
from foldgrid.analysis.predictions.predictions import (
    BaseLearner,
    PredictionTable,
    learner_predictions,
)
from foldgrid.analysis.run import Run
from foldgrid.analysis.statistics.estimates import OverallMetric, overall_metrics
from foldgrid.tasks.classification.hierarchical_scoring import HierarchicalScoring
from foldgrid.tasks.classification.hierarchy import is_below

UNDECIDED = 0.5
"""The score of a unit to which a model gives neither side any probability."""


def training_units(table: PredictionTable, learner: str, partition: str) -> ClassUnits:
    """A base learner's probabilities of the training classes.

    Args:
        table: The base learners; its task has a hierarchy.
        learner: A complete one.
        partition: ``oof`` or ``test``.
    """
    scoring = hierarchical_scoring(table)
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
    """The same summed up to a level of the hierarchy.

    Args:
        table: The base learners; its task has a hierarchy.
        learner: A complete one.
        level: One of the task's.
        partition: ``oof`` or ``test``.
    """
    scoring, fine = hierarchical_scoring(table), training_units(table, learner, partition)
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

    The score is the positive node's fraction of what both nodes get.

    Args:
        table: The base learners; its task has a hierarchy.
        learner: A complete one.
        partition: ``oof`` or ``test``.

    Returns:
        Negative, then positive; nothing where the task names no positive node.
    """
    spec = hierarchical_scoring(table).spec
    if spec.positive is None:
        return None
    fine = training_units(table, learner, partition)
    is_positive_K = np.array([is_below(path, spec.positive) for path in fine.classes])
    is_negative_K = (
        ~is_positive_K
        if spec.negative is None
        else np.array([is_below(path, spec.negative) for path in fine.classes])
    )
    kept_U = (is_positive_K | is_negative_K)[fine.reference_U]
    score_U = _fraction(
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


def hierarchical_scoring(table: PredictionTable) -> HierarchicalScoring:
    """The scoring of a table whose task has a hierarchy."""
    scoring = table.scoring
    assert isinstance(scoring, HierarchicalScoring)
    return scoring


def _learner(table: PredictionTable, name: str) -> BaseLearner:
    return next(each for each in table.learners if each.name == name)


def _fraction(
    positive_U: NDArray[np.float64], negative_U: NDArray[np.float64]
) -> NDArray[np.float64]:
    total_U = positive_U + negative_U
    undecided_U = np.full(total_U.shape, UNDECIDED)
    return np.asarray(np.divide(positive_U, total_U, out=undecided_U, where=total_U > 0))


METRIC_NAMES = ("accuracy", "sensitivity", "specificity", "auc")
TRAINING = "training classes"
MOST_CLASSES = 12
"""Classes up to which a level's confusion matrix is drawn."""


def hierarchy_learner(run: Run) -> str:
    """The base learner that this section is about: meta-learners know the evaluated level only."""
    return shown_learners(run)[0]


def units_at(run: Run, level: str, partition: Partition = "oof") -> ClassUnits:
    """The best base learner's probabilities at a level; ``training classes`` is one, too.

    Args:
        run: The opened run; its task has a hierarchy.
        level: One of the task's, or ``training classes``.
        partition: ``oof`` or ``test``.
    """
    table, learner = run.evaluation.table, hierarchy_learner(run)
    if level == TRAINING:
        return training_units(table, learner, partition)
    return level_units(table, learner, level, partition)


def level_metrics(run: Run) -> dict[tuple[str, Partition], dict[str, OverallMetric]]:
    """The best base learner's metrics at every level and of the training classes.

    Args:
        run: The opened run; its task has a hierarchy.

    Returns:
        By level and partition, then by metric; a level of one class is left out.
    """
    found: dict[tuple[str, Partition], dict[str, OverallMetric]] = {}
    for level in (*_scoring(run).levels, TRAINING):
        for part in partitions(run):
            units = units_at(run, level, part)
            if len(units.classes) > 1:
                found[level, part] = overall_metrics(units, METRIC_NAMES)
    return found


def node_fractions(
    run: Run, level: str, partition: Partition = "oof"
) -> tuple[ClassFractions, ...]:
    """The best base learner's metrics of every node of a level.

    Args:
        run: The opened run; its task has a hierarchy.
        level: One of the task's.
        partition: ``oof`` or ``test``.
    """
    return class_fractions(units_at(run, level, partition))


def level_confusion(run: Run, level: str, partition: Partition = "oof") -> ConfusionFacts:
    """The best base learner's confusion matrix at a level.

    Args:
        run: The opened run; its task has a hierarchy.
        level: One of the task's.
        partition: ``oof`` or ``test``.
    """
    units = units_at(run, level, partition)
    return ConfusionFacts(
        units.model, f"{level}, {WORDS[partition]}", units.classes, units.confusion
    )


def side_roc(run: Run, learner: str, partition: Partition = "oof") -> RocFacts | None:
    """The ROC curve of the task's positive node against its negative one.

    Args:
        run: The opened run; its task has a hierarchy.
        learner: A complete base learner.
        partition: ``oof`` or ``test``; only out of fold there are folds.

    Returns:
        None where the task names no positive node, or one side has no photograph.
    """
    units = side_units(run.evaluation.table, learner, partition)
    if units is None:
        return None
    folds_U = units.folds_U if partition == "oof" else None
    return roc_facts(learner, units.subjects_U, units.is_positive, units.positive_score, folds_U)


def hierarchy_section(run: Run) -> Section:
    """Tables and matrices by level, then the curve of one side against the other."""
    metric_values = level_metrics(run)
    levels = _scoring(run).levels
    blocks: list[Block] = [_levels(run, metric_values)]
    for level in levels:
        blocks.append(_nodes(run, level))
        is_shown = (
            level == _scoring(run).spec.ranked_level and hierarchy_learner(run) == run.best.model
        )
        if 1 < len(units_at(run, level).classes) <= MOST_CLASSES and not is_shown:
            blocks.append(_matrix(run, level))
    blocks += _partitions(run)
    return Section(_lead(run, metric_values), tuple(blocks))


def _scoring(run: Run) -> HierarchicalScoring:
    scoring = run.scoring
    assert isinstance(scoring, HierarchicalScoring)
    return scoring


def _lead(run: Run, metric_values: dict[tuple[str, Partition], dict[str, OverallMetric]]) -> str:
    reported = [
        f"{format_number(by_metric['accuracy'].value)} among the "
        f"{len(units_at(run, level, part).classes)} "
        + ("training classes" if level == TRAINING else f"classes of {level}")
        for (level, part), by_metric in metric_values.items()
        if part == "oof"
    ]
    return (
        f"Out of fold, {hierarchy_learner(run)}, the best base learner, has an accuracy of "
        f"{', '.join(reported)}. It learned the training classes; the levels above are sums of "
        "their probabilities."
    )


def _levels(
    run: Run, metric_values: dict[tuple[str, Partition], dict[str, OverallMetric]]
) -> Table:
    columns = (
        Column("Level"),
        Column("Classes", True),
        *(Column(run.scoring.metrics[name].title, True) for name in METRIC_NAMES),
    )
    rows = tuple(
        (
            Cell(level, "", WORDS[part]),
            Cell(str(len(units_at(run, level, part).classes))),
            *(estimate_cell(each.value, each.interval) for each in by_metric.values()),
        )
        for (level, part), by_metric in metric_values.items()
    )
    evaluated = _scoring(run).spec.ranked_level
    note = (
        f"{INTERVALS} Sensitivity, specificity and AUC are means over the classes that occur, each "
        f"against the rest. The ranking goes by the level {evaluated}."
    )
    caption = f"Every level of the hierarchy: {hierarchy_learner(run)}"
    return Table("levels", caption, columns, rows, partial(_levels_frame, metric_values), note)


def _nodes(run: Run, level: str) -> Table:
    columns = (
        Column("Node"),
        Column(run.scoring.unit_name.many.capitalize(), True),
        Column("Sensitivity", True),
        Column("Specificity", True),
        Column("AUC", True),
    )
    rows = tuple(
        (
            Cell(each.name, "", WORDS[part]),
            Cell(str(each.num_units)),
            fraction_cell(each.sensitivity),
            fraction_cell(each.specificity),
            estimate_cell(each.auc, each.auc_interval),
        )
        for part in partitions(run)
        for each in node_fractions(run, level, part)
    )
    caption = f"Nodes of the level {level}: {hierarchy_learner(run)}"
    return Table(
        f"nodes_{_key(level)}", caption, columns, rows, partial(_nodes_frame, run, level), INTERVALS
    )


def _matrix(run: Run, level: str) -> Figure:
    caption = (
        f"Confusion matrix of {hierarchy_learner(run)} at the level {level}, out of fold. "
        f"{MATRIX_READING}"
    )
    return confusion_figure(f"confusion_{_key(level)}", level_confusion(run, level), caption)


def _partitions(run: Run) -> list[Block]:
    best, spec = hierarchy_learner(run), _scoring(run).spec
    aucs = {
        part: tuple(
            each
            for each in (side_roc(run, learner, part) for learner in shown_learners(run))
            if each is not None
        )
        for part in partitions(run)
    }
    drawn = [
        replace(each, name=f"{spec.positive}, {WORDS[part]}")
        for part, found in aucs.items()
        for each in found
        if each.name == best
    ]
    if not drawn or not aucs["oof"]:
        return []
    against = spec.negative or "everything else"
    left = "" if spec.negative is None else " Photographs of neither are left out."
    where = " and ".join(WORDS[part] for part in aucs)
    caption = (
        f"ROC curves of {best}, {spec.positive} against {against}. The score is the fraction of "
        f"{spec.positive} in the probability of both, summed over the training classes below."
        f"{left} {READING.format(many=run.scoring.unit_name.many)}"
    )
    words = (
        f"{best} tells {spec.positive} from {against} with {auc_words(drawn[0])} out of fold. "
        f"{delong_sentence(run.scoring.unit_name.many, aucs['oof'])}"
    )
    table = auc_table("sides_auc", aucs)
    paint = partial(draw_roc_panels, best, where, drawn)
    return [
        Figure("roc_sides", paint, caption, partial(_sides_frame, best, aucs)),
        replace(table, caption=f"AUC of {spec.positive} against {against}, with two intervals"),
        Text((words,)),
    ]


def _key(level: str) -> str:
    """A level's name as part of a file's."""
    return "".join(letter if letter.isalnum() else "_" for letter in level)


def _levels_frame(
    metric_values: Mapping[tuple[str, Partition], Mapping[str, OverallMetric]],
) -> pd.DataFrame:
    return beside_each_other(
        frame_of([by_metric], level=level, partition=part)
        for (level, part), by_metric in metric_values.items()
    )


def _nodes_frame(run: Run, level: str) -> pd.DataFrame:
    return beside_each_other(
        frame_of(node_fractions(run, level, part), level=level, partition=part)
        for part in partitions(run)
    )


def _sides_frame(best: str, aucs: Mapping[Partition, tuple[RocFacts, ...]]) -> pd.DataFrame:
    return beside_each_other(
        curves_frame([each for each in found if each.name == best], part)
        for part, found in aucs.items()
        if found
    )


HIERARCHY = Exhibit("tree", "Level by level", hierarchy_section, of="task")
