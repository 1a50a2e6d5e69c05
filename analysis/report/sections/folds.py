"""The model by fold matrix: what is there, what is missing, which fold is hard."""

from __future__ import annotations

import math

from analysis.evidence.laws import FoldPredictions
from analysis.evidence.predictions import fold_values
from analysis.figures.fold_matrix import CellState, FoldCell, FoldMatrix, draw_fold_matrix
from analysis.report.blocks import Block, Figure, Section, Text
from analysis.report.run_facts import RunFacts
from analysis.report.tasks import task_report
from foldgrid.scoring.one_model import by_model
from foldgrid.scoring.units import UnitTable

CALL = "from analysis.report.sections.folds import fold_matrix\nfold_matrix(run)"


def fold_matrix(run: RunFacts) -> FoldMatrix:
    """A figure of every fit over the units of the fold that it held out.

    Args:
        run: The run folder's facts.

    Returns:
        Base learners in the ranking's order, those left out last; a cell for every planned fit.
    """
    metric = run.scoring.metrics[task_report(run).fold_metric(run)]
    order = [row.model for row in run.ranking.rows if row.kind == "base_learner"]
    learners = {learner.name: learner for learner in run.judgement.table.learners}
    cells = []
    for name in order:
        usable = {fit.fold: fit for fit in learners[name].fits}
        for planned in (fit for fit in run.plan if fit.backbone == name):
            fold = planned.fold
            if fold in usable:
                units = fold_units(run, usable[fold])
                value = metric(units.reference, units.predicted_by(name))
                cells.append(FoldCell(name, fold, "complete", value, units.num_units))
            else:
                cells.append(FoldCell(name, fold, _state(run, planned.fit_id), math.nan, 0))
    folds = tuple(sorted({cell.fold for cell in cells}))
    is_higher_better = metric.direction == "higher"
    return FoldMatrix(tuple(order), folds, tuple(cells), metric.title, is_higher_better)


def fold_units(run: RunFacts, fit: FoldPredictions) -> UnitTable:
    """The units that one fit held out, as it predicted them under its base learner's name."""
    scoring, values = run.judgement.table.scoring, fold_values(fit)
    samples = run.judgement.table.samples.loc[values.index]
    return scoring.units(samples, by_model({fit.backbone: values}), run.judgement.parts)


def _state(run: RunFacts, fit_id: str) -> CellState:
    record = run.records.get(fit_id)
    if record is None:
        return "missing"
    return "diverged" if record.status == "diverged" else "unusable"


def folds_section(run: RunFacts) -> Section:
    """The matrix as a figure, and what is missing in words."""
    facts = fold_matrix(run)
    larger = "larger it is" if facts.is_higher_better else "larger its error"
    undefined = f", “n/a” one over whose fold the {facts.title} is not defined"
    caption = (
        f"Out-of-fold {facts.title} of the {run.scoring.noun.many} by base learner and held-out "
        f"fold; the darker a cell, the {larger}. A dash is a fit that is not trained yet, "
        "“div.” one that diverged, a question mark one whose predictions cannot be used"
        f"{undefined if facts.undefined else ''}."
    )
    blocks: list[Block] = [Figure(draw_fold_matrix(facts), caption, CALL)]
    left_out = [row for row in run.ranking.rows if row.left_out]
    if left_out:
        lines = tuple(f"{row.model} ({row.folds} folds): {row.left_out}." for row in left_out)
        blocks.append(Text(lines, is_list=True, heading="Left out of the ranking"))
    return Section("folds", "Fold by fold", _lead(facts), tuple(blocks))


def _lead(facts: FoldMatrix) -> str:
    done = sum(cell.state == "complete" for cell in facts.cells)
    text = f"{done} of {len(facts.cells)} planned fits are complete."
    means = facts.fold_means
    if len(means) > 1:
        hard, easy = facts.hardest_and_easiest
        text += (
            f" Fold {hard} is the hardest ({means[hard]:.2f} on average), fold {easy} the easiest "
            f"({means[easy]:.2f}): how much of a figure is owed to the people in the fold."
        )
    return text
