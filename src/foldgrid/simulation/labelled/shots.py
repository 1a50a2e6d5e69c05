"""What the simulated studies have in common: planned photographs, and their random streams.

Knows no disease and paints nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal, TypeAlias

import numpy as np

from foldgrid.simulation.pasi.fields import Plane
from foldgrid.simulation.pasi.streams import stream
from foldgrid.simulation.pasi.traits import Studio, SubjectTraits, draw_studio, draw_traits
from foldgrid.specs.synthetic import StudySettings

Flaw: TypeAlias = Literal["", "copy", "near copy", "blurred", "far away"]
Radiance: TypeAlias = tuple[Plane, Plane, Plane]


class StudyStream(IntEnum):
    """What a random stream is for, apart from the trial's. Part of the identity: only append."""

    PLAN = 100
    SKIN = 101
    LESION = 102
    SHOT = 103
    CAMERA = 104
    FUNDUS = 105
    RATERS = 106


@dataclass(frozen=True)
class StudyShot:
    """One planned photograph.

    Attributes:
        path: Where it goes, relative to the study's folder.
        subject: Whose it is, from 1.
        picture: Number of the picture in the study, from 1; copies share it.
        place: Number of what is shown (a lesion, an eye, a patch of skin), from 1; photographs of
            one place show the same.
        finding: What it has to show; the study's own type.
        cells: The manifest's other cells, in the order of the study's columns.
        flaw: What is wrong with it as a photograph.
        day: When, in days from the study's opening.
    """

    path: str
    subject: int
    picture: int
    place: int
    finding: Any
    cells: tuple[str, ...]
    flaw: Flaw = ""
    day: int = 0


@dataclass(frozen=True)
class Study:
    """A simulated study.

    Attributes:
        columns: The manifest's columns after ``photo``.
        plan: All its photographs, decided before one is drawn.
        paint: What the camera sees of one: settings, shot, rows and columns.
    """

    columns: tuple[str, ...]
    plan: Callable[[StudySettings], tuple[StudyShot, ...]]
    paint: Callable[[StudySettings, StudyShot, int, int], Radiance]


def plan_stream(settings: StudySettings) -> np.random.Generator:
    """The stream of a study's plan."""
    return stream(settings.seed, StudyStream.PLAN)


def traits_of(settings: StudySettings, shot: StudyShot) -> SubjectTraits:
    """Who the subject is to the eye."""
    return draw_traits(settings.seed, shot.subject, standard_studio=False)


def studio_of(settings: StudySettings, shot: StudyShot) -> Studio:
    """Light and camera of the photograph: a study from daily practice lights each anew."""
    return draw_studio(settings.seed, shot.subject, shot.picture)


def subject_name(number: int) -> str:
    """Name a subject as the manifest does: P001."""
    return f"P{number:03d}"
