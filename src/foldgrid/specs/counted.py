"""How many of what, in words."""

from __future__ import annotations

_ENDINGS = {"s": "es", "x": "es", "ch": "es", "sh": "es"}


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number and its noun, in the singular or the plural.

    Args:
        number: How many; thousands are set apart by a comma.
        noun: What one is called, in one word or several: the last takes the plural.
        plural: What several are called, where that is not the regular plural.

    Example:
        >>> counted(1, "subject"), counted(6, "visit"), counted(0, "batch")
        ('1 subject', '6 visits', '0 batches')
        >>> counted(1234, "study", "studies")
        '1,234 studies'
    """
    return f"{number:,} {noun if number == 1 else plural or several(noun)}"


def several(noun: str) -> str:
    """The regular plural of a noun."""
    ending = next((more for end, more in _ENDINGS.items() if noun.endswith(end)), "s")
    return noun + ending
