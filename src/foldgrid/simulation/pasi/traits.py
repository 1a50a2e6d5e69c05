"""Who the subjects are to the eye: skin, build, habits of their disease, and each visit's studio.

Colours are linear-light reflectances, red, green, blue, 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from foldgrid.simulation.pasi.body import Build
from foldgrid.simulation.pasi.streams import Stream, stream

Colour: TypeAlias = tuple[float, float, float]

STANDARD_BACKDROP: Colour = (0.025, 0.10, 0.28)
"""The blue cloth of clinical photography, hung at every site of a standardised study."""
STANDARD_CLOTH: Colour = (0.20, 0.21, 0.23)

BACKDROPS: tuple[Colour, ...] = (
    (0.025, 0.10, 0.28),  # blue cloth
    (0.05, 0.20, 0.34),  # light blue
    (0.22, 0.24, 0.26),  # grey card
    (0.06, 0.065, 0.07),  # charcoal
    (0.03, 0.15, 0.09),  # surgical green
    (0.04, 0.19, 0.20),  # teal
    (0.010, 0.014, 0.022),  # black velvet
    (0.45, 0.46, 0.46),  # white wall
)
CLOTHS: tuple[Colour, ...] = (
    (0.62, 0.62, 0.60),
    (0.03, 0.035, 0.05),
    (0.05, 0.09, 0.22),
    (0.20, 0.21, 0.23),
    (0.10, 0.20, 0.18),
    (0.36, 0.33, 0.27),
)


@dataclass(frozen=True)
class SubjectTraits:
    """What stays the same about a subject from visit to visit.

    Attributes:
        melanin: Optical density of the epidermis, 0.1 (Fitzpatrick I) to 3.1 (VI).
        blood: Resting haemoglobin of the dermis, about 0.08 to 0.28.
        build: The person's shape.
        freckles, hair: Strength, 0 to 1.
        num_moles: Moles in a body unit squared.
        plaque_waves: Fineness of the plaques, waves in a body unit, about 4 to 9.
        border: Width of a plaque's edge in standard deviations of the plaque field.
        stain: How strongly healed plaques stay pigmented, 0 to 1.
        backdrop, cloth: Colours of the studio and of the clothes.
        first_day: Day of the baseline visit, counted from the trial's opening, 0 to 400.
    """

    melanin: float
    blood: float
    build: Build
    freckles: float
    hair: float
    num_moles: int
    plaque_waves: float
    border: float
    stain: float
    backdrop: Colour
    cloth: Colour
    first_day: int


@dataclass(frozen=True)
class Studio:
    """Light and camera of one visit.

    Attributes:
        azimuth: Where the light stands, radians; 0 is right, pi/2 below.
        elevation: Its height over the picture plane in radians, about 0.7 to 1.2.
        fill: Fraction of the light that comes from everywhere, 0.3 to 0.55.
        exposure: Exposure error in stops, about -0.3 to 0.3.
        balance: White-balance error: gains of red, green, blue.
        minute: Time of day of the first photograph, minutes after midnight.
    """

    azimuth: float
    elevation: float
    fill: float
    exposure: float
    balance: Colour
    minute: int


def draw_traits(seed: int, subject: int, *, standard_studio: bool) -> SubjectTraits:
    """Draw what stays the same about one subject.

    Args:
        seed: The trial's.
        subject: Counted from 0.
        standard_studio: Whether all sites hang the same backdrop and hand out the same clothes.
    """
    rng = stream(seed, Stream.TRAITS, subject)
    tone = float(rng.random())
    melanin = 0.1 + 3.0 * tone**1.5
    woman = bool(rng.random() < 0.45)
    build = Build(
        girth=float(np.clip(rng.normal(0.97 if woman else 1.02, 0.06), 0.86, 1.14)),
        waist=float(np.clip(rng.normal(0.7 if woman else 0.1, 0.2), 0.0, 1.0)),
        fingers=float(rng.uniform(0.8, 1.35)),
        bandeau=woman,
        hem=float(rng.uniform(0.0, 0.05)),
    )
    backdrop = _vary(rng, BACKDROPS[int(rng.integers(len(BACKDROPS)))], 0.2)
    cloth = _vary(rng, CLOTHS[int(rng.integers(len(CLOTHS)))], 0.2)
    if standard_studio:
        backdrop, cloth = STANDARD_BACKDROP, STANDARD_CLOTH
    return SubjectTraits(
        melanin=melanin,
        blood=float(rng.uniform(0.1, 0.26)),
        build=build,
        freckles=float(rng.random() ** 3 * np.exp(-((melanin - 0.4) ** 2))),
        hair=0.0 if woman else float(rng.random() ** 1.5),
        num_moles=int(rng.poisson(9)),
        plaque_waves=float(np.exp(rng.normal(np.log(5.5), 0.22)).clip(3.8, 9.0)),
        border=float(rng.uniform(0.2, 0.38)),
        stain=float(np.clip(0.25 + 0.25 * melanin + rng.normal(0, 0.15), 0.1, 1.0)),
        backdrop=backdrop,
        cloth=cloth,
        first_day=int(rng.integers(0, 401)),
    )


def draw_studio(seed: int, subject: int, visit: int) -> Studio:
    """Draw light and camera of one visit."""
    rng = stream(seed, Stream.VISIT, subject, visit)
    warmth, tint = rng.normal(0.0, 0.025), rng.normal(0.0, 0.01)
    return Studio(
        azimuth=float(-np.pi / 2 + rng.normal(0.0, 0.7)),
        elevation=float(rng.uniform(0.7, 1.1)),
        fill=float(rng.uniform(0.32, 0.5)),
        exposure=float(np.clip(rng.normal(0.0, 0.12), -0.3, 0.3)),
        balance=(float(np.exp(warmth)), float(np.exp(tint)), float(np.exp(-warmth))),
        minute=int(rng.integers(8 * 60, 17 * 60)),
    )


def _vary(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    red, green, blue = np.exp(rng.normal(0.0, spread, 3) * 0.4 + rng.normal(0.0, spread))
    return colour[0] * float(red), colour[1] * float(green), colour[2] * float(blue)
