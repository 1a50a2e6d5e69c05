"""What leaves of a search: of each trial, and of the search they make up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.sweep import Sweep, TrackingSpec
from foldgrid.specs.trials import RecipeChange, TrialEpoch, TrialRecord
from foldgrid.tracking.privacy import (
    ProjectContext,
    plain_key,
    plain_settings,
    summary_header,
    sweep_tags,
)
from foldgrid.tracking.runs import EPOCH_SECONDS, Ending, Point, RunHeader, run_id_of

if TYPE_CHECKING:
    from foldgrid.tasks.scoring import Scoring

DEFAULT_CONFIGURATION = "default-configuration"


@dataclass(frozen=True)
class TrialConfig:
    """What a trial trains.

    Attributes:
        study: The study's name.
        number: The trial's number in it; 0 is the sweep's default configuration.
        backbone: The network.
        values: What was drawn of the search space.
        training: The whole recipe.
    """

    study: str
    number: int
    backbone: str
    values: Mapping[str, Value]
    training: TrainingRecipe

    @classmethod
    def of(cls, record: TrialRecord) -> TrialConfig:
        """What a trial that is over trained last."""
        return cls(record.study, record.number, record.backbone, record.values, record.training)


@dataclass(frozen=True)
class TrialRuns:
    """The runs of a search's trials; see ``RunKind``.

    Attributes:
        sweep: What is searched.
        context: The tags of every run.
        studies: The names of the search's studies.
    """

    sweep: Sweep
    context: ProjectContext
    studies: tuple[str, ...]

    @property
    def tracking(self) -> TrackingSpec:
        """See ``RunKind``."""
        return self.sweep.tracking

    def header(self, config: TrialConfig) -> RunHeader:
        """Grouped by study, tagged by sweep, data and code."""
        sweep, context = self.sweep, self.context
        settings = {
            "sweep": sweep.name,
            "study": config.study,
            "trial": config.number,
            "backbone": config.backbone,
            "seed": sweep.seed,
            "budget": sweep.budget,
            "task": plain_settings(sweep.task.model_dump(mode="json")),
            "num_folds": sweep.split.num_folds,
            "data_fingerprint": context.data_fingerprint,
            "split_fingerprint": context.split_fingerprint,
        }
        return RunHeader(
            run_id=run_id_of(sweep.name, f"{config.study}-{config.number:04}"),
            name=f"{config.backbone}/trial-{config.number:04}",
            group=config.study,
            job_type="trial",
            tags=sweep_tags(sweep, context, DEFAULT_CONFIGURATION if config.number == 0 else ""),
            config=settings | _search_settings(sweep) | _recipe_settings(config),
        )

    def point(self, epoch: TrialEpoch) -> Point:
        """The out-of-fold values; no visit's own."""
        values = {f"oof/{plain_key(name)}": value for name, value in epoch.oof.items()}
        values |= {
            "epoch": epoch.epoch,
            "num_running": epoch.num_running,
            EPOCH_SECONDS: epoch.wall_seconds,
        }
        return Point(epoch.epoch, values)

    def ending(self, record: TrialRecord) -> Ending:
        """One that was stopped early did its part; a diverged one is shown as failed."""
        # Imported here: NumPy takes its time, and the launcher's --help loads this room.
        from foldgrid.tasks.registry import make_scoring

        # Population based training changes the values on the way.
        changed = _recipe_settings(TrialConfig.of(record)) if record.changes else {}
        return Ending(
            num_epochs=record.num_epochs,
            summary=trial_summary(record, make_scoring(self.sweep.task)),
            is_success=record.status != "diverged",
            tags=() if record.status == "complete" else (record.status,),
            config=changed,
        )

    def summary_header(self) -> RunHeader:
        """One for all studies of a search."""
        settings = _search_settings(self.sweep) | {"num_trials": self.sweep.search.num_trials}
        return summary_header(self.sweep, self.context, sorted(self.studies), settings)


def trial_summary(record: TrialRecord, scoring: Scoring) -> dict[str, Any]:
    """A trial's last word. One that diverged has no values, whatever its last epochs had."""
    metric_values = record.oof or dict.fromkeys(scoring.standard_metrics, math.nan)
    summary: dict[str, Any] = {
        f"oof/{plain_key(name)}": value for name, value in metric_values.items()
    }
    summary |= {
        "status": record.status,
        "num_epochs": record.num_epochs,
        "num_planned_epochs": record.num_planned_epochs,
        f"num_{scoring.unit_name.many}": record.num_visits,
        "seconds/train": record.wall_seconds,
    }
    if record.status == "stopped":
        summary["epochs_saved"] = record.num_planned_epochs - record.num_epochs
    if record.changes:
        summary["changes"] = [_change(change) for change in record.changes]
    return summary


def _change(change: RecipeChange) -> dict[str, Any]:
    return {
        "after_epoch": change.after_epoch,
        "inherited_from": change.inherited_from,
        "values": _flat(change.values),
    }


def _search_settings(sweep: Sweep) -> dict[str, Any]:
    own = plain_settings(sweep.search.own.model_dump(mode="json"))
    # Not the search space's name, which may be a path.
    return {
        "sampler": sweep.search.sampler,
        "scheduler": sweep.search.scheduler,
        **({"scheduler_settings": own} if own else {}),
        "objectives": list(sweep.search.objectives),
    }


def _recipe_settings(config: TrialConfig) -> dict[str, Any]:
    """The values on one level, as parallel coordinates take them: ``values.momentum``."""
    return {
        "values": _flat(config.values),
        "training": config.training.model_dump(mode="json"),
    }


def _flat(values: Mapping[str, Value]) -> dict[str, Value]:
    return {plain_key(name): value for name, value in values.items()}
