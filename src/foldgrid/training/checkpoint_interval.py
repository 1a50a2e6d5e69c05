"""How often a state is written: often enough to lose little, seldom enough to cost little."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # A plan knows how a state is written, and starts without torch.
    from torch import nn

FRACTION = 0.03
"""The most of its time that a fit spends on writing checkpoints."""
ASSUMED_BYTES_A_SECOND = 0.3e9
"""How fast a state is written, until the first one has been."""
TIMES_THE_WEIGHTS = 3
"""A state holds the weights, the best weights, and some optimiser's momentum."""


_early: list[Callable[[], bool]] = []


def write_early_when(is_needed: Callable[[], bool]) -> None:
    """Has every state of this process be written as soon as ``is_needed`` says so."""
    _early[:] = [is_needed]


class CheckpointInterval:
    """Says when a checkpoint is worth its time, by what the last one took.

    A small network is saved after every epoch, a large one on slow storage more seldom.

    Args:
        state_bytes: How large a state is, roughly.
        fraction: The most of the time that may go into writing; 0 for never.
    """

    def __init__(self, state_bytes: float, fraction: float = FRACTION) -> None:
        self._seconds, self._fraction = state_bytes / ASSUMED_BYTES_A_SECOND, fraction
        self._last = time.monotonic()

    @classmethod
    def of(cls, *networks: nn.Module, fraction: float = FRACTION) -> CheckpointInterval:
        """The pace of a state that holds these networks."""
        weights = sum(p.numel() * p.element_size() for n in networks for p in n.parameters())
        return cls(TIMES_THE_WEIGHTS * weights, fraction)

    def is_due(self) -> bool:
        """Whether a checkpoint may be written now."""
        if any(is_needed() for is_needed in _early):
            return True
        return (time.monotonic() - self._last) * self._fraction > self._seconds

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Measures how long it takes."""
        started = time.monotonic()
        yield
        self._last = time.monotonic()
        self._seconds = self._last - started
