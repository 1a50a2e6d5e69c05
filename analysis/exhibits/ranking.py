"""The ranking: every model's metric with its interval, drawn as a forest plot and in tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure

from foldgrid.analysis.drawing.blocks import Block, Cell, Column, Figure, Section, Table, Text, Tone
from foldgrid.analysis.drawing.canvas import SMALL, TEXT, add_axes, fitted, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.frames import frame_of
from foldgrid.analysis.drawing.numbers import count, format_number, interval, percent
from foldgrid.analysis.drawing.palette import ACCENT, FAINT, INK, MUTED, PAPER
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.task_words import Landmark
from foldgrid.analysis.exhibits.words import task_report
from foldgrid.analysis.ranking.ranking import KIND_TITLES, RankedModel
from foldgrid.analysis.ranking.ranking import ranking_table as flat_rows
from foldgrid.analysis.run import Run
from foldgrid.specs.counted import counted

_ROW = 21.0
_BOTTOM = 40.0
_LINE = 13.0
"""Between two lines of landmark labels."""
_MARKERS = {"base_learner": "o", "meta_learner": "D", "baseline": "s"}


@dataclass(frozen=True)
class ForestRow:
    """One model.

    Attributes:
        model: Its name.
        kind: ``base_learner``, ``meta_learner`` or ``baseline``.
        value: Its value.
        low: The lower end of its interval; NaN where there is none.
        high: The upper end.
        is_tied: Whether it cannot be distinguished from the best; the best is tied with itself.
    """

    model: str
    kind: str
    value: float
    low: float
    high: float
    is_tied: bool


@dataclass(frozen=True)
class Forest:
    """The models of a ranking with intervals.

    Attributes:
        title: What the figure shows.
        axis: The axis label, with the unit.
        rows: Best first.
        landmarks: Lines across all rows.
        decimals: Digits after the point of every value.
    """

    title: str
    axis: str
    rows: tuple[ForestRow, ...]
    landmarks: tuple[Landmark, ...]
    decimals: int = 2


def draw_forest(facts: Forest, key: str = "forest") -> Drawing:
    """A point and an interval a model, best on top."""
    return draw(key, facts.title, describe_forest(facts), partial(_paint, facts))


def describe_forest(facts: Forest) -> str:
    """The plot in sentences."""
    best, digits = facts.rows[0], facts.decimals
    text = f"{counted(len(facts.rows), 'model')}. Best is {best.model} with {best.value:.{digits}f}"
    if math.isfinite(best.low):
        text += f", 95 % interval {best.low:.{digits}f} to {best.high:.{digits}f}"
    tied = sum(row.is_tied for row in facts.rows[1:])
    text += f". {tied} others cannot be distinguished from it" if tied != 1 else ". 1 other is tied"
    text += f". Last is {facts.rows[-1].model} with {facts.rows[-1].value:.{digits}f}. "
    lines = [f"{landmark.label} at {landmark.value:.{digits}f}" for landmark in facts.landmarks]
    return text + (f"Lines: {', '.join(lines)}." if lines else "")


def _paint(facts: Forest, width: int) -> MplFigure:
    is_wide = width > 500
    names, numbers = (206, 132) if is_wide else (142, 24 + 6 * facts.decimals)
    top = 12.0 + _LINE * len(facts.landmarks)
    size = TEXT if is_wide else SMALL - 0.5
    height = _ROW * len(facts.rows)
    figure = new_figure(width, top + height + _BOTTOM)
    axes = add_axes(figure, names, top, width - names - numbers, height)
    axes.set_ylim(len(facts.rows) - 0.5, -0.5)
    right = _right_end(facts)
    axes.set_xlim(0, right)
    axes.grid(False, axis="y")
    axes.set_yticks(
        range(len(facts.rows)),
        [fitted(row.model, names - 8, size) for row in facts.rows],
        color=INK,
        fontsize=size,
    )
    axes.locator_params(axis="x", nbins=7 if is_wide else 4)
    axes.set_xlabel(facts.axis, fontsize=SMALL, loc="left")
    _paint_landmarks(axes, facts, right)
    for place, row in enumerate(facts.rows):
        _paint_row(axes, row, place, right, is_wide, facts.decimals)
    return figure


def _right_end(facts: Forest) -> float:
    """An axis that a few models without any sense cannot stretch."""
    ends = sorted(row.high if math.isfinite(row.high) else row.value for row in facts.rows)
    typical = ends[int(0.75 * (len(ends) - 1))]
    landmarks = (each.value for each in facts.landmarks)
    return 1.06 * max(min(ends[-1], 1.8 * typical), *landmarks, 0.0) or 0.1


def _paint_landmarks(axes: Axes, facts: Forest, right: float) -> None:
    for place, landmark in enumerate(sorted(facts.landmarks, key=lambda each: -each.value)):
        reach = 1 + (_LINE * (place + 0.8)) / (_ROW * len(facts.rows))
        axes.axvline(
            landmark.value, 0, reach, color=MUTED, linewidth=1.0, linestyle=(0, (1, 2.5)),
            zorder=1, clip_on=False,
        )  # fmt: skip
        axes.annotate(
            f"{landmark.label} {landmark.value:.{facts.decimals}f}",
            (landmark.value, 1),
            (-3 if landmark.value > 0.5 * right else 3, 4 + _LINE * place),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="right" if landmark.value > 0.5 * right else "left",
            fontsize=SMALL,
            color=MUTED,
            bbox={"facecolor": PAPER, "linewidth": 0, "pad": 0.8},
        )


def _paint_row(
    axes: Axes, row: ForestRow, place: int, right: float, is_wide: bool, digits: int
) -> None:
    colour = MUTED if row.kind == "baseline" else ACCENT
    if place % 2 == 0:
        axes.axhspan(place - 0.5, place + 0.5, facecolor=FAINT, alpha=0.28, linewidth=0, zorder=0)
    if math.isfinite(row.low):
        high = min(row.high, right)
        axes.plot([min(row.low, right), high], [place, place], color=colour, linewidth=1.8,
                  solid_capstyle="butt", zorder=2)  # fmt: skip
        if row.high > right:
            axes.plot([right], [place], ">", color=colour, markersize=4.5, clip_on=False)
    if row.value <= right:
        axes.plot(
            [row.value], [place], _MARKERS[row.kind], color=colour, markersize=6.2, zorder=3,
            markerfacecolor=colour if row.is_tied else PAPER, markeredgewidth=1.5,
            clip_on=False,
        )  # fmt: skip
    text = f"{row.value:.{digits}f}"
    if is_wide and math.isfinite(row.low):
        text += f"  ({row.low:.{digits}f}–{row.high:.{digits}f})"
    axes.annotate(
        text, (1, place), (10, 0), xycoords=("axes fraction", "data"),
        textcoords="offset points", va="center", fontsize=SMALL, color=INK,
    )  # fmt: skip


PARTITIONS = {"oof": "OOF", "test": "test"}
ROW_NOTE = "Bold: best of its column. Second lines: 95 % intervals over resampled subjects."


def forest(run: Run, partition: str = "oof") -> Forest:
    """Every ranked model's metric with its interval, and what an error is read against.

    Args:
        run: The opened run.
        partition: ``oof`` or ``test``.

    Returns:
        Models in the ranking's order; those whose metric is undefined are left out.
    """
    rows = []
    for row in run.ranking.rows:
        value, ends = row.value(partition, run.by), row.interval(partition, run.by)
        if value is not None:
            low = math.nan if ends.low is None else ends.low
            high = math.nan if ends.high is None else ends.high
            rows.append(ForestRow(row.model, row.kind, value, low, high, _mark(run, row) != ""))
    landmarks = task_report(run).landmarks(run, partition)
    name = "Out-of-fold" if partition == "oof" else "Test"
    title = run.ranking.metric.title
    unit = task_report(run).unit_of(run.by)
    axis = f"{name.lower()} {title}{f', {unit}' if unit else ''}"
    digits = run.scoring.decimals(run.by)
    return Forest(f"{name} {title} of every model", axis, tuple(rows), tuple(landmarks), digits)


def ranking_section(run: Run) -> Section:
    """The ranking: the figure first, then the tables, then how to read them."""
    facts = forest(run)
    caption = (
        f"{facts.title}. A filled mark cannot be distinguished from the best; circles are base "
        f"learners, diamonds meta-learners, the square {task_report(run).baseline}. Lines are 95 % "
        f"intervals over {counted(run.ranking.num_resamples, 'resample')} of the subjects; an "
        f"arrow runs off the axis."
    )
    if facts.landmarks:
        caption += f" {task_report(run).landmark_words(run)}"
    notes = tuple(
        f"{note.heading} ({note.code}): {note.text}" for note in run.notes if not note.is_warning
    )
    blocks: list[Block] = []
    if facts.rows:
        blocks.append(
            Figure("forest", partial(draw_forest, facts), caption, lambda: frame_of(facts.rows))
        )
    blocks.append(ranking_table(run))
    if run.has_test:
        shown = run.ranking.columns()
        blocks.append(_metrics_table(run, "test_table", "The same models on the test set",
                                     [("test", name) for name in shown]))  # fmt: skip
    further = [name for name in run.ranking.metrics if name not in run.ranking.columns()]
    pairs = [
        (part, name) for part in PARTITIONS if part == "oof" or run.has_test for name in further
    ]
    blocks.append(_metrics_table(run, "further_table", "Further metrics of every model", pairs))
    blocks.append(Text(notes, is_list=True, heading="How to read it"))
    landmarks = partial(frame_of, facts.landmarks)
    return Section(_lead(run), tuple(blocks), further={"landmarks": landmarks})


def ranking_table(run: Run) -> Table:
    """The models in order by their out-of-fold metrics, and how sure each place is."""
    columns = [
        Column("Model"),
        Column("#", True),
        *(Column(run.ranking.metrics[name].title, True) for name in run.ranking.columns()),
        Column("First in", True, "resamples"),
        Column("Ranks", True, "95 %"),
    ]
    rows = []
    for row in run.ranking.rows:
        standing = run.ranking.standing(row)
        has_ranks = standing.rank_low is not None
        rows.append(
            (
                _name(run, row),
                Cell(str(row.rank or "–")),
                *_cells(run, row, [("oof", name) for name in run.ranking.columns()]),
                Cell(percent(standing.probability_best)),
                Cell(f"{standing.rank_low}–{standing.rank_high}" if has_ranks else "–"),
            )
        )
    note = (
        f"{ROW_NOTE} 5/5: usable over planned folds. “tied”: cannot be distinguished from the best "
        "by a paired difference against the studentised range, at 5 %. A dash: undefined, or the "
        "model was left out."
    )
    caption = f"Ranking by out-of-fold {run.ranking.metric.title}"
    return Table("ranking_table", caption, tuple(columns), tuple(rows), partial(_frame, run), note)


def _metrics_table(
    run: Run, key: str, caption: str, metric_values: Sequence[tuple[str, str]]
) -> Table:
    is_mixed = len({partition for partition, _ in metric_values}) > 1
    columns = [Column("Model")]
    for partition, name in metric_values:
        columns.append(
            Column(run.ranking.metrics[name].title, True, PARTITIONS[partition] if is_mixed else "")
        )
    rows = tuple((_name(run, row), *_cells(run, row, metric_values)) for row in run.ranking.rows)
    names = [
        f"{partition}_{name}{end}"
        for partition, name in metric_values
        for end in ("", "_low", "_high")
    ]
    frame = partial(_frame, run, ["model", *names])
    return Table(key, caption, tuple(columns), rows, frame, ROW_NOTE)


def _frame(run: Run, columns: list[str] | None = None) -> pd.DataFrame:
    """The ranking as ``leaderboard.csv`` has it, or some of its columns."""
    return pd.DataFrame(flat_rows(run.ranking), columns=columns)


def _mark(run: Run, row: RankedModel) -> str:
    if row.model == run.best.model:
        return "best"
    return "tied" if run.ranking.standing(row).is_tied else ""


def _name(run: Run, row: RankedModel) -> Cell:
    mark = _mark(run, row)
    tone: Tone = "strong" if mark == "best" else "muted" if row.left_out else ""
    folds = f" {row.folds}" if row.folds else ""
    kind = KIND_TITLES[row.kind] + folds + (f", {mark}" if mark else "")
    return Cell(row.model, tone, kind)


def _cells(run: Run, row: RankedModel, metric_values: Sequence[tuple[str, str]]) -> list[Cell]:
    best = run.ranking.best_values()
    cells = []
    for partition, name in metric_values:
        value, ends = row.value(partition, name), row.interval(partition, name)
        is_first = value is not None and value == best.get((partition, name))
        digits = run.scoring.decimals(name)
        # An interval of squares is wide: a digit less keeps it in its column.
        shown = max(0, digits - (name == "mse"))
        note = interval(ends.low, ends.high, shown) if value is not None else ""
        cells.append(Cell(format_number(value, digits), "strong" if is_first else "", note))
    return cells


def _lead(run: Run) -> str:
    ranked = [row for row in run.ranking.rows if row.rank is not None]
    title = run.ranking.metric.title
    text = f"{count(len(ranked), 'model')}, ordered by out-of-fold {title}."
    if run.tied:
        text += f" {len(run.tied) + 1} of them share the top: their order is not settled."
    return text


RANKING = Exhibit("ranking", "Ranking", ranking_section)
