"""The documented calls of exhibits, as lines to type."""

from __future__ import annotations


def joined(*calls: str) -> str:
    """Several calls one after the other, a line that is in several of them once."""
    return "\n".join(dict.fromkeys(line for call in calls for line in call.splitlines()))
