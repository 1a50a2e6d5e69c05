"""One subject's photographs taken: camera set, scene drawn, picture developed and stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from foldgrid.simulation.pasi.camera import Shot, develop, store
from foldgrid.simulation.pasi.photograph import Subject, View, draw_scene
from foldgrid.simulation.pasi.plan import PlannedVisit
from foldgrid.simulation.pasi.streams import Stream, stream
from foldgrid.simulation.pasi.traits import Studio, SubjectTraits, draw_studio, draw_traits
from foldgrid.specs.synthetic import TrialSettings

OPENING = datetime(2016, 3, 1)
"""The simulated trial's first day."""


def photograph_subject(
    folder: Path, visits: Sequence[PlannedVisit], settings: TrialSettings
) -> int:
    """Take and store the photographs of one subject, a part of the body after another.

    Skin stays the same from visit to visit, and what was drawn last is kept.

    Returns:
        How many.
    """
    is_standard = settings.studio == "standard"
    number = visits[0].subject
    traits = draw_traits(settings.seed, number, standard_studio=is_standard)
    subject = Subject(settings.seed, number, traits)
    studios = {v.visit.number: draw_studio(settings.seed, number, v.visit.number) for v in visits}
    planned = [(photo, visit.visit) for visit in visits for photo in visit.photos]
    for photo, visit in sorted(planned, key=lambda each: _part(each[0].view)):
        studio = studios[visit.number]
        start = OPENING + timedelta(days=traits.first_day + visit.day, minutes=studio.minute)
        view = photo.view
        rng = stream(settings.seed, Stream.CAMERA, number, *_part(view), view.visit)
        seconds = 40 * (4 * view.region_position + view.index) + int(rng.integers(0, 30))
        shot = _set_camera(rng, traits, studio, view, start + timedelta(seconds=seconds))
        width, height = settings.photo_width, settings.photo_height
        if shot.orientation in (6, 8):
            width, height = height, width
        scene = draw_scene(subject, view, photo.severity, studio, width, height)
        picture = develop(scene.radiance, width, height, shot, rng)
        store(picture, folder / photo.path, shot, settings.jpeg_quality)
    return len(planned)


def _part(view: View) -> tuple[int, int]:
    return view.region_position, view.index


def _set_camera(
    rng: np.random.Generator, traits: SubjectTraits, studio: Studio, view: View, taken: datetime
) -> Shot:
    """Set exposure, focus and grip; standing bodies are taken with the camera turned."""
    turned = float(rng.random())
    if view.region == "upper_extremities":
        orientation = 3 if turned < 0.12 else 1
    else:
        orientation = 8 if turned < 0.3 else 6
    return aim(rng, traits, studio, orientation, taken)


def aim(
    rng: np.random.Generator,
    traits: SubjectTraits,
    studio: Studio,
    orientation: int,
    taken: datetime,
) -> Shot:
    """Set exposure and focus for one person's skin.

    Args:
        rng: Where this shot's errors come from.
        traits: The person.
        studio: Light and camera of the visit.
        orientation: EXIF orientation under which it is stored.
        taken: When.
    """
    # The camera meters dark skin as underexposed, and lifts it part of the way.
    stops = studio.exposure + 0.16 * traits.melanin + float(rng.normal(0.0, 0.05)) - 0.12
    red, green, blue = (float(2.0**stops * gain) for gain in studio.balance)
    blur = float(rng.uniform(0.25, 0.55))
    return Shot((red, green, blue), blur, float(rng.uniform(0.004, 0.013)), orientation, taken)
