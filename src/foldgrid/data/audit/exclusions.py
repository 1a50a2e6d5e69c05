"""Which photographs of a study would be left out, and why: one reason each, in a fixed order.

Knows labels, subjects and exams; deletes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.data.audit.image_quality import PhotoExam
from foldgrid.data.manifest.rows import DISTINCT
from foldgrid.data.picture_hashes import CopyGroup
from foldgrid.specs.counted import counted

TWO_LABELS = "same picture under two labels"
TWO_SUBJECTS = "same picture under two subjects"
COPY = "copy of another file"
NEAR_COPY = "near copy of another picture"
BLURRED = "blurred"
FAR_AWAY = "far away"
REASONS = (TWO_LABELS, TWO_SUBJECTS, COPY, NEAR_COPY, BLURRED, FAR_AWAY)
"""In the order in which they are looked for: the first that holds counts."""

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


def find_thresholds(exams: Sequence[PhotoExam], rules: ExclusionRules) -> Thresholds:
    """Set the thresholds by the study's own photographs."""
    notes = []
    focus = skin_fraction = None
    if len(exams) < FEWEST_TO_COMPARE:
        notes.append(
            f"blur and distance are not evaluated: {counted(len(exams), 'photograph')} are too few "
            f"to compare "
            f"({FEWEST_TO_COMPARE} are needed)"
        )
        return Thresholds(None, None, tuple(notes))
    if rules.blur_deviations > 0:
        logs = np.log10([exam.focus for exam in exams])
        middle = float(np.median(logs))
        spread = max(1.4826 * float(np.median(np.abs(logs - middle))), SMALLEST_SPREAD)
        focus = float(10 ** (middle - rules.blur_deviations * spread))
    if rules.far_fraction > 0:
        usual = float(np.median([exam.skin_fraction for exam in exams]))
        if usual >= LEAST_USUAL_SKIN:
            skin_fraction = rules.far_fraction * usual
        else:
            notes.append(
                f"distance is not evaluated: the usual photograph has {usual:.0%} of skin colour"
            )
    return Thresholds(focus, skin_fraction, tuple(notes))


def find_reasons(
    photos: pd.DataFrame,
    exams: Sequence[PhotoExam],
    copies: Sequence[CopyGroup],
    thresholds: Thresholds,
) -> NDArray[np.str_]:
    """Why each photograph would be left out; "" for those that stay.

    Of copies under one label and one subject the first is kept. Of equal files under two subjects,
    and of copies under two labels, nobody can tell which is right, so none is. Near copies under
    two subjects stay: whether they are one picture is a question (`copy_questions`).

    Args:
        photos: `LabelledManifest.photos`.
        exams: One a row, in order.
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
    focus, skin = thresholds.focus, thresholds.skin_fraction
    for place, exam in enumerate(exams):
        if reasons[place]:
            continue
        if focus is not None and exam.focus < focus:
            reasons[place] = BLURRED
        elif skin is not None and exam.skin_fraction < skin:
            reasons[place] = FAR_AWAY
    return reasons.astype(str)
