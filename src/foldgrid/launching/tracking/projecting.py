"""Tasks under way, streamed to trackers: the listener that fits and trials share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from foldgrid.records import PlannedFit, RunStore
from foldgrid.specs.sweep import Sweep
from foldgrid.tracking import FitRuns, ProjectContext, RunProjector

Task = TypeVar("Task")
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
    canary = store.read_canary()
    return ProjectContext(
        data_fingerprint=provenance["data_fingerprint"],
        split_fingerprint=provenance["split_fingerprint"],
        git_commit=git.get("commit"),
        tags=("canary", f"canary-{canary.name}") if canary is not None else (),
    )


def fit_runs(store: RunStore, sweep: Sweep, plan: Iterable[PlannedFit]) -> FitRuns:
    """What trackers are told of a grid's fits, each under the base learner it is planned for."""
    learners = {cell.fit_id: cell.backbone for cell in plan}
    return FitRuns(sweep, project_context(store), learners)


@dataclass(frozen=True)
class ProjectingListener(Generic[Task, Config, Epoch, Record]):
    """Streams each task's records to trackers; see ``tracking.RunProjector``.

    Attributes:
        projector: Writes the runs.
        config_of: A task as the projector knows it.
        history_of: All epochs of a task that is over, as recorded.
        earlier_of: The epochs of an earlier launch that a task goes on from.
    """

    projector: RunProjector[Config, Epoch, Record]
    config_of: Callable[[Task], Config]
    history_of: Callable[[Task], Sequence[Epoch]]
    earlier_of: Callable[[Task], Sequence[Epoch]]

    def started(self, task: Task) -> None:
        """Opens the task's run; with its earlier epochs where it goes on from them."""
        self.projector.start(self.config_of(task), self.earlier_of(task))

    def epoch_done(self, task: Task, epoch: Epoch) -> None:
        """Adds the epoch."""
        self.projector.log_epoch(self.config_of(task), epoch)

    def finished(self, task: Task, record: Record) -> None:
        """Closes the run with its summary; the records fill what it lacks."""
        self.projector.finish(self.config_of(task), record, self.history_of(task))

    def failed(self, task: Task, failure: object) -> None:
        """Closes the run as failed."""
        self.projector.abandon(self.config_of(task))
