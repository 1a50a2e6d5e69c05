"""Fits that memory does not hold whole: smaller parts of a batch, then more of a card.

``memory/<backbone>.json`` in the run folder keeps what fitted, for the next fit of a backbone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from pydantic import Field

from foldgrid.execution.fit_job import FitJob
from foldgrid.execution.resources import FRACTION_CLASSES
from foldgrid.records.files import FileRoot
from foldgrid.specs.base import Record


class MemoryNote(Record):
    """What fitted where a whole batch did not.

    Attributes:
        device: ``cpu``, or the card's name.
        gpus: The fraction of a GPU that the worker had; 0 on a CPU.
        micro_batch_size: The most samples at a time that were tried last; null where not even the
            smallest part of a batch fitted.
    """

    device: str
    gpus: float
    micro_batch_size: int | None = Field(ge=2)


class MemoryNotes(Record):
    """``memory/<backbone>.json``: the notes on one backbone, at most one a device and share."""

    notes: tuple[MemoryNote, ...] = ()

    def with_note(self, note: MemoryNote) -> MemoryNotes:
        """These and another, which takes the place of an earlier one like it."""
        kept = (n for n in self.notes if (n.device, n.gpus) != (note.device, note.gpus))
        return MemoryNotes(notes=(*kept, note))

    def on(self, device: str, gpus: float) -> MemoryNote | None:
        """What is known of such a device and share."""
        found = (n for n in self.notes if (n.device, n.gpus) == (device, gpus))
        return next(found, None)

    def too_small(self) -> set[float]:
        """The fractions of a GPU that held no part of a batch, on whichever card."""
        return {note.gpus for note in self.notes if note.micro_batch_size is None}


def next_fraction(
    gpus: float, too_small: Iterable[float], classes: Iterable[float]
) -> float | None:
    """The smallest share above ``gpus`` that is not known to be too small; nothing above a card."""
    known = set(too_small)
    return min(
        (fraction for fraction in classes if fraction > gpus and fraction not in known),
        default=None,
    )


logger = logging.getLogger("foldgrid.training.memory")

SMALLEST_PART = 2
"""Batch normalisation cannot standardise one sample once its feature map has shrunk to one cell."""


def with_known_size(job: FitJob, root: FileRoot) -> FitJob:
    """The fit with the parts of a batch that fitted before, on such a device.

    Args:
        job: A fit; one that says itself how large its parts are stays as it is.
        root: Where it is remembered.
    """
    if job.micro_batch_size is not None:
        return job
    note = read_memory(root, job.config.backbone).on(_device_of(job), job.gpus)
    return job if note is None else replace(job, micro_batch_size=note.micro_batch_size)


def lighter_fit(job: FitJob, root: FileRoot) -> FitJob | None:
    """The fit with half as many samples on the device at a time; ``root`` remembers them.

    Returns:
        Nothing where the parts of a batch cannot be smaller.
    """
    size = job.micro_batch_size or job.config.training.batch_size
    half = max((size + 1) // 2, SMALLEST_PART) if size > SMALLEST_PART else None
    note = MemoryNote(device=_device_of(job), gpus=job.gpus, micro_batch_size=half)
    note_memory(root, job.config.backbone, note)
    logger.warning("out of memory on %s with %d samples at a time", note.device, size)
    if half is None:
        return None
    logger.warning("goes on with %d at a time; the batch and its loss stay the recipe's", half)
    return replace(job, micro_batch_size=half)


def with_larger_fraction(job: FitJob, root: FileRoot) -> FitJob | None:
    """The fit with more of a card, whole batches again.

    Returns:
        Nothing where it has a whole card already, or none at all.
    """
    if not job.uses_gpu:
        return None
    known = read_memory(root, job.config.backbone).too_small()
    fraction = next_fraction(job.gpus, known, FRACTION_CLASSES)
    return None if fraction is None else replace(job, gpus=fraction, micro_batch_size=None)


def with_known_fraction(job: FitJob, root: FileRoot) -> FitJob:
    """The fit with a fraction of a card that is not known to be too small for its backbone."""
    # Without a card there is nothing to look up, and object storage answers each question slowly.
    if not job.uses_gpu or job.gpus not in read_memory(root, job.config.backbone).too_small():
        return job
    return with_larger_fraction(job, root) or job


def _device_of(job: FitJob) -> str:
    # Imported here: only where the fit is trained is torch there anyway.
    import torch

    from foldgrid.training.device import choose_device, describe_device

    return describe_device(choose_device() if job.uses_gpu else torch.device("cpu"))


def read_memory(root: FileRoot, backbone: str) -> MemoryNotes:
    """What is known of a backbone; nothing where a whole batch always fitted."""
    try:
        return MemoryNotes.model_validate_json(root.read_bytes(_file(backbone)))
    except (FileNotFoundError, ValueError):
        # Nothing is lost with a corrupt file: what does not fit is found out anew.
        return MemoryNotes()


def note_memory(root: FileRoot, backbone: str, note: MemoryNote) -> None:
    """Keeps ``note`` for the next fit of the backbone."""
    notes = read_memory(root, backbone).with_note(note)
    root.write_bytes(_file(backbone), (notes.model_dump_json(indent=2) + "\n").encode())


def _file(backbone: str) -> str:
    return f"memory/{backbone}.json"
