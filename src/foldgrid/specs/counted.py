"""How many of what, in words."""

from __future__ import annotations

import re

_HISSING = re.compile(r"(s|x|sh|tch|nch)$")
_ENDS_IN_Y = re.compile(r"(?<![aeiou])y$")


def counted(number: int, word: str, plural: str = "") -> str:
    """A number and its word, in the singular or the plural.

    Args:
        number: How many; thousands are set apart by a comma.
        word: What one is called, in one word or several: the last takes the plural.
        plural: What several are called, where that is not regular.

    Example:
        >>> counted(1, "subject"), counted(6, "visit"), counted(0, "batch")
        ('1 subject', '6 visits', '0 batches')
        >>> counted(1234, "study"), counted(2, "index", "indices")
        ('1,234 studies', '2 indices')
    """
    return f"{number:,} {word if number == 1 else plural or several(word)}"


def several(word: str) -> str:
    """The regular plural of a word."""
    if _ENDS_IN_Y.search(word):
        return f"{word[:-1]}ies"
    return word + ("es" if _HISSING.search(word) else "s")
