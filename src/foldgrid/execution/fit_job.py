"""One fit to be trained, with everything that a worker needs to know."""

from __future__ import annotations

from dataclasses import dataclass

from foldgrid.models import WeightFile
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.learners import Learner


@dataclass(frozen=True)
class FitJob:
    """One fit to be trained, with everything a worker needs to know.

    Attributes:
        config: What decides the outcome.
        weights: Pre-trained weights to start from; nothing for random ones.
        keep_weights: Whether to leave ``best.safetensors``.
        num_threads: Threads of the worker.
        estimated_seconds: On one core; decides the order.
        gpus: How many the worker is given, a fraction where below 1; without any it trains on the
            CPU even where a GPU could be seen.
        card: The kind of GPU, as Ray calls it; "" for any.
        micro_batch_size: The most samples that are on the device at a time, where memory does not
            hold a batch; nothing for whole batches. The batch stays the recipe's.
        keep_features: Whether to leave ``features.parquet``.
        base_learner: What it is planned for; nothing outside a grid.
    """

    config: FitConfig
    weights: WeightFile | None
    keep_weights: bool
    num_threads: int
    estimated_seconds: float
    gpus: float = 0.0
    card: str = ""
    micro_batch_size: int | None = None
    keep_features: bool = False
    base_learner: Learner | None = None

    @property
    def learner(self) -> str:
        """The base learner that it belongs to."""
        return self.base_learner.name if self.base_learner else self.config.backbone

    @property
    def uses_gpu(self) -> bool:
        """Whether it trains on one."""
        return self.gpus > 0
