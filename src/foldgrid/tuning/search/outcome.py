"""What a search found: ``search/trials.csv`` with every trial, ``best.yaml`` with the best."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from foldgrid.records import RunStore
from foldgrid.scoring import METRICS
from foldgrid.specs.sweep import Objective
from foldgrid.specs.trials import TrialRecord
from foldgrid.tuning.found_recipe import BEST_FILE
from foldgrid.tuning.search.plan import StudyPlan

TRIALS_FILE = "search/trials.csv"


def best_trials(
    trials: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> list[TrialRecord]:
    """The trials that no other beats in every objective, best in the first objective first.

    With one objective that is the best trial; the first of equals, so that the sweep's own recipe
    stays where nothing is better. Only trials that trained to their end take part.
    """
    scored = [
        (trial, tuple(METRICS[each].sort_key(trial.oof.get(each)) for each in objectives))
        for trial in trials
        if trial.status == "complete"
    ]
    scored = [pair for pair in scored if all(map(math.isfinite, pair[1]))]
    front: list[tuple[TrialRecord, tuple[float, ...]]] = []
    for trial, keys in sorted(scored, key=lambda pair: (pair[1], pair[0].number)):
        if not any(all(a <= b for a, b in zip(other, keys, strict=True)) for _, other in front):
            front.append((trial, keys))
    return [trial for trial, _ in front]


def write_outcome(
    store: RunStore, studies: Sequence[StudyPlan], trials: Mapping[str, Sequence[TrialRecord]]
) -> dict[str, list[TrialRecord]]:
    """Writes both files; returns by study the best trials.

    Args:
        store: The run folder.
        studies: What was searched.
        trials: By study, its trials that are over, whoever trained them.
    """
    sweep = studies[0].prepared.sweep
    objectives = sweep.search.objectives
    best = {name: best_trials(records, objectives) for name, records in trials.items()}
    rows = [trial_row(trial) for records in trials.values() for trial in records]
    store.write_text(TRIALS_FILE, pd.DataFrame(rows).to_csv(index=False))
    found: dict[str, Any] = {
        "sweep": sweep.name,
        "budget": sweep.budget,
        "search_space": sweep.search_space,
        "objectives": list(objectives),
        "is_per_backbone": len(studies) > 1,
        "best": [_entry(trial, len(trials[name])) for name, each in best.items() for trial in each],
    }
    yaml, stream = YAML(), io.BytesIO()
    yaml.default_flow_style = False
    yaml.dump(found, stream)
    store.write_bytes(BEST_FILE, stream.getvalue())
    return best


def _entry(trial: TrialRecord, num_trials: int) -> dict[str, Any]:
    return {
        "backbone": trial.backbone,
        "trial": trial.number,
        "of_trials": num_trials,
        "values": dict(trial.values),
        "oof": {name: value if math.isfinite(value) else None for name, value in trial.oof.items()},
        "num_visits": trial.num_visits,
        "training": trial.training.model_dump(mode="json"),
    }


def trial_row(trial: TrialRecord) -> dict[str, Any]:
    """A trial as a line of a table."""
    return {
        "study": trial.study,
        "trial": trial.number,
        "status": trial.status,
        "backbone": trial.backbone,
        **{f"oof_{name}": trial.oof.get(name) for name in METRICS},
        "num_epochs": trial.num_epochs,
        "num_planned_epochs": trial.num_planned_epochs,
        "wall_seconds": trial.wall_seconds,
        **trial.values,
    }
