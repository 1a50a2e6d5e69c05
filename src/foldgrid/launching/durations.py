"""Durations as people read them."""

from __future__ import annotations

import math


def format_duration(seconds: float) -> str:
    """``48 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``; ``–`` for NaN."""
    if not math.isfinite(seconds):
        return "–"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"
