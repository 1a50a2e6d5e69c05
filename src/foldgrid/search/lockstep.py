"""One trial: a configuration on all folds, an epoch each in turn, so every epoch has an OOF score.

And trials as executors know them.

Knows neither Optuna nor Ray. Shape letters: N samples, K outputs.
"""

from __future__ import annotations

import io
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from foldgrid.execution.memory import lighter_fit, with_known_size
from foldgrid.execution.trainer import open_fit
from foldgrid.records import LogFile, SearchStore, TrialFolder
from foldgrid.search.trials import TrialJob, is_of, trial_record
from foldgrid.specs.trials import TrialEpoch, TrialRecord, TrialStatus
from foldgrid.tasks.scoring import predicted_units
from foldgrid.tasks.units import UnitTable
from foldgrid.training import Fit, TrainingData, checkpoint
from foldgrid.training.checkpoint_interval import CheckpointInterval
from foldgrid.training.random_state import RandomState


class LockstepTrial:
    """Trains the folds of one configuration side by side in one process.

    Each fold's held-out samples are predicted anew whenever the fit's own validation loss is the
    lowest so far, so the score after an epoch is what one would have by stopping there. A trial
    that was lost goes on from its last state; one that has none begins anew.

    Args:
        job: What to train.
        data: The training samples; see ``TrainingData.for_search``.
        folder: The trial's folder.
        state: From ``state``: this trial's, or, in population based training, a better one's,
            which it goes on from by its default configuration. Nothing for what its folder holds.

    Raises:
        ValueError: ``data`` holds test samples.
    """

    def __init__(
        self,
        job: TrialJob,
        data: TrainingData,
        folder: TrialFolder,
        state: bytes | None = None,
    ) -> None:
        if (data.samples["partition"] == "test").any():
            raise ValueError("a search is given the training samples only")
        self.job, self.data, self.folder = job, data, folder
        self.fits: list[Fit] = []
        self._random: list[RandomState] = []
        for fit_job in job.fits:
            # A state of all folds at one epoch is kept here, so none keeps its own.
            fit = open_fit(fit_job, data, folder.fits, keep_state=False)
            self.fits.append(fit)
            self._random.append(RandomState.now(fit.device))
        num_outputs = self.fits[0].task.num_outputs
        self.outputs_NK = np.full((len(data.samples), num_outputs), np.nan, np.float32)
        self.epochs: list[TrialEpoch] = []
        self._untold: list[TrialEpoch] = []
        self._pace = CheckpointInterval.of(*(fit.trained for fit in self.fits))
        self._restore(state or folder.read_state())
        if state is None:
            self._untold = self._not_kept(folder.read_running())

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
        """Whether ``finalize`` is next."""
        return not self.running and not self._untold

    def run_epoch(self) -> TrialEpoch:
        """Trains an epoch of every fold that is not over, and scores all.

        Epochs that a state holds and the launcher has not kept are reported first, and not trained.
        """
        if self._untold:
            return self._untold.pop(0)
        started = time.perf_counter()
        for fit, random in zip(self.fits, self._random, strict=True):
            if fit in self.running:
                with random:
                    self._run_fold(fit)
        units = None if self.has_diverged else self.units()
        epoch = TrialEpoch(
            epoch=len(self.epochs) + 1,
            oof={} if units is None else self._metric_values(units),
            predicted=() if units is None else tuple(units.predicted.to_numpy().ravel().tolist()),
            best_epochs=tuple(fit.stopping.best_epoch for fit in self.fits),
            num_running=len(self.running),
            wall_seconds=time.perf_counter() - started,
        )
        self.epochs.append(epoch)
        if not self.is_over and self._pace.is_due():
            with self._pace.writing():
                self.folder.write_state(self.state())
        return epoch

    def _run_fold(self, fit: Fit) -> None:
        if fit.run_epoch().is_best:
            self.outputs_NK[fit.roles.held_out] = fit.predict_held_out()

    def units(self) -> UnitTable:
        """What the ranking would compare, as predicted so far."""
        task = self.fits[0].task
        columns = task.prediction_columns(self.outputs_NK)
        for fit in self.fits:
            # What a fold's outputs mean, it learned of its own training samples.
            rows = fit.roles.held_out
            for name, values in fit.task.prediction_columns(self.outputs_NK[rows]).items():
                columns[name][rows] = values
        return predicted_units(task, self.data.samples, columns)

    def _metric_values(self, units: UnitTable) -> dict[str, float]:
        compared = units.reference, units.predicted_by("predicted"), units.units["fold"].to_numpy()
        measured = self.fits[0].task.measured(*self.job.objectives)
        return {name: metric(*compared) for name, metric in measured.items()}

    def finalize(self) -> TrialRecord:
        """Clears what a trial that is over no longer needs; returns its record."""
        self.folder.remove_state()
        status: TrialStatus = "diverged" if self.has_diverged else "complete"
        return trial_record(self.job, self.epochs, status)

    def state(self) -> bytes:
        """All folds at the epoch where they stand, to go on from in another process."""
        fits = []
        for fit, random in zip(self.fits, self._random, strict=True):
            with random:
                recipe = fit.config.training.model_dump_json()
                fits.append({"fit": checkpoint.state_of(fit), "recipe": recipe})
        state = {
            "fits": fits,
            "outputs": torch.from_numpy(self.outputs_NK),
            "epochs": [epoch.model_dump_json() for epoch in self.epochs],
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        return buffer.getvalue()

    def _restore(self, data: bytes | None) -> None:
        state = checkpoint.read_state(data, self.fits[0].device) if data is not None else None
        if state is None or not self._suits(state):
            return
        for fit, entry, index in zip(self.fits, state["fits"], range(len(self.fits)), strict=True):
            checkpoint.restore(fit, entry["fit"])
            self._random[index] = RandomState.now(fit.device)
            # Its default configuration again, where the state is another trial's.
            if entry["recipe"] != fit.config.training.model_dump_json():
                fit.adopt_recipe()
        self.outputs_NK[:] = state["outputs"].cpu().numpy()
        self.epochs = [TrialEpoch.model_validate_json(line) for line in state["epochs"]]

    def _not_kept(self, kept: list[TrialEpoch]) -> list[TrialEpoch]:
        """The epochs so far from the first on that ``running.jsonl`` lacks, or has otherwise.

        A launch may die between a state and the line of its last epoch, and a file may be torn.
        """
        lines = [epoch.model_dump_json() for epoch in kept]
        own = [epoch.model_dump_json() for epoch in self.epochs]
        same = next((n for n, line in enumerate(own) if lines[n : n + 1] != [line]), len(own))
        return self.epochs[same:]

    def _suits(self, state: dict[str, Any]) -> bool:
        entries = state.get("fits", [])
        return len(entries) == len(self.fits) and all(
            checkpoint.is_of(entry["fit"], fit)
            for entry, fit in zip(entries, self.fits, strict=True)
        )


class TrialTrainer:
    """See ``execution.trainer.Trainer``.

    Args:
        data: The training samples alone.
        store: The search's folder.
    """

    epoch_type, record_type = TrialEpoch, TrialRecord

    def __init__(self, data: TrainingData, store: SearchStore) -> None:
        self.data, self.store = data, store.absolute()

    def finished(self, job: TrialJob) -> TrialRecord | None:
        """The trial's record, where it is over and the launcher received it twice."""
        folder = self.store.trial(job.study, job.number)
        record = folder.read_record() if folder.is_over() else None
        return record if record is not None and is_of(record, job) else None

    def open(self, job: TrialJob, state: bytes | None = None) -> LockstepTrial:
        """See ``Trainer``."""
        return LockstepTrial(job, self.data, self.store.trial(job.study, job.number), state or None)

    def state(self, active: LockstepTrial) -> bytes:
        """See ``Trainer``."""
        return active.state()

    def recall(self, job: TrialJob) -> TrialJob:
        """See ``Trainer``; a trial's folds, in memory together, are remembered apart from fits."""
        root = self.store.root
        return replace(job, fits=tuple(with_known_size(fit, root) for fit in job.fits))

    def lighter(self, job: TrialJob) -> TrialJob | None:
        """See ``Trainer``; the folds are of one backbone, and halved together."""
        half = lighter_fit(job.fits[0], self.store.root)
        if half is None:
            return None
        size = half.micro_batch_size
        return replace(job, fits=tuple(replace(fit, micro_batch_size=size) for fit in job.fits))

    def open_log(self, job: TrialJob) -> LogFile:
        """See ``Trainer``."""
        return self.store.trial(job.study, job.number).open_log()

    @staticmethod
    def gpus(job: TrialJob) -> tuple[float, str]:
        """See ``Trainer``; the folds share one worker."""
        return job.fits[0].gpus, job.fits[0].card

    def note_failure(self, job: TrialJob, text: str) -> None:
        """See ``Trainer``."""
        self.store.trial(job.study, job.number).write_failure(text)
