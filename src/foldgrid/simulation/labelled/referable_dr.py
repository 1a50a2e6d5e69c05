"""Diabetic retinopathy in five grades, graded by several people who err; the label by majority.

An eye is photographed once or twice at a visit. The true severity lies between the grades; each
rater sees it with an error and a leaning of their own, and leaves some photographs out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foldgrid.simulation.labelled.fundus import Eye, draw_eye, paint_fundus
from foldgrid.simulation.labelled.shots import (
    Radiance,
    Study,
    StudyShot,
    StudyStream,
    plan_stream,
    subject_name,
)
from foldgrid.simulation.pasi.streams import stream
from foldgrid.specs.synthetic import StudySettings

REFERABLE, NOT_REFERABLE = "referable", "not_referable"
REFERABLE_FROM = 2
"""Moderate retinopathy or worse is referred."""
GRADE_FRACTIONS = (0.40, 0.18, 0.22, 0.11, 0.09)
RATERS = ("ada", "ben", "cleo", "dan", "eve")
RATER_ERROR = 0.42
RATER_LEANING = 0.18
LEFT_OUT = 0.12


@dataclass(frozen=True)
class FundusFinding:
    """One eye and how ill it is: ``severity``, 0 to 4."""

    eye: Eye
    severity: float


def plan_referable_dr(settings: StudySettings) -> tuple[StudyShot, ...]:
    """Both eyes of every subject, one or two photographs each; the worse eye decides nothing."""
    rng = plan_stream(settings)
    raters = stream(settings.seed, StudyStream.RATERS)
    leanings = raters.normal(0.0, RATER_LEANING, len(RATERS))
    shots: list[StudyShot] = []
    for subject in range(1, settings.num_subjects + 1):
        grade = int(np.searchsorted(np.cumsum(GRADE_FRACTIONS), rng.random()).clip(0, 4))
        day = int(rng.integers(0, 900))
        for is_left in (False, True):
            # The eyes of a person are about as ill as each other.
            severity = float(np.clip(grade + rng.normal(0.0, 0.35), 0.0, 4.0))
            eye = draw_eye(rng, is_left=is_left)
            side = "left" if is_left else "right"
            for number in range(1 + int(rng.random() < 0.4)):
                grades = _grade(severity, leanings, raters)
                shots.append(
                    StudyShot(
                        path=f"photos/{subject_name(subject)}/{side}_{number + 1}.jpg",
                        subject=subject,
                        picture=len(shots) + 1,
                        place=1 + is_left,
                        finding=FundusFinding(eye, severity),
                        cells=(
                            subject_name(subject),
                            majority_label(grades),
                            "V1",
                            *("" if each is None else str(each) for each in grades),
                            "fundus",
                        ),
                        day=day,
                    )
                )
    return tuple(shots)


def _grade(
    severity: float,
    leanings: NDArray[np.float64],
    raters: np.random.Generator,
) -> list[int | None]:
    seen = severity + leanings + raters.normal(0.0, RATER_ERROR, len(leanings))
    is_left_out = raters.random(len(leanings)) < LEFT_OUT
    # Somebody grades every photograph.
    is_left_out[int(raters.integers(len(leanings)))] = False
    grades = np.clip(np.rint(seen), 0, 4).astype(int).tolist()
    return [None if out else grade for grade, out in zip(grades, is_left_out, strict=True)]


def majority_label(grades: list[int | None]) -> str:
    """Referable where at least half of the given grades say so: a tie is referred."""
    votes = [grade >= REFERABLE_FROM for grade in grades if grade is not None]
    return REFERABLE if 2 * sum(votes) >= len(votes) else NOT_REFERABLE


def paint_referable_dr(settings: StudySettings, shot: StudyShot, rows: int, cols: int) -> Radiance:
    """Paint one photograph."""
    eye_map = stream(settings.seed, StudyStream.FUNDUS, shot.subject, shot.place)
    rng = stream(settings.seed, StudyStream.SHOT, shot.picture)
    return paint_fundus(shot.finding.eye, shot.finding.severity, eye_map, rng, rows, cols)


REFERABLE_DR = Study(
    ("subject", "label", "visit", *(f"grade_{name}" for name in RATERS), "picture_type"),
    plan_referable_dr,
    paint_referable_dr,
)
