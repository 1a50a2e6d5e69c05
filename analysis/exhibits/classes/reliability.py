"""Whether a probability of 80 % comes true in 80 % of the units.

U units, K classes, B bins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure
from numpy.typing import ArrayLike, NDArray

from foldgrid.analysis.drawing.blocks import Cell, Column, Figure, Section, Table
from foldgrid.analysis.drawing.canvas import SMALL, add_axes, new_figure, side_by_side
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.frames import beside_each_other, frame_of
from foldgrid.analysis.drawing.numbers import format_number
from foldgrid.analysis.drawing.palette import ACCENT, INK, MUTED, PAPER
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.classes.shared import (
    WORDS,
    Partition,
    called,
    class_units,
    partitions,
    shown_models,
)
from foldgrid.analysis.run import Run
from foldgrid.analysis.statistics.estimates import Fraction, fractions_of
from foldgrid.analysis.statistics.resamples import NUM_RESAMPLES, SEED
from foldgrid.specs.counted import counted

FloatArray = NDArray[np.float64]

NUM_BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """Units of nearly the same probability.

    Attributes:
        low: The bin's lower end.
        high: Its upper end.
        mean_probability: The mean of what was said.
        share: How often it came true.
    """

    low: float
    high: float
    mean_probability: float
    share: Fraction


@dataclass(frozen=True)
class ReliabilityFacts:
    """How probabilities and outcomes agree.

    Attributes:
        name: The model.
        says: What the probability is of: ``referable DR``, ``the decided class``.
        bins: Those with a unit, from low to high.
        calibration_error: The expected calibration error: the mean over units of the distance
            between a bin's mean probability and its fraction.
    """

    name: str
    says: str
    bins: tuple[ReliabilityBin, ...]
    calibration_error: float


def reliability_facts(
    name: str,
    says: str,
    subjects_U: ArrayLike,
    came_true_U: ArrayLike,
    probability_U: ArrayLike,
    num_bins: int = NUM_BINS,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
) -> ReliabilityFacts:
    """Sorts units into bins of equal width.

    Args:
        name: The model.
        says: What the probability is of.
        subjects_U: Whose unit it is.
        came_true_U: Whether it was so.
        probability_U: What was said, 0 to 1.
        num_bins: Bins between 0 and 1.
        num_resamples: Draws of the subjects.
        seed: Of the draws.
    """
    probability = np.asarray(probability_U, dtype=np.float64)
    came_true = np.asarray(came_true_U, dtype=np.float64)
    bin_U = np.minimum((probability * num_bins).astype(int), num_bins - 1)
    used = np.unique(bin_U)
    is_in_UB = bin_U[:, None] == used
    fractions = fractions_of(
        subjects_U, np.tile(came_true[:, None], len(used)), is_in_UB, num_resamples, seed
    )
    bins = tuple(
        ReliabilityBin(
            each / num_bins, (each + 1) / num_bins, float(probability[bin_U == each].mean()), share
        )
        for each, share in zip(used.tolist(), fractions, strict=True)
    )
    distances = [
        each.share.num_units * abs(each.mean_probability - each.share.value) for each in bins
    ]
    error = sum(distances) / len(probability) if len(probability) else float("nan")
    return ReliabilityFacts(name, says, bins, error)


def top_class_reliability(
    name: str,
    subjects_U: ArrayLike,
    reference_U: NDArray[np.int64],
    probabilities_UK: FloatArray,
    num_bins: int = NUM_BINS,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
) -> ReliabilityFacts:
    """The same of several classes: how often the class that was decided for is right."""
    decided_U = probabilities_UK.argmax(axis=1)
    return reliability_facts(
        name,
        "the decided class",
        subjects_U,
        decided_U == reference_U,
        probabilities_UK.max(axis=1),
        num_bins,
        num_resamples,
        seed,
    )


_COUNTS = 44.0
"""The height of the counts below a panel."""

_EDGE = 14.0
"""Half of the last tick's label stands to the right of a panel."""

_FEWEST_UNITS = 5
"""A bin with fewer is drawn hollow and apart from the line."""

_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def draw_reliability(parts: Sequence[ReliabilityFacts], titles: Sequence[str]) -> Drawing:
    """A panel a partition or model.

    Args:
        parts: One or two.
        titles: What each panel is called: ``out of fold``.
    """
    return draw(
        "reliability",
        f"Probability of {parts[0].says} against how often it came true, {parts[0].name}",
        describe_reliability(parts, titles),
        partial(_paint, tuple(parts), tuple(titles)),
    )


def describe_reliability(parts: Sequence[ReliabilityFacts], titles: Sequence[str]) -> str:
    """The error of calibration and its direction in sentences."""
    sentences = []
    for facts, title in zip(parts, titles, strict=True):
        num_units = sum(each.share.num_units for each in facts.bins)
        sentences.append(
            f"{title.capitalize()}: {counted(num_units, 'unit')} in {len(facts.bins)} bins, "
            f"expected "
            f"calibration error {facts.calibration_error:.3f}."
        )
        above = [each for each in facts.bins if each.share.value < each.mean_probability]
        share = sum(each.share.num_units for each in above) / num_units if num_units else 0.0
        sentences.append(f"For {100 * share:.0f} % of the units the probabilities are too high.")
    return " ".join(sentences)


