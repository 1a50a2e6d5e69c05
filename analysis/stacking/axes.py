"""The directions in which base learners differ: what a regression on them is solved along.

A ridge regression does not change when its features are rotated, so everything is solved along
the principal axes: they are few, orthogonal, and the same for every penalty.

N samples, L base learners, A axes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

FloatArray = NDArray[np.float64]

NOISE_FRACTION = 1e-6
"""Directions in which the predictions vary by less than this fraction are float32 rounding."""

MOST_AXES = 128
"""More are not looked at: beyond them the cost would grow with the cube of the base learners,
for directions that a few dozen subjects cannot tell from noise."""


@dataclass(frozen=True)
class Axes:
    """The principal axes of centred features that rise above rounding.

    Attributes:
        directions_LA: Orthonormal axes, widest first.
        sizes_A: The features' norm along each.
        noise: The norm below which a direction was left out.
    """

    directions_LA: FloatArray
    sizes_A: FloatArray
    noise: float


def principal_axes(features_NL: FloatArray, noise: float) -> Axes:
    """The axes along which these features are larger than ``noise``, at most ``MOST_AXES``."""
    if min(features_NL.shape) <= MOST_AXES:
        _, sizes, directions = np.linalg.svd(features_NL, full_matrices=False)
        directions_LA = directions.T
    else:
        directions_LA, sizes = _widest_axes(features_NL)
    seen = sizes > noise
    return Axes(directions_LA[:, seen], sizes[seen], noise)


def _widest_axes(features_NL: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The ``MOST_AXES`` widest axes, from the smaller of the two squared matrices."""
    num_samples, num_learners = features_NL.shape
    is_tall = num_samples >= num_learners
    square = features_NL.T @ features_NL if is_tall else features_NL @ features_NL.T
    last = len(square) - 1
    squares, vectors = eigh(square, subset_by_index=(last - MOST_AXES + 1, last))
    sizes = np.sqrt(np.maximum(squares[::-1], 0.0))
    vectors = vectors[:, ::-1]
    if not is_tall:
        vectors = features_NL.T @ vectors / np.where(sizes > 0, sizes, 1.0)
    return vectors, sizes
