"""The confusion matrix: counts in its cells, shaded by the fraction of their row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from foldgrid.analysis.drawing.blocks import Block, Cell, Column, Figure, Section, Table
from foldgrid.analysis.drawing.canvas import SMALL, TEXT, add_axes, fitted, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.numbers import listed, percent
from foldgrid.analysis.drawing.palette import ACCENT, FAINT, INK, MUTED
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.classes.shared import (
    WORDS,
    Partition,
    called,
    class_units,
    partitions,
    shown_learners,
)
from foldgrid.analysis.run import Run
from foldgrid.specs.counted import counted

_STRONGEST = 0.55
"""The most ink behind a number; more, and the number could not be read."""

_LARGEST_CELL = 92.0
_TWO_LINES = 40.0
"""From this size on a cell shows the fraction below the count."""

_LEAST_FONT = 6.5


@dataclass(frozen=True)
class ConfusionFacts:
    """Truth against decision.

    Attributes:
        model: Whose decisions they are.
        partition: In words: ``out of fold``.
        classes: Their names.
        counts_KK: Units by truth (rows) and decision (columns).
    """

    model: str
    partition: str
    classes: tuple[str, ...]
    counts_KK: NDArray[np.int64]

    @property
    def row_fractions(self) -> NDArray[np.float64]:
        """K by K, each row divided by its sum; 0 where a class has no unit."""
        supports_K1 = np.maximum(self.counts_KK.sum(axis=1, keepdims=True), 1)
        return np.asarray(self.counts_KK / supports_K1)


def draw_confusion(facts: ConfusionFacts) -> Drawing:
    """The matrix for 2 to about 25 classes.

    Args:
        facts: The counts.
    """
    return draw(
        "confusion_matrix",
        f"Confusion matrix of {facts.model}, {facts.partition}",
        describe_confusion(facts),
        partial(_paint, facts),
    )


def describe_confusion(facts: ConfusionFacts) -> str:
    """What is right, and which mistake is the most frequent."""
    counts, names = facts.counts_KK, facts.classes
    right = int(np.trace(counts))
    text = f"{right} of {counted(counts.sum(), 'unit')} on the diagonal. "
    if len(names) <= 6:
        text += " ".join(
            f"{name}: {counts[k, k]} of {counts[k].sum()}." for k, name in enumerate(names)
        )
    wrong = counts - np.diag(np.diag(counts))
    if wrong.any():
        row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
        text += (
            f" The most frequent mistake: {names[row]} taken for {names[column]}, "
            f"{wrong[row, column]} of {counts[row].sum()}."
        )
    return text.strip()


def _paint(facts: ConfusionFacts, width: int) -> MplFigure:
    num_classes = len(facts.classes)
    is_wide = width > 500
    names, sizes = (170.0, 50.0) if is_wide else (96.0, 34.0)
    cell = min((width - names - sizes) / num_classes, _LARGEST_CELL)
    longest = max(map(len, facts.classes)) * 0.56 * SMALL
    is_numbered = longest > 1.25 * cell
    top, size = 46.0, cell * num_classes
    figure = new_figure(width, top + size + 6)
    axes = add_axes(figure, names, top, size, size)
    axes.set_xlim(0, num_classes)
    axes.set_ylim(num_classes, 0)
    axes.grid(False)
    font = max(_LEAST_FONT, min(TEXT if is_wide else SMALL, 0.72 * cell))
    numbers = [str(k + 1) for k in range(num_classes)]
    labels = [
        fitted(f"{number}  {name}" if is_numbered else name, names - 18, font)
        for number, name in zip(numbers, facts.classes, strict=True)
    ]
    places = np.arange(num_classes) + 0.5
    axes.set_yticks(places, labels, color=INK, fontsize=font)
    # Where columns are narrower than their numbers, only some of them are written.
    every = 1 if cell >= 2 * _LEAST_FONT else 5
    columns = [
        (numbers[k] if is_numbered else facts.classes[k]) if (k + 1) % every == 0 or not k else ""
        for k in range(num_classes)
    ]
    axes.set_xticks(places, columns, fontsize=font, color=INK)
    axes.xaxis.tick_top()
    _say(axes, "truth", -names / size, "left")
    _say(axes, "decided for", 0.0, "left")
    _say(axes, "units", 1.0 + sizes / size, "right")
    for row in range(num_classes):
        _paint_row(axes, facts, row, cell)
        axes.text(
            num_classes + (sizes - 1) / cell, row + 0.5, f"{facts.counts_KK[row].sum()}",
            ha="right", va="center", fontsize=font, color=MUTED,
        )  # fmt: skip
    return figure


def _say(axes: Axes, text: str, x: float, align: str) -> None:
    """A heading above the columns' names."""
    axes.annotate(
        text, (x, 1.0), (0, 30), xycoords="axes fraction", textcoords="offset points", ha=align,
        va="center", fontsize=SMALL, color=MUTED, annotation_clip=False,
    )  # fmt: skip


