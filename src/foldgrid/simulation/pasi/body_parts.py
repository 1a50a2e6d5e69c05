"""The body part that each photograph of a visit shows: drawn proportions of an adult."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldgrid.simulation.pasi.body import Body, Build, Mark
from foldgrid.simulation.pasi.fields import Plane, smooth_step
from foldgrid.simulation.pasi.surface import Capsule, Surface, Tube


def draw_body(surface: Surface, region: str, index: int, build: Build) -> Body:
    """Draw what one photograph of a visit shows.

    Args:
        surface: An empty surface; the body is drawn onto it.
        region: `upper_extremities`, `trunk` or `lower_extremities`.
        index: Number of the photograph in its region, from 0. Arms: right back of the hand,
            right palm, left back, left palm. Trunk and legs: front, back.
        build: The person's shape.

    Returns:
        The body with its landmarks.
    """
    if region == "upper_extremities":
        return draw_arm(surface, build, palm=index % 2 == 1)
    if region == "trunk":
        return draw_trunk(surface, build, back=index == 1)
    return draw_legs(surface, build, back=index == 1)


ARM = (
    (-0.25, 0.118), (0.06, 0.116), (0.2, 0.104), (0.34, 0.088), (0.43, 0.088), (0.51, 0.093),
    (0.59, 0.085), (0.67, 0.068), (0.735, 0.053), (0.76, 0.052), (0.795, 0.063), (0.835, 0.081),
    (0.87, 0.083), (0.895, 0.074), (0.908, 0.05), (0.912, 0.0),
)  # fmt: skip
FINGERS = (  # base and tip across, tip along, radius; from the index finger outwards
    (-0.06, -0.078, 0.985, 0.0198),
    (-0.021, -0.025, 1.008, 0.0208),
    (0.02, 0.027, 0.995, 0.0198),
    (0.057, 0.076, 0.958, 0.0172),
)


def draw_arm(surface: Surface, build: Build, palm: bool) -> Body:
    """Draw an arm along the axis, hand at the far end, thumb on the negative side."""
    bend, girth = surface.frame.pose.bend, build.girth
    axis = [(-0.25, 0.0), (0.38, 0.0), (0.52, bend * 0.07), (1.25, bend * 0.8)]

    def bent(along: float) -> float:
        return float(np.interp(along, [0.45, 1.25], [0.0, bend * 0.8]))

    # The girth of an arm does not reach the hand.
    profile = [(a, r * (1 + (girth - 1) * float(np.interp(a, [0.5, 0.8], [1, 0])))) for a, r in ARM]
    body = Body(surface, palm_from=0.765 if palm else None)
    surface.add_tube(Tube(profile, axis, flat_from=0.77))
    thumb_root, thumb_tip = (0.785, bent(0.78) - 0.03), (0.885, bent(0.885) - 0.126)
    surface.add_capsule(Capsule(thumb_root, thumb_tip, 0.033, 0.019, -bent(0.83)))
    for base, tip, tip_along, radius in FINGERS:
        end = (tip_along, bent(tip_along) + tip * build.fingers)
        start = (0.86, bent(0.86) + base)
        surface.add_capsule(Capsule(start, end, radius, radius * 0.8, -bent(0.9)))
        for part in (0.42, 0.72):
            joint = (start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part)
            body.marks.append(Mark(joint, (0.003, radius * 0.6), "flush"))
        if not palm:
            body.marks.append(Mark((end[0] + 0.004, end[1]), (0.006, radius * 0.4), "nail"))
    surface.fuse((0.80, bent(0.8) - 0.03), (0.035, 0.035), 0.018)
    surface.fuse((0.868, bent(0.868)), (0.024, 0.07), 0.016)
    if palm:
        surface.add_relief((0.815, bent(0.815) - 0.04), (0.028, 0.02), 0.012)
        surface.add_relief((0.82, bent(0.82) + 0.045), (0.03, 0.015), 0.008)
        body.marks += [Mark((0.85, bent(0.85)), (0.002, 0.03), "shadow")]
        body.marks += [Mark((0.43, 0.0), (0.0025, 0.05), "shadow")]
        body.sites.append(((0.55, 0.0), (0.2, 0.1), 0.3))
    else:
        surface.add_relief((0.43, 0.03), (0.03, 0.035), 0.012)
        body.marks.append(Mark((0.43, 0.03), (0.022, 0.03), "flush"))
        body.sites.append(((0.44, 0.02), (0.07, 0.06), 1.0))
        for base, *_ in FINGERS:
            surface.add_relief((0.882, bent(0.88) + base), (0.012, 0.01), 0.006)
    sleeve = smooth_step((0.03 + build.hem - surface.frame.along) * 120 + 0.5)
    surface.add_garment(sleeve)
    return body


LEG = (
    (-0.25, 0.135), (0.0, 0.122), (0.15, 0.109), (0.30, 0.089), (0.38, 0.076), (0.43, 0.073),
    (0.50, 0.07), (0.585, 0.079), (0.66, 0.072), (0.78, 0.048), (0.84, 0.04),
)  # fmt: skip
FOOT_IN_FRONT = ((0.875, 0.046), (0.92, 0.054), (0.965, 0.057), (0.985, 0.048), (0.992, 0.0))
HEEL = ((0.87, 0.041), (0.905, 0.044), (0.935, 0.042), (0.955, 0.027), (0.961, 0.0))
LEG_AXIS = ((-0.25, 0.158), (0.0, 0.15), (0.40, 0.128), (0.60, 0.135), (0.85, 0.118))
FOOT_AXIS = ((0.95, 0.138), (1.25, 0.15))
HEEL_AXIS = ((0.95, 0.119), (1.25, 0.12))


def draw_legs(surface: Surface, build: Build, back: bool) -> Body:
    """Draw both legs, left and right of the axis, from the thigh to the toes or heels."""
    body = Body(surface)
    girth = 1 + (build.girth - 1) * 0.8
    profile = [(along, radius * girth) for along, radius in LEG]
    profile += HEEL if back else FOOT_IN_FRONT
    centres = LEG_AXIS + (HEEL_AXIS if back else FOOT_AXIS)
    for side in (-1.0, 1.0):
        skin_shift = 0.5 if side > 0 else 0.0
        if back:  # the forefoot shows behind the heel, to the outside
            start, end = (0.935, side * 0.125), (0.957, side * 0.17)
            surface.add_capsule(Capsule(start, end, 0.026, 0.02, skin_shift))
        axis = [(along, side * across) for along, across in centres]
        surface.add_tube(Tube(profile, axis, texture_shift=skin_shift))
        if back:
            surface.add_relief((0.555, side * 0.165), (0.06, 0.022), 0.014)
            surface.add_relief((0.545, side * 0.105), (0.07, 0.022), 0.016)
            surface.add_relief((0.83, side * 0.12), (0.05, 0.01), 0.01)
            body.marks.append(Mark((0.42, side * 0.128), (0.0025, 0.04), "shadow"))
        else:
            _draw_front_of_leg(body, side, skin_shift)
    shorts = smooth_step((0.05 + build.hem - surface.frame.along) * 120 + 0.5)
    surface.add_garment(shorts)
    return body


def _draw_front_of_leg(body: Body, side: float, skin_shift: float) -> None:
    surface = body.surface
    for toe, across in enumerate((-0.036, -0.011, 0.01, 0.029, 0.045)):
        radius = 0.02 if toe == 0 else 0.0135 - 0.0008 * toe
        tip, base = 1.0 - 0.008 * toe, 0.975 - 0.006 * toe
        at = side * (0.142 + across)
        toe_skin = Capsule((base, at), (tip, at), radius, radius, skin_shift)
        surface.add_capsule(toe_skin)
        body.marks.append(Mark((tip + radius * 0.3, at), (radius * 0.3, radius * 0.4), "nail"))
    surface.add_relief((0.42, side * 0.126), (0.026, 0.03), 0.02)
    surface.add_relief((0.465, side * 0.126), (0.014, 0.018), 0.008)
    surface.add_relief((0.68, side * 0.114), (0.1, 0.012), 0.008)
    for ankle in (-0.036, 0.036):
        surface.add_relief((0.862, side * 0.118 + ankle), (0.012, 0.01), 0.007)
    body.marks.append(Mark((0.42, side * 0.126), (0.022, 0.03), "flush"))
    body.sites.append(((0.425, side * 0.126), (0.05, 0.05), 1.0))
    body.sites.append(((0.68, side * 0.126), (0.13, 0.06), 0.4))


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
"""Texture shift of the arms in trunk photographs, which distinguishes them from the trunk."""


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
