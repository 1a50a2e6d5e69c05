"""One trial: a configuration on all folds, an epoch each in turn, so every epoch has an OOF score.

Knows neither Optuna nor Ray. Shape letters: N samples, K outputs.
"""

from __future__ import annotations

import io
import time

import numpy as np
import pandas as pd

from foldgrid.records import RunStore
from foldgrid.scoring import METRICS
from foldgrid.training import Fit, TrainingData
from foldgrid.training.random_state import RandomState
from foldgrid.tuning.executor import open_fit
from foldgrid.tuning.search.trials import TrialEpoch, TrialRecord, TrialTask


class LockstepTrial:
    """Trains the folds of one configuration side by side in one process.

    Each fold's held-out samples are predicted anew whenever the fit's own validation loss is the
    lowest so far, so the score after an epoch is what one would have by stopping there. A lost
    trial begins anew: half a trial's score means nothing.

    Args:
        task: What to train.
        data: The training samples; see ``TrainingData.without_test``.
        store: The search's folder.

    Raises:
        ValueError: ``data`` holds test samples.
    """

    def __init__(self, task: TrialTask, data: TrainingData, store: RunStore) -> None:
        if (data.samples["partition"] == "test").any():
            raise ValueError("a search is given the training samples only")
        self.task, self.data, self.store = task, data, store
        for fit_task in task.fits:
            store.fit(fit_task.config.fit_id).start_over()
        self.fits: list[Fit] = []
        self._random: list[RandomState] = []
        for fit_task in task.fits:
            self.fits.append(open_fit(fit_task, data, store))
            self._random.append(RandomState.now(self.fits[-1].device))
        num_outputs = self.fits[0].task.num_outputs
        self.outputs_NK = np.full((len(data.samples), num_outputs), np.nan, np.float32)
        self.epoch, self.wall_seconds = 0, 0.0

    @property
    def has_diverged(self) -> bool:
        """Whether a fold's loss is no longer finite; the others need not go on then."""
        return any(fit.has_diverged for fit in self.fits)

    @property
    def running(self) -> list[Fit]:
        """The folds that have a next epoch."""
        return [] if self.has_diverged else [fit for fit in self.fits if not fit.is_over]

    @property
    def is_over(self) -> bool:
        """Whether ``conclude`` is next."""
        return not self.running

    def run_epoch(self) -> TrialEpoch:
        """Trains an epoch of every fold that is not over, and scores all."""
        started = time.perf_counter()
        for fit, random in zip(self.fits, self._random, strict=True):
            if fit in self.running:
                with random:
                    self._run_fold(fit)
        self.epoch += 1
        seconds = time.perf_counter() - started
        self.wall_seconds += seconds
        return TrialEpoch(
            epoch=self.epoch,
            oof={} if self.has_diverged else self._figures(self.visits()),
            num_running=len(self.running),
            wall_seconds=seconds,
        )

    def _run_fold(self, fit: Fit) -> None:
        if fit.run_epoch().is_best:
            rows = fit.roles.held_out
            self.outputs_NK[rows] = fit.predict(rows)

    def visits(self) -> pd.DataFrame:
        """What the ranking would compare, as predicted so far; see ``Task.units``."""
        return self.fits[0].task.units(self.data.samples, self.outputs_NK)

    def conclude(self) -> TrialRecord:
        """Writes the trial's record, after its visits."""
        visits = None if self.has_diverged else self.visits()
        config = self.task.fits[0].config
        record = TrialRecord(
            study=self.task.study,
            number=self.task.number,
            status="diverged" if visits is None else "complete",
            backbone=config.backbone,
            values=self.task.values,
            training=config.training,
            num_epochs=self.epoch,
            best_epochs=tuple(fit.stopping.best_epoch for fit in self.fits),
            oof={} if visits is None else self._figures(visits),
            num_visits=0 if visits is None else len(visits),
            fit_ids=tuple(fit_task.config.fit_id for fit_task in self.task.fits),
            wall_seconds=self.wall_seconds,
        )
        for fit_task in self.task.fits:
            self.store.fit(fit_task.config.fit_id).remove_checkpoint()
        if visits is not None:
            buffer = io.BytesIO()
            visits.to_parquet(buffer, index=False)
            self.store.write_bytes(f"trials/{self.task.name}.parquet", buffer.getvalue())
        text = record.model_dump_json(indent=2) + "\n"
        self.store.write_text(f"trials/{self.task.name}.json", text)
        return record

    @staticmethod
    def _figures(visits: pd.DataFrame) -> dict[str, float]:
        pair = visits["reference"].to_numpy(), visits["predicted"].to_numpy()
        return {name: metric(*pair) for name, metric in METRICS.items()}
