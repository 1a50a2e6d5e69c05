"""One photograph before the camera: body, disease, skin and light put together in linear light.

Knows no files and no scores. Shape letters: H rows, W columns, three colour planes R, G, B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foldgrid.simulation.pasi.body_parts import draw_body
from foldgrid.simulation.pasi.fields import Plane
from foldgrid.simulation.pasi.frame import Frame, Pose
from foldgrid.simulation.pasi.lighting import draw_backdrop, light_body
from foldgrid.simulation.pasi.plaques import Severity, draw_plaques
from foldgrid.simulation.pasi.skin import colour_skin
from foldgrid.simulation.pasi.streams import Stream, stream
from foldgrid.simulation.pasi.surface import Surface
from foldgrid.simulation.pasi.traits import Colour, Studio, SubjectTraits

LONGEST_DRAWN = 1536
"""Pixels of the longest side that are drawn; a larger photograph is enlarged from these."""


@dataclass(frozen=True)
class Subject:
    """Whose photograph it is: trial seed, subject number from 1, and traits."""

    seed: int
    number: int
    traits: SubjectTraits


@dataclass(frozen=True)
class View:
    """Which photograph of a visit: visit number from 1, region, its position, index from 0."""

    visit: int
    region: str
    region_position: int
    index: int


@dataclass(frozen=True)
class Scene:
    """A drawn photograph and the truth about it.

    Attributes:
        radiance: Red, green, blue in linear light, H x W each, about 0 to 1.
        skin: How much of each pixel is bare skin, 0 to 1.
        plaque: How much of that skin is plaque, 0 to 1.
    """

    radiance: tuple[Plane, Plane, Plane]
    skin: Plane
    plaque: Plane

    @property
    def plaque_fraction(self) -> float:
        """Fraction of the visible skin under plaques, 0 to 1."""
        return float((self.skin * self.plaque).sum() / max(float(self.skin.sum()), 1e-6))


def draw_scene(
    subject: Subject, view: View, severity: Severity, studio: Studio, width: int, height: int
) -> Scene:
    """Draw what the camera sees.

    Args:
        subject: Whose skin.
        view: Which photograph of which visit.
        severity: What it has to show.
        studio: Light of the visit.
        width: Width of the upright picture in pixels.
        height: Its height in pixels. Above LONGEST_DRAWN a smaller picture is drawn.

    Returns:
        The scene, at most LONGEST_DRAWN pixels long.
    """
    shrink = min(1.0, LONGEST_DRAWN / max(width, height))
    rows, cols = max(1, round(height * shrink)), max(1, round(width * shrink))
    part = (subject.number, view.region_position, view.index)
    rng = stream(subject.seed, Stream.PHOTOGRAPH, *part, view.visit)
    # Two maps of the same skin: moles stay where they are, whether or not plaques are drawn.
    plaque_map = stream(subject.seed, Stream.PLAQUE_MAP, *part)
    skin_map = stream(subject.seed, Stream.SKIN_MAP, *part)
    surface = Surface(Frame(rows, cols, _draw_pose(rng, view)))
    body = draw_body(surface, view.region, view.index, subject.traits.build)
    skin = surface.cover * (1.0 - surface.garment)
    plaques = draw_plaques(body, skin, subject.traits, severity, plaque_map)
    colours = colour_skin(body, plaques, subject.traits, skin_map)
    light, gloss = light_body(surface, plaques, studio)
    backdrop = draw_backdrop(rng, surface, subject.traits, studio)
    gloss = gloss * (1.0 - surface.garment) * (1.0 - 0.7 * plaques.scale)
    radiance = compose(surface, colours, subject.traits.cloth, light, gloss, backdrop)
    return Scene(radiance, skin, plaques.cover)


def compose(
    surface: Surface,
    colours: Sequence[Plane],
    cloth: Colour,
    light: Plane,
    gloss: Plane,
    backdrop: Sequence[Plane],
) -> tuple[Plane, Plane, Plane]:
    """Put lit skin and clothes before the backdrop: red, green and blue in linear light.

    Args:
        surface: What covers the backdrop, and what is cloth.
        colours: Reflectance of the skin, three planes.
        cloth: Reflectance of the clothes.
        light: Diffuse light on the body.
        gloss: Mirrored light, added.
        backdrop: Three planes of light.
    """
    radiance = []
    for channel in range(3):
        seen = colours[channel] * (1.0 - surface.garment)
        seen = seen + surface.garment * cloth[channel]
        seen = (seen * light + gloss) * surface.cover
        radiance.append(seen + backdrop[channel] * (1.0 - surface.cover))
    return radiance[0], radiance[1], radiance[2]


def _draw_pose(rng: np.random.Generator, view: View) -> Pose:
    tilt, scale = rng.normal(0.0, 0.035), rng.normal(1.0, 0.02)
    shift_along, shift_across = rng.normal(0.0, 0.008), rng.normal(0.0, 0.012)
    bend = rng.normal(0.0, 0.07)
    arm = view.region == "upper_extremities"
    left, palm = view.index >= 2, view.index % 2 == 1
    return Pose(
        horizontal=arm,
        mirrored=arm and left,
        flipped=arm and palm != left,
        tilt=float(np.clip(tilt, -0.1, 0.1)),
        scale=float(np.clip(scale, 0.95, 1.06)) * (0.97 if arm else 1.0),
        # An arm's fingertips need the room that the shoulder can spare.
        shift=(float(shift_along) + (0.012 if arm else 0.0), float(shift_across)),
        bend=float(np.clip(bend, -0.16, 0.16)),
    )
