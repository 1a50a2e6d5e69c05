"""Psoriasis on a drawn body: which skin is affected, how red, how thick, how scaly.

A plaque is where a smooth random field, fixed to the person's skin, exceeds a threshold. The
threshold is the quantile that covers the wanted fraction of the visible skin, so a lesser fraction
keeps the cores of the same plaques. Knows nothing of scores: intensities are continuous.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from foldgrid.simulation.pasi.body import Body
from foldgrid.simulation.pasi.fields import (
    Plane,
    look_up,
    look_up_smoothly,
    smooth_step,
    smooth_texture,
    texture_size,
)
from foldgrid.simulation.pasi.traits import SubjectTraits

RELIEF = 0.0019
"""Height of a plaque of induration 1, in body units."""


@dataclass(frozen=True)
class Severity:
    """What one photograph has to show.

    Attributes:
        fraction: Fraction of the visible skin under plaques, 0 to 1.
        baseline_fraction: The same at the first visit, for the stain that healed skin keeps.
        erythema, induration, scaling: True intensities, 0 to about 4.3.
    """

    fraction: float
    baseline_fraction: float
    erythema: float
    induration: float
    scaling: float


@dataclass(frozen=True)
class Plaques:
    """Plaques in the picture, H x W each.

    Attributes:
        cover: How much of the pixel's skin is plaque, 0 to 1.
        redness: Haemoglobin that they add, in units of grade.
        height: Their relief in body units.
        scale: How much of the pixel silvery scale hides, 0 to 1.
        stain: Where healed plaques were, 0 to 1.
    """

    cover: Plane
    redness: Plane
    height: Plane
    scale: Plane
    stain: Plane


def draw_plaques(
    body: Body,
    skin: Plane,
    traits: SubjectTraits,
    severity: Severity,
    plaque_map: np.random.Generator,
) -> Plaques:
    """Lay plaques on a body.

    Args:
        body: The drawn body part.
        skin: How much of each pixel is bare skin, 0 to 1.
        traits: The subject.
        severity: What is to be shown.
        plaque_map: The stream of this part of this person's skin: the same at each visit.

    Returns:
        The plaques; all zero but for the stain where the fraction is 0.
    """
    surface = body.surface
    size = texture_size(surface.frame.unit_pixels)
    waves = traits.plaque_waves
    # Two octaves of roughness under the plaques' own size make the borders irregular.
    bands = ((waves, 0.5 * waves, 1.0), (2.4 * waves, waves, 0.3), (6 * waves, 2 * waves, 0.13))
    field = look_up_smoothly(
        smooth_texture(plaque_map, size, bands), surface.skin_along, surface.skin_across
    )
    for at, spread, strength in body.sites:
        window, bump = surface.spot(at, spread)
        field[window] += strength * bump
    bare = field[skin > 0.5]
    first_edge = _threshold(bare, severity.baseline_fraction)
    if severity.fraction <= 0.0 or bare.size == 0:
        nothing = np.zeros_like(field)
        return Plaques(nothing, nothing, nothing, nothing, _stain(field, first_edge, nothing))
    rise = field - _threshold(bare, severity.fraction)
    cover = smooth_step(rise / traits.border + 0.5)
    fine = smooth_texture(plaque_map, size, ((55.0, 16.0, 1.0), (24.0, 8.0, 0.7)))
    coarse = look_up(fine, surface.skin_along, surface.skin_across)
    finer = look_up(fine, 2 * surface.skin_across, 2 * surface.skin_along)
    grain = 0.84 * coarse + 0.54 * finer
    # Plaques redden towards their rim, and nowhere evenly.
    rim = np.exp(-(((rise - 0.5 * traits.border) / (1.3 * traits.border)) ** 2))
    redness = severity.erythema * cover * (0.9 + 0.22 * rim + 0.07 * grain)
    plateau = smooth_step(rise / (1.5 * traits.border) + 0.4)
    height = RELIEF * severity.induration * plateau * (1.0 + 0.25 * rim + 0.1 * grain)
    scale = _scale(grain, rise / traits.border, severity.scaling)
    return Plaques(cover, redness, height, scale * cover, _stain(field, first_edge, cover))


def _threshold(bare: Plane, fraction: float) -> float:
    """Find the field's value that `share` of the bare skin exceeds."""
    if bare.size == 0:
        return 0.0
    rank = min(int((1.0 - fraction) * bare.size), bare.size - 1)
    return float(np.partition(bare, rank)[rank])


def _scale(grain: Plane, depth: Plane, grade: float) -> Plane:
    """Scatter flakes over the plaques: `depth` is the distance from the edge, in edge widths."""
    coverage = float(np.clip(0.01 + 0.13 * grade, 0.01, 0.62))
    flakes = smooth_step((grain + float(ndtri(coverage))) / 0.9 + 0.5)
    # Scale leaves the rim of a plaque free, the less so the thicker it lies.
    interior = smooth_step((depth - 0.9 + 0.1 * grade) / 2.2)
    return np.asarray(flakes * interior * min(0.24 + 0.115 * grade, 0.72), dtype=np.float32)


def _stain(field: Plane, first_edge: float, cover: Plane) -> Plane:
    """Mark the skin that was a plaque at baseline and is none any more."""
    return np.asarray(smooth_step((field - first_edge) / 0.8 + 0.3) * (1.0 - cover))
