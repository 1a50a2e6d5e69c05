"""A search in trackers: a run a trial, and one of them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from foldgrid.launching.tracking.projecting import ProjectingListener
from foldgrid.records import SearchStore
from foldgrid.search.trials import TrialJob
from foldgrid.specs.trials import TrialEpoch, TrialRecord
from foldgrid.tracking import RunProjector, TrialConfig

TrialProjector = RunProjector[TrialConfig, TrialEpoch, TrialRecord]


def trial_listener(
    projector: TrialProjector, store: SearchStore
) -> ProjectingListener[TrialJob, TrialConfig, TrialEpoch, TrialRecord]:
    """Streams trials to trackers; one that an earlier launch lost brings its earlier epochs."""

    def history_of(job: TrialJob) -> Sequence[TrialEpoch]:
        return store.trial(job.study, job.number).read_history()

    def earlier_of(job: TrialJob) -> Sequence[TrialEpoch]:
        return store.trial(job.study, job.number).read_running()

    return ProjectingListener(projector, _config, history_of, earlier_of)


def _config(job: TrialJob) -> TrialConfig:
    config = job.fits[0].config
    return TrialConfig(job.study, job.number, config.backbone, job.values, config.training)


def project_missing_trials(
    store: SearchStore, studies: Sequence[str], projector: TrialProjector
) -> int:
    """Makes the runs of trials that an earlier launch left without; returns how many.

    Args:
        store: The search's folder.
        studies: The names of its studies.
        projector: Writes the runs.
    """
    records = [(folder, folder.read_record()) for name in studies for folder in store.trials(name)]
    pairs = [(folder, record, TrialConfig.of(record)) for folder, record in records]
    missing = [each for each in pairs if not projector.is_projected(each[2])]
    for folder, record, config in missing:
        projector.project_whole(config, folder.read_history(), record)
    return len(missing)


def search_summary(
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
