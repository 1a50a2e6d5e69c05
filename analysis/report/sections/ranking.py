"""The ranking as a table and as a forest plot."""

from __future__ import annotations

import math

from analysis.clinical.reference_lines import BETWEEN_RATERS, RATER_SOURCE, WITHIN_RATER
from analysis.figures.forest import Forest, ForestRow, Landmark, draw_forest
from analysis.ranking.board import FIGURES, KIND_TITLES, RankedModel
from analysis.report.blocks import Cell, Column, Figure, Section, Table, Text
from analysis.report.numbers import figure, interval, percent
from analysis.report.run_facts import RunFacts
from analysis.stacking.nested import BASELINE
from foldgrid.scoring import METRICS

TABLE_CALL = "run.ranking\nrun.assessment"
FOREST_CALL = 'from analysis.report.sections.ranking import forest\nforest(run, "{}")'


def forest(run: RunFacts, partition: str = "oof") -> Forest:
    """Every ranked model's figure with its interval, and what an error is read against.

    Args:
        run: The run folder's facts.
        partition: ``oof`` or ``test``.

    Returns:
        Models in the ranking's order; those whose figure is undefined are left out. Landmarks
        only where the figure is the MAE.
    """
    rows = []
    for row in run.ranking.rows:
        value = getattr(row, partition).get(run.by)
        if value is None:
            continue
        ends = run.interval(partition, run.by, row.model)
        is_tied = row.model == run.best.model or row.model in run.tied
        low = math.nan if ends.low is None else ends.low
        high = math.nan if ends.high is None else ends.high
        rows.append(ForestRow(row.model, row.kind, value, low, high, is_tied))
    baseline = [row.value for row in rows if row.model == BASELINE]
    landmarks: tuple[Landmark, ...] = ()
    if run.by == "mae":
        landmarks = (
            Landmark("within a rater", WITHIN_RATER),
            Landmark("between raters", BETWEEN_RATERS),
            *(Landmark("saying the mean", value) for value in baseline),
        )
    name = "Out-of-fold" if partition == "oof" else "Test"
    title = METRICS[run.by].title
    unit = ", PASI points" if run.by == "mae" else ""
    return Forest(
        f"{name} {title} of every model", f"{name.lower()} {title}{unit}", tuple(rows), landmarks
    )


def ranking_section(run: RunFacts) -> Section:
    """The ranking: figure first, then the table."""
    facts = forest(run)
    caption = (
        f"{facts.title}. A filled mark cannot be told from the best; circles are base learners, "
        "diamonds meta-learners, the square always says the mean. Lines are 95 % intervals over "
        f"{run.assessment.num_resamples} resamples of the subjects; an arrow runs off the axis."
    )
    if facts.landmarks:
        caption += f" Dotted: what trained physicians differ by ({RATER_SOURCE}), and the baseline."
    notes = tuple(
        f"{note.topic[:1].upper()}{note.topic[1:]}: {note.text}"
        for note in run.ranking.notes
        if not note.is_warning
    )
    blocks = (
        Figure(draw_forest(facts), caption, FOREST_CALL.format("oof")),
        _table(run),
        Text(notes, is_list=True, heading="How to read it"),
    )
    return Section("ranking", "Ranking", _lead(run), blocks)


def _lead(run: RunFacts) -> str:
    ranked = [row for row in run.ranking.rows if row.rank is not None]
    tied = [model for model in run.tied if model != BASELINE]
    text = f"{len(ranked)} models, ordered by their out-of-fold {run.ranking.metric.title}."
    if tied:
        text += f" The order among the first {len(tied) + 1} is not settled by these subjects."
    return text


def _table(run: RunFacts) -> Table:
    columns = [Column("Model"), Column("#", True), Column("Folds", True)]
    partitions = ("oof", "test") if run.has_test else ("oof",)
    for partition in partitions:
        title = "OOF" if partition == "oof" else "Test"
        columns += [Column(METRICS[name].title, True, title) for name in FIGURES]
    columns += [Column("First in", True, "resamples"), Column("Ranks", True, "95 %")]
    rows = tuple(_row(run, row, partitions) for row in run.ranking.rows)
    note = (
        "Bold: best of its column. Second lines: 95 % intervals over resampled subjects. “tied”: "
        "cannot be told from the best by a paired difference, Holm's correction, at 5 %. A dash: "
        "undefined, or the model was left out."
    )
    caption = f"Ranking by out-of-fold {run.ranking.metric.title}"
    return Table("ranking_table", caption, tuple(columns), rows, TABLE_CALL, note)


def _row(run: RunFacts, row: RankedModel, partitions: tuple[str, ...]) -> tuple[Cell, ...]:
    is_best = row.model == run.best.model
    mark = "best" if is_best else "tied" if row.model in run.tied else ""
    kind = KIND_TITLES[row.kind] + (f", {mark}" if mark else "")
    cells = [
        Cell(row.model, "strong" if is_best else "muted" if row.left_out else "", kind),
        Cell(str(row.rank or "–")),
        Cell(row.folds or "–"),
    ]
    best = run.ranking.best_figures()
    for partition in partitions:
        for name in FIGURES:
            value = getattr(row, partition).get(name)
            ends = run.interval(partition, name, row.model)
            is_first = value is not None and value == best.get((partition, name))
            note = interval(ends.low, ends.high) if value is not None else ""
            cells.append(Cell(figure(value), "strong" if is_first else "", note))
    standing = run.standings.get(row.model)
    ranks = f"{standing.rank_low}–{standing.rank_high}" if standing and standing.rank_low else "–"
    cells += [Cell(percent(standing.probability_best) if standing else "–"), Cell(ranks)]
    return tuple(cells)
