"""A fundus photograph: disc, macula, vessels, and the lesions of diabetic retinopathy.

Knows one eye and a severity; nothing of raters. Shape letters: H rows, W columns; places are in
units of half the picture's shorter side, x to the right and y down, from its middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from foldgrid.simulation.labelled.shots import Radiance
from foldgrid.simulation.pasi.fields import Plane, look_up, smooth_step, smooth_texture
from foldgrid.simulation.pasi.traits import Colour

EDGE = 0.94
"""Radius of the round picture."""
OVERSAMPLING = 4
"""Vessels are drawn so many times larger, for smooth edges."""

RETINA: Colour = (0.60, 0.215, 0.065)
DISC: Colour = (0.95, 0.68, 0.34)
CUP: Colour = (0.98, 0.84, 0.58)
EXUDATE: Colour = (0.92, 0.74, 0.30)
WOOL: Colour = (0.86, 0.66, 0.46)
BLOOD: Colour = (0.20, 0.020, 0.012)

LESIONS_BY_GRADE: dict[str, tuple[float, ...]] = {
    "microaneurysms": (0.0, 5.0, 11.0, 18.0, 18.0),
    "haemorrhages": (0.0, 0.0, 5.0, 15.0, 13.0),
    "exudates": (0.0, 0.0, 1.8, 3.0, 3.0),
    "wool": (0.0, 0.0, 0.7, 3.0, 3.0),
    "new_vessels": (0.0, 0.0, 0.0, 0.0, 2.2),
}
"""Expected number by grade of the international scale: none, mild, moderate, severe, proliferative;
between grades it is interpolated."""


_Values: TypeAlias = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Eye:
    """What stays the same about one eye.

    Attributes:
        is_left: The disc lies on the left of a left eye's picture.
        pigment: Darkness of the background, about 0.6 to 1.5.
        mottle: Strength of the choroid's pattern, 0 to 1.
        disc: Place of the disc's centre.
        cup: Fraction of the disc's radius.
    """

    is_left: bool
    pigment: float
    mottle: float
    disc: tuple[float, float]
    cup: float


def draw_eye(rng: np.random.Generator, *, is_left: bool) -> Eye:
    """Draw what stays the same about one eye."""
    side = -1.0 if is_left else 1.0
    return Eye(
        is_left=is_left,
        pigment=float(np.exp(rng.normal(0.0, 0.25))),
        mottle=float(rng.uniform(0.2, 1.0)),
        disc=(side * float(rng.uniform(0.42, 0.52)), float(rng.normal(0.0, 0.04))),
        cup=float(rng.uniform(0.3, 0.6)),
    )


class Fundus:
    """A picture being painted: three planes of reflectance, and where its pixels lie.

    Args:
        rows: Of the picture.
        cols: Of the picture.
    """

    def __init__(self, rows: int, cols: int) -> None:
        self.half = min(rows, cols) / 2
        self.x: Plane = ((np.arange(cols, dtype=np.float32) + 0.5 - cols / 2) / self.half)[None, :]
        self.y: Plane = ((np.arange(rows, dtype=np.float32) + 0.5 - rows / 2) / self.half)[:, None]
        self.planes = [np.zeros((rows, cols), dtype=np.float32) for _ in range(3)]

    def distance(self, at: tuple[float, float], stretch: tuple[float, float] = (1.0, 1.0)) -> Plane:
        """Distance of each pixel from a place, along x and y in units of ``stretch``."""
        return np.asarray(
            np.hypot((self.x - at[0]) / stretch[0], (self.y - at[1]) / stretch[1]), dtype=np.float32
        )

    def lay(self, colour: Colour, opacity: _Values) -> None:
        """Lay a colour over the picture."""
        for plane, value in zip(self.planes, colour, strict=True):
            plane += opacity * (value - plane)

    def dim(self, densities: Colour, amount: _Values) -> None:
        """Darken as blood or pigment does."""
        for plane, density in zip(self.planes, densities, strict=True):
            plane *= np.exp(-density * amount)


def paint_fundus(
    eye: Eye,
    severity: float,
    eye_map: np.random.Generator,
    rng: np.random.Generator,
    rows: int,
    cols: int,
) -> Radiance:
    """Paint one photograph of an eye.

    Args:
        eye: Whose.
        severity: 0 to 4, between grades as well.
        eye_map: The stream of this eye's vessels and lesions.
        rng: The stream of this picture: how the camera is held.
        rows: Of the picture.
        cols: Of the picture.
    """
    fundus = Fundus(rows, cols)
    _lay_background(fundus, eye, eye_map)
    shift = rng.normal(0.0, 0.03, 2)
    disc = (eye.disc[0] + float(shift[0]), eye.disc[1] + float(shift[1]))
    macula = (disc[0] - np.sign(disc[0]) * 0.62, disc[1] + 0.05)
    fundus.dim((0.5, 1.0, 1.0), 0.75 * np.exp(-((fundus.distance(macula) / 0.19) ** 2)))
    _draw_vessels(fundus, disc, macula, eye_map)
    _lay_disc(fundus, eye, disc)
    _lay_lesions(fundus, severity, disc, macula, eye_map)
    centre = (float(rng.normal(0.0, 0.15)), float(rng.normal(0.0, 0.15)))
    light = np.clip(1.12 - 0.34 * fundus.distance(centre) ** 2, 0.25, 1.2)
    edge = smooth_step((EDGE - fundus.distance((0.0, 0.0))) * fundus.half / 1.5 + 0.5)
    red, green, blue = (plane * light * edge + 0.004 for plane in fundus.planes)
    return red, green, blue


def _lay_background(fundus: Fundus, eye: Eye, eye_map: np.random.Generator) -> None:
    texture = smooth_texture(eye_map, 256, ((7.0, 4.0, 1.0), (22.0, 8.0, 0.5)))
    mottle = look_up(texture, 0.4 * fundus.y + 0 * fundus.x, 0.4 * fundus.x + 0 * fundus.y)
    fundus.lay(RETINA, np.ones_like(mottle))
    fundus.dim((0.5, 1.0, 1.2), 0.35 * (eye.pigment - 1.0) + 0.10 * eye.mottle * mottle)


def _lay_disc(fundus: Fundus, eye: Eye, disc: tuple[float, float]) -> None:
    radius = 0.135
    away = fundus.distance(disc, (0.92, 1.0)) / radius
    fundus.lay(DISC, 0.9 * smooth_step((1.0 - away) * 3.0 + 0.5))
    fundus.lay(CUP, 0.8 * smooth_step((eye.cup - away) * 3.0 + 0.5))


def _draw_vessels(
    fundus: Fundus,
    disc: tuple[float, float],
    macula: tuple[float, float],
    eye_map: np.random.Generator,
) -> None:
    """Draw four arcades of an artery and a vein each, which branch on their way."""
    rows, cols = fundus.planes[0].shape
    size = (cols * OVERSAMPLING, rows * OVERSAMPLING)
    for density, width in ((0.75, 0.020), (1.15, 0.028)):
        image = Image.new("L", size)
        pen = ImageDraw.Draw(image)
        for temporal in (True, False):
            for down in (1.0, -1.0):
                way = _arcade(disc, macula, temporal=temporal, down=down, rng=eye_map)
                _draw_branch(pen, fundus, way, width, eye_map, depth=0)
        small = image.resize((cols, rows), Image.Resampling.BOX)
        cover = np.asarray(small, dtype=np.float32) / 255
        fundus.dim((0.35 * density, density, density), cover)


def _arcade(
    disc: tuple[float, float],
    macula: tuple[float, float],
    *,
    temporal: bool,
    down: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """The way of a main vessel: around the macula, or away from it."""
    part = np.linspace(0.0, 1.0, 24)
    toward = np.sign(macula[0] - disc[0]) * (1.0 if temporal else -1.0)
    reach, rise = (1.35, 0.62) if temporal else (0.65, 0.75)
    rise *= float(np.exp(rng.normal(0.0, 0.12)))
    wiggle = 0.02 * np.sin(part * float(rng.uniform(9, 16)) + float(rng.uniform(0, 6)))
    bow = np.sin(np.minimum(part * 1.25, 1.0) * np.pi / 2) if temporal else part**0.8
    x = disc[0] + toward * reach * part * float(np.exp(rng.normal(0.0, 0.08)))
    y = disc[1] + down * (rise * bow + wiggle)
    return np.stack([x, y], axis=1)


def _draw_branch(
    pen: ImageDraw.ImageDraw,
    fundus: Fundus,
    way: NDArray[np.float64],
    width: float,
    rng: np.random.Generator,
    depth: int,
) -> None:
    scale = fundus.half * OVERSAMPLING
    rows, cols = fundus.planes[0].shape
    middle = np.array([cols, rows]) * OVERSAMPLING / 2
    points = way * scale + middle
    for number in range(len(points) - 1):
        thick = width * (1.0 - 0.65 * number / len(points))
        ends = [tuple(points[number]), tuple(points[number + 1])]
        pen.line(ends, fill=255, width=max(1, round(thick * scale)))
    if depth == 2:
        return
    for start in rng.integers(3, len(way) - 2, 4 if depth == 0 else 2).tolist():
        ahead = way[start + 1] - way[start]
        angle = float(np.arctan2(ahead[1], ahead[0])) + float(rng.choice([-1.0, 1.0])) * float(
            rng.uniform(0.4, 0.9)
        )
        length = float(rng.uniform(0.25, 0.55)) / (1 + depth)
        part = np.linspace(0.0, 1.0, 9)
        turn = angle + float(rng.normal(0.0, 0.5)) * part
        step = np.stack([np.cos(turn), np.sin(turn)], axis=1) * length / 8
        twig = way[start] + np.concatenate([[[0.0, 0.0]], np.cumsum(step[1:], axis=0)])
        _draw_branch(pen, fundus, twig, width * 0.55, rng, depth + 1)


def _lay_lesions(
    fundus: Fundus,
    severity: float,
    disc: tuple[float, float],
    macula: tuple[float, float],
    eye_map: np.random.Generator,
) -> None:
    numbers = {
        name: int(eye_map.poisson(np.interp(severity, range(5), by_grade)))
        for name, by_grade in LESIONS_BY_GRADE.items()
    }
    for _ in range(numbers["microaneurysms"]):
        _spot(fundus, _somewhere(eye_map), float(eye_map.uniform(0.011, 0.018)), 0.75)
    for _ in range(numbers["haemorrhages"]):
        _spot(fundus, _somewhere(eye_map), float(eye_map.uniform(0.026, 0.060)), 0.85)
    for _ in range(numbers["exudates"]):
        centre = np.array(macula) + eye_map.normal(0.0, 0.2, 2)
        for _ in range(int(eye_map.integers(5, 13))):
            at = centre + eye_map.normal(0.0, 0.06, 2)
            away = fundus.distance((float(at[0]), float(at[1]))) / eye_map.uniform(0.014, 0.027)
            fundus.lay(EXUDATE, 0.9 * np.exp(-(away**4)))
    for _ in range(numbers["wool"]):
        stretch = (float(eye_map.uniform(0.04, 0.075)), float(eye_map.uniform(0.03, 0.055)))
        away = fundus.distance(_somewhere(eye_map), stretch)
        fundus.lay(WOOL, 0.75 * np.exp(-(away**2)))
    for _ in range(numbers["new_vessels"]):
        _tangle(fundus, disc, eye_map)


def _somewhere(rng: np.random.Generator) -> tuple[float, float]:
    radius, angle = 0.8 * float(np.sqrt(rng.random())), float(rng.uniform(0, 2 * np.pi))
    return radius * float(np.cos(angle)), radius * float(np.sin(angle))


def _spot(fundus: Fundus, at: tuple[float, float], radius: float, opacity: float) -> None:
    fundus.lay(BLOOD, opacity * np.exp(-((fundus.distance(at) / radius) ** 4)))


def _tangle(fundus: Fundus, disc: tuple[float, float], rng: np.random.Generator) -> None:
    """Fine new vessels, on the disc or elsewhere, often with blood before the retina."""
    rows, cols = fundus.planes[0].shape
    at = (
        np.array(disc) + rng.normal(0.0, 0.05, 2)
        if rng.random() < 0.5
        else np.array(_somewhere(rng))
    )
    image = Image.new("L", (cols * OVERSAMPLING, rows * OVERSAMPLING))
    pen = ImageDraw.Draw(image)
    for _ in range(10):
        turns = np.cumsum(rng.normal(0.0, 0.9, 10)) + rng.uniform(0, 2 * np.pi)
        steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * 0.028
        way = at + np.cumsum(steps, axis=0)
        points = way * fundus.half * OVERSAMPLING + np.array([cols, rows]) * OVERSAMPLING / 2
        pen.line([tuple(point) for point in points], fill=255, width=OVERSAMPLING)
    cover = np.asarray(image.resize((cols, rows), Image.Resampling.BOX), dtype=np.float32) / 255
    fundus.dim((0.5, 1.3, 1.3), cover)
    if rng.random() < 0.6:
        low = (float(at[0]), float(at[1]) + 0.16)
        away = fundus.distance(low, (0.2, 0.09))
        fundus.lay(BLOOD, 0.85 * np.exp(-(away**4)))
