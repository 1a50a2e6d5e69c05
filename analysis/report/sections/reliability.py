"""Calibration: whether a probability of 80 % comes true in 80 %."""

from __future__ import annotations

from analysis.classes.reliability import ReliabilityFacts, reliability_facts, top_class_reliability
from analysis.figures.reliability import draw_reliability
from analysis.report.blocks import Cell, Column, Figure, Section, Table
from analysis.report.calls import joined
from analysis.report.class_facts import (
    WORDS,
    Partition,
    called,
    class_units,
    partitions,
    shown_models,
)
from analysis.report.numbers import figure
from analysis.report.run_facts import RunFacts

TITLE = "Calibration"
CALL = "from analysis.report.sections.reliability import reliability\nreliability(run, {!r}, {!r})"


def reliability(run: RunFacts, model: str, partition: Partition = "oof") -> ReliabilityFacts:
    """How one model's probabilities and the outcomes agree.

    Args:
        run: The run folder's facts.
        model: Any judged model.
        partition: ``oof`` or ``test``.

    Returns:
        Of the positive class of a binary task, else of the class that was decided for.
    """
    units = class_units(run, model, partition)
    if units.is_binary:
        return reliability_facts(
            model, units.classes[-1], units.subjects_U, units.is_positive, units.positive_score
        )
    return top_class_reliability(model, units.subjects_U, units.reference_U, units.probabilities_UK)


def reliability_section(run: RunFacts) -> Section:
    """The best model's diagram, and the calibration errors of the base learners."""
    best = run.best.model
    facts = {part: reliability(run, best, part) for part in partitions(run)}
    caption = (
        f"What {called(run, best)} says against how often it comes true, in ten bins; below, how "
        "many are in each. On the dotted line a probability means what it says. Uprights: 95 % "
        "intervals over resampled subjects; a hollow mark stands for fewer than five."
    )
    call = joined(*(CALL.format(best, part) for part in facts))
    drawing = draw_reliability(list(facts.values()), [WORDS[part] for part in facts])
    blocks = (Figure(drawing, caption, call), _table(run))
    return Section("calibration", TITLE, _lead(run, facts["oof"]), blocks)


def _lead(run: RunFacts, facts: ReliabilityFacts) -> str:
    num_units = sum(each.share.num_units for each in facts.bins)
    excess = sum(
        each.share.num_units * (each.mean_probability - each.share.value) for each in facts.bins
    ) / max(1, num_units)
    text = (
        f"Out of fold, the probabilities that {called(run, run.best.model)} gives for {facts.says} "
        f"are {figure(facts.calibration_error)} off on average (expected calibration error)"
    )
    if abs(excess) < facts.calibration_error / 2:
        return f"{text}, sometimes above and sometimes below."
    return f"{text}, mostly too {'high' if excess > 0 else 'low'}."


def _table(run: RunFacts) -> Table:
    models, parts = shown_models(run), partitions(run)
    columns = (
        Column("Model"),
        *(Column("Calibration error", True, WORDS[part]) for part in parts),
        *(Column(run.scoring.metrics["brier"].title, True, WORDS[part]) for part in parts),
        *(Column(run.scoring.metrics["log_loss"].title, True, WORDS[part]) for part in parts),
    )
    rows = {row.model: row for row in run.ranking.rows}
    lines = tuple(
        (
            Cell(model, "strong" if model == run.best.model else ""),
            *(Cell(figure(reliability(run, model, part).calibration_error)) for part in parts),
            *(Cell(figure(rows[model].figure(part, "brier"))) for part in parts),
            *(Cell(figure(rows[model].figure(part, "log_loss"))) for part in parts),
        )
        for model in models
    )
    call = joined(*(CALL.format(model, part) for model in models for part in parts))
    note = (
        "Expected calibration error: the mean distance between what is said in a bin and how often "
        "it comes true; with few units it is above 0 by chance alone. Brier score and log loss "
        "also count how well classes are told apart. Lower is better for all three."
    )
    return Table("calibration_table", "Calibration of the models", columns, lines, call, note)
