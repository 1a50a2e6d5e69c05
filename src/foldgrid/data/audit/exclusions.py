"""Which photographs of a study would be left out, and why: one reason each, in a fixed order.

Knows labels, subjects and exams; deletes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.data.manifest.rows import DISTINCT
from foldgrid.data.picture_hashes import CopyGroup
from foldgrid.specs.counted import counted
from foldgrid.specs.sweep import Exclusion

TWO_LABELS = "same picture under two labels"
TWO_SUBJECTS = "same picture under two subjects"
COPY = "copy of another file"
NEAR_COPY = "near copy of another picture"
BLURRED = "blurred"
FAR_AWAY = "far away"
REASONS = (TWO_LABELS, TWO_SUBJECTS, COPY, NEAR_COPY, BLURRED, FAR_AWAY)
"""What a picture tells, in the order in which it is looked for: the first that holds counts."""
PENDING, REJECTED = "review pending", "rejected in review"
SAME_CASE = "of a case that lost a photograph"
EXCLUSIONS: Mapping[Exclusion, tuple[str, ...]] = MappingProxyType(
    {
        "rejected": (REJECTED,),
        "pending": (PENDING,),
        "copies": REASONS[:4],
        "blurred": (BLURRED,),
        "far": (FAR_AWAY,),
    }
)
"""The reasons that each word of ``data.exclude`` stands for, in the order of the flow table."""
PICTURE_EXCLUSIONS: tuple[Exclusion, ...] = ("copies", "blurred", "far")
"""Those that only the pictures tell: what ``data check`` would leave out."""

FEWEST_TO_COMPARE = 12
"""Photographs that a study needs before one can be called out of line."""
SMALLEST_SPREAD = 0.05
LEAST_USUAL_SKIN = 0.3
"""Median fraction of skin under which pictures are of something else, and nothing is far away."""


@dataclass(frozen=True)
class ExclusionRules:
    """How far out of line a photograph must be to be left out.

    Attributes:
        blur_deviations: Robust standard deviations of log10 focus below the study's median; 0:
            blur is not looked for.
        far_fraction: Fraction of the study's median fraction of skin; 0: far-away shots are not
            looked for.
    """

    blur_deviations: float = 3.0
    far_fraction: float = 0.4


@dataclass(frozen=True)
class Thresholds:
    """The rules in this study's numbers; null where a rule cannot be applied, and why.

    Attributes:
        focus: Focus under which a photograph counts as blurred.
        skin_fraction: Fraction of skin under which it counts as far away.
        notes: What is not looked for, and why.
    """

    focus: float | None
    skin_fraction: float | None
    notes: tuple[str, ...]


def find_thresholds(quality_N2: NDArray[np.float64], rules: ExclusionRules) -> Thresholds:
    """Set the thresholds by the study's own photographs.

    Args:
        quality_N2: `PhotoExam.quality` of each.
        rules: How far out of line one must be.
    """
    notes = []
    focus = skin_fraction = None
    if len(quality_N2) < FEWEST_TO_COMPARE:
        notes.append(
            f"blur and distance are not evaluated: {counted(len(quality_N2), 'photograph')} are "
            f"too few to compare ({FEWEST_TO_COMPARE} are needed)"
        )
        return Thresholds(None, None, tuple(notes))
    if rules.blur_deviations > 0:
        logs = np.log10(quality_N2[:, 0])
        middle = float(np.median(logs))
        spread = max(1.4826 * float(np.median(np.abs(logs - middle))), SMALLEST_SPREAD)
        focus = float(10 ** (middle - rules.blur_deviations * spread))
    if rules.far_fraction > 0:
        usual = float(np.median(quality_N2[:, 1]))
        if usual >= LEAST_USUAL_SKIN:
            skin_fraction = rules.far_fraction * usual
        else:
            notes.append(
                f"distance is not evaluated: the usual photograph has {usual:.0%} of skin colour"
            )
    return Thresholds(focus, skin_fraction, tuple(notes))


def find_reasons(
    photos: pd.DataFrame,
    quality_N2: NDArray[np.float64],
    copies: Sequence[CopyGroup],
    thresholds: Thresholds,
) -> NDArray[np.str_]:
    """Why each photograph would be left out; "" for those that stay.

    Of copies under one label and one subject the first is kept. Of equal files under two subjects,
    and of copies under two labels, nobody can tell which is right, so none is. Near copies under
    two subjects stay: whether they are one picture is a question (`copy_questions`).

    Args:
        photos: `LabelledManifest.photos`.
        quality_N2: `PhotoExam.quality` of each row.
        copies: `copies_of_study` of them.
        thresholds: `find_thresholds` of them.
    """
    reasons = np.full(len(photos), "", dtype=object)
    for group in copies:
        rows, is_exact = photos.iloc[list(group.places)], any(group.is_exact)
        if not is_exact and (rows["subject"].nunique() > 1 or rows[DISTINCT].any()):
            continue
        if rows["label"].nunique() > 1:
            reasons[list(group.places)] = TWO_LABELS
        elif rows["subject"].nunique() > 1:
            reasons[list(group.places)] = TWO_SUBJECTS
        else:
            pairs = zip(group.places[1:], group.is_exact[1:], strict=True)
            for place, is_equal in pairs:
                reasons[place] = COPY if is_equal else NEAR_COPY
    limits = ((BLURRED, thresholds.focus), (FAR_AWAY, thresholds.skin_fraction))
    for column, (reason, limit) in enumerate(limits):
        if limit is not None:
            reasons[(reasons == "") & (quality_N2[:, column] < limit)] = reason
    return reasons.astype(str)


def review_reasons(photos: pd.DataFrame) -> NDArray[np.str_]:
    """`PENDING` or `REJECTED` where a row's ``review_status`` says so, else ""."""
    if "review_status" not in photos:
        return np.full(len(photos), "")
    said = photos["review_status"].str.strip().str.lower()
    return said.map({"pending": PENDING, "rejected": REJECTED}).fillna("").to_numpy(dtype=str)
