"""What the sections about classes share: who is shown, of which units, how fractions are set."""

from __future__ import annotations

from typing import Literal

from foldgrid.analysis.drawing.blocks import Cell
from foldgrid.analysis.drawing.numbers import format_number, interval
from foldgrid.analysis.predictions.class_units import ClassUnits
from foldgrid.analysis.ranking.ranking import KIND_TITLES
from foldgrid.analysis.run import Run
from foldgrid.analysis.statistics.estimates import Fraction
from foldgrid.analysis.statistics.facts import Interval
from foldgrid.specs.learners import is_ablation

Partition = Literal["oof", "test"]

WORDS: dict[Partition, str] = {"oof": "out of fold", "test": "test"}
"""How each partition is called in titles."""

INTERVALS = (
    "Second lines: 95 % intervals over resampled subjects; none where every resample gives the "
    "same, or too many give nothing."
)


def partitions(run: Run) -> tuple[Partition, ...]:
    """Those that have units."""
    return ("oof", "test") if run.has_test else ("oof",)


def class_units(run: Run, model: str, partition: Partition) -> ClassUnits:
    """What one model said of the units of a partition, beside the truth.

    Args:
        run: The opened run; its task is one of classes.
        model: Any evaluated model.
        partition: ``oof`` or ``test``.
    """
    table = run.evaluation.oof if partition == "oof" else run.evaluation.test
    return ClassUnits.of(table, run.scoring, model)


def shown_learners(run: Run) -> tuple[str, ...]:
    """The complete base learners in the ranking's order, ablations apart where there are others."""
    rows = [row for row in run.ranking.rows if row.kind == "base_learner" and not row.left_out]
    names = [row.model for row in rows]
    return tuple([name for name in names if not is_ablation(name)] or names)


def shown_models(run: Run) -> tuple[str, ...]:
    """The best model, then the base learners."""
    return tuple(dict.fromkeys((run.best.model, *shown_learners(run))))


def called(run: Run, model: str) -> str:
    """A model's name in a sentence, with its kind where the name alone would read as a word."""
    row = next(row for row in run.ranking.rows if row.model == model)
    return model if row.kind == "base_learner" else f"the {KIND_TITLES[row.kind]} {model}"


def estimate_cell(value: float | None, ends: Interval, decimals: int = 2) -> Cell:
    """A metric, and its interval in a second line."""
    beside = interval(ends.low, ends.high, decimals) if value is not None else ""
    return Cell(format_number(value, decimals), note=beside)


def fraction_cell(share: Fraction) -> Cell:
    """A fraction, and its interval in a second line."""
    return estimate_cell(share.value, share.interval)
