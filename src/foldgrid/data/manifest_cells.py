"""What one cell of a manifest may say, whatever its column is called.

Knows text, numbers and names; knows nothing of other cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError


def cell_text(value: Any) -> str:
    """A cell as text: missing values are empty, a whole float is written without its point."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def refusal(message: str) -> PydanticCustomError:
    """The error that a cell's validator raises."""
    # The message goes in as a value, so that a brace in the user's text stays a brace.
    return PydanticCustomError("cell", "{message}", {"message": message})


def found(text: str) -> str:
    """How a message begins that tells what a cell holds."""
    return f'found "{text}"' if text else "empty"


def _filled(value: Any) -> str:
    text = cell_text(value)
    if not text:
        raise refusal("empty. Fill it in.")
    return text


def _identifier(value: Any) -> str:
    return _plain_name(_filled(value))


def _optional_identifier(value: Any) -> str:
    return _plain_name(cell_text(value))


def _plain_name(text: str) -> str:
    if "/" in text or not text.isprintable():
        # Names are joined by slashes into those of samples: one inside would make two samples one.
        raise refusal(f'found "{text}". No slashes or control characters: write "-" instead.')
    return text


def _day(value: Any) -> float | None:
    text = cell_text(value)
    number = _number(text)
    if text and number is None:
        raise refusal(f'found "{text}". A number of days since baseline is needed, or nothing.')
    return number


def whole_number(highest: int) -> Callable[[Any], int]:
    """A validator of whole numbers from 0 to ``highest``."""

    def check(value: Any) -> int:
        text = cell_text(value)
        number = _number(text)
        if number is None or not number.is_integer() or not 0 <= number <= highest:
            raise refusal(
                f"{found(text)}. Whole numbers from 0 to {highest} are allowed: correct it."
            )
        return int(number)

    return check


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


Filled = Annotated[str, BeforeValidator(_filled)]
"""Any text but none."""
Identifier = Annotated[str, BeforeValidator(_identifier)]
"""A name without slashes; always text, so that ``001`` stays ``001``."""
OptionalIdentifier = Annotated[str, BeforeValidator(_optional_identifier)]
"""Likewise, or "" where it is not known."""
Day = Annotated[float | None, BeforeValidator(_day)]
"""Days since baseline; null where not known."""
