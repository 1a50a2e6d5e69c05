"""Passwords on the command line, kept out of what is written and printed."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "***"

_IN_AUTHORITY = re.compile(r"(://[^:/?#\s]*:)\S+@")
"""Up to the last ``@``: a password may hold one that should have been escaped."""

_IN_PARAMETER = re.compile(r"(password\s*=\s*)[^&\s]+", re.IGNORECASE)


def hide_passwords(text: str) -> str:
    """``postgresql://me:secret@host/trials`` as ``postgresql://me:***@host/trials``.

    Args:
        text: An option, a message, anything that may hold a URL or ``password=...``.
    """
    return _IN_PARAMETER.sub(rf"\1{HIDDEN}", _IN_AUTHORITY.sub(rf"\1{HIDDEN}@", text))


def hide_all_passwords(words: Iterable[str]) -> list[str]:
    """A command line without its passwords."""
    return [hide_passwords(word) for word in words]
