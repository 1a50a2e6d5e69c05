"""What a drawn body part tells: its form, its landmarks, and the places psoriasis likes best.

All lengths are body units, see `frame.py`. Knows neither colours nor disease.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from foldgrid.simulation.pasi.surface import Surface

Pair = tuple[float, float]
MarkKind = Literal["areola", "shadow", "nail", "flush"]


@dataclass(frozen=True)
class Build:
    """The shape of one person.

    Attributes:
        girth: Thickness of limbs and trunk, about 0.88 to 1.14.
        waist: Narrowness of the waist, 0 (straight) to 1.
        fingers: Spread of the fingers, about 0.8 to 1.3.
        bandeau: Whether a garment covers the chest in trunk photographs.
        hem: How far down shorts reach and how high trousers sit, in body units, about 0 to 0.06.
    """

    girth: float
    waist: float
    fingers: float
    bandeau: bool
    hem: float


@dataclass(frozen=True)
class Mark:
    """A place that looks different on everyone: centre and size along and across, and kind."""

    at: Pair
    size: Pair
    kind: MarkKind


@dataclass
class Body:
    """A drawn body part.

    Attributes:
        surface: Its form.
        marks: Its landmarks of colour.
        sites: Where plaques prefer to be: centre, size, strength in standard deviations.
        palm_from: Along beyond which the skin is palm or sole, pale on everyone; None: nowhere.
    """

    surface: Surface
    marks: list[Mark] = field(default_factory=list)
    sites: list[tuple[Pair, Pair, float]] = field(default_factory=list)
    palm_from: float | None = None
