"""Two or more run folders side by side, on the same visits."""

from __future__ import annotations

import math
from collections.abc import Sequence

from analysis.comparison.board import (
    LETTERS,
    BestModel,
    ComparedModel,
    ComparedRun,
    Comparison,
    Difference,
    Figures,
)
from analysis.comparison.comparability import refuse_incomparable
from analysis.comparison.paired import paired_difference
from analysis.comparison.reading import write_notes
from analysis.comparison.settings import differing_settings
from analysis.evaluation import Judgement, judge
from analysis.predictions.task import scoring_of_run
from analysis.ranking.board import Kind, known_figure
from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError


def compare_sweeps(stores: Sequence[RunStore], by: str | None = None) -> Comparison:
    """Compares every run with the first.

    Args:
        stores: Two run folders or more, the reference first.
        by: The OOF figure that is compared; the task's first without.

    Raises:
        SweepError: ``by`` is unknown, there are too few or too many runs, a run has nothing
            complete or breaks a law of honest stacking, or the runs cannot be compared.
    """
    if not 2 <= len(stores) <= len(LETTERS):
        raise SweepError(
            f"compare: {len(stores)} run folder{'s' if len(stores) != 1 else ''} given. "
            f"A comparison needs 2 to {len(LETTERS)}, such as runs/a runs/b; one alone is ranked: "
            "python -m analysis rank RUN"
        )
    by = known_figure(by, scoring_of_run(stores[0]))
    judgements = [judge(store) for store in stores]
    refuse_incomparable(stores, judgements)
    runs = _compared_runs(stores, judgements, by)
    settings = differing_settings(stores, judgements)
    rows = _compared_models(judgements, by)
    return Comparison(
        by=by,
        task=judgements[0].table.config.task,
        num_units=judgements[0].oof.num_units,
        num_subjects=judgements[0].oof.num_subjects,
        runs=runs,
        rows=rows,
        settings=settings,
        notes=write_notes(runs, rows, judgements, settings),
    )


def _compared_runs(
    stores: Sequence[RunStore], judgements: Sequence[Judgement], by: str
) -> tuple[ComparedRun, ...]:
    best = [_best(judgement, by) for judgement in judgements]
    runs = []
    for place, (store, judgement) in enumerate(zip(stores, judgements, strict=True)):
        learners = judgement.table.learners
        difference = _difference(judgements[0], best[0].model, judgement, best[place].model, by)
        runs.append(
            ComparedRun(
                letter=LETTERS[place],
                location=store.location,
                sweep=str(store.read_sweep().get("name") or ""),
                complete=sum(not each.left_out for each in learners),
                planned=len(learners),
                best=best[place],
                minus_reference=difference if place else None,
            )
        )
    return tuple(runs)


def _compared_models(judgements: Sequence[Judgement], by: str) -> tuple[ComparedModel, ...]:
    first, others = judgements[0], judgements[1:]
    rows = [
        ComparedModel(
            model=model,
            oof=tuple(
                _figures(each, model, by) if model in each.table.oof else None
                for each in judgements
            ),
            minus_reference=(
                None,
                *(
                    _difference(first, model, each, model, by) if model in each.table.oof else None
                    for each in others
                ),
            ),
        )
        for model in first.table.complete_learners
        if any(model in each.table.oof for each in others)
    ]
    key = first.table.scoring.metrics[by].sort_key
    return tuple(sorted(rows, key=lambda row: (key((row.oof[0] or {}).get(by)), row.model)))


def _best(judgement: Judgement, by: str) -> BestModel:
    """The best by an OOF figure of all that learned something; a tie goes to a base learner."""
    kinds: dict[str, Kind] = dict.fromkeys(judgement.table.complete_learners, "base_learner")
    kinds |= dict.fromkeys(judgement.meta_learners, "meta_learner")
    figures = {name: _figures(judgement, name, by) for name in kinds}
    key = judgement.table.scoring.metrics[by].sort_key
    name = min(kinds, key=lambda model: (key(figures[model][by]), kinds[model], model))
    return BestModel(model=name, kind=kinds[name], oof=figures[name])


def _figures(judgement: Judgement, model: str, by: str) -> Figures:
    oof, scoring = judgement.oof, judgement.table.scoring
    pairs = oof.reference, oof.predicted_by(model)
    values = {
        name: scoring.metrics[name](*pairs) for name in {**dict.fromkeys(scoring.shown), by: 0}
    }
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _difference(
    first: Judgement, first_model: str, second: Judgement, second_model: str, by: str
) -> Difference:
    pair = {
        "first": first.oof.predicted_by(first_model),
        "second": second.oof.predicted_by(second_model),
    }
    return paired_difference(by, first.table.scoring, first.oof, pair)
