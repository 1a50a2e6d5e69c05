"""Every photograph of the trial, decided before one is drawn: path, view, severity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foldgrid.simulation.pasi.course import (
    PHOTOS_OF_REGION,
    RegionState,
    SubjectCourse,
    Visit,
    simulate_course,
)
from foldgrid.simulation.pasi.photograph import View
from foldgrid.simulation.pasi.plaques import Severity
from foldgrid.simulation.pasi.streams import Stream, stream
from foldgrid.specs.synthetic import TrialSettings


@dataclass(frozen=True)
class PlannedPhoto:
    """One photograph to be taken: its path relative to the trial's folder, view and severity."""

    path: str
    view: View
    severity: Severity


@dataclass(frozen=True)
class PlannedVisit:
    """All photographs of one visit that are not missing, with the scores they carry."""

    subject: int
    visit: Visit
    photos: tuple[PlannedPhoto, ...]


def plan_photographs(settings: TrialSettings) -> tuple[PlannedVisit, ...]:
    """Decide every photograph of the trial without drawing one: paths, views, severities.

    The fractions of a region's photographs scatter about the region's fraction, always in the same
    way for the same subject: on some people the backs of the arms are worse.
    """
    planned = []
    for course in simulate_course(settings):
        rng = stream(settings.seed, Stream.PREDILECTION, course.number)
        offsets = {region: _offsets(rng, num) for region, num in PHOTOS_OF_REGION.items()}
        for visit in course.visits:
            photos = [
                _plan_photo(course, visit, View(visit.number, region, position, index), offset)
                for position, region in enumerate(PHOTOS_OF_REGION)
                for index, offset in enumerate(offsets[region])
            ]
            planned.append(PlannedVisit(course.number, visit, tuple(photos)))
    return _lose_some(planned, settings)


def _offsets(rng: np.random.Generator, num_photos: int) -> list[float]:
    """Draw how much more (in log odds) each photograph shows than its region; mean 0."""
    drawn = rng.normal(0.0, 0.25, num_photos)
    return [float(v) for v in drawn - drawn.mean()]


def _plan_photo(course: SubjectCourse, visit: Visit, view: View, offset: float) -> PlannedPhoto:
    state = visit.regions[view.region]
    name = f"{view.region}_{view.index + 1}.jpg"
    path = f"photos/{subject_name(course.number)}/{visit_name(visit.number)}/{name}"
    return PlannedPhoto(path, view, _severity(state, offset))


def _severity(state: RegionState, offset: float) -> Severity:
    def moved(fraction: float) -> float:
        if fraction <= 0.0:
            return 0.0
        odds = fraction / (1.0 - fraction) * float(np.exp(offset))
        return odds / (1.0 + odds)

    return Severity(moved(state.fraction), moved(state.baseline_fraction), *state.intensities)


def _lose_some(planned: list[PlannedVisit], settings: TrialSettings) -> tuple[PlannedVisit, ...]:
    """Drop the missing photographs, never the last of a region and visit."""
    rng = stream(settings.seed, Stream.MISSING)
    every = [(v, p) for v, visit in enumerate(planned) for p in range(len(visit.photos))]
    to_lose = round(settings.missing_fraction * len(every))
    lost: set[tuple[int, int]] = set()
    left = {(v, region): n for v in range(len(planned)) for region, n in PHOTOS_OF_REGION.items()}
    for i in rng.permutation(len(every)):
        if len(lost) == to_lose:
            break
        place = every[i]
        key = place[0], planned[place[0]].photos[place[1]].view.region
        if left[key] > 1:
            left[key] -= 1
            lost.add(place)
    return tuple(
        PlannedVisit(
            visit.subject,
            visit.visit,
            tuple(photo for p, photo in enumerate(visit.photos) if (v, p) not in lost),
        )
        for v, visit in enumerate(planned)
    )


def subject_name(number: int) -> str:
    """Name a subject as the manifest does: S001."""
    return f"S{number:03d}"


def visit_name(number: int) -> str:
    """Name a visit as the manifest does: V1."""
    return f"V{number}"