def _paint_row(axes: Axes, facts: ConfusionFacts, row: int, cell: float) -> None:
    font = max(_LEAST_FONT, min(TEXT, 0.46 * cell))
    for column, (count, share) in enumerate(
        zip(facts.counts_KK[row], facts.row_fractions[row], strict=True)
    ):
        axes.add_patch(
            Rectangle(
                (column, row), 1, 1, facecolor=ACCENT, linewidth=0,
                alpha=_STRONGEST * float(share) if count else 0.0,
            )
        )  # fmt: skip
        is_right = row == column
        axes.add_patch(
            Rectangle(
                (column + 0.03, row + 0.03), 0.94, 0.94, facecolor="none",
                edgecolor=INK if is_right else FAINT, linewidth=1.3 if is_right else 0.6,
                zorder=3 if is_right else 2,
            )
        )  # fmt: skip
        if not count and not is_right and cell < _TWO_LINES:
            continue
        text = f"{count}\n{100 * share:.0f} %" if cell >= _TWO_LINES and count else f"{count}"
        axes.text(
            column + 0.5, row + 0.51, text, ha="center", va="center", fontsize=font,
            color=INK if count else MUTED, linespacing=1.35, zorder=4,
            fontweight="bold" if is_right else "normal",
        )  # fmt: skip


MATRIX_READING = (
    "Rows: what is true; columns: what was decided for. Each cell has its count, shaded by its "
    "fraction of the row; the diagonal is right."
)
MOST_COLUMNS = 4
"""Classes up to which other models' matrices are written out."""

MOST_MISTAKES = 3


def confusion(run: Run, model: str, partition: Partition = "oof") -> ConfusionFacts:
    """The confusion matrix of one model.

    Args:
        run: The opened run.
        model: Any evaluated model.
        partition: ``oof`` or ``test``.
    """
    units = class_units(run, model, partition)
    return ConfusionFacts(model, WORDS[partition], units.classes, units.confusion)


def confusion_section(run: Run) -> Section:
    """The best model's matrices as figures, those of the others as a table."""
    best = run.best.model
    blocks: list[Block] = [matrix_figure(run, best, part) for part in partitions(run)]
    others = [model for model in shown_learners(run) if model != best]
    if others:
        blocks.append(_others(run, others))
    return Section(_lead(run), tuple(blocks))


def matrix_figure(run: Run, model: str, partition: Partition) -> Figure:
    """A model's matrix on one partition."""
    caption = f"Confusion matrix of {called(run, model)}, {WORDS[partition]}. {MATRIX_READING}"
    return confusion_figure(f"confusion_{partition}", confusion(run, model, partition), caption)


def confusion_figure(key: str, facts: ConfusionFacts, caption: str) -> Figure:
    """A matrix with its counts.

    Args:
        key: The figure's; several in one report need several.
        facts: The counts.
        caption: How to read it.
    """
    return Figure(key, partial(draw_confusion, facts), caption, lambda: confusion_frame([facts]))


def confusion_frame(found: Sequence[ConfusionFacts]) -> pd.DataFrame:
    """A row a model, true class and class decided for: how many units."""
    return pd.DataFrame(
        {
            "model": facts.model,
            "where": facts.partition,
            "truth": truth,
            "decided": decided,
            "count": int(facts.counts_KK[row, column]),
        }
        for facts in found
        for row, truth in enumerate(facts.classes)
        for column, decided in enumerate(facts.classes)
    )


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


def _lead(run: Run) -> str:
    facts = confusion(run, run.best.model)
    right, total = int(np.trace(facts.counts_KK)), int(facts.counts_KK.sum())
    text = (
        f"Out of fold, {called(run, run.best.model)} decides rightly for "
        f"{right} of "
        f"{run.scoring.unit_name.count(total)} ({percent(right / total)})."
    )
    found = mistakes(facts)
    return f"{text} The most frequent mistake: {found[0]}." if found else text


def _others(run: Run, models: list[str]) -> Table:
    found = [confusion(run, model) for model in models]
    classes = found[0].classes
    frame = partial(confusion_frame, found)
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
        return Table("confusion_others", caption, columns, rows, frame, note)
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
    return Table("confusion_others", caption, columns, rows, frame)


CONFUSION = Exhibit("confusion", "What is taken for what", confusion_section, of="task")
