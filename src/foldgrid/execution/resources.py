"""What one fit takes of a machine, and how many fits run at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from foldgrid.data.cores import num_usable_cores
from foldgrid.execution.gpus import num_gpus
from foldgrid.models.footprint import Footprint
from foldgrid.specs.errors import SweepError
from foldgrid.specs.sweep import ResourceSpec

FRACTION_CLASSES = (1.0, 1 / 2, 1 / 4, 1 / 8)
"""The fractions of a GPU that ``auto`` chooses from. Few, because an actor is only reused between
fits that ask for the same."""

_GPU_HEADROOM = 0.85
"""The fraction of a card's memory that fits may plan with; the rest is for what convolutions borrow
and for the allocator's fragments."""

PROCESS_GIB = 0.8
"""What a process takes of a card beyond its tensors: the driver's context and the loaded kernels.
Seen on an H200 with torch 2.11: 0.78."""


@dataclass(frozen=True)
class Resources:
    """What a sweep runs on.

    Attributes:
        num_cpus: Cores of this machine that may be used.
        num_gpus: Its GPUs.
        cpus_per_fit: Cores a fit.
        gpus_per_fit: GPUs a fit, a fraction where below 1.
        num_concurrent: Fits at a time on this machine.
        max_concurrent: The most at a time anywhere; null lets a cluster be filled.
    """

    num_cpus: int
    num_gpus: int
    cpus_per_fit: int
    gpus_per_fit: float
    num_concurrent: int
    max_concurrent: int | None = None

    @property
    def num_cpus_of_ray(self) -> int:
        """Cores that a local Ray gets, which has a worker ready for each."""
        if self.max_concurrent is None:
            return self.num_cpus
        return min(self.num_cpus, self.max_concurrent * self.cpus_per_fit)


def memory_on_card(
    size: Footprint, batch_size: int, mosaics_gib: float, num_fits: int = 1
) -> float:
    """An estimate of what a process that trains takes of a card, in GiB.

    Args:
        size: Of the network, at the mosaics' size.
        batch_size: Mosaics a step.
        mosaics_gib: All mosaics; each fit puts them on the card.
        num_fits: Fits that the process holds at a time: 1, or a trial's folds.
    """
    return PROCESS_GIB + size.memory_gib(batch_size, num_fits) + num_fits * mosaics_gib


def choose_fraction(memory_gib: float, card_gib: float) -> float:
    """The smallest share class of a card whose memory holds a fit.

    Args:
        memory_gib: What the largest fit's process is estimated to need.
        card_gib: The memory of one GPU.
    """
    fitting = [s for s in FRACTION_CLASSES if memory_gib <= s * card_gib * _GPU_HEADROOM]
    return min(fitting, default=1.0)


def plan_resources(
    spec: ResourceSpec, memory_gib: Iterable[float], *, is_cluster: bool = False
) -> Resources:
    """What fits take on this machine.

    Args:
        spec: What the sweep asks for.
        memory_gib: The estimated memory of each backbone's process; see ``memory_on_card``.
        is_cluster: Whether the fits run on a cluster, whose GPUs this machine cannot count.

    Raises:
        SweepError: A fit asks for more GPUs than there are; Ray would wait for them for ever.
    """
    num_cpus = max(num_usable_cores(), spec.cpus_per_fit)
    num_cards = num_gpus()
    if spec.gpus_per_fit != "auto":
        fraction = float(spec.gpus_per_fit)
    elif num_cards:
        import torch

        card_gib = torch.cuda.get_device_properties(0).total_memory / 2**30
        fraction = choose_fraction(max(memory_gib, default=0.0), card_gib)
    else:
        fraction = 0.0
    if fraction > num_cards and not is_cluster:
        raise SweepError(
            f"resources.gpus_per_fit: found {fraction:g}; this machine has {num_cards} GPUs that "
            "torch can use.\nLeave it at auto, or join a cluster that has them with --address."
        )
    concurrent = num_cpus // spec.cpus_per_fit
    if fraction and num_cards:
        on_gpus = int(num_cards / fraction) if fraction <= 1 else num_cards // int(fraction)
        concurrent = min(concurrent, on_gpus)
    if spec.max_concurrent is not None:
        concurrent = min(concurrent, spec.max_concurrent)
    return Resources(
        num_cpus, num_cards, spec.cpus_per_fit, fraction, max(concurrent, 1), spec.max_concurrent
    )
