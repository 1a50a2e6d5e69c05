"""What a search found: ``search/trials.csv`` with every trial, ``best.yaml`` with the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from foldgrid.launching.planning.found_recipe import BEST_FILE
from foldgrid.metrics import NUMBER_METRICS, best_trials
from foldgrid.records import RunStore
from foldgrid.search.plan import StudyPlan
from foldgrid.specs.trials import TrialCertainty, TrialRecord

TRIALS_FILE = "search/trials.csv"


Certainties = Mapping[str, Mapping[int, TrialCertainty]]
"""By study and number of its best trials, how sure their scores are."""


def write_outcome(
    store: RunStore,
    studies: Sequence[StudyPlan],
    trials: Mapping[str, Sequence[TrialRecord]],
    certainties: Certainties | None = None,
) -> dict[str, list[TrialRecord]]:
    """Writes both files; returns by study the best trials.

    Args:
        store: The run folder.
        studies: What was searched.
        trials: By study, its trials that are over, whoever trained them.
        certainties: How sure the scores are; computed by whoever knows statistics.
    """
    known = certainties or {}
    sweep = studies[0].prepared.sweep
    objectives = sweep.search.objectives
    best = {name: best_trials(records, objectives) for name, records in trials.items()}
    rows = trial_rows([trial for records in trials.values() for trial in records])
    store.write_text(TRIALS_FILE, pd.DataFrame(rows).to_csv(index=False))
    found: dict[str, Any] = {
        "sweep": sweep.name,
        "budget": sweep.budget,
        "search_space": sweep.search_space,
        "objectives": list(objectives),
        "is_per_backbone": len(studies) > 1,
        "best": [
            _entry(trial, len(trials[name]), known.get(name, {}).get(trial.number))
            for name, each in best.items()
            for trial in each
        ],
    }
    if not found["best"]:
        # Nothing is complete yet; a file that names nothing would only be in the way.
        return best
    store.write_yaml(BEST_FILE, found)
    return best


def _entry(trial: TrialRecord, num_trials: int, certainty: TrialCertainty | None) -> dict[str, Any]:
    return {
        "backbone": trial.backbone,
        "trial": trial.number,
        "of_trials": num_trials,
        "values": dict(trial.values),
        "oof": {name: value if math.isfinite(value) else None for name, value in trial.oof.items()},
        "num_visits": trial.num_visits,
        "changes": [change.model_dump(mode="json") for change in trial.changes],
        **(certainty or TrialCertainty()).model_dump(mode="json"),
        "training": trial.training.model_dump(mode="json"),
    }


def trial_rows(trials: Sequence[TrialRecord]) -> list[dict[str, Any]]:
    """Trials as lines of a table, all with the same metrics."""
    metric_values = next((tuple(trial.oof) for trial in trials if trial.oof), NUMBER_METRICS)
    return [_row(trial, metric_values) for trial in trials]


def _row(trial: TrialRecord, metric_values: Sequence[str]) -> dict[str, Any]:
    return {
        "study": trial.study,
        "trial": trial.number,
        "status": trial.status,
        "backbone": trial.backbone,
        **{f"oof_{name}": trial.oof.get(name) for name in metric_values},
        "num_epochs": trial.num_epochs,
        "num_planned_epochs": trial.num_planned_epochs,
        "wall_seconds": trial.wall_seconds,
        **trial.values,
    }
