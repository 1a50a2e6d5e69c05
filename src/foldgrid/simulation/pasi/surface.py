"""A body seen by a camera: tubes and capsules drawn into a picture, with normals and skin places.

Knows shapes only, no colours; for the coordinates see `frame.py`. Shape letters: H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from foldgrid.simulation.pasi.fields import Plane, smooth_step, soften
from foldgrid.simulation.pasi.frame import Frame

_Values: TypeAlias = NDArray[np.floating[Any]]

_SAMPLES = 4096
"""Samples of a tube's profile between along -0.25 and 1.25."""


@dataclass(frozen=True)
class Tube:
    """A limb or trunk around the axis.

    Attributes:
        profile: (along, radius) knots; beyond the first and last there is no body.
        axis: (along, across) knots of the centre line.
        flatness: 1 for a round section, more for a flat front with sharply turning flanks.
        texture_shift: Moves the skin texture across, so that two legs differ.
        flat_from: Along beyond which the skin is that of a flat hand, not wrapped around.
    """

    profile: Sequence[tuple[float, float]]
    axis: Sequence[tuple[float, float]] = ((0.0, 0.0), (1.0, 0.0))
    flatness: float = 1.0
    texture_shift: float = 0.0
    flat_from: float | None = None


@dataclass(frozen=True)
class Capsule:
    """A finger, toe, foot: a rounded cone between two (along, across) points."""

    start: tuple[float, float]
    end: tuple[float, float]
    start_radius: float
    end_radius: float
    texture_shift: float = 0.0


