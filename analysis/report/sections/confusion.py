"""What is taken for what: confusion matrices."""

from __future__ import annotations

import numpy as np

from analysis.figures.confusion import ConfusionFacts, draw_confusion
from analysis.report.blocks import Block, Cell, Column, Figure, Section, Table
from analysis.report.calls import joined
from analysis.report.class_facts import (
    WORDS,
    Partition,
    called,
    class_units,
    partitions,
    shown_learners,
)
from analysis.report.numbers import listed, percent
from analysis.report.run_facts import RunFacts

CALL = "from analysis.report.sections.confusion import confusion\nconfusion(run, {!r}, {!r})"
TITLE = "What is taken for what"
MATRIX_READING = (
    "Rows: what is true; columns: what was decided for. Each cell has its count, shaded by its "
    "share of the row; the diagonal is right."
)
MOST_COLUMNS = 4
"""Classes up to which other models' matrices are written out."""

MOST_MISTAKES = 3


def confusion(run: RunFacts, model: str, partition: Partition = "oof") -> ConfusionFacts:
    """The confusion matrix of one model.

    Args:
        run: The run folder's facts.
        model: Any judged model.
        partition: ``oof`` or ``test``.
    """
    units = class_units(run, model, partition)
    return ConfusionFacts(model, WORDS[partition], units.classes, units.confusion)


def confusion_section(run: RunFacts) -> Section:
    """The best model's matrices as figures, those of the others as a table."""
    best = run.best.model
    blocks: list[Block] = [matrix_figure(run, best, part) for part in partitions(run)]
    others = [model for model in shown_learners(run) if model != best]
    if others:
        blocks.append(_others(run, others))
    return Section("confusion", TITLE, _lead(run), tuple(blocks))


def matrix_figure(run: RunFacts, model: str, partition: Partition) -> Figure:
    """A model's matrix on one partition."""
    caption = f"Confusion matrix of {called(run, model)}, {WORDS[partition]}. {MATRIX_READING}"
    drawing = draw_confusion(confusion(run, model, partition), f"confusion_{partition}")
    return Figure(drawing, caption, CALL.format(model, partition))


def mistakes(facts: ConfusionFacts) -> list[str]:
    """The most frequent mistakes in words, ``early taken for late (12 of 36)``."""
    counts = facts.counts_KK
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_MISTAKES]
    places = [np.unravel_index(each, wrong.shape) for each in order.tolist()]
    return [
        f"{facts.classes[row]} taken for {facts.classes[column]} "
        f"({wrong[row, column]} of {counts[row].sum()})"
        for row, column in places
        if wrong[row, column]
    ]


def _lead(run: RunFacts) -> str:
    facts = confusion(run, run.best.model)
    right, total = int(np.trace(facts.counts_KK)), int(facts.counts_KK.sum())
    text = (
        f"Out of fold, {called(run, run.best.model)} decides rightly for "
        f"{right} of "
        f"{run.scoring.noun.count(total)} ({percent(right / total)})."
    )
    found = mistakes(facts)
    return f"{text} The most frequent mistake: {found[0]}." if found else text


def _others(run: RunFacts, models: list[str]) -> Table:
    found = [confusion(run, model) for model in models]
    classes = found[0].classes
    call = joined(*(CALL.format(each, "oof") for each in models))
    if len(classes) <= MOST_COLUMNS:
        columns = (Column("Model"), Column("Truth"), *(Column(each, True) for each in classes))
        rows = tuple(
            (
                Cell(facts.model if row == 0 else ""),
                Cell(name),
                *(
                    Cell(str(count), "strong" if row == column else "")
                    for column, count in enumerate(facts.counts_KK[row].tolist())
                ),
            )
            for facts in found
            for row, name in enumerate(classes)
        )
        caption = "Confusion matrices of the other base learners, out of fold"
        note = "A column a decision; bold: the diagonal, what is right."
        return Table("confusion_others", caption, columns, rows, call, note)
    rows = tuple(
        (
            Cell(facts.model),
            Cell(str(np.trace(facts.counts_KK)), "", f"of {facts.counts_KK.sum()}"),
            Cell(listed(mistakes(facts))),
        )
        for facts in found
    )
    columns = (Column("Model"), Column("Right", True), Column("Most frequent mistakes"))
    caption = "Decisions of the other base learners, out of fold"
    return Table("confusion_others", caption, columns, rows, call)
