"""One job in one worker, whichever executor drives it, and what it means that it failed."""

from __future__ import annotations

import errno
import gc
import logging
import os
import platform
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Generic

from foldgrid.execution.trainer import ActiveJob, Epoch, Job, Result, Trainer
from foldgrid.specs.errors import StorageAwayError, SweepError
from foldgrid.specs.failure import Failure

LOGGER = logging.getLogger("foldgrid.training")
"""Everything that training says of a job goes into the job's own log."""


@dataclass(frozen=True)
class Step(Generic[Epoch, Result]):
    """What a step of a job came to; nothing at all where memory ran out and it begins again.

    Attributes:
        epoch: The epoch that was trained.
        record: What the job came to.
        failure: Why it ended without a record.
    """

    epoch: Epoch | None = None
    record: Result | None = None
    failure: Failure | None = None

    @property
    def is_last(self) -> bool:
        """Whether the job is over."""
        return self.record is not None or self.failure is not None


class JobRunner(Generic[Job, Epoch, Result]):
    """Trains one job step by step.

    Rules: an error of the job never leaves ``advance``, it becomes the last step; where memory runs
    out the job goes on from its last checkpoint with smaller parts of a batch, as long as there
    are any; whatever happens is in the job's log.

    Args:
        trainer: How to train.
        job: What to train.
        state: From ``Trainer.state``: where to go on instead.
    """

    def __init__(
        self, trainer: Trainer[Job, Epoch, Result], job: Job, state: bytes | None = None
    ) -> None:
        self._trainer, self.job, self._state = trainer, job, state
        self.active: ActiveJob[Epoch, Result] | None = None
        self._log: logging.Handler | None = None

    def advance(self) -> Step[Epoch, Result]:
        """One epoch; the last also finalizes the job."""
        with self._logged():
            try:
                step = self._advance()
            except Exception as error:
                failure, text = classify(error), "".join(traceback.format_exception(error))
                self.active = step = None
            # Not before here: the traceback held on to the network's tensors.
            return step or self._recover(failure, text)

    def _advance(self) -> Step[Epoch, Result]:
        if self.active is None:
            finished = self._trainer.finished(self.job)
            if finished is not None:
                return Step(record=finished)
            LOGGER.info("taken up by process %d on %s", os.getpid(), platform.node())
            self.job = self._trainer.recall(self.job)
            self.active = self._trainer.open(self.job, self._state)
        epoch = None
        if not self.active.is_over:
            epoch = self.active.run_epoch()
            self._state = None
        record = None
        if self.active.is_over:
            record = self.active.finalize()
            self.active = None
        return Step(epoch, record)

    def _recover(self, failure: Failure, text: str) -> Step[Epoch, Result]:
        if failure.kind == "out_of_memory":
            gc.collect()
            lighter = self._trainer.lighter(self.job)
            if lighter is not None:
                self.job = lighter
                return Step()
        LOGGER.error("failed (%s): %s\n%s", failure.words, failure.message, text.rstrip())
        # Where the disk is full, the launch says so itself.
        with suppress(OSError):
            self._trainer.note_failure(self.job, text)
        return Step(failure=failure)

    def state(self) -> bytes | None:
        """The job as it stands; see ``Trainer.state``. Nothing before its first step."""
        return self._trainer.state(self.active) if self.active is not None else None

    def close(self) -> None:
        """Lets the job go, over or not."""
        self.active = None
        if self._log is not None:
            self._log.close()

    @contextmanager
    def _logged(self) -> Iterator[None]:
        # Between steps the process may train something else.
        self._log = self._log or self._trainer.open_log(self.job)
        LOGGER.setLevel(logging.INFO)
        LOGGER.addHandler(self._log)
        try:
            yield
        finally:
            LOGGER.removeHandler(self._log)


FULL = (errno.ENOSPC, errno.EDQUOT)

# Neither torch's extensions nor safetensors raise an error of a type of its own for these.
OUT_OF_MEMORY = re.compile(
    r"out of memory|can't allocate memory|CUDNN_STATUS_ALLOC_FAILED|CUBLAS_STATUS_ALLOC_FAILED"
)
NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded|StorageFull")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a card, or this machine, had no memory left for a tensor."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and OUT_OF_MEMORY.search(str(error)) is not None


def is_disk_full(error: BaseException) -> bool:
    """Whether a file could not be written because its disk or its owner's quota is full."""
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    return NO_SPACE.search(str(error)) is not None


def classify(error: Exception) -> Failure:
    """An exception that ended a job, as people and the launch need to know it."""
    if isinstance(error, SweepError):
        return Failure(kind="bad_input", message=str(error))
    if isinstance(error, StorageAwayError):
        return Failure(kind="storage_away", message=str(error.strerror))
    if is_out_of_memory(error):
        # torch goes on for ten lines about its allocator; the traceback has them.
        reported = re.split(r" GPU \d+ has", str(error))[0] or type(error).__name__
        return Failure(
            kind="out_of_memory",
            message=(
                f"{reported} Give each fit more of the card (resources.gpus_per_fit: 1), fewer "
                "fits at a time (resources.max_concurrent), or a smaller training.batch_size."
            ),
        )
    line = f"{type(error).__name__}: {error}"
    return Failure(kind="disk_full" if is_disk_full(error) else "error", message=line)
