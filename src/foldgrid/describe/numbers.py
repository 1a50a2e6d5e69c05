"""How the command line writes sizes and large numbers."""

from __future__ import annotations

from collections.abc import Sequence


def short_count(number: int) -> str:
    """``118.0 M``, ``1.814 G``: at most four digits and a unit; "-" for none."""
    if not number:
        return "-"
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        # From where it would be rounded to the unit's own size.
        if number >= 0.99995 * size:
            value = number / size
            decimals = 3 if value < 9.9995 else 2 if value < 99.995 else 1
            return f"{value:.{decimals}f} {unit}"
    return str(number)


def full_count(number: int) -> str:
    """``11,689,512``; "-" for none."""
    return f"{number:,}" if number else "-"


def same_or_each(numbers: Sequence[int]) -> str:
    """``2`` for 2 and 2, ``0x3`` for 0 and 3; "" for nothing."""
    return "x".join(str(number) for number in dict.fromkeys(numbers))
