"""The ranking of a sweep: base learners, meta-learners and the baseline, best first.

Importing this file is cheap; pandas and scikit-learn are loaded when a ranking is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from foldgrid.analysis.predictions.notes import Note
from foldgrid.analysis.predictions.task import scoring_of_run
from foldgrid.analysis.ranking.leaderboard import load_current, made_from_now, replaced_format, save
from foldgrid.analysis.ranking.ranking import (
    RankedModel,
    Ranking,
    check_metric,
    known_metric,
    ranking_table,
)
from foldgrid.records import RunStore
from foldgrid.specs.learners import is_ablation

if TYPE_CHECKING:
    from foldgrid.analysis.checks.report import CheckReport
    from foldgrid.analysis.evaluation import Evaluation
    from foldgrid.analysis.statistics.facts import Assessment

__all__ = [
    "Ranking",
    "evaluate_and_rank",
    "rank_and_save",
    "rank_sweep",
    "ranking_table",
    "stored_or_ranked",
]


def evaluate_and_rank(
    store: RunStore, by: str | None = None, further: Sequence[str] = ()
) -> tuple[Evaluation, Ranking]:
    """Computes the ranking of a run folder, after checks were run on it and saved.

    The checks are all but those that put the meta-learners to the test: `check` and `report` do
    that.

    Args:
        store: The run folder.
        by: The OOF metric that orders it, such as ``mae`` or ``auc``; the task's first without.
        further: Metrics that it holds beside the task's standard ones.

    Returns:
        The evaluation that it was computed from, and the ranking.

    Raises:
        SweepError: ``by`` is unknown, nothing is complete yet, or a rule of honest stacking is
            broken.
    """
    from foldgrid.analysis.checks.catalogue import check_before_ranking, keep_checks
    from foldgrid.analysis.checks.run_contents import read_contents
    from foldgrid.analysis.evaluation import evaluate

    by = known_metric(by, scoring_of_run(store))
    # Before anything is read: a fit that ends meanwhile makes the stored ranking out of date.
    made_from = made_from_now(store)
    results = read_contents(store)
    checks = check_before_ranking(results)
    keep_checks(store, checks)
    evaluation = evaluate(store, results.table)
    return evaluation, rank_evaluation(store, evaluation, by, checks, made_from, further)


def rank_evaluation(
    store: RunStore,
    evaluation: Evaluation,
    by: str,
    checks: CheckReport,
    made_from: str,
    further: Sequence[str] = (),
) -> Ranking:
    """The ranking of what was evaluated.

    Args:
        store: The run folder.
        evaluation: What every model said of it.
        by: The OOF metric that orders it.
        checks: Those that were run; the notes say nothing of others.
        made_from: What ``made_from_now`` said before anything was read.
        further: Metrics that it holds beside the task's standard ones and ``by``.
    """
    sweep = store.read_sweep()
    about = Source(
        name=str(sweep.get("name") or ""),
        title=str(sweep.get("title") or ""),
        location=store.location,
        made_from=made_from,
        notes=ranking_notes(store, evaluation, checks),
    )
    ranking = rank_models(evaluation, about, by, further)
    return ranking.model_copy(update={"replaced": replaced_format(store)})


@dataclass(frozen=True)
class Source:
    """What is said of that which a ranking was computed from.

    Attributes:
        name: The sweep's, or the table's.
        title: One line for people; "" for none.
        location: The run folder or file, as it was given.
        made_from: A digest of its content.
        notes: What to know of its predictions.
    """

    name: str
    title: str
    location: str
    made_from: str
    notes: tuple[Note, ...]


def rank_models(
    evaluation: Evaluation, source: Source, by: str, further: Sequence[str] = ()
) -> Ranking:
    """The ranking of what was evaluated, wherever it is from.

    Args:
        evaluation: What every model said of it.
        source: Where that is from.
        by: The OOF metric that orders it.
        further: Metrics that it holds beside the task's standard ones and ``by``.
    """
    from foldgrid.analysis.predictions.threads import one_thread

    # One thread: the same bits on any number of cores, and small products are no slower for it.
    with one_thread():
        assessment = assess_evaluation(evaluation, (by, *further))
    ranking = Ranking(
        made_from=source.made_from,
        sweep=source.name,
        title=source.title,
        location=source.location,
        by=by,
        task=evaluation.table.task,
        num_units={"oof": evaluation.oof.num_units, "test": evaluation.test.num_units},
        num_subjects={"oof": evaluation.oof.num_subjects, "test": evaluation.test.num_subjects},
        rows=(*_base_learners(evaluation, assessment), *_others(evaluation, assessment)),
        notes=source.notes,
        num_resamples=assessment.num_resamples,
        selections=assessment.selections,
        critical_difference=assessment.critical_difference,
    )
    return ranking.ordered_by(by)


def ranking_notes(store: RunStore, evaluation: Evaluation, checks: CheckReport) -> tuple[Note, ...]:
    """The notes of a ranking whatever orders it: of its checks, then of its metrics.

    Args:
        store: The run folder.
        evaluation: What is ranked.
        checks: Those that were run; nothing is said of others.
    """
    from foldgrid.analysis.checks.notes import check_notes
    from foldgrid.analysis.ranking.notes import warnings_first, write_notes

    return warnings_first((*check_notes(store, checks), *write_notes(store, evaluation)))


def assess_evaluation(evaluation: Evaluation, further: Sequence[str] = ()) -> Assessment:
    """The statistics of every evaluated model, by the task's standard metrics and further ones."""
    from foldgrid.analysis.statistics.assessing import assess

    complete = [each.name for each in evaluation.table.learners if not each.left_out]
    # "Take the best" is a choice among backbones; their ablations answer another question.
    learners = [name for name in complete if not is_ablation(name)] or complete
    scoring = evaluation.table.scoring
    oof, test = evaluation.oof, evaluation.test
    baseline, has_folds = scoring.baseline, evaluation.has_folds
    return assess(scoring, oof, test, learners, baseline, further=further, has_folds=has_folds)