@dataclass
class Surface:
    """What the camera sees of the body, H x W each.

    Attributes:
        cover: How much of the pixel the body fills, 0 to 1.
        normal_along, normal_across, normal_out: Unit normal; `out` points to the camera.
        skin_along, skin_across: Where on the skin the pixel lies, for textures.
        height: Small relief on top of the form, in body units.
        garment: How much of the pixel is cloth, 0 to 1.
    """

    frame: Frame
    cover: Plane = field(init=False)
    normal_along: Plane = field(init=False)
    normal_across: Plane = field(init=False)
    normal_out: Plane = field(init=False)
    skin_along: Plane = field(init=False)
    skin_across: Plane = field(init=False)
    height: Plane = field(init=False)
    garment: Plane = field(init=False)

    def __post_init__(self) -> None:
        shape = self.frame.shape
        for name in ("cover", "normal_along", "normal_across", "height", "garment"):
            setattr(self, name, np.zeros(shape, dtype=np.float32))
        self.normal_out = np.ones(shape, dtype=np.float32)
        self.skin_along = self.frame.along.copy()
        self.skin_across = self.frame.across.copy()

    def add_tube(self, tube: Tube) -> None:
        """Draw a tube over what is there."""
        frame = self.frame
        radius_T, swelling_T = _curve(tuple(tube.profile), outside=-1.0)
        axis_T, lean_T = _curve(tuple(tube.axis), outside=None)
        swelling_T = swelling_T.clip(-1.5, 1.5)
        # Elsewhere it covers nothing.
        widest = max(radius for _, radius in tube.profile)
        sides = [across for _, across in tube.axis]
        window = frame.window(
            (tube.profile[0][0], tube.profile[-1][0]), (min(sides) - widest, max(sides) + widest)
        )
        along, across = frame.along[window], frame.across[window]
        index = ((along + 0.25) * (_SAMPLES / 1.5)).astype(np.int32).clip(0, _SAMPLES - 1)
        radius, offset = radius_T[index], across - axis_T[index]
        u = np.clip(offset / np.maximum(radius, 1e-4), -0.999, 0.999)
        cover = np.clip((radius - np.abs(offset)) * frame.unit_pixels + 0.5, 0.0, 1.0)
        side = u if tube.flatness == 1.0 else np.sign(u) * np.abs(u) ** tube.flatness
        slope = swelling_T[index] + side * lean_T[index]
        out = np.sqrt(1.0 - side * side)
        length = np.sqrt(1.0 + slope * slope)
        around = np.arcsin(u) * radius
        if tube.flat_from is not None:
            around += smooth_step((along - tube.flat_from) / 0.05) * (offset - around)
        self._put(
            window, cover, -slope / length, side / length, out / length,
            along, around + tube.texture_shift,
        )  # fmt: skip

    def add_capsule(self, capsule: Capsule) -> None:
        """Draw a capsule over what is there."""
        widest = max(capsule.start_radius, capsule.end_radius)
        (a0, c0), (a1, c1) = capsule.start, capsule.end
        window = self.frame.window(
            (min(a0, a1) - widest, max(a0, a1) + widest),
            (min(c0, c1) - widest, max(c0, c1) + widest),
        )
        along, across = self.frame.along[window], self.frame.across[window]
        da, dc = a1 - a0, c1 - c0
        part = ((along - a0) * da + (across - c0) * dc) / max(da * da + dc * dc, 1e-12)
        part = np.clip(part, 0.0, 1.0)
        radius = capsule.start_radius + (capsule.end_radius - capsule.start_radius) * part
        off_along, off_across = along - (a0 + da * part), across - (c0 + dc * part)
        distance = np.hypot(off_along, off_across)
        cover = np.clip((radius - distance) * self.frame.unit_pixels + 0.5, 0.0, 1.0)
        normal_along, normal_across = off_along / radius, off_across / radius
        square = np.minimum(normal_along**2 + normal_across**2, 0.999)
        self._put(
            window, cover, normal_along, normal_across, np.sqrt(1.0 - square),
            along, across + capsule.texture_shift,
        )  # fmt: skip

    def add_relief(self, at: tuple[float, float], size: tuple[float, float], height: float) -> None:
        """Raise (or sink) a Gaussian bump: centre and standard deviations along and across."""
        window, bump = self.spot(at, size)
        self.height[window] += height * bump

    def spot(
        self, at: tuple[float, float], size: tuple[float, float]
    ) -> tuple[tuple[slice, slice], Plane]:
        """Evaluate a Gaussian of height 1 on the pixels that it reaches."""
        window = self.frame.window(
            (at[0] - 3 * size[0], at[0] + 3 * size[0]), (at[1] - 3 * size[1], at[1] + 3 * size[1])
        )
        along = (self.frame.along[window] - at[0]) / size[0]
        across = (self.frame.across[window] - at[1]) / size[1]
        return window, np.exp(-0.5 * (along * along + across * across))

    def fuse(self, at: tuple[float, float], size: tuple[float, float], reach: float) -> None:
        """Round off the seams between forms around a point.

        Args:
            at: Centre along and across.
            size: Standard deviations along and across of where it works.
            reach: Width of the rounding in body units.
        """
        window, bump = self.spot(at, size)
        if bump.size == 0:
            return
        weight = np.minimum(1.7 * bump, 1.0)
        sigma = reach * self.frame.unit_pixels
        cover = self.cover[window]
        # The backdrop must not flatten the body's edge: averaged over covered pixels only.
        covered = np.maximum(soften(cover, sigma), 1e-3)
        normals = [self.normal_along[window], self.normal_across[window], self.normal_out[window]]
        fused = [n + weight * (soften(n * cover, sigma) / covered - n) for n in normals]
        length = np.sqrt(sum(n * n for n in fused) + 1e-6)
        for old, new in zip(normals, fused, strict=True):
            np.copyto(old, new / length, where=cover > 0)

    def add_garment(self, cloth: Plane) -> None:
        """Dress the body where `cloth` (0 to 1, H x W) says."""
        self.garment = np.maximum(self.garment, np.clip(cloth, 0.0, 1.0))

    def _put(self, window: tuple[slice, slice], cover: _Values, *values: _Values) -> None:
        """Lay one form over the others; where both have an edge, the fuller one wins."""
        old_cover = self.cover[window]
        wins = (cover >= 0.5) | (cover > old_cover)
        names = ("normal_along", "normal_across", "normal_out", "skin_along", "skin_across")
        for name, value in zip(names, values, strict=True):
            np.copyto(getattr(self, name)[window], value, where=wins)
        np.maximum(old_cover, cover, out=old_cover)


@lru_cache(maxsize=32)
def _curve(
    knots: tuple[tuple[float, float], ...], outside: float | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sample a smooth curve through knots, and its change for each body unit along.

    Beyond the knots it is `outside`, or the end values for None.
    """
    positions, values = np.array(knots, dtype=np.float64).T
    along_T = np.linspace(-0.25, 1.25, _SAMPLES)
    curve_T = PchipInterpolator(positions, values)(np.clip(along_T, positions[0], positions[-1]))
    if outside is not None:
        curve_T[(along_T < positions[0]) | (along_T > positions[-1])] = outside
    sampled_T: NDArray[np.float32] = curve_T.astype(np.float32)
    slope_T = np.asarray(np.gradient(sampled_T) * (_SAMPLES / 1.5), dtype=np.float32)
    for kept in (sampled_T, slope_T):
        kept.setflags(write=False)
    return sampled_T, slope_T
