"""``launch.log``: what the launcher did and received, for whoever looks in the morning."""

from __future__ import annotations

import logging
import os
import platform
import shlex
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Generic, Self, TypeVar

from foldgrid.launching.interrupt import Terminated
from foldgrid.records import LogFile, RunStore
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import SweepError
from foldgrid.specs.failure import Failure
from foldgrid.specs.fits import EpochRecord, FitRecord
from foldgrid.specs.passwords import hide_all_passwords, hide_passwords
from foldgrid.specs.trials import TrialEpoch, TrialRecord
from foldgrid.version import __version__

LOG_FILE = "launch.log"

Job = TypeVar("Job")


class LaunchLog(Generic[Job]):
    """Listens, and writes a line an event; as a context manager around the training.

    Args:
        store: The run folder; every launch adds to the same file.
        name_of: The name of a job.
        plan: What this launch is about, in a line.
    """

    def __init__(self, store: RunStore, name_of: Callable[[Job], str], plan: str) -> None:
        self._file = LogFile(store.root, LOG_FILE)
        self._name_of, self._plan = name_of, plan

    def __enter__(self) -> Self:
        where = f"process {os.getpid()} on {platform.node()}, foldgrid {__version__}"
        self._info(f"launched by {where}: {shlex.join(hide_all_passwords(sys.argv))}")
        self._info(self._plan)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, *rest: object) -> None:
        if kind is None:
            self._info("training is over")
        elif issubclass(kind, Terminated):
            self._file.note(logging.WARNING, "stopped by SIGTERM")
        elif issubclass(kind, KeyboardInterrupt):
            self._file.note(logging.WARNING, "stopped by Ctrl-C")
        elif issubclass(kind, SweepError) or not isinstance(error, Exception):
            self._file.note(logging.ERROR, f"ended: {hide_passwords(str(error)) or kind.__name__}")
        else:
            reported = "".join(traceback.format_exception(error)).rstrip()
            self._file.note(logging.ERROR, hide_passwords(reported))
        self._file.flush()

    def _info(self, text: str) -> None:
        self._file.note(logging.INFO, text)

    def note(self, text: str) -> None:
        """Adds a line about what no job is."""
        self._info(text)

    def started(self, job: Job) -> None:
        """See ``Listener``."""
        self._info(f"{self._name_of(job)}: started")

    def epoch_done(self, job: Job, epoch: EpochRecord | TrialEpoch) -> None:
        """Nothing: the job's own log has its epochs."""

    def finished(self, job: Job, record: FitRecord | TrialRecord) -> None:
        """See ``Listener``."""
        self._info(
            f"{self._name_of(job)}: {record.status} after {counted(record.num_epochs, 'epoch')}"
        )

    def failed(self, job: Job, failure: Failure) -> None:
        """See ``Listener``."""
        again = "; is tried again" if failure.is_tried_again else ""
        words = f"{self._name_of(job)}: failed ({failure.words}): {failure.message}{again}"
        self._file.note(logging.ERROR, words)

    def end(self, warnings: Iterable[str]) -> None:
        """Adds what a user was shown beside the events, and ends the log."""
        for text in warnings:
            self._file.note(logging.WARNING, text)
        self._file.close()
