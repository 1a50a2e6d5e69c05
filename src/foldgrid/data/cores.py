"""How many cores this process may use. Knows nothing of what they are used for."""

from __future__ import annotations

import os


def num_usable_cores() -> int:
    """The cores that this process may run on, which a scheduler may have limited; at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
