"""The interface of an executor, and the one that needs no Ray.

Laws, kept by every executor (``tests/contracts/test_executors.py``): each task is trained exactly
once unless its worker is lost; the records are the same bits whichever executor made them; an
error of one fit is told and the others go on; listeners are called in the caller's process.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from typing import Protocol, Self

import torch

from foldgrid.records import RunStore
from foldgrid.specs.fits import FitRecord
from foldgrid.training import Fit, TrainingData
from foldgrid.tuning.events import Listener
from foldgrid.tuning.grid import FitTask


class Executor(Protocol):
    """Trains fits, inside a ``with`` block: entering starts what takes long to start."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def run(
        self, tasks: Sequence[FitTask], data: TrainingData, store: RunStore, listener: Listener
    ) -> None:
        """Trains all ``tasks``, in their order as far as there is room, into ``store``."""
        ...


def open_fit(task: FitTask, data: TrainingData, store: RunStore) -> Fit:
    """The fit of ``task``, at its start or at its last checkpoint."""
    return Fit(
        task.config,
        data,
        store.fit(task.config.fit_id),
        task.weights,
        keep_weights=task.keep_weights,
        num_threads=task.num_threads,
        device=None if task.uses_gpu else torch.device("cpu"),
    )


def finished_record(task: FitTask, store: RunStore) -> FitRecord | None:
    """The record of a fit that somebody completed since the plan was made, or nothing.

    A worker can die between writing ``fit.json`` and saying so.
    """
    folder = store.fit(task.config.fit_id)
    return folder.read_record() if folder.is_finished() else None


def note_failure(task: FitTask, store: RunStore, error: Exception) -> str:
    """Keeps the traceback in the fit's folder; returns the message for people."""
    store.fit(task.config.fit_id).write_failure("".join(traceback.format_exception(error)))
    return describe_failure(error)


def describe_failure(error: Exception) -> str:
    """What went wrong, in a line or two; with what to do where the card's memory was too small."""
    if not isinstance(error, torch.OutOfMemoryError):
        return f"{type(error).__name__}: {error}"
    # torch goes on for ten lines about its allocator; the traceback has them.
    told = re.split(r" GPU \d+ has", str(error))[0]
    return (
        f"{told} Give each fit more of the card (resources.gpus_per_fit: 1), fewer fits at a "
        "time (resources.max_concurrent), or a smaller training.batch_size."
    )


class InlineExecutor:
    """Trains in the caller's process, one fit after another."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing was started."""

    def run(
        self, tasks: Sequence[FitTask], data: TrainingData, store: RunStore, listener: Listener
    ) -> None:
        """See ``Executor``."""
        for task in tasks:
            listener.started(task)
            try:
                record = finished_record(task, store) or self._train(task, data, store, listener)
            except Exception as error:
                listener.failed(task, note_failure(task, store, error))
                continue
            listener.finished(task, record)

    @staticmethod
    def _train(task: FitTask, data: TrainingData, store: RunStore, listener: Listener) -> FitRecord:
        # In a function of its own, so that the fit's memory goes before the next one's comes.
        fit = open_fit(task, data, store)
        while not fit.is_over:
            listener.epoch_done(task, fit.run_epoch())
        return fit.conclude()
