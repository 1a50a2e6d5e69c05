"""What one cell of a manifest may say, whatever its column is called.

Knows text, numbers and names; knows nothing of other cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

from foldgrid.specs.errors import did_you_mean
from foldgrid.specs.sweep import REGIONS


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


def _yes(value: Any) -> bool:
    text = cell_text(value).casefold()
    if text not in {"yes", "true", "1", "no", "false", "0", ""}:
        raise refusal(f'found "{text}". Write "yes" where names are meant as they are, or nothing.')
    return text in {"yes", "true", "1"}


def _value(value: Any) -> float:
    text = cell_text(value)
    number = _number(text)
    if number is None:
        raise refusal(
            f"{found(text)}. A number is needed, without its unit and with a decimal point: "
            "correct it."
        )
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
    # Python reads 1_0 as ten; nobody writes that in a table on purpose.
    if "_" in text:
        return None
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


MAX_SEVERITY = 4
MAX_INVOLVEMENT = 6
SCORES = ("erythema", "induration", "scaling", "involvement")
PHOTO_COLUMNS = ("photo", "subject", "visit", "region")
REQUIRED_COLUMNS = (*PHOTO_COLUMNS, *SCORES)
NUMBERS = frozenset({"day", "value", *SCORES})
DISTINCT = "distinct_id"
"""Where it says "yes", the row's subject, case and visit are another than those that look alike."""
PERSON_UNKNOWN = "person_unknown"
"""What the person is called of whom nothing is known, where a subject is none."""
OPTIONAL_COLUMNS = ("day", DISTINCT, PERSON_UNKNOWN)

SINGLE_COLUMNS = ("photo", "subject")
LABELLED_COLUMNS = (*SINGLE_COLUMNS, "label")
MEASURED_COLUMNS = (*SINGLE_COLUMNS, "value")
OPTIONAL_MEASURED_COLUMNS = ("case", "visit", "day", DISTINCT, PERSON_UNKNOWN)
OPTIONAL_LABELLED_COLUMNS = ("case", "taxonomy", "visit", "day", DISTINCT, PERSON_UNKNOWN)
ANNOTATION_PREFIX = "grade_"
"""What the name of a rater's column begins with; the rater's name follows."""

DESCRIPTIONS = (
    "uploaded_by", "uploaded_on", "uploaded_how", "organisation",
    "sex", "original_diagnosis",
    "review_status", "reviewed_by",
    "picture_type", "lesion", "remarks",
)  # fmt: skip
"""Columns that only describe: upload, case, review, picture. They go into the records as they
are, and decide nothing."""


def _region(value: Any) -> str:
    text = cell_text(value)
    if text not in REGIONS:
        raise refusal(f"{found(text)}, which is no region. {did_you_mean(text, REGIONS)}")
    return text


def _taxonomy(value: Any) -> str:
    text = cell_text(value)
    names = [name.strip() for name in text.split("/")]
    if text and not (all(names) and text.isprintable()):
        raise refusal(
            f'found "{text}". Names from the root to the leaf with a slash between, as in '
            "malignant/melanocytic/acral_lentiginous: correct it."
        )
    return "/".join(names)


Severity = Annotated[int, BeforeValidator(whole_number(MAX_SEVERITY))]


class _Row(BaseModel):
    """What every photo has.

    Attributes:
        photo: Its path relative to the manifest's folder.
        subject: Who; always text, so that ``001`` stays ``001``.
        distinct_id: Whether its names are meant as they are written, however like others they are.
        person_unknown: What the person is called of whom nothing is known ("writer", "patient"),
            where ``subject`` is not a person; "" where it is.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    photo: Filled
    subject: Identifier
    distinct_id: Annotated[bool, BeforeValidator(_yes)] = False
    person_unknown: Annotated[str, BeforeValidator(cell_text)] = ""


class PhotoRow(_Row):
    """One photo of a body region: where it is, who and what it shows.

    Attributes:
        visit: Which visit of that subject; text.
        region: One of ``REGIONS``.
        day: Days since baseline; null where it is not known.
    """

    visit: Identifier
    region: Annotated[str, BeforeValidator(_region)]
    day: Day = None


class ScoredPhotoRow(PhotoRow):
    """One photo, and the physician's scores of its region.

    Attributes:
        erythema: 0 to 4, of the whole region.
        induration: 0 to 4, likewise.
        scaling: 0 to 4, likewise.
        involvement: 0 to 6, the fraction of the region's skin in classes.
    """

    erythema: Severity
    induration: Severity
    scaling: Severity
    involvement: Annotated[int, BeforeValidator(whole_number(MAX_INVOLVEMENT))]


class SinglePhotoRow(_Row):
    """One photo that is a sample of its own.

    Attributes:
        case: Which case of that subject: photos of one lesion or one consultation; "" for none.
        visit: Which visit of that subject; "" where it is not known.
        day: Days since baseline; null where it is not known.
    """

    case: OptionalIdentifier = ""
    visit: OptionalIdentifier = ""
    day: Day = None


class LabelledPhotoRow(SinglePhotoRow):
    """One photo, and the class that it shows.

    Attributes:
        label: The class.
        taxonomy: The path to the label in a hierarchy of classes, the label last; "" for none.
    """

    label: Identifier
    taxonomy: Annotated[str, BeforeValidator(_taxonomy)] = ""


class MeasuredPhotoRow(SinglePhotoRow):
    """One photo, and the number that it shows.

    Attributes:
        value: The number, in the unit of the whole column; finite.
    """

    value: Annotated[float, BeforeValidator(_value)]
