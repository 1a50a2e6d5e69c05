"""Ways in which a file is no longer what was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Corruption = Callable[[Path, float], None]
"""Corrupts a file at a point between 0 and 1 of its length."""


def cut(path: Path, where: float) -> None:
    """Leaves the beginning, at least a byte less than all."""
    content = path.read_bytes()
    path.write_bytes(content[: int(where * (len(content) - 1))])


def flip(path: Path, where: float) -> None:
    """Changes a bit of one byte."""
    content = bytearray(path.read_bytes())
    content[int(where * (len(content) - 1))] ^= 1
    path.write_bytes(content)


def empty(path: Path, where: float) -> None:
    """Leaves a file of no bytes."""
    path.write_bytes(b"")


def lose(path: Path, where: float) -> None:
    """Removes the file."""
    path.unlink()


CORRUPTIONS: dict[str, Corruption] = {"cut": cut, "flip": flip, "empty": empty, "lose": lose}
