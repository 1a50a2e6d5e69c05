"""The few colours of every figure.

A figure is drawn in the light colours below. Each is used for one role only, so the inline
version for the report can name the role instead (``var(--accent)``), and dark mode follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

INK = "#1c2227"
"""Text, and what the physician said."""

MUTED = "#56616b"
"""Axis labels, secondary marks."""

FAINT = "#d9dee2"
"""Grid lines and cell borders."""

ACCENT = "#0a6672"
"""The models."""

CAUTION = "#9a4d00"
"""What is missing or went wrong; never without a word or a sign beside it."""

PAPER = "#fffffd"
"""The background, where a mark must stand clear of what lies below it."""

ROLES: Mapping[str, str] = MappingProxyType(
    {
        INK: "var(--ink)",
        MUTED: "var(--muted)",
        FAINT: "var(--faint)",
        ACCENT: "var(--accent)",
        CAUTION: "var(--caution)",
        PAPER: "var(--paper)",
    }
)
"""The CSS variable of each colour."""
