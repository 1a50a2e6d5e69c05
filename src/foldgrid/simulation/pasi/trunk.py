"""A trunk from neck to hips, front or back: drawn proportions of an adult."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldgrid.simulation.pasi.body import Body, Build, Mark
from foldgrid.simulation.pasi.fields import Plane, smooth_step
from foldgrid.simulation.pasi.surface import Surface, Tube

TRUNK = (
    (-0.25, 0.082), (0.035, 0.082), (0.065, 0.098), (0.095, 0.165), (0.12, 0.225), (0.16, 0.258),
    (0.21, 0.262), (0.27, 0.247), (0.40, 0.23), (0.58, 0.213), (0.75, 0.222), (0.90, 0.24),
    (1.25, 0.25),
)  # fmt: skip
UPPER_ARM = (
    (0.108, 0.0), (0.113, 0.02), (0.145, 0.056), (0.2, 0.07), (0.34, 0.06), (0.6, 0.052),
    (1.25, 0.045),
)  # fmt: skip
UPPER_ARM_AXIS = (
    (-0.25, 0.2), (0.1, 0.2), (0.16, 0.245), (0.26, 0.274), (0.5, 0.312), (1.25, 0.36),
)  # fmt: skip
ARM_SHIFT = 1.5
"""Texture shift of the arms in trunk photographs, by which they are told from the trunk."""


def draw_trunk(surface: Surface, build: Build, back: bool) -> Body:
    """Draw a trunk with the upper arms beside it, dressed below the hips."""
    body = Body(surface)
    for side in (-1.0, 1.0):
        axis = [(a, side * c) for a, c in UPPER_ARM_AXIS]
        profile = [(a, r * (0.4 + 0.6 * build.girth)) for a, r in UPPER_ARM]
        surface.add_tube(Tube(profile, axis, texture_shift=ARM_SHIFT))
    surface.add_tube(Tube([(a, r * _girth_at(a, build)) for a, r in TRUNK], flatness=1.9))
    for side in (-1.0, 1.0):
        surface.fuse((0.14, side * 0.25), (0.045, 0.045), 0.03)
    along, across = surface.frame.along, surface.frame.across
    if back:
        _draw_back(body)
    else:
        _draw_chest(body, build)
    if build.bandeau:
        half = 0.0375 if back else 0.0575
        below_top = along - 0.265 - 0.02 * np.cos(across * 14)
        chest = smooth_step(_plane((half - np.abs(below_top - half)) * 120 + 0.5))
        surface.add_garment(chest * (surface.skin_across < 0.5 * ARM_SHIFT))
    trousers = (along - (0.91 - build.hem) - across * across * 0.1) * 120 + 0.5
    surface.add_garment(smooth_step(_plane(trousers)))
    return body


def _plane(values: NDArray[np.floating[Any]]) -> Plane:
    return np.asarray(values, dtype=np.float32)


def _girth_at(along: float, build: Build) -> float:
    """Scale the trunk's radius: the neck is everyone's, the waist is narrower on some."""
    girth = build.girth if along > 0.08 else 1.0
    return girth * (1 - 0.16 * build.waist * math.exp(-(((along - 0.58) / 0.12) ** 2)))


def _draw_chest(body: Body, build: Build) -> None:
    surface = body.surface
    for side in (-1.0, 1.0):
        surface.add_relief((0.105, side * 0.1), (0.007, 0.06), 0.006)
        depth = 0.032 if build.bandeau else 0.02
        surface.add_relief((0.27, side * 0.11), (0.055, 0.07), depth)
        body.marks.append(Mark((0.30, side * 0.125), (0.011, 0.013), "areola"))
    surface.add_relief((0.45, 0.0), (0.2, 0.012), -0.006)
    surface.add_relief((0.66, 0.0), (0.1, 0.12), 0.02)
    surface.add_relief((0.67, 0.0), (0.008, 0.007), -0.008)
    body.marks.append(Mark((0.67, 0.0), (0.008, 0.006), "shadow"))
    body.sites.append(((0.62, 0.0), (0.12, 0.15), 0.3))


def _draw_back(body: Body) -> None:
    surface = body.surface
    surface.add_relief((0.5, 0.0), (0.25, 0.014), -0.014)
    for side in (-1.0, 1.0):
        surface.add_relief((0.255, side * 0.115), (0.07, 0.045), 0.02)
        surface.add_relief((0.33, side * 0.1), (0.02, 0.05), -0.004)
        surface.add_relief((0.6, side * 0.05), (0.15, 0.025), 0.01)
        body.marks.append(Mark((0.80, side * 0.055), (0.012, 0.01), "shadow"))
    body.sites.append(((0.72, 0.0), (0.12, 0.12), 0.8))
