"""What the meta-learners made of the base learners."""

from __future__ import annotations

import pandas as pd

from analysis.figures.meta_weights import draw_meta_weights
from analysis.report.blocks import Cell, Column, Figure, Section, Table
from analysis.report.numbers import figure, interval
from analysis.report.run_facts import RunFacts
from analysis.report.tasks import task_report

CALL = "run.judgement.meta_weights"
TITLE = "Meta-learner weights"


def stacking_section(run: RunFacts) -> Section:
    """The weights as bubbles and as numbers."""
    if not run.judgement.meta_learners:
        reason = "stacking needs two complete base learners and two folds."
        return Section("stacking", TITLE, left_out=reason)
    weights = run.judgement.meta_weights
    known = set(weights.columns.get_level_values(0))
    names = [name for name in run.judgement.meta_learners if name in known]
    order = [row.model for row in run.ranking.rows if row.model in weights.index]
    whole = pd.DataFrame({name: weights[name, "weight"] for name in names}).loc[order]
    caption = (
        "Weights of the fits on all out-of-fold predictions; base learners in the ranking's order. "
        "A bubble's area is the weight's size within its meta-learner; open bubbles are negative. "
        f"{task_report(run).weight_meaning}"
    )
    blocks = (
        Figure(draw_meta_weights(whole), caption, CALL),
        _table(weights, names, order),
    )
    return Section("stacking", TITLE, _lead(run), blocks)


def _lead(run: RunFacts) -> str:
    found = [row for row in run.ranking.rows if row.kind == "meta_learner" and row.rank is not None]
    text = (
        "Learners that resemble each other share or trade weight: a weight is no measure of a "
        "learner's worth."
    )
    if found:
        first = found[0]
        text += f" The best meta-learner is {first.model}, at place {first.rank} of the ranking."
    return text


def _table(weights: pd.DataFrame, names: list[str], order: list[str]) -> Table:
    columns = (Column("Base learner"), *(Column(name, True) for name in names))
    rows = tuple((Cell(name), *(_cell(weights, name, meta) for meta in names)) for name in order)
    note = "Second lines: lowest and highest weight of the fits that left one fold out."
    caption = "Weights of the base learners in each meta-learner"
    return Table("meta_weights_table", caption, columns, rows, CALL, note)


def _cell(weights: pd.DataFrame, name: str, meta: str) -> Cell:
    weight, lowest, highest = (
        float(weights[meta, part].loc[name]) for part in ("weight", "lowest", "highest")
    )
    return Cell(figure(weight), "", interval(lowest, highest))