def rank_sweep(store: RunStore, by: str | None = None) -> Ranking:
    """The ranking of ``evaluate_and_rank`` alone."""
    return evaluate_and_rank(store, by)[1]


def rank_and_save(store: RunStore, by: str | None = None) -> Ranking:
    """Computes the ranking and writes ``leaderboard.csv`` and ``leaderboard.json``."""
    ranking = rank_sweep(store, by)
    save(store, ranking)
    return ranking


def stored_or_ranked(store: RunStore, by: str | None = None, shown: Sequence[str] = ()) -> Ranking:
    """The stored ranking where it is up to date, else a new one, which is stored if it can be.

    A stored one that lacks a metric that is asked for is computed anew, with all that it holds.

    Args:
        store: The run folder.
        by: The OOF metric that orders it; the task's first without.
        shown: The metrics that its table shows; the task's without.

    Raises:
        SweepError: The task has no such metric, or there is nothing to rank.
    """
    scoring = scoring_of_run(store)
    by = known_metric(by, scoring)
    for name in shown:
        check_metric(name, scoring, "--metric")
    return _held(store, by, shown).model_copy(update={"shown": tuple(dict.fromkeys(shown))})


def _held(store: RunStore, by: str, shown: Sequence[str]) -> Ranking:
    stored = load_current(store)
    held = tuple(stored.metrics) if stored else ()
    if stored and {by, *shown} <= set(held):
        return stored.ordered_by(by)
    ranking = evaluate_and_rank(store, by, (*held, *shown))[1]
    try:
        save(store, ranking)
    except OSError as error:
        # Somebody else's run folder is often read-only; the ranking can be shown all the same.
        brief = f"Not saved: {error.strerror or error}."
        text = f"{store.location}: {error}."
        note = Note(topic="not saved", text=text, is_warning=True, brief=brief)
        ranking = ranking.model_copy(update={"notes": (note, *ranking.notes)})
    return ranking


def _base_learners(evaluation: Evaluation, assessment: Assessment) -> list[RankedModel]:
    return [
        RankedModel(
            model=learner.name,
            kind="base_learner",
            folds=learner.folds,
            **_facts(assessment, learner.name),
            weights=learner.weights,
            left_out=learner.left_out,
        )
        for learner in evaluation.table.learners
    ]


def _others(evaluation: Evaluation, assessment: Assessment) -> list[RankedModel]:
    from foldgrid.analysis.stacking.meta_learners import PAPER_NAMES

    scoring = evaluation.table.scoring
    names = PAPER_NAMES if scoring.published else {}
    return [
        RankedModel(
            model=name,
            kind="baseline" if name == scoring.baseline else "meta_learner",
            **_facts(assessment, name),
            paper_name=names.get(name, ""),
        )
        for name in (*evaluation.meta_learners, scoring.baseline)
    ]


def _facts(assessment: Assessment, model: str) -> dict[str, Any]:
    """A model's values, intervals and standings; None and none for models left out."""
    facts: dict[str, Any] = {
        "standings": {
            metric: standings[model]
            for metric, standings in assessment.standings.items()
            if model in standings
        }
    }
    for partition in ("oof", "test"):
        metric_values = assessment.metric_values[partition]
        facts[partition] = {metric: metric_values[metric].get(model) for metric in metric_values}
        facts[f"{partition}_intervals"] = {
            metric: intervals[model]
            for metric, intervals in assessment.intervals[partition].items()
            if model in intervals
        }
    return facts
