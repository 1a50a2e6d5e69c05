"""What one row of a manifest may say, cell by cell.

Knows nothing of other rows or of the disk. The columns are those of the contract's manifest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

from foldgrid.specs.errors import did_you_mean
from foldgrid.specs.sweep import REGIONS

MAX_SEVERITY = 4
MAX_INVOLVEMENT = 6
SCORES = ("erythema", "induration", "scaling", "involvement")
PHOTO_COLUMNS = ("photo", "subject", "visit", "region")
REQUIRED_COLUMNS = (*PHOTO_COLUMNS, *SCORES)
OPTIONAL_COLUMNS = ("day",)


def cell_text(value: Any) -> str:
    """A cell as text: missing values are empty, a whole float is written without its point."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _refuse(message: str) -> PydanticCustomError:
    # The message goes in as a value, so that a brace in the user's text stays a brace.
    return PydanticCustomError("cell", "{message}", {"message": message})


def _found(text: str) -> str:
    return f'found "{text}"' if text else "empty"


def _filled(value: Any) -> str:
    text = cell_text(value)
    if not text:
        raise _refuse("empty. Fill it in.")
    return text


def _identifier(value: Any) -> str:
    text = _filled(value)
    if "/" in text or not text.isprintable():
        # A sample's name is subject/visit/region: a slash would make two samples one.
        raise _refuse(f'found "{text}". No slashes or control characters: write "-" instead.')
    return text


def _region(value: Any) -> str:
    text = cell_text(value)
    if text not in REGIONS:
        raise _refuse(f"{_found(text)}, which is no region. {did_you_mean(text, REGIONS)}")
    return text


def _day(value: Any) -> float | None:
    text = cell_text(value)
    number = _number(text)
    if text and number is None:
        raise _refuse(f'found "{text}". A number of days since baseline is needed, or nothing.')
    return number


def _whole_number(highest: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        text = cell_text(value)
        number = _number(text)
        if number is None or not number.is_integer() or not 0 <= number <= highest:
            raise _refuse(
                f"{_found(text)}. Whole numbers from 0 to {highest} are allowed: correct it."
            )
        return int(number)

    return check


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


Identifier = Annotated[str, BeforeValidator(_identifier)]
Severity = Annotated[int, BeforeValidator(_whole_number(MAX_SEVERITY))]


class PhotoRow(BaseModel):
    """One photo: where it is, who and what it shows.

    Attributes:
        photo: Its path relative to the manifest's folder.
        subject: Who; always text, so that ``001`` stays ``001``.
        visit: Which visit of that subject; text.
        region: One of ``REGIONS``.
        day: Days since baseline; null where it is not known.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    photo: Annotated[str, BeforeValidator(_filled)]
    subject: Identifier
    visit: Identifier
    region: Annotated[str, BeforeValidator(_region)]
    day: Annotated[float | None, BeforeValidator(_day)] = None


class ScoredPhotoRow(PhotoRow):
    """One photo, and the physician's scores of its region.

    Attributes:
        erythema: 0 to 4, of the whole region.
        induration: 0 to 4, likewise.
        scaling: 0 to 4, likewise.
        involvement: 0 to 6, the share of the region's skin in classes.
    """

    erythema: Severity
    induration: Severity
    scaling: Severity
    involvement: Annotated[int, BeforeValidator(_whole_number(MAX_INVOLVEMENT))]
