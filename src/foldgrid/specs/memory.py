"""What was learnt of a network's need for memory, for the next fit of it. Plain data."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from foldgrid.specs.base import Record


class MemoryNote(Record):
    """What fitted where a whole batch did not.

    Attributes:
        device: ``cpu``, or the card's name.
        gpus: The share of a GPU that the worker had; 0 on a CPU.
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
        """The shares of a GPU that held no part of a batch, on whichever card."""
        return {note.gpus for note in self.notes if note.micro_batch_size is None}


def next_share(gpus: float, too_small: Iterable[float], classes: Iterable[float]) -> float | None:
    """The smallest share above ``gpus`` that is not known to be too small; nothing above a card."""
    known = set(too_small)
    return min((share for share in classes if share > gpus and share not in known), default=None)
