"""One task in one worker: what every executor drives, in whichever process the worker is."""

from __future__ import annotations

import gc
import logging
import os
import platform
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Generic

from foldgrid.execution.failures import classify
from foldgrid.execution.work import Epoch, Job, Result, Task, Work
from foldgrid.specs.failure import Failure

LOGGER = logging.getLogger("foldgrid.training")
"""Everything that training says of a task goes into the task's own log."""


@dataclass(frozen=True)
class Step(Generic[Epoch, Result]):
    """What a step of a task came to; nothing at all where memory ran out and it begins again.

    Attributes:
        epoch: The epoch that was trained.
        record: What the task came to.
        failure: Why it ended without a record.
    """

    epoch: Epoch | None = None
    record: Result | None = None
    failure: Failure | None = None

    @property
    def is_last(self) -> bool:
        """Whether the task is over."""
        return self.record is not None or self.failure is not None


class Attempt(Generic[Task, Epoch, Result]):
    """Trains one task step by step.

    Laws: an error of the task never leaves ``advance``, it becomes the last step; where memory runs
    out the task goes on from its last checkpoint with smaller parts of a batch, as long as there
    are any; whatever happens is in the task's log.

    Args:
        work: How to train.
        task: What to train.
        state: From ``Work.state``: where to go on instead.
    """

    def __init__(
        self, work: Work[Task, Epoch, Result], task: Task, state: bytes | None = None
    ) -> None:
        self._work, self.task, self._state = work, task, state
        self.job: Job[Epoch, Result] | None = None
        self._log: logging.Handler | None = None

    def advance(self) -> Step[Epoch, Result]:
        """One epoch; the last also concludes the task."""
        with self._logged():
            try:
                step = self._advance()
            except Exception as error:
                failure, text = classify(error), "".join(traceback.format_exception(error))
                self.job = step = None
            # Not before here: the traceback held on to the network's tensors.
            return step or self._recover(failure, text)

    def _advance(self) -> Step[Epoch, Result]:
        if self.job is None:
            finished = self._work.finished(self.task)
            if finished is not None:
                return Step(record=finished)
            LOGGER.info("taken up by process %d on %s", os.getpid(), platform.node())
            self.task = self._work.recall(self.task)
            self.job = self._work.open(self.task, self._state)
        epoch = None
        if not self.job.is_over:
            epoch = self.job.run_epoch()
            self._state = None
        record = None
        if self.job.is_over:
            record = self.job.conclude()
            self.job = None
        return Step(epoch, record)

    def _recover(self, failure: Failure, text: str) -> Step[Epoch, Result]:
        if failure.kind == "out_of_memory":
            gc.collect()
            lighter = self._work.lighter(self.task)
            if lighter is not None:
                self.task = lighter
                return Step()
        LOGGER.error("failed (%s): %s\n%s", failure.words, failure.message, text.rstrip())
        # Where the disk is full, the launch says so itself.
        with suppress(OSError):
            self._work.note_failure(self.task, text)
        return Step(failure=failure)

    def state(self) -> bytes | None:
        """The task as it stands; see ``Work.state``. Nothing before its first step."""
        return self._work.state(self.job) if self.job is not None else None

    def close(self) -> None:
        """Lets the task go, over or not."""
        self.job = None
        if self._log is not None:
            self._log.close()

    @contextmanager
    def _logged(self) -> Iterator[None]:
        # Between steps the process may train something else.
        self._log = self._log or self._work.open_log(self.task)
        LOGGER.setLevel(logging.INFO)
        LOGGER.addHandler(self._log)
        try:
            yield
        finally:
            LOGGER.removeHandler(self._log)
