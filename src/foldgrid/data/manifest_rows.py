"""What one row of a manifest may say: of the scored kind, and of the labelled kind.

Knows nothing of other rows or of the disk. The columns are those of the contract's manifest.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from foldgrid.data.manifest_cells import (
    Day,
    Filled,
    Identifier,
    OptionalIdentifier,
    cell_text,
    found,
    refusal,
    whole_number,
)
from foldgrid.specs.errors import did_you_mean
from foldgrid.specs.sweep import REGIONS

MAX_SEVERITY = 4
MAX_INVOLVEMENT = 6
SCORES = ("erythema", "induration", "scaling", "involvement")
PHOTO_COLUMNS = ("photo", "subject", "visit", "region")
REQUIRED_COLUMNS = (*PHOTO_COLUMNS, *SCORES)
OPTIONAL_COLUMNS = ("day",)

SINGLE_COLUMNS = ("photo", "subject")
LABELLED_COLUMNS = (*SINGLE_COLUMNS, "label")
OPTIONAL_LABELLED_COLUMNS = ("case", "taxonomy", "visit", "day")
GRADE_PREFIX = "grade_"
"""What the name of a grader's column begins with; the grader's name follows."""

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
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    photo: Filled
    subject: Identifier


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
        involvement: 0 to 6, the share of the region's skin in classes.
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
        taxonomy: The way to the label in a tree of classes, the label last; "" for none.
    """

    label: Identifier
    taxonomy: Annotated[str, BeforeValidator(_taxonomy)] = ""
