"""What leaves of a grid: of each fit, and of the sweep they make up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from foldgrid.specs.fits import EpochRecord, FitConfig, FitRecord
from foldgrid.specs.given import is_given
from foldgrid.specs.learners import label_of, read_ablation
from foldgrid.specs.sweep import Sweep, TrackingSpec
from foldgrid.tracking.privacy import (
    ProjectContext,
    plain_key,
    plain_settings,
    summary_header,
    sweep_tags,
)
from foldgrid.tracking.runs import EPOCH_SECONDS, Ending, Point, RunHeader, run_id_of

ENVIRONMENT_KEYS = ("device", "python", "torch", "torchvision", "precision")


@dataclass(frozen=True)
class FitRuns:
    """The runs of a grid's fits; see ``RunKind``.

    Attributes:
        sweep: What is run.
        context: The tags of every run.
        learners: By fit, the base learner that it is planned for. Fits that are not there, those of
            earlier settings, belong to their backbone.
    """

    sweep: Sweep
    context: ProjectContext
    learners: Mapping[str, str] = field(default_factory=dict)

    @property
    def tracking(self) -> TrackingSpec:
        """See ``RunKind``."""
        return self.sweep.tracking

    def header(self, config: FitConfig) -> RunHeader:
        """Grouped by base learner, tagged by sweep, fold, data and code."""
        # A given fit has no recipe; one that was trained has no table.
        left_out = {"given"} if config.given is None else {"training"}
        settings = plain_settings(config.model_dump(mode="json", exclude=left_out))
        settings |= {"fit_id": config.fit_id, "sweep": self.sweep.name}
        return RunHeader(
            run_id=run_id_of(self.sweep.name, config.fit_id),
            name=config.fit_id,
            group=self._learner(config),
            job_type="fold",
            tags=self._tags(config),
            config=settings,
        )

    def _learner(self, config: FitConfig) -> str:
        return self.learners.get(config.fit_id, config.backbone)

    def _tags(self, config: FitConfig) -> tuple[str, ...]:
        # A run folder also holds fits of other settings than the sweep's last.
        sweep = self.sweep.model_copy(update={"budget": config.budget})
        context = replace(
            self.context,
            data_fingerprint=config.data_fingerprint,
            split_fingerprint=config.split_fingerprint,
        )
        learner = self._learner(config)
        _, key, value = read_ablation(learner)
        own = f"{key}={value}" if key else label_of(learner) or ("given" * is_given(learner))
        return sweep_tags(sweep, context, f"fold-{config.fold}", own)

    def point(self, epoch: EpochRecord) -> Point:
        """Losses, the learning rate and the validation metrics."""
        values = {f"validation/{plain_key(name)}": value for name, value in epoch.metrics.items()}
        values |= {
            "epoch": epoch.epoch,
            "learning_rate": epoch.learning_rate,
            "train/loss": epoch.train_loss,
            "validation/loss": epoch.validation_loss,
            "is_best": float(epoch.is_best),
            EPOCH_SECONDS: epoch.wall_seconds,
        }
        return Point(epoch.epoch, values)

    def ending(self, record: FitRecord) -> Ending:
        """A diverged fit is shown as failed."""
        return Ending(record.num_epochs, fit_summary(record), record.status == "complete")

    def summary_header(self) -> RunHeader:
        """One for each sweep, data, split and budget."""
        sweep, context = self.sweep, self.context
        facts = [context.data_fingerprint, context.split_fingerprint, sweep.budget]
        settings = {"training": sweep.training.model_dump(mode="json")}
        return summary_header(sweep, context, facts, settings)


def fit_summary(record: FitRecord) -> dict[str, Any]:
    """A finished fit's last word. Of its environment only what runs are compared by."""
    summary: dict[str, Any] = {plain_key(name): value for name, value in record.metrics.items()}
    summary |= {f"seconds/{plain_key(name)}": value for name, value in record.timings.items()}
    summary |= {
        f"environment/{name}": record.environment[name]
        for name in ENVIRONMENT_KEYS
        if name in record.environment
    }
    return summary | {
        "status": record.status,
        "stopped_because": record.stopped_because,
        "best_epoch": record.best_epoch,
        "num_epochs": record.num_epochs,
        "num_parameters": record.num_parameters,
        "multiply_adds": record.multiply_adds,
        "peak_memory_gib": record.peak_memory_gib,
        "weights_source": record.weights.source,
    }
