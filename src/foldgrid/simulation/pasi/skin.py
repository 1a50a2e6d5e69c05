"""The colour of skin: what melanin, blood and scale leave of the light.

Reflectance is the dermis's, dimmed by the optical densities of melanin and blood (Beer-Lambert)
in three bands. The densities are fitted by eye to skin of Fitzpatrick types I to VI.
Shape letters: H rows, W columns; colours are linear-light red, green, blue.
"""

from __future__ import annotations

import numpy as np

from foldgrid.simulation.pasi.body import Body
from foldgrid.simulation.pasi.fields import (
    Plane,
    look_up,
    smooth_step,
    smooth_texture,
    texture_size,
)
from foldgrid.simulation.pasi.plaques import Plaques
from foldgrid.simulation.pasi.surface import Surface
from foldgrid.simulation.pasi.traits import SubjectTraits

DERMIS = (0.88, 0.68, 0.57)
"""Reflectance of skin without melanin and blood."""
MELANIN_DENSITY = (0.60, 0.80, 1.0)
"""Optical density of a unit of melanin: strongest in the blue."""
BLOOD_DENSITY = (0.10, 0.92, 0.78)
"""Optical density of a unit of blood in fair skin: green and blue go, red stays."""
BLOOD_DENSITY_DARK = (0.30, 0.72, 0.34)
"""The same seen through much melanin: violaceous, darker rather than redder."""
BLOOD_PER_GRADE = 0.35
"""Blood that a grade of erythema adds."""
SCALE_COLOUR = (0.78, 0.75, 0.71)
"""Reflectance of dry silvery scale."""


def colour_skin(
    body: Body, plaques: Plaques, traits: SubjectTraits, skin_map: np.random.Generator
) -> list[Plane]:
    """Reflectance of the skin: absorption by melanin and blood, then scale on top."""
    surface = body.surface
    size = texture_size(surface.frame.unit_pixels)
    along, across = surface.skin_along, surface.skin_across
    mottle = look_up(
        smooth_texture(skin_map, size, ((5.0, 3.0, 1.0), (30.0, 9.0, 0.5))), along, across
    )
    melanin = traits.melanin * (1.0 + 0.035 * mottle) + 0.012 * mottle
    blood = traits.blood * (1.0 - 0.16 * mottle)
    if body.palm_from is not None:
        palm = smooth_step((surface.frame.along - body.palm_from) * 14)
        melanin = melanin * (1.0 - palm * (0.55 if traits.melanin > 1.0 else 0.3))
        blood = blood + 0.08 * palm
    melanin += plaques.stain * (0.07 + 0.2 * traits.stain)
    _add_spots(melanin, surface, traits, skin_map)
    for mark in body.marks:
        window, spot = surface.spot(mark.at, mark.size)
        if mark.kind == "areola":
            melanin[window] += 0.5 * spot
            blood[window] += 0.35 * spot
        elif mark.kind == "shadow":
            melanin[window] += 0.3 * spot
            blood[window] += 0.1 * spot
        elif mark.kind == "nail":
            melanin[window] *= 1.0 - 0.45 * spot
        else:
            blood[window] += 0.07 * spot
    blood = np.maximum(blood, 0.0) + BLOOD_PER_GRADE * plaques.redness
    depth = np.clip(melanin / 3.2, 0.0, 1.0)
    colours = []
    for channel in range(3):
        fair, dark = BLOOD_DENSITY[channel], BLOOD_DENSITY_DARK[channel]
        absorbed = melanin * MELANIN_DENSITY[channel] + blood * (fair + (dark - fair) * depth)
        reflected = DERMIS[channel] * np.exp(-absorbed)
        # Scale on dark skin lets some of the skin through: grey rather than white.
        flake = SCALE_COLOUR[channel] * (1.0 - 0.45 * depth)
        colours.append(reflected + plaques.scale * (flake - reflected))
    return colours


def _add_spots(
    melanin: Plane, surface: Surface, traits: SubjectTraits, skin_map: np.random.Generator
) -> None:
    """Add what has nothing to do with psoriasis: freckles, moles, hair."""
    size = texture_size(surface.frame.unit_pixels)
    along, across = surface.skin_along, surface.skin_across
    moles = skin_map.random((traits.num_moles, 3))
    for place, side, width in moles:
        radius = 0.002 + 0.004 * float(width) ** 2
        window, spot = surface.spot((float(place), 0.6 * float(side) - 0.3), (radius, radius))
        melanin[window] += 1.3 * spot
    if traits.freckles > 0.08:
        speckle = smooth_texture(skin_map, size, ((55.0, 18.0, 1.0),))
        melanin += traits.freckles * 0.5 * smooth_step(look_up(speckle, along, across) - 0.9)
    if traits.hair > 0.15:
        strands = smooth_texture(skin_map, size, ((90.0, 18.0, 1.0),), stretch=4.0)
        # Read at twice the scale, so that a strand is as thin as a pixel or two.
        dark = smooth_step(look_up(strands, 2 * along, 2 * across + 0.3 * along) * 1.4 - 1.5)
        melanin += traits.hair * 0.6 * dark
