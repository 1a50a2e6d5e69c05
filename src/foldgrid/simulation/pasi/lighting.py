"""The studio: light on the body's form and relief, and the backdrop with the body's shadow.

Shape letters: H rows, W columns.
"""

from __future__ import annotations

import numpy as np

from foldgrid.simulation.pasi.fields import Plane, look_up, smooth_step, smooth_texture, soften
from foldgrid.simulation.pasi.plaques import Plaques
from foldgrid.simulation.pasi.surface import Surface
from foldgrid.simulation.pasi.traits import Studio, SubjectTraits


def light_body(surface: Surface, plaques: Plaques, studio: Studio) -> tuple[Plane, Plane]:
    """Light the form and its relief: diffuse light (about 0 to 1.2), and gloss added to it."""
    flat = np.cos(studio.elevation)
    light_x, light_y = np.cos(studio.azimuth) * flat, np.sin(studio.azimuth) * flat
    light_out = np.sin(studio.elevation)
    along, across = surface.frame.to_body(float(light_x), float(light_y))
    normal_out = surface.normal_out
    facing = surface.normal_along * along + surface.normal_across * across + normal_out * light_out
    height = surface.height + plaques.height * (1.0 - surface.garment)
    slope_down, slope_right = np.gradient(height * surface.frame.unit_pixels)
    # A slope that falls towards the light faces it.
    relief = -(slope_right * light_x + slope_down * light_y)
    facing = facing + np.clip(relief, -0.6, 0.6) * smooth_step(surface.cover * 2 - 1)
    ambient = 0.45 + 0.55 * normal_out
    diffuse = studio.fill * ambient + (1.0 - studio.fill) * 1.2 * np.maximum(facing, 0.0)
    # Mirror direction half-way between the light and the camera.
    half = np.array([along, across, light_out + 1.0]) / np.sqrt(2.0 + 2.0 * light_out)
    mirror = surface.normal_along * half[0] + surface.normal_across * half[1]
    mirror = np.clip(mirror + normal_out * half[2] + 0.3 * np.clip(relief, -0.5, 0.5), 0.0, 1.1)
    gloss = 0.035 * mirror**16
    return np.asarray(diffuse, dtype=np.float32), np.asarray(gloss, dtype=np.float32)


def draw_backdrop(
    rng: np.random.Generator, surface: Surface, traits: SubjectTraits, studio: Studio
) -> list[Plane]:
    """Draw the cloth behind: light falling off from the lamp, folds, and the body's shadow."""
    frame = surface.frame
    x, y = frame.to_body(float(np.cos(studio.azimuth)), float(np.sin(studio.azimuth)))
    toward_light = (frame.along - 0.5) * x + frame.across * y
    off_centre = np.square(frame.along - 0.5) + np.square(frame.across)
    folds = smooth_texture(rng, 256, ((2.0, 1.5, 1.0), (5.0, 2.0, 0.3)))
    cloth = look_up(folds, 0.5 * frame.along, 0.5 * frame.across)
    light = 1.0 + 0.55 * toward_light - 0.9 * off_centre + 0.035 * cloth
    shift = -0.03 * frame.unit_pixels
    offset = round(shift * np.sin(studio.azimuth)), round(shift * np.cos(studio.azimuth))
    shadow = soften(np.roll(surface.cover, offset, axis=(0, 1)), 0.022 * frame.unit_pixels)
    light = np.maximum(light, 0.1) * (1.0 - 0.5 * shadow)
    return [np.asarray(light * channel, dtype=np.float32) for channel in traits.backdrop]
