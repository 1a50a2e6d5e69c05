"""Named random streams: each thing drawn has its own, so that nothing depends on drawing order.

A photograph is the same whichever process makes it, and a new kind of draw shifts no other.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What a random stream is for. The numbers are part of the trial's identity: only append."""

    ALLOCATION = 0
    COURSE = 1
    MISSING = 2
    TRAITS = 3
    SKIN_MAP = 4
    VISIT = 5
    PHOTOGRAPH = 6
    CAMERA = 7
    PLAQUE_MAP = 8
    PREDILECTION = 9


def stream(seed: int, purpose: IntEnum, *address: int) -> np.random.Generator:
    """Open the random stream of one purpose at one address.

    Args:
        seed: The trial's seed, at least 0.
        purpose: What is drawn.
        address: Whatever the draw belongs to: subject, visit, region and photograph numbers.

    Returns:
        A generator that depends on these arguments alone.
    """
    # As a spawn key, not as entropy: entropy is padded with zeros, so that 1 and 1, 0 were one.
    sequence = np.random.SeedSequence(seed, spawn_key=(int(purpose), *address))
    return np.random.Generator(np.random.SFC64(sequence))
