"""How numbers are set in the report: one way for each kind, a dash for the undefined."""

from __future__ import annotations

import math

from foldgrid.specs.counted import counted

UNDEFINED = "–"


def format_number(value: float | None, decimals: int = 2) -> str:
    """A number with a true minus sign; a dash where it is undefined."""
    if value is None or not math.isfinite(value):
        return UNDEFINED
    text = f"{value:,.{decimals}f}".replace(",", "\u202f")
    # What rounds to zero has no sign.
    if float(text.replace("\u202f", "")) == 0.0:
        text = text.lstrip("-")
    return text.replace("-", "\u2212")


def interval(low: float | None, high: float | None, decimals: int = 2) -> str:
    """Both ends of an interval, ``4.61 to 5.70``; "" where one is undefined."""
    ends = [format_number(low, decimals), format_number(high, decimals)]
    return "" if UNDEFINED in ends else f"{ends[0]} to {ends[1]}"


def between(ends: tuple[float, float] | None, decimals: int = 2) -> str:
    """Both ends of an interval that may not be known, ``4.61 to 5.70``."""
    return interval(*ends, decimals) if ends else ""


def percent(share: float | None, decimals: int = 0) -> str:
    """A fraction between 0 and 1 as percent."""
    if share is None or not math.isfinite(share):
        return UNDEFINED
    return f"{format_number(100 * share, decimals)}\u202f%"


def count(number: int, word: str, plural: str = "") -> str:
    """``1 visit``, ``304 visits``; thousands are set apart as in `format_number`."""
    return counted(number, word, plural).replace(",", "\u202f")


def listed(names: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
