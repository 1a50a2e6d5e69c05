"""An arm with its hand, palm or back towards the camera: drawn proportions of an adult."""

from __future__ import annotations

import numpy as np

from foldgrid.simulation.pasi.body import Body, Build, Mark
from foldgrid.simulation.pasi.fields import smooth_step
from foldgrid.simulation.pasi.surface import Capsule, Surface, Tube

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
