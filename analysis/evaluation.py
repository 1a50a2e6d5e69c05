"""Every model of a sweep on every visit: the evidence behind a ranking, before any metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from foldgrid.analysis.predictions.predictions import PredictionTable, read_prediction_table
from foldgrid.analysis.predictions.threads import one_thread
from foldgrid.analysis.stacking.nested import add_baseline, fit_stack, no_stack
from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError, did_you_mean
from foldgrid.tasks.scoring import Scoring
from foldgrid.tasks.units import UnitTable, beside, model_names


@dataclass(frozen=True)
class Evaluation:
    """What every model said of every visit.

    Attributes:
        table: The base learners' composites, sample by sample.
        meta_learners: The names of the meta-learners; empty where nothing could be stacked.
        parts: What a unit of this data set is made of: the regions of a PASI; empty elsewhere.
        oof: The training visits with base learners, meta-learners and the baseline.
        test: The test visits with the same models.
        meta_oof: What the meta-learners predict of the training samples.
        meta_test: The same of the test samples.
        meta_weights: What the meta-learners make of the base learners; see
            ``stacking.nested.meta_learner_weights``.
        has_folds: Whether the folds of the training units are those that were held out.
    """

    table: PredictionTable
    meta_learners: tuple[str, ...]
    parts: frozenset[str]
    oof: UnitTable
    test: UnitTable
    meta_oof: pd.DataFrame
    meta_test: pd.DataFrame
    meta_weights: pd.DataFrame
    has_folds: bool = True

    def composites(self, partition: Literal["oof", "test"]) -> pd.DataFrame:
        """Predicted C by sample, a column a base learner or meta-learner."""
        if partition == "oof":
            return self.table.oof.join(self.meta_oof)
        return self.table.test.join(self.meta_test)


def evaluate(store: RunStore, table: PredictionTable | None = None) -> Evaluation:
    """Reads a run folder, stacks its base learners and scores every visit.

    Args:
        store: The run folder.
        table: Its predictions, where they were read already.

    Raises:
        SweepError: Nothing is complete yet, or a rule of honest stacking is broken.
    """
    return evaluate_table(table or read_prediction_table(store))


def evaluate_table(table: PredictionTable, *, has_folds: bool = True) -> Evaluation:
    """Stacks the base learners of a table of predictions and scores every visit.

    Args:
        table: What the base learners predict.
        has_folds: Whether its folds are those that were held out; else nothing is stacked.
    """
    # One thread: the same bits on any number of cores, and small products are no slower for it.
    with one_thread():
        stacked = fit_stack(table) if has_folds else no_stack(table)
        meta_oof, meta_test = stacked.oof, stacked.test
        scoring = table.scoring
        parts = scoring.parts(table.samples)
        oof = scoring.units(table.train_samples, beside(table.oof, meta_oof), parts)
        test = scoring.units(table.test_samples, beside(table.test, meta_test), parts)
        oof, test = add_baseline(scoring, oof, test, has_folds=has_folds)
    return Evaluation(
        table,
        model_names(meta_oof),
        parts,
        oof,
        test,
        meta_oof,
        meta_test,
        stacked.weights,
        has_folds,
    )


def unit_predictions(evaluation: Evaluation, model: str) -> pd.DataFrame:
    """What one model predicted beside the truth, a row a unit.

    Args:
        evaluation: What ``evaluate`` returned.
        model: A base learner, a meta-learner or the baseline.

    Returns:
        model, partition (``oof`` or ``test``), and what the task tells of a unit; OOF units first.

    Raises:
        SweepError: No model of that name was evaluated; the message offers the nearest.
    """
    _check_evaluated(evaluation, model)
    parts = []
    for partition, table in (("oof", evaluation.oof), ("test", evaluation.test)):
        part = evaluation.table.scoring.reported(table, model)
        part.insert(0, "model", model)
        part.insert(1, "partition", partition)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def predictions_of(
    evaluation: Evaluation, models: Sequence[str] = (), *, samples: bool = False
) -> pd.DataFrame:
    """What models predicted beside the truth, as `foldgrid.analysis.predictions.given` reads it.

    Args:
        evaluation: What ``evaluate`` returned.
        models: Their names; every complete base learner without.
        samples: A row a sample instead of one a unit.

    Raises:
        SweepError: No model of a name was evaluated; the message offers the nearest.
    """
    table = evaluation.table
    chosen = tuple(models) or table.complete_learners
    for model in chosen:
        _check_evaluated(evaluation, model)
    rows = {
        "oof": (evaluation.oof.units, evaluation.oof.predicted),
        "test": (evaluation.test.units, evaluation.test.predicted),
    }
    if samples:
        rows = {
            "oof": (table.train_samples.reset_index(), evaluation.composites("oof")),
            "test": (table.test_samples.reset_index(), evaluation.composites("test")),
        }
    parts = [_beside_truth(table.scoring, *rows[name], name, chosen) for name in rows]
    return pd.concat(parts, ignore_index=True).astype({"fold": "Int64"})


def _beside_truth(
    scoring: Scoring,
    units: pd.DataFrame,
    predicted: pd.DataFrame,
    partition: str,
    models: Sequence[str],
) -> pd.DataFrame:
    """One partition of ``predictions_of``."""
    named = [name for name in ("sample", "visit", "day", "region") if name in units]
    if scoring.target_kind == "classes":
        classes = predicted.columns.get_level_values(1).unique()
        truth = classes.to_numpy()[units["reference"].to_numpy(dtype=np.int64)]
        columns = {f"{m}:{name}": predicted[m, name].to_numpy() for m in models for name in classes}
    else:
        truth = units["reference"].to_numpy()
        columns = {model: predicted[model].to_numpy() for model in models}
    fold = units["fold"].where(units["fold"] >= 0).to_numpy()
    about = units[["subject", *named]].reset_index(drop=True)
    return about.assign(fold=fold, partition=partition, truth=truth, **columns)


def _check_evaluated(evaluation: Evaluation, model: str) -> None:
    known = evaluation.oof.models
    if model not in known:
        raise SweepError(f'no evaluated model "{model}". {did_you_mean(model, known)}')
