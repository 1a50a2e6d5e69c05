"""``progress.json``: a launch tells other terminals how far it has come."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Generic, Self, TypeVar

from foldgrid.records import RunStore
from foldgrid.specs.failure import Failure
from foldgrid.specs.fits import EpochRecord
from foldgrid.specs.progress import LaunchProgress, RunningJob
from foldgrid.specs.trials import TrialEpoch

PROGRESS_FILE = "progress.json"
EVERY_SECONDS = 2.0
"""Not oftener than this; the records hold every epoch anyway."""

Job = TypeVar("Job")


class ProgressFile(Generic[Job]):
    """Listens, and keeps ``progress.json`` up to date inside a ``with`` block.

    Args:
        store: The run folder.
        name_of: The name of a job.
        num_done: Jobs that earlier launches completed.
        num_total: How many there are to be.
        seconds_left: Estimates the time left; NaN where it cannot.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        store: RunStore,
        name_of: Callable[[Job], str],
        num_done: int,
        num_total: int,
        seconds_left: Callable[[], float] = lambda: math.nan,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._name_of, self._clock = store, name_of, clock
        self._num_done, self._num_total, self._seconds_left = num_done, num_total, seconds_left
        self._running: dict[str, RunningJob] = {}
        self._failures: dict[str, Failure] = {}
        self._written = -math.inf

    def __enter__(self) -> Self:
        self._write()
        return self

    def __exit__(self, *exception: object) -> None:
        self._write()

    def started(self, job: Job) -> None:
        """See ``Listener``."""
        self._failures.pop(self._name_of(job), None)
        self._running[self._name_of(job)] = RunningJob(since=self._clock())
        self._write_now_and_then()

    def epoch_done(self, job: Job, epoch: EpochRecord | TrialEpoch) -> None:
        """See ``Listener``."""
        name = self._name_of(job)
        state = self._running.get(name) or RunningJob(since=self._clock())
        self._running[name] = state.model_copy(update={"epoch": epoch.epoch})
        self._write_now_and_then()

    def finished(self, job: Job, record: object) -> None:
        """See ``Listener``."""
        self._running.pop(self._name_of(job), None)
        self._num_done += 1
        self._write_now_and_then()

    def failed(self, job: Job, failure: Failure) -> None:
        """See ``Listener``."""
        self._running.pop(self._name_of(job), None)
        self._failures[self._name_of(job)] = failure
        self._write_now_and_then()

    def _write_now_and_then(self) -> None:
        if self._clock() - self._written >= EVERY_SECONDS:
            self._write()

    def _write(self) -> None:
        self._written = self._clock()
        left = self._seconds_left()
        progress = LaunchProgress(
            updated=self._written,
            num_done=self._num_done,
            num_total=self._num_total,
            seconds_left=left if math.isfinite(left) else None,
            running=self._running,
            failures=self._failures,
        )
        self._store.write_text(PROGRESS_FILE, progress.model_dump_json(indent=2) + "\n")


def read_progress(store: RunStore) -> LaunchProgress | None:
    """What the last launch said; nothing where none did, or where it is corrupt."""
    try:
        return LaunchProgress.model_validate_json(store.root.read_bytes(PROGRESS_FILE))
    except (FileNotFoundError, ValueError):
        return None
