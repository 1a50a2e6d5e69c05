"""The Psoriasis Area and Severity Index, from scores to one number a visit.

    C = (erythema + induration + scaling) x involvement        one region, 0 to 72
    PASI = 0.2 C_upper + 0.3 C_trunk + 0.4 C_lower (+ 0.1 C_head)

The body without head and neck reaches 64.8, the whole body 72. Every function takes scalars or
arrays of any one shape and passes NaN through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldgrid.specs.sweep import REGIONS

FloatArray = NDArray[np.float64]

SCORES = ("erythema", "induration", "scaling", "involvement")
"""The four scores of a region, in the order that targets and predictions keep."""

SCORE_MAXIMA: Mapping[str, float] = MappingProxyType(
    {"erythema": 4.0, "induration": 4.0, "scaling": 4.0, "involvement": 6.0}
)
"""The upper end of each score's scale; the lower end is 0."""

MAX_COMPOSITE = 72.0
"""The largest regional composite: (4 + 4 + 4) x 6."""

REGION_WEIGHTS: Mapping[str, float] = MappingProxyType(
    dict(zip(REGIONS, (0.2, 0.3, 0.4, 0.1), strict=True))
)
"""Each region's weight in the PASI: about its fraction of the body's surface."""

_INVOLVEMENT_FROM = (0.10, 0.30, 0.50, 0.70, 0.90)
"""The affected fraction at which involvement becomes 2, 3, 4, 5 and 6."""


def clip_score(name: str, values: ArrayLike) -> FloatArray:
    """Predicted scores, brought onto their scale.

    Args:
        name: One of ``SCORES``.
        values: Predictions, any real number.

    Returns:
        The same values, those outside 0 to ``SCORE_MAXIMA[name]`` moved to the nearer end.
    """
    return np.clip(np.asarray(values, dtype=np.float64), 0.0, SCORE_MAXIMA[name])


def clip_composite(values: ArrayLike) -> FloatArray:
    """Predicted regional composites, brought into 0 to 72."""
    return np.clip(np.asarray(values, dtype=np.float64), 0.0, MAX_COMPOSITE)


def composite_score(
    erythema: ArrayLike,
    induration: ArrayLike,
    scaling: ArrayLike,
    involvement: ArrayLike,
    *,
    clip: bool = False,
) -> FloatArray:
    """The regional composite C = (erythema + induration + scaling) x involvement.

    Args:
        erythema: Redness, 0 to 4.
        induration: Thickness, 0 to 4.
        scaling: Desquamation, 0 to 4.
        involvement: Area score, 0 to 6; see ``involvement_from_fraction``.
        clip: Bring each score onto its scale first. For a network's outputs, which may leave it:
            two negative factors would otherwise multiply to a severe region.

    Returns:
        C, 0 to 72 where the scores are on their scales.
    """
    given = dict(zip(SCORES, (erythema, induration, scaling, involvement), strict=True))
    scores = {
        name: clip_score(name, values) if clip else np.asarray(values, dtype=np.float64)
        for name, values in given.items()
    }
    severity = scores["erythema"] + scores["induration"] + scores["scaling"]
    return np.asarray(severity * scores["involvement"], dtype=np.float64)


def pasi(composites: Mapping[str, ArrayLike]) -> FloatArray:
    """The PASI of visits from their regions' composites.

    Args:
        composites: C by region, arrays of one shape. Regions that are not given count nothing, so
            compare only values over the same regions (``max_pasi`` tells their range).

    Returns:
        The weighted sum, 0 to ``max_pasi(composites)``.

    Raises:
        ValueError: No region, or one that is not in ``REGION_WEIGHTS``.
    """
    weights = _weights(composites)
    terms = [weights[name] * np.asarray(c, dtype=np.float64) for name, c in composites.items()]
    return np.asarray(sum(terms), dtype=np.float64)


def max_pasi(regions: Iterable[str]) -> float:
    """The largest PASI over these regions: 64.8 without head and neck, 72 with.

    Raises:
        ValueError: No region, or one that is not in ``REGION_WEIGHTS``.
    """
    # The weights have one decimal; rounding spares people 64.80000000000001.
    return round(MAX_COMPOSITE * sum(_weights(regions).values()), 6)


def involvement_from_fraction(fraction: ArrayLike) -> NDArray[np.int64]:
    """The area score of a region from the fraction of its skin that is affected.

    0: none, 1: under 10 %, 2: 10 to 29 %, 3: 30 to 49 %, 4: 50 to 69 %, 5: 70 to 89 %,
    6: 90 to 100 %.

    Args:
        fraction: Affected fraction, 0 to 1.

    Raises:
        ValueError: A fraction is below 0, above 1 or not a number.
    """
    fractions = np.asarray(fraction, dtype=np.float64)
    outside = ~((fractions >= 0.0) & (fractions <= 1.0))
    if outside.any():
        raise ValueError(
            f"affected fractions must lie in 0 to 1, found {fractions[outside].flat[0]}"
        )
    level = np.searchsorted(_INVOLVEMENT_FROM, fractions, side="right") + 1
    return np.asarray(np.where(fractions > 0.0, level, 0), dtype=np.int64)


def _weights(regions: Iterable[str]) -> dict[str, float]:
    names = list(dict.fromkeys(regions))
    unknown = [name for name in names if name not in REGION_WEIGHTS]
    if unknown or not names:
        found = ", ".join(unknown) or "no region"
        raise ValueError(f"the PASI needs regions of {', '.join(REGION_WEIGHTS)}; found {found}")
    return {name: REGION_WEIGHTS[name] for name in names}
