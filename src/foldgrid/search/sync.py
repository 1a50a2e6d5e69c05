"""What ``foldgrid sync`` sends of a search: its trials, and the run of them all."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pandas as pd

from foldgrid.launching.tracking.projecting import project_context
from foldgrid.launching.tracking.sendable import FinishedRun, Sendable
from foldgrid.metrics import best_trials
from foldgrid.records import RunStore, SearchStore
from foldgrid.records.search_store import TrialFolder
from foldgrid.search.outcome import TRIALS_FILE, trial_rows
from foldgrid.search.projecting import search_summary
from foldgrid.specs.errors import SweepError
from foldgrid.specs.sweep import Sweep
from foldgrid.specs.trials import TrialEpoch, TrialRecord
from foldgrid.tracking import SummaryContent, TrialConfig, TrialRuns, make_content


def search_sendable(run: RunStore, sweep: Sweep) -> Sendable[TrialConfig, TrialEpoch, TrialRecord]:
    """The trials of a run folder's search, study by study."""
    store = SearchStore.of(run)
    studies = tuple(entry.name for entry in store.read_plan().studies)
    folders = [folder for name in studies for folder in store.trials(name)]
    num_begun = sum(len(store.root.folders(f"trials/{name}")) for name in studies)
    return Sendable(
        "trial",
        TrialRuns(sweep, project_context(run), studies),
        tuple(map(_finished_trial, folders)),
        num_begun - len(folders),
        lambda: _summary(run, sweep, {name: store.read_trials(name) for name in studies}),
    )


def _finished_trial(folder: TrialFolder) -> FinishedRun[TrialConfig, TrialEpoch, TrialRecord]:
    def read() -> tuple[TrialConfig, TrialRecord]:
        record = folder.read_record()
        return TrialConfig.of(record), record

    def read_history() -> Sequence[TrialEpoch]:
        faults = folder.faults()
        if faults:
            raise SweepError("; ".join(faults))
        return folder.read_history()

    return FinishedRun(folder.name.removeprefix("trials/"), read, read_history)


def _summary(
    run: RunStore, sweep: Sweep, trials: dict[str, list[TrialRecord]]
) -> SummaryContent | None:
    """The search's own run; nothing where its launch notified of more trials than lie here."""
    rows = trial_rows([trial for records in trials.values() for trial in records])
    if run.root.exists(TRIALS_FILE):
        reported = pd.read_csv(io.BytesIO(run.root.read_bytes(TRIALS_FILE)))
        if len(reported) > len(rows):
            return None
    best = {name: best_trials(found, sweep.search.objectives) for name, found in trials.items()}
    return make_content(rows, None, search_summary(trials, best), (), None, "trials")
