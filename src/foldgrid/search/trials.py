"""A trial of a search: what is to be trained, and what its epochs come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foldgrid.execution.events import Listener
from foldgrid.execution.fit_job import FitJob
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.trials import RecipeChange, TrialEpoch, TrialRecord, TrialStatus
from foldgrid.tasks.registry import make_scoring


@dataclass(frozen=True)
class TrialJob:
    """One configuration to be trained on all folds.

    Attributes:
        study: The study that asked for it.
        number: Its number in that study, from 0; 0 is the sweep's default configuration.
        values: What was drawn of the search space.
        fits: One fit a fold, in the folds' order.
        objectives: What is searched for; computed beside the task's standard metrics.
        inherited_from: In population based training, the trial whose networks it went on with.
    """

    study: str
    number: int
    values: dict[str, Value]
    fits: tuple[FitJob, ...]
    inherited_from: int | None = None
    objectives: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For people and for folders: ``mobilenet_v2-0f3a61b2c4/0007``."""
        return f"{self.study}/{self.number:04}"

    @property
    def num_planned_epochs(self) -> int:
        """The most epochs that its recipe allows."""
        return self.fits[0].config.training.planned_epochs


TrialListener = Listener[TrialJob, TrialEpoch, TrialRecord]
"""Receives the events of every trial, in the launcher's process."""


def is_of(record: TrialRecord, job: TrialJob) -> bool:
    """Whether a record is what a job came to: a study that forgot may ask for other values."""
    return record.values == job.values or bool(record.changes)


def trial_record(
    job: TrialJob,
    epochs: Sequence[TrialEpoch],
    status: TrialStatus,
    changes: Sequence[RecipeChange] = (),
) -> TrialRecord:
    """What a trial came to.

    Args:
        job: What was trained, last if it changed.
        epochs: All its epochs, at least one.
        status: How it ended.
        changes: What population based training changed.
    """
    config, last = job.fits[0].config, epochs[-1]
    num_values = make_scoring(config.task).num_values
    return TrialRecord(
        study=job.study,
        number=job.number,
        status=status,
        backbone=config.backbone,
        values=job.values,
        training=config.training,
        num_epochs=last.epoch,
        num_planned_epochs=job.num_planned_epochs,
        best_epochs=last.best_epochs,
        oof={} if status == "diverged" else last.oof,
        num_visits=0 if status == "diverged" else len(last.predicted) // num_values,
        fit_ids=tuple(fit.config.fit_id for fit in job.fits),
        wall_seconds=sum(epoch.wall_seconds for epoch in epochs),
        changes=tuple(changes),
    )