def _paint(parts: tuple[ReliabilityFacts, ...], titles: tuple[str, ...], width: int) -> MplFigure:
    places, height = side_by_side(
        width, len(parts), shape=1.0, left=54, top=24, bottom=_COUNTS + 54
    )
    figure = new_figure(width, height)
    for facts, title, (left, top, room, _) in zip(parts, titles, places, strict=True):
        size = room - _EDGE
        axes = add_axes(figure, left, top, size, size)
        axes.set_title(title, loc="left", fontsize=SMALL, color=INK)
        error = f"calibration error {facts.calibration_error:.3f}"
        axes.set_title(error, loc="right", fontsize=SMALL, color=MUTED)
        axes.set_ylabel("came true", fontsize=SMALL, loc="bottom", labelpad=3)
        axes.set_yticks(_TICKS, [f"{100 * each:.0f} %" for each in _TICKS])
        axes.set_xticks(_TICKS, ["" for _ in _TICKS])
        _paint_panel(axes, facts)
        counts = add_axes(figure, left, top + size + 10, size, _COUNTS)
        _paint_counts(counts, facts)
    return figure


def _paint_panel(axes: Axes, facts: ReliabilityFacts) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 2.5)), zorder=1)
    firm = [each for each in facts.bins if each.share.num_units >= _FEWEST_UNITS]
    said = [each.mean_probability for each in firm]
    axes.plot(said, [each.share.value for each in firm], color=ACCENT, linewidth=1.4, zorder=3)
    for each in facts.bins:
        low, high = each.share.interval.low, each.share.interval.high
        x, y = each.mean_probability, each.share.value
        axes.plot([x, x], [x, y], color=ACCENT, linewidth=5, alpha=0.13, zorder=1)
        if low is not None and high is not None:
            axes.plot([x, x], [low, high], color=ACCENT, linewidth=1.2, alpha=0.75, zorder=2)
        axes.plot(
            [x], [y], "o", color=ACCENT, markersize=5.5, zorder=4, clip_on=False,
            markerfacecolor=ACCENT if each in firm else PAPER, markeredgewidth=1.2,
        )  # fmt: skip


def _paint_counts(axes: Axes, facts: ReliabilityFacts) -> None:
    axes.grid(False)
    most = max(each.share.num_units for each in facts.bins)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.35 * most)
    for each in facts.bins:
        middle = (each.low + each.high) / 2
        axes.bar(
            middle, each.share.num_units, 0.86 * (each.high - each.low), color=MUTED, alpha=0.4
        )
        axes.text(
            middle, each.share.num_units + 0.07 * most, f"{each.share.num_units}", ha="center",
            va="bottom", fontsize=SMALL - 2, color=MUTED,
        )  # fmt: skip
    axes.set_yticks([])
    axes.set_xticks(_TICKS, [f"{100 * each:.0f} %" for each in _TICKS])
    axes.set_xlabel(f"probability of {facts.says}; units", fontsize=SMALL, loc="left")


def reliability(run: Run, model: str, partition: Partition = "oof") -> ReliabilityFacts:
    """How one model's probabilities and the outcomes agree.

    Args:
        run: The opened run.
        model: Any evaluated model.
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


def reliability_section(run: Run) -> Section:
    """The best model's diagram, and the calibration errors of the base learners."""
    best = run.best.model
    facts = {part: reliability(run, best, part) for part in partitions(run)}
    caption = (
        f"What {called(run, best)} says against how often it comes true, in ten bins; below, how "
        "many are in each. On the dotted line a probability means what it says. Uprights: 95 % "
        "intervals over resampled subjects; a hollow mark stands for fewer than five."
    )
    titles = [WORDS[part] for part in facts]
    paint = partial(draw_reliability, list(facts.values()), titles)
    figure = Figure("reliability", paint, caption, partial(_bins, facts))
    return Section(_lead(run, facts["oof"]), (figure, _table(run)))


def _bins(facts: Mapping[Partition, ReliabilityFacts]) -> pd.DataFrame:
    return beside_each_other(
        frame_of(each.bins, model=each.name, says=each.says, partition=part)
        for part, each in facts.items()
    )


def _lead(run: Run, facts: ReliabilityFacts) -> str:
    num_units = sum(each.share.num_units for each in facts.bins)
    excess = sum(
        each.share.num_units * (each.mean_probability - each.share.value) for each in facts.bins
    ) / max(1, num_units)
    text = (
        f"Out of fold, the probabilities that {called(run, run.best.model)} gives for {facts.says} "
        f"are {format_number(facts.calibration_error)} off on average (expected calibration error)"
    )
    if abs(excess) < facts.calibration_error / 2:
        return f"{text}, sometimes above and sometimes below."
    return f"{text}, mostly too {'high' if excess > 0 else 'low'}."


def _table(run: Run) -> Table:
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
            *(
                Cell(format_number(reliability(run, model, part).calibration_error))
                for part in parts
            ),
            *(Cell(format_number(rows[model].value(part, "brier"))) for part in parts),
            *(Cell(format_number(rows[model].value(part, "log_loss"))) for part in parts),
        )
        for model in models
    )
    frame = partial(_errors, run, models, parts)
    note = (
        "Expected calibration error: the mean distance between what is said in a bin and how often "
        "it comes true; with few units it is above 0 by chance alone. Brier score and log loss "
        "also count how well classes are distinguished. Lower is better for all three."
    )
    return Table("calibration_table", "Calibration of the models", columns, lines, frame, note)


def _errors(run: Run, models: Sequence[str], parts: Sequence[Partition]) -> pd.DataFrame:
    rows = {row.model: row for row in run.ranking.rows}
    return pd.DataFrame(
        {
            "model": model,
            "partition": part,
            "calibration_error": reliability(run, model, part).calibration_error,
            "brier": rows[model].value(part, "brier"),
            "log_loss": rows[model].value(part, "log_loss"),
        }
        for model in models
        for part in parts
    )


CALIBRATION = Exhibit("calibration", "Calibration", reliability_section, of="task")
