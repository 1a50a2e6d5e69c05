"""Two legs on their feet, from the front or the back: drawn proportions of an adult."""

from __future__ import annotations

from foldgrid.simulation.pasi.body import Body, Build, Mark
from foldgrid.simulation.pasi.fields import smooth_step
from foldgrid.simulation.pasi.surface import Capsule, Surface, Tube

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
