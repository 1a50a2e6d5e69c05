"""Run folders side by side, or one's learners beside their backbones, on the same visits.

Where they cannot be, why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.analysis.comparison.comparison import (
    LETTERS,
    BestModel,
    ComparedModel,
    ComparedRun,
    Comparison,
    Difference,
    MetricValues,
)
from foldgrid.analysis.comparison.notes import write_notes
from foldgrid.analysis.comparison.settings import differing_keys, differing_settings
from foldgrid.analysis.evaluation import Evaluation, evaluate
from foldgrid.analysis.predictions.task import scoring_of_run
from foldgrid.analysis.ranking.ranking import Kind, known_metric
from foldgrid.analysis.statistics.intervals import expanded_percentiles
from foldgrid.analysis.statistics.resampled import Resampled
from foldgrid.analysis.statistics.resamples import SEED
from foldgrid.metrics.computations import num_subjects_of
from foldgrid.records import RunStore
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import SweepError
from foldgrid.specs.given import is_given
from foldgrid.specs.learners import backbone_of
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.scoring import Scoring, by_model
from foldgrid.tasks.units import UnitTable, model_names


def compare_sweeps(stores: Sequence[RunStore], by: str | None = None) -> Comparison:
    """Compares every run with the first, or one run's learners with their backbones.

    Args:
        stores: Run folders, the reference first; one alone is compared with itself, see
            ``compare_learners``.
        by: The OOF value that is compared; the task's first without.

    Raises:
        SweepError: ``by`` is unknown, there are too few or too many runs, a run has nothing
            complete or breaks a rule of honest stacking, or the runs cannot be compared.
    """
    if not 1 <= len(stores) <= len(LETTERS):
        raise SweepError(
            f"compare: {counted(len(stores), 'run folder')} given. A comparison takes up to "
            f"{len(LETTERS)}, such as runs/a runs/b, or one whose backbones have several learners"
        )
    by = known_metric(by, scoring_of_run(stores[0]))
    evaluations = [evaluate(store) for store in stores]
    if len(stores) == 1:
        return compare_learners(stores[0], evaluations[0], by)
    refuse_incomparable(stores, evaluations)
    return _compared(stores, evaluations, [""] * len(stores), by)


def compare_learners(store: RunStore, evaluation: Evaluation, by: str) -> Comparison:
    """Compares each backbone as the sweep trains it with its further learners, subject by subject.

    Learners of one label, or ablations to one value, are compared as if they were a run of their
    own: a row is a backbone.

    Args:
        store: The run folder.
        evaluation: What ``evaluate`` made of it.
        by: The OOF value that is compared.

    Raises:
        SweepError: No backbone has a further learner that is complete.
    """
    groups: dict[str, dict[str, str]] = {"": {}}
    for name in (each.name for each in evaluation.table.learners if not is_given(each.name)):
        backbone = backbone_of(name)
        groups.setdefault(name.removeprefix(backbone), {})[name] = backbone
    views = {apart: _view(evaluation, names) for apart, names in groups.items()}
    views = {apart: each for apart, each in views.items() if each.table.complete_learners}
    if "" not in views or not 2 <= len(views) <= len(LETTERS):
        raise SweepError(
            f"compare: 1 run folder given, and in {store.location} are no two complete learners of "
            f"one backbone, or more than {len(LETTERS)} kinds of them.\nName another run folder, "
            f"or rank this one: foldgrid rank {store.location}"
        )
    return _compared([store] * len(views), [*views.values()], [*views], by)


def _view(evaluation: Evaluation, names: Mapping[str, str]) -> Evaluation:
    """Some base learners of a run, under other names, as if the run had no others."""

    def chosen(predicted: pd.DataFrame) -> pd.DataFrame:
        columns = [name for name in model_names(predicted) if name in names]
        level = 0 if predicted.columns.nlevels > 1 else None
        return predicted[columns].rename(columns=dict(names), level=level)

    def units(table: UnitTable) -> UnitTable:
        return replace(table, predicted=chosen(table.predicted))

    table = evaluation.table
    learners = [each for each in table.learners if each.name in names]
    fits = (fit for each in learners if not each.left_out for fit in each.fits)
    return replace(
        evaluation,
        table=replace(
            table,
            learners=tuple(replace(each, name=names[each.name]) for each in learners),
            oof=chosen(table.oof),
            test=chosen(table.test),
            fitted=next((fit.record.config for fit in fits), table.fitted),
        ),
        meta_learners=(),
        oof=units(evaluation.oof),
        test=units(evaluation.test),
    )


def _compared(
    stores: Sequence[RunStore], evaluations: Sequence[Evaluation], apart: Sequence[str], by: str
) -> Comparison:
    runs = _compared_runs(stores, evaluations, apart, by)
    settings = differing_settings(stores, evaluations)
    rows = _compared_models(evaluations, by)
    return Comparison(
        by=by,
        task=evaluations[0].table.config.task,
        num_units=evaluations[0].oof.num_units,
        num_subjects=evaluations[0].oof.num_subjects,
        runs=runs,
        rows=rows,
        settings=settings,
        notes=write_notes(runs, rows, evaluations, settings),
    )


def _compared_runs(
    stores: Sequence[RunStore], evaluations: Sequence[Evaluation], apart: Sequence[str], by: str
) -> tuple[ComparedRun, ...]:
    best = [_best(evaluation, by) for evaluation in evaluations]
    runs = []
    for place, (store, evaluation) in enumerate(zip(stores, evaluations, strict=True)):
        learners = evaluation.table.learners
        difference = _difference(evaluations[0], best[0].model, evaluation, best[place].model, by)
        runs.append(
            ComparedRun(
                letter=LETTERS[place],
                location=store.location,
                learners=apart[place],
                sweep=str(store.read_sweep().get("name") or ""),
                complete=sum(not each.left_out for each in learners),
                planned=len(learners),
                best=best[place],
                minus_reference=difference if place else None,
            )
        )
    return tuple(runs)


def _compared_models(evaluations: Sequence[Evaluation], by: str) -> tuple[ComparedModel, ...]:
    first, others = evaluations[0], evaluations[1:]
    rows = [
        ComparedModel(
            model=model,
            oof=tuple(
                _metric_values(each, model, by) if model in each.table.oof else None
                for each in evaluations
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


def _best(evaluation: Evaluation, by: str) -> BestModel:
    """The best by an OOF value of all that learned something; a tie goes to a base learner."""
    kinds: dict[str, Kind] = dict.fromkeys(evaluation.table.complete_learners, "base_learner")
    kinds |= dict.fromkeys(evaluation.meta_learners, "meta_learner")
    metric_values = {name: _metric_values(evaluation, name, by) for name in kinds}
    key = evaluation.table.scoring.metrics[by].sort_key
    name = min(kinds, key=lambda model: (key(metric_values[model][by]), kinds[model], model))
    return BestModel(model=name, kind=kinds[name], oof=metric_values[name])


def _metric_values(evaluation: Evaluation, model: str, by: str) -> MetricValues:
    oof, scoring = evaluation.oof, evaluation.table.scoring
    compared = oof.reference, oof.predicted_by(model), oof.units["fold"].to_numpy()
    values = {
        name: scoring.metrics[name](*compared) for name in {**dict.fromkeys(scoring.shown), by: 0}
    }
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _difference(
    first: Evaluation, first_model: str, second: Evaluation, second_model: str, by: str
) -> Difference:
    pair = {
        "first": first.oof.predicted_by(first_model),
        "second": second.oof.predicted_by(second_model),
    }
    return paired_difference(by, first.table.scoring, first.oof, pair)


FloatArray = NDArray[np.float64]


def paired_difference(
    metric: str,
    scoring: Scoring,
    table: UnitTable,
    pair: Mapping[str, FloatArray],
    seed: int = SEED,
) -> Difference:
    """The second model's value minus the first's, with the ranking's kind of 95 % interval.

    Whole subjects are drawn with replacement, the same for both models: the units of one person
    resemble each other, and a hard patient is hard for both.

    Args:
        metric: One of the task's.
        scoring: The task's.
        table: The units; what other models predicted of them is not looked at.
        pair: What the two models predicted, the first first.
        seed: Draws the subjects; the same for all models gives comparable intervals.

    Returns:
        No interval where there are fewer than two subjects, nothing at all where a value is
        undefined.
    """
    predicted = by_model(
        {name: pd.DataFrame(values.reshape(len(values), -1)) for name, values in pair.items()}
    )
    part = Resampled.of(UnitTable(table.units, predicted), scoring, seed=seed, further=(metric,))
    first, second = part.metric_values[metric]
    if np.isnan(second - first):
        return Difference()
    values_RM = part.values_RM[metric]
    [interval] = expanded_percentiles(
        values_RM[:, [1]] - values_RM[:, [0]],
        num_subjects_of(part.metrics[metric], part.sums),
        num_strata=part.draws(metric).num_strata,
    )
    return Difference(value=float(second - first), low=interval.low, high=interval.high)


def refuse_incomparable(stores: Sequence[RunStore], evaluations: Sequence[Evaluation]) -> None:
    """Stops where the values of these runs would not be about the same thing.

    Args:
        stores: The run folders, the reference first.
        evaluations: What ``evaluate`` made of each.

    Raises:
        SweepError: A run has another task, data set or split than the reference; the message
            says what each has and what to do.
    """
    for store, evaluation in zip(stores[1:], evaluations[1:], strict=True):
        reason, what = _reason(evaluations[0], evaluation)
        if reason:
            pair = ((stores[0], evaluations[0]), (store, evaluation))
            raise SweepError(_refusal(pair, reason, what))


def _reason(first: Evaluation, second: Evaluation) -> tuple[str, str]:
    """Why two runs cannot be compared and the section of the sweep it comes from, or ""."""
    ours, theirs = first.table.config, second.table.config
    if ours.task != theirs.task:
        return "their models do not predict the same thing", "task"
    if ours.data_fingerprint != theirs.data_fingerprint:
        return "they were not trained on the same data", "data"
    if ours.split_fingerprint != theirs.split_fingerprint:
        return "they were not held out on the same split", "split"
    names = ["subject", "unit", "fold"]
    if not first.oof.units[names].equals(second.oof.units[names]):
        unit_name = first.table.scoring.unit_name.many
        return f"their records name other {unit_name} although the fingerprints agree", "split"
    our_scores, their_scores = (
        each.oof.units["reference"].to_numpy(dtype=np.float64) for each in (first, second)
    )
    if not np.allclose(our_scores, their_scores):
        return "their records hold another truth although the fingerprints agree", "data"
    return "", ""


def _refusal(pair: Sequence[tuple[RunStore, Evaluation]], reason: str, section: str) -> str:
    locations = [store.location for store, _ in pair]
    width = max(map(len, locations))
    lines = [f"Cannot compare {locations[1]} with {locations[0]}: {reason}."]
    lines += [f"  {store.location:{width}}   {_extent(each, section)}" for store, each in pair]
    keys = differing_keys([store.read_sweep() for store, _ in pair], (section,))
    lines += [f"  Their sweeps differ in {key}: {' and '.join(values)}." for key, values in keys]
    cause = "task" if section == "task" else "data and split"
    lines.append(
        f"Launch one of them again with the other's {cause}, or rank each by itself: "
        f"foldgrid rank {locations[1]}"
    )
    return "\n".join(lines)


def _extent(evaluation: Evaluation, section: str) -> str:
    config, oof = evaluation.table.config, evaluation.oof
    fits = sum(len(each.fits) for each in evaluation.table.learners if not each.left_out)
    facts = {
        "task": task_words(config.task),
        "data": f"data {config.data_fingerprint[:6]}",
        "split": f"split {config.split_fingerprint[:6]}",
    }
    extent = (
        f"{evaluation.table.scoring.unit_name.count(oof.num_units)} of "
        f"{counted(oof.num_subjects, 'subject')}"
    )
    return f"{fits} fits, {extent}, {facts[section]}"


def task_words(task: TaskSpec) -> str:
    """A task in words: ``task pasi with output scores``."""
    settings = [
        f"{key} {value if isinstance(value, str | int | float) else list(value)}"
        for key, value in task.model_dump(
            mode="json", by_alias=False, exclude={"name", "paths"}
        ).items()
        if value not in (None, "", {})
    ]
    return f"task {task.name}" + (f" with {', '.join(settings)}" if settings else "")
