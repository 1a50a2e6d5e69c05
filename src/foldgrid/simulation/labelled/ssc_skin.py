"""Skin of systemic sclerosis in three stages: normal, early (swollen), late (tight and hard).

What is shown: early skin is puffy and flushed, its fine lines are shallower; late skin is taut and
shiny, without lines and hair, pale, its pigment lost in spots and gathered beside them, with
small dilated vessels. The stages overlap, and each person's skin has its own tone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foldgrid.simulation.labelled.shots import (
    Radiance,
    Study,
    StudyShot,
    plan_stream,
    studio_of,
    subject_name,
    traits_of,
)
from foldgrid.simulation.labelled.skin_patch import (
    Layers,
    add_spots,
    bare_layers,
    light_skin,
    near_body,
    shot_stream,
    skin_stream,
)
from foldgrid.simulation.pasi.fields import look_up, smooth_step, smooth_texture, texture_size
from foldgrid.simulation.pasi.surface import Surface
from foldgrid.specs.synthetic import StudySettings

STAGES = {"normal": "normal", "early": "ssc/early", "late": "ssc/late"}
"""Label and path in the hierarchy: two classes at its first fork, three at its leaves."""


@dataclass(frozen=True)
class SkinStage:
    """How the skin is: ``swelling`` and ``sclerosis``, 0 to 1."""

    swelling: float
    sclerosis: float


def plan_ssc_skin(settings: StudySettings) -> tuple[StudyShot, ...]:
    """A third of the subjects in each stage; 4 to 6 photographs of each, of two places."""
    rng = plan_stream(settings)
    shots: list[StudyShot] = []
    for subject in range(1, settings.num_subjects + 1):
        stage = list(STAGES)[subject % 3]
        course = float(rng.random())
        for number in range(int(rng.integers(4, 7))):
            jitter = rng.normal(0.0, 0.07, 2)
            name = f"photos/{subject_name(subject)}/{number + 1}.jpg"
            shots.append(
                StudyShot(
                    path=name,
                    subject=subject,
                    picture=len(shots) + 1,
                    place=1 + number % 2,
                    finding=_stage(stage, course, jitter),
                    cells=(subject_name(subject), stage, STAGES[stage], "V1", "0"),
                    day=subject,
                )
            )
    return tuple(shots)


def _stage(stage: str, course: float, jitter: NDArray[np.float64]) -> SkinStage:
    swelling, sclerosis = {
        "normal": (0.24 * course, 0.14 * course),
        "early": (0.26 + 0.56 * course, 0.06 + 0.32 * course),
        "late": (0.36 * (1.0 - course), 0.38 + 0.54 * course),
    }[stage]
    moved = np.clip(np.array([swelling, sclerosis]) + jitter, 0.0, 1.0)
    return SkinStage(float(moved[0]), float(moved[1]))


def paint_ssc_skin(settings: StudySettings, shot: StudyShot, rows: int, cols: int) -> Radiance:
    """Paint one photograph."""
    rng, skin_map = shot_stream(settings, shot), skin_stream(settings, shot)
    traits = traits_of(settings, shot)
    body = near_body(rng, rows, cols)
    layers = _layers(body.surface, shot.finding, skin_map)
    return light_skin(body, layers, traits, studio_of(settings, shot), skin_map, rng)


def _layers(surface: Surface, stage: SkinStage, skin_map: np.random.Generator) -> Layers:
    layers = bare_layers(surface.frame.shape)
    size = texture_size(surface.frame.unit_pixels)
    along, across = surface.skin_along, surface.skin_across
    flush = look_up(smooth_texture(skin_map, size, ((2.5, 1.5, 1.0),)), along, across)
    speckle = look_up(
        smooth_texture(skin_map, size, ((11.0, 4.0, 1.0), (4.0, 2.0, 0.6))), along, across
    )
    swelling, hard = stage.swelling, stage.sclerosis
    layers.blood += swelling * (0.4 + 0.25 * flush) - 0.10 * hard
    # Salt and pepper: pigment lost around, kept in dots, gathered at the edges.
    lost = smooth_step((speckle - 0.35) / 0.6)
    layers.melanin += hard * (-0.65 * lost + 0.3 * smooth_step((-speckle - 0.3) / 0.8))
    vessels = np.zeros_like(layers.blood)
    add_spots(vessels, surface, skin_map, 14, (0.006, 0.014), 1.3 * smooth_vessels(hard))
    layers.blood += vessels
    layers.crease = 1.25 - 1.0 * swelling - 1.1 * hard
    layers.hair = max(0.0, 1.0 - 1.3 * hard - 0.3 * swelling)
    layers.shine = 1.0 + 1.6 * swelling + 5.0 * hard
    return layers


def smooth_vessels(sclerosis: float) -> float:
    """How strongly dilated vessels show: hardly before the skin is hard."""
    return float(np.clip((sclerosis - 0.3) / 0.5, 0.0, 1.0))


SSC_SKIN = Study(("subject", "label", "taxonomy", "visit", "day"), plan_ssc_skin, paint_ssc_skin)
