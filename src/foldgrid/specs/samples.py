"""How photographs make samples, in words: in a grid of tiles, or each by itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

SampleKind: TypeAlias = Literal["mosaics", "single", "measured"]
"""``mosaics``: up to four photographs of a region at a visit in a 2x2 grid, with scores.
``single``: one photograph, with a label. ``measured``: one photograph, with a number."""

TILES_A_SIDE: Mapping[SampleKind, int] = MappingProxyType(
    {"mosaics": 2, "single": 1, "measured": 1}
)
"""The picture that a network sees is so many tiles wide and high."""
