"""A memory that holds so many samples and no more, where there is no card to fill."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from ray import cloudpickle
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from foldgrid.execution.fit_job import FitJob
from foldgrid.execution.trainer import FitTrainer
from foldgrid.records import RunStore
from foldgrid.training import Fit, TrainingData

REPORTED = (
    "CUDA out of memory. Tried to allocate 392.00 MiB. GPU 0 has a total capacity of 8.00 GiB."
)


def hold_at_most(num_samples: int) -> Any:
    """From here on every convolution of this process raises torch's own error beyond that.

    Returns:
        Its ``remove`` takes the limit away.
    """

    def check(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        # On the meta device networks are only counted.
        is_real = isinstance(module, nn.Conv2d) and inputs[0].device.type == "cpu"
        if is_real and len(inputs[0]) > num_samples:
            raise torch.OutOfMemoryError(REPORTED)

    return register_module_forward_pre_hook(check)


@contextmanager
def memory_for(num_samples: int) -> Iterator[None]:
    """As ``hold_at_most``, inside a ``with`` block."""
    limit = hold_at_most(num_samples)
    try:
        yield
    finally:
        limit.remove()


@contextmanager
def fits_in_small_memory(
    data: TrainingData, store: RunStore, num_samples: int, enough_gpus: float = 2.0
) -> Iterator[FitTrainer]:
    """The trainer of fits in processes that hold so many samples, wherever they are trained.

    Args:
        data: The samples.
        store: The run folder.
        num_samples: How many a process holds.
        enough_gpus: A fit with such a share of a card has memory enough.
    """
    # Workers of Ray cannot import the tests, so what is defined here travels whole.
    this = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(this)
    trainer = SmallMemoryTrainer(data, store)
    trainer.num_samples, trainer.enough_gpus = num_samples, enough_gpus
    try:
        yield trainer
    finally:
        cloudpickle.unregister_pickle_by_value(this)
        trainer.release()


class SmallMemoryTrainer(FitTrainer):
    """See ``fits_in_small_memory``."""

    num_samples, enough_gpus = 0, 2.0
    limit: Any = None

    def open(self, job: FitJob, state: bytes | None = None) -> Fit:
        """Limits the process, for as long as it trains such fits."""
        if job.gpus >= self.enough_gpus:
            self.release()
        elif self.limit is None:
            self.limit = hold_at_most(self.num_samples)
        return super().open(job, state)

    def release(self) -> None:
        """Takes the limit away from this process."""
        if self.limit is not None:
            self.limit.remove()
            self.limit = None
