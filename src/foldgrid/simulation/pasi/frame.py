"""Where a body lies in the picture: pixels to body coordinates and back.

Body coordinates are (along, across): along the limb or trunk from 0 at the proximal edge of the
picture to 1 at the distal edge, across it from 0 on the axis; both in the same unit, the picture's
extent along the axis. Knows no shapes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from foldgrid.simulation.pasi.fields import Plane


@dataclass(frozen=True)
class Pose:
    """How the body lies in the upright picture.

    Attributes:
        horizontal: Whether the axis runs across the picture (arms) or down it (legs, trunk).
        mirrored: Whether the axis runs from right to left.
        flipped: Whether the across axis is turned over (a left hand for a right one).
        tilt: Rotation of the axis in radians, about -0.1 to 0.1.
        scale: Size of the body, about 0.9 to 1.1.
        shift: Displacement along and across, in body units.
        bend: Slope of the distal part of an arm against the proximal, about -0.2 to 0.2.
    """

    horizontal: bool
    mirrored: bool = False
    flipped: bool = False
    tilt: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    bend: float = 0.0


class Frame:
    """Body coordinates of every pixel of an upright picture.

    Attributes:
        shape: Rows and columns.
        unit_pixels: Pixels in a body unit.
        along, across: Body coordinates of the pixel centres, H x W.
    """

    def __init__(self, rows: int, cols: int, pose: Pose) -> None:
        self.shape = (rows, cols)
        self.pose = pose
        extent, breadth = (cols, rows) if pose.horizontal else (rows, cols)
        # A body is drawn for a 3:2 picture; in a wider one it must not outgrow the breadth.
        self.unit_pixels = float(min(extent, 1.5 * breadth)) * pose.scale
        sign = -1.0 if pose.mirrored else 1.0
        cos, sin = math.cos(pose.tilt), math.sin(pose.tilt)
        self._axis_xy = (sign * cos, sin) if pose.horizontal else (sin, cos)
        hand = -1.0 if pose.flipped else 1.0
        self._across_xy = (-self._axis_xy[1] * hand, self._axis_xy[0] * hand)
        x = ((np.arange(cols, dtype=np.float32) + 0.5 - cols / 2) / self.unit_pixels)[None, :]
        y = ((np.arange(rows, dtype=np.float32) + 0.5 - rows / 2) / self.unit_pixels)[:, None]
        along = x * self._axis_xy[0] + y * self._axis_xy[1] + 0.5 + pose.shift[0]
        across = x * self._across_xy[0] + y * self._across_xy[1] + pose.shift[1]
        self.along: Plane = along.astype(np.float32)
        self.across: Plane = across.astype(np.float32)

    def to_body(self, x: float, y: float) -> tuple[float, float]:
        """Turn a direction of the picture (right, down) into one of the body (along, across)."""
        return (
            x * self._axis_xy[0] + y * self._axis_xy[1],
            x * self._across_xy[0] + y * self._across_xy[1],
        )

    def window(
        self, along: tuple[float, float], across: tuple[float, float]
    ) -> tuple[slice, slice]:
        """Find the smallest rectangle of pixels that holds a rectangle of the body."""
        (ax, ay), (cx, cy) = self._axis_xy, self._across_xy
        shift_along, shift_across = self.pose.shift
        spans_a = [a - 0.5 - shift_along for a in along]
        spans_c = [c - shift_across for c in across]
        x = [a * ax + c * cx for a in spans_a for c in spans_c]
        y = [a * ay + c * cy for a in spans_a for c in spans_c]
        return self._pixels(y, self.shape[0]), self._pixels(x, self.shape[1])

    def _pixels(self, places: list[float], count: int) -> slice:
        """Turn positions from the picture's middle into a range of its rows or columns."""
        first = int(min(places) * self.unit_pixels + count / 2 - 1)
        last = int(max(places) * self.unit_pixels + count / 2 + 2)
        return slice(min(max(first, 0), count), min(max(last, 0), count))
