"""Which body part each photograph of a visit shows."""

from __future__ import annotations

from foldgrid.simulation.pasi.arm import draw_arm
from foldgrid.simulation.pasi.body import Body, Build
from foldgrid.simulation.pasi.legs import draw_legs
from foldgrid.simulation.pasi.surface import Surface
from foldgrid.simulation.pasi.trunk import draw_trunk


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
