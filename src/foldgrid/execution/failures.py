"""What went wrong with a task: an exception told apart by what can be done about it."""

from __future__ import annotations

import errno
import re

import torch

from foldgrid.specs.errors import StorageAwayError, SweepError
from foldgrid.specs.failure import Failure

FULL = (errno.ENOSPC, errno.EDQUOT)

# Neither torch's extensions nor safetensors raise an error of a type of its own for these.
OUT_OF_MEMORY = re.compile(
    r"out of memory|can't allocate memory|CUDNN_STATUS_ALLOC_FAILED|CUBLAS_STATUS_ALLOC_FAILED"
)
NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded|StorageFull")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a card, or this machine, had no memory left for a tensor."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and OUT_OF_MEMORY.search(str(error)) is not None


def is_disk_full(error: BaseException) -> bool:
    """Whether a file could not be written because its disk, or its owner's share of it, is full."""
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    return NO_SPACE.search(str(error)) is not None


def classify(error: Exception) -> Failure:
    """An exception that ended a task, as people and the launch need to know it."""
    if isinstance(error, SweepError):
        return Failure(kind="bad_input", message=str(error))
    if isinstance(error, StorageAwayError):
        return Failure(kind="storage_away", message=str(error.strerror))
    if is_out_of_memory(error):
        # torch goes on for ten lines about its allocator; the traceback has them.
        told = re.split(r" GPU \d+ has", str(error))[0] or type(error).__name__
        return Failure(
            kind="out_of_memory",
            message=(
                f"{told} Give each fit more of the card (resources.gpus_per_fit: 1), fewer fits at "
                "a time (resources.max_concurrent), or a smaller training.batch_size."
            ),
        )
    if isinstance(error, StorageAwayError):
        return Failure(kind="storage_away", message=str(error.strerror))
    line = f"{type(error).__name__}: {error}"
    return Failure(kind="disk_full" if is_disk_full(error) else "error", message=line)
