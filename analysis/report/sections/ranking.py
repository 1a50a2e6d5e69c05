"""The ranking as a forest plot and as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

from analysis.figures.forest import Forest, ForestRow, draw_forest
from analysis.ranking.board import KIND_TITLES, RankedModel
from analysis.ranking.sureness import all_notes
from analysis.report.blocks import Block, Cell, Column, Figure, Section, Table, Text, Tone
from analysis.report.numbers import count, figure, interval, percent
from analysis.report.run_facts import RunFacts
from analysis.report.tasks import task_report

TABLE_CALL = "run.ranking.rows"
FOREST_CALL = 'from analysis.report.sections.ranking import forest\nforest(run, "oof")'
PARTITIONS = {"oof": "OOF", "test": "test"}
ROW_NOTE = "Bold: best of its column. Second lines: 95 % intervals over resampled subjects."


def forest(run: RunFacts, partition: str = "oof") -> Forest:
    """Every ranked model's figure with its interval, and what an error is read against.

    Args:
        run: The run folder's facts.
        partition: ``oof`` or ``test``.

    Returns:
        Models in the ranking's order; those whose figure is undefined are left out.
    """
    rows = []
    for row in run.ranking.rows:
        value, ends = row.figure(partition, run.by), row.interval(partition, run.by)
        if value is not None:
            low = math.nan if ends.low is None else ends.low
            high = math.nan if ends.high is None else ends.high
            rows.append(ForestRow(row.model, row.kind, value, low, high, _mark(run, row) != ""))
    landmarks = task_report(run).landmarks(run, partition)
    name = "Out-of-fold" if partition == "oof" else "Test"
    title = run.ranking.metric.title
    unit = task_report(run).unit_of(run.by)
    axis = f"{name.lower()} {title}{f', {unit}' if unit else ''}"
    return Forest(f"{name} {title} of every model", axis, tuple(rows), tuple(landmarks))


def ranking_section(run: RunFacts) -> Section:
    """The ranking: the figure first, then the tables, then how to read them."""
    facts = forest(run)
    caption = (
        f"{facts.title}. A filled mark cannot be told from the best; circles are base learners, "
        f"diamonds meta-learners, the square {task_report(run).baseline}. Lines are 95 % intervals "
        f"over {run.ranking.num_resamples} resamples of the subjects; an arrow runs off the axis."
    )
    if facts.landmarks:
        caption += f" {task_report(run).landmark_words(run)}"
    notes = tuple(
        f"{note.topic[:1].upper()}{note.topic[1:]}: {note.text}"
        for note in all_notes(run.ranking)
        if not note.is_warning
    )
    blocks: list[Block] = []
    if facts.rows:
        blocks.append(Figure(draw_forest(facts), caption, FOREST_CALL))
    blocks.append(ranking_table(run))
    if run.has_test:
        shown = run.ranking.columns()
        blocks.append(_figures_table(run, "test_table", "The same models on the test set",
                                     [("test", name) for name in shown]))  # fmt: skip
    further = [name for name in run.ranking.metrics if name not in run.ranking.columns()]
    pairs = [
        (part, name) for part in PARTITIONS if part == "oof" or run.has_test for name in further
    ]
    blocks.append(_figures_table(run, "further_table", "Further figures of every model", pairs))
    blocks.append(Text(notes, is_list=True, heading="How to read it"))
    return Section("ranking", "Ranking", _lead(run), tuple(blocks))


def ranking_table(run: RunFacts) -> Table:
    """The models in order by their out-of-fold figures, and how sure each place is."""
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
        f"{ROW_NOTE} 5/5: usable over planned folds. “tied”: cannot be told from the best by a "
        "paired difference, Holm's correction, at 5 %. A dash: undefined, or the model "
        "was left out."
    )
    caption = f"Ranking by out-of-fold {run.ranking.metric.title}"
    return Table("ranking_table", caption, tuple(columns), tuple(rows), TABLE_CALL, note)


def _figures_table(
    run: RunFacts, key: str, caption: str, figures: Sequence[tuple[str, str]]
) -> Table:
    is_mixed = len({partition for partition, _ in figures}) > 1
    columns = [Column("Model")]
    for partition, name in figures:
        columns.append(
            Column(run.ranking.metrics[name].title, True, PARTITIONS[partition] if is_mixed else "")
        )
    rows = tuple((_name(run, row), *_cells(run, row, figures)) for row in run.ranking.rows)
    return Table(key, caption, tuple(columns), rows, TABLE_CALL, ROW_NOTE)


def _mark(run: RunFacts, row: RankedModel) -> str:
    if row.model == run.best.model:
        return "best"
    return "tied" if run.ranking.standing(row).is_tied else ""


def _name(run: RunFacts, row: RankedModel) -> Cell:
    mark = _mark(run, row)
    tone: Tone = "strong" if mark == "best" else "muted" if row.left_out else ""
    folds = f" {row.folds}" if row.folds else ""
    kind = KIND_TITLES[row.kind] + folds + (f", {mark}" if mark else "")
    return Cell(row.model, tone, kind)


def _cells(run: RunFacts, row: RankedModel, figures: Sequence[tuple[str, str]]) -> list[Cell]:
    best = run.ranking.best_figures()
    cells = []
    for partition, name in figures:
        value, ends = row.figure(partition, name), row.interval(partition, name)
        is_first = value is not None and value == best.get((partition, name))
        decimals = 1 if name == "mse" else 2
        note = interval(ends.low, ends.high, decimals) if value is not None else ""
        cells.append(Cell(figure(value), "strong" if is_first else "", note))
    return cells


def _lead(run: RunFacts) -> str:
    ranked = [row for row in run.ranking.rows if row.rank is not None]
    title = run.ranking.metric.title
    text = f"{count(len(ranked), 'model')}, ordered by out-of-fold {title}."
    if run.tied:
        text += f" {len(run.tied) + 1} of them share the top: their order is not settled."
    return text
