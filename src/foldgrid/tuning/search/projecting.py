"""A search in W&B: a run a trial, and one of them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from foldgrid.records import SearchStore
from foldgrid.specs.trials import TrialEpoch, TrialRecord
from foldgrid.tracking import TRIAL, RunProjector, TrialConfig
from foldgrid.tuning.projecting import ProjectingListener
from foldgrid.tuning.search.trials import TrialTask

TrialProjector = RunProjector[TrialConfig, TrialEpoch, TrialRecord]


def trial_listener(
    projector: TrialProjector, store: SearchStore
) -> ProjectingListener[TrialTask, TrialConfig, TrialEpoch, TrialRecord]:
    """Streams trials to W&B; a trial begins in the launch that ends it."""

    def history_of(task: TrialTask) -> Sequence[TrialEpoch]:
        return store.trial(task.study, task.number).read_history()

    return ProjectingListener(projector, _config, history_of, lambda task: ())


def _config(task: TrialTask) -> TrialConfig:
    config = task.fits[0].config
    return TrialConfig(task.study, task.number, config.backbone, task.values, config.training)


def project_missing_trials(
    store: SearchStore, studies: Sequence[str], projector: TrialProjector
) -> int:
    """Makes the runs that earlier launches left undone, closes those that nothing goes on with.

    Args:
        store: The search's folder.
        studies: The names of its studies.
        projector: Nothing was started with it yet.

    Returns:
        How many runs were made.
    """
    num_made = 0
    for study in studies:
        for folder in store.trials(study):
            record = folder.read_record()
            config = TrialConfig.of(record)
            if not projector.is_projected(config):
                projector.project_whole(config, folder.read_history(), record)
                num_made += 1
    # A trial that was lost is tried again under a new number.
    projector.supersede_lost(TRIAL)
    return num_made


def search_figures(
    trials: Mapping[str, Sequence[TrialRecord]], best: Mapping[str, Sequence[TrialRecord]]
) -> dict[str, Any]:
    """What the search's own run says beside its table.

    Args:
        trials: By study, all that are over.
        best: By study, the best; of several objectives the first in the first objective.
    """
    counts = Counter(trial.status for each in trials.values() for trial in each)
    return {
        "num_trials": counts.total(),
        **{f"num_{status}": number for status, number in sorted(counts.items())},
        "best": {study: _best(front[0]) for study, front in best.items() if front},
    }


def _best(trial: TrialRecord) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "backbone": trial.backbone,
        "oof": dict(trial.oof),
        "values": dict(trial.values),
    }
