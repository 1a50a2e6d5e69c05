"""The ranking of a sweep: base learners, meta-learners and the baseline, best first.

Importing this file is cheap; pandas and scikit-learn are loaded when a ranking is computed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analysis.ranking.board import FIGURES, Note, RankedModel, Ranking, check_figure, ranking_table
from analysis.ranking.leaderboard import load_current, save, state_digest
from foldgrid.records import RunStore
from foldgrid.scoring import METRICS

if TYPE_CHECKING:
    from analysis.evidence.visits import VisitTable
    from analysis.judging import Judgement

__all__ = ["Ranking", "rank_and_save", "rank_sweep", "ranking_table", "stored_or_ranked"]


def rank_sweep(store: RunStore, by: str = "mae") -> Ranking:
    """Computes the ranking of a run folder, after every check was run on it and saved.

    Args:
        store: The run folder.
        by: The OOF figure that orders it: ``mae``, ``mse``, ``pcc`` or ``ccc``.

    Raises:
        SweepError: ``by`` is unknown, nothing is complete yet, or a law of honest stacking is
            broken.
    """
    from analysis.checks.catalogue import check_and_save
    from analysis.checks.notes import check_notes
    from analysis.evidence.read_once import ReadOnceStore
    from analysis.judging import judge
    from analysis.ranking.reading import warnings_first, write_notes

    check_figure(by)
    made_from = state_digest(store)
    store = ReadOnceStore(store.location)
    checks = check_notes(store, check_and_save(store))
    judgement = judge(store)
    sweep = store.read_sweep()
    ranking = Ranking(
        made_from=made_from,
        sweep=str(sweep.get("name") or ""),
        title=str(sweep.get("title") or ""),
        location=store.location,
        by=by,
        num_visits={"oof": judgement.oof.num_visits, "test": judgement.test.num_visits},
        num_subjects={"oof": judgement.oof.num_subjects, "test": judgement.test.num_subjects},
        rows=(*_base_learners(judgement), *_others(judgement)),
        notes=warnings_first((*checks, *write_notes(store, judgement))),
    )
    return ranking.ordered_by(by)


def rank_and_save(store: RunStore, by: str = "mae") -> Ranking:
    """Computes the ranking and writes ``leaderboard.csv`` and ``leaderboard.json``."""
    ranking = rank_sweep(store, by)
    save(store, ranking)
    return ranking


def stored_or_ranked(store: RunStore, by: str = "mae") -> Ranking:
    """The stored ranking where it is up to date, else a new one, which is stored if it can be."""
    check_figure(by)
    stored = load_current(store)
    if stored:
        return stored.ordered_by(by)
    ranking = rank_sweep(store, by)
    try:
        save(store, ranking)
    except OSError as error:
        # Somebody else's run folder is often read-only; the ranking can be shown all the same.
        note = Note(topic="not saved", text=f"{store.location}: {error}.", is_warning=True)
        ranking = ranking.model_copy(update={"notes": (note, *ranking.notes)})
    return ranking


def _base_learners(judgement: Judgement) -> list[RankedModel]:
    return [
        RankedModel(
            model=learner.name,
            kind="base_learner",
            folds=learner.folds,
            oof=_figures(judgement.oof, learner.name),
            test=_figures(judgement.test, learner.name),
            weights=learner.weights,
            left_out=learner.left_out,
        )
        for learner in judgement.table.learners
    ]


def _others(judgement: Judgement) -> list[RankedModel]:
    from analysis.stacking.meta_learners import PAPER_NAMES
    from analysis.stacking.nested import BASELINE

    return [
        RankedModel(
            model=name,
            kind="baseline" if name == BASELINE else "meta_learner",
            oof=_figures(judgement.oof, name),
            test=_figures(judgement.test, name),
            paper_name=PAPER_NAMES.get(name, ""),
        )
        for name in (*judgement.meta_learners, BASELINE)
    ]


def _figures(table: VisitTable, model: str) -> dict[str, float | None]:
    """A model's figures over these visits; None for the undefined and for models left out."""
    if model not in table.predicted:
        return dict.fromkeys(FIGURES)
    pairs = table.visits["physician_pasi"].to_numpy(), table.predicted[model].to_numpy()
    values = {name: METRICS[name](*pairs) for name in FIGURES}
    return {name: None if math.isnan(value) else value for name, value in values.items()}
