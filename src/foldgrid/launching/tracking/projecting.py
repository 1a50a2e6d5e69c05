"""Jobs under way, streamed to trackers: the listener that fits and trials share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from foldgrid.records import PlannedFit, RunStore
from foldgrid.specs.sweep import Sweep
from foldgrid.tracking import FitRuns, ProjectContext, RunProjector

Job = TypeVar("Job")
Config = TypeVar("Config")
Epoch = TypeVar("Epoch")
Record = TypeVar("Record")


def local_run_folder(store: RunStore, name: str) -> Path:
    """Where goes what never leaves this machine: the run folder, if it is here.

    Args:
        store: The run folder.
        name: The sweep's.
    """
    if store.root.is_local:
        return store.root.local_path
    return Path("runs").absolute() / name


def project_context(store: RunStore) -> ProjectContext:
    """What runs are tagged with, from the run folder's provenance."""
    provenance = store.read_provenance()
    git = provenance.get("git") or {}
    permutation = store.read_permutation()
    return ProjectContext(
        data_fingerprint=provenance["data_fingerprint"],
        split_fingerprint=provenance["split_fingerprint"],
        git_commit=git.get("commit"),
        tags=("canary", f"canary-{permutation.name}") if permutation is not None else (),
    )


def fit_runs(store: RunStore, sweep: Sweep, plan: Iterable[PlannedFit]) -> FitRuns:
    """What trackers receive of a grid's fits, each under the base learner it is planned for."""
    learners = {cell.fit_id: cell.backbone for cell in plan}
    return FitRuns(sweep, project_context(store), learners)


@dataclass(frozen=True)
class ProjectingListener(Generic[Job, Config, Epoch, Record]):
    """Streams each job's records to trackers; see ``tracking.RunProjector``.

    Attributes:
        projector: Writes the runs.
        config_of: A job as the projector knows it.
        history_of: All epochs of a job that is over, as recorded.
        earlier_of: The epochs of an earlier launch that a job goes on from.
    """

    projector: RunProjector[Config, Epoch, Record]
    config_of: Callable[[Job], Config]
    history_of: Callable[[Job], Sequence[Epoch]]
    earlier_of: Callable[[Job], Sequence[Epoch]]

    def started(self, job: Job) -> None:
        """Opens the job's run; with its earlier epochs where it goes on from them."""
        self.projector.start(self.config_of(job), self.earlier_of(job))

    def epoch_done(self, job: Job, epoch: Epoch) -> None:
        """Adds the epoch."""
        self.projector.log_epoch(self.config_of(job), epoch)

    def finished(self, job: Job, record: Record) -> None:
        """Closes the run with its summary; the records fill what it lacks."""
        self.projector.finish(self.config_of(job), record, self.history_of(job))

    def failed(self, job: Job, failure: object) -> None:
        """Closes the run as failed."""
        self.projector.abandon(self.config_of(job))
