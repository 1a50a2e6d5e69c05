"""Pictures that are there more than once: equal files, and near copies.

A near copy was saved again, at another size or quality, brighter or darker, mirrored, turned by
quarters, or cropped on all sides alike. Three steps find them: a hash of each picture that turning,
mirroring and brightness leave as it is, one of the picture and one of each of its crops; pictures
whose hashes are close; and of these the pixels, laid over each other.
Knows pictures and files; nothing of whose they are.
Shape letters: N pictures, D numbers of a hash, V its views (the whole and crops), H rows,
W columns, C channels, P pixels, T turned and cropped forms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from foldgrid.data.overlays import (
    Overlay,
    as_grey,
    correlation,
    details,
    fine_correlation,
    laid_forms,
    lay_over,
    square,
)

Floats = NDArray[np.float32]

HASH_VERSION = 3
"""Raised when the same pictures would no longer give the same hashes, or the same groups."""
HASH_PIXELS = 32
HASH_WAVES = 16
HASHED_CROPS = (0.0, 0.04, 0.08)
"""What is cut off each side of the views that are hashed."""
HASH_SCALE = 600.0
MOST_DISTANCE = 0.24
"""Between hashes of one picture; those of unlike pictures are 0.25 to 0.5 apart."""
MOST_OF_USUAL = 0.6
"""The same, as a fraction of what a study's pictures are usually apart."""
MOST_PAIRS = 30
"""Pairs a picture that are looked at; of more, the closest."""

LEAST_CORRELATION = 0.9
"""Of the details of two pictures of one, laid over each other, where there is nothing to compare
with; else ..."""
OVER_USUAL = 0.7
"""... so much of the way from what unlike pictures of the study have to 1."""
MOST_SHIFT = 0.001
"""Of a whole copy, in halves of a side, or 3 standard errors: the next shot of one thing is moved
by more."""
MOST_SHIFT_AT_ALL = 0.006
"""However little detail there is: two legs of smooth skin fit as well, moved by a little more."""
LEAST_OF_CROP = 0.96
MOST_SHIFT_OF_CROP = 0.005
"""Of a cropped one: half a step between the crops that are tried, besides a pixel's rounding."""
LEAST_FINE = 0.74
"""Of a cropped one: correlation of the finest details. Those of a copy are above it in 97 of 100
cases; of smooth skin, photographs of two people reach 0.68, two visits of one person 0.70."""
FEWEST_UNLIKE = 10

DETAIL_PIXELS = 3.0
"""How far around a pixel its usual brightness and contrast are taken."""

_ROWS, _COLUMNS = (
    np.array([pair[axis] for pair in np.ndindex(HASH_WAVES, HASH_WAVES) if pair[0] < pair[1]])
    for axis in (0, 1)
)
_IS_LOW = _ROWS + _COLUMNS <= HASH_WAVES
_ROWS, _COLUMNS = _ROWS[_IS_LOW], _COLUMNS[_IS_LOW]
_DIAGONAL = np.arange(1, HASH_WAVES // 2 + 1)
HASH_LENGTH = 2 * len(_ROWS) + len(_DIAGONAL)


def hash_picture(picture_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The hash of a picture and of its crops.

    Of the cosine waves of the picture's details (its brightness less its surroundings', by their
    contrast) only the strength counts, and rows and columns are exchanged so that the stronger
    comes first: mirroring and turning change neither.

    Args:
        picture_HWC: RGB, at the size at which all of a study's are compared.

    Returns:
        (V, D), a view a row; zeros where there is nothing to see in it.
    """
    grey = as_grey(picture_HWC)
    views = []
    for crop in HASHED_CROPS:
        shown = details(square(grey, HASH_PIXELS, crop), DETAIL_PIXELS)
        waves = np.abs(fft.dctn(shown, norm="ortho"))
        one, other = waves[_ROWS, _COLUMNS], waves[_COLUMNS, _ROWS]
        strengths = np.concatenate(
            [np.maximum(one, other), np.minimum(one, other), waves[_DIAGONAL, _DIAGONAL]]
        )
        # The root lets many weak waves count beside the few strong ones.
        rooted = np.sqrt(strengths)
        views.append(rooted / max(float(np.linalg.norm(rooted)), 1e-6))
    return np.asarray(np.clip(np.rint(HASH_SCALE * np.stack(views)), 0, 255), dtype=np.uint8)


def find_copies(
    hashes_NVD: NDArray[np.uint8], read: Callable[[int], NDArray[np.uint8]]
) -> list[list[int]]:
    """Find pictures that are near copies of each other.

    Args:
        hashes_NVD: `hash_picture` of each.
        read: The picture at a place, as it was hashed; asked of the few whose hashes are close.

    Returns:
        The groups: the places of two or more pictures, ascending.
    """
    pairs = _verified(find_close(hashes_NVD), len(hashes_NVD), read)
    if not pairs:
        return []
    left, right = np.array(pairs).T
    links = coo_array((np.ones(len(pairs)), (left, right)), shape=(len(hashes_NVD),) * 2)
    component = connected_components(links, directed=False)[1]
    sizes = np.bincount(component)
    return [np.flatnonzero(component == each).tolist() for each in np.flatnonzero(sizes > 1)]


def find_close(hashes_NVD: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Which pictures may be near copies by their hashes: pairs of places, the closest first.

    The hashes are turned so that few of their numbers tell most pictures apart, and compared in
    blocks of neighbours by these: no pair within the distance is missed.

    Returns:
        (pairs, 2), the smaller place first.
    """
    count = len(hashes_NVD)
    if np.count_nonzero(hashes_NVD[:, 0].any(axis=1)) < 2:
        return np.empty((0, 2), dtype=np.int64)
    sample = _unit(hashes_NVD[:: max(1, count // SAMPLED), 0])
    apart_from_mean = sample - sample.mean(axis=0)
    turn = np.linalg.eigh(apart_from_mean.T @ apart_from_mean)[1][:, ::-1]
    distance = MOST_DISTANCE
    if len(sample) >= FEWEST_UNLIKE:
        usual = float(np.median(np.linalg.norm(sample - np.roll(sample, 1, axis=0), axis=1)))
        distance = min(distance, MOST_OF_USUAL * usual)
    whole = _Blocks.of(_unit(hashes_NVD[:, 0]) @ turn)
    pairs, apart = np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=np.float32)
    for view in range(hashes_NVD.shape[1]):
        other = whole if view == 0 else _Blocks.of(_unit(hashes_NVD[:, view]) @ turn)
        for number in range(len(whole.places)):
            found = whole.close_to(number, other, distance)
            pairs = np.concatenate([pairs, *(each[0] for each in found)])
            apart = np.concatenate([apart, *(each[1] for each in found)])
            if len(pairs) > 4 * MOST_PAIRS * count:
                kept = np.argpartition(apart, MOST_PAIRS * count)[: MOST_PAIRS * count]
                pairs, apart = pairs[kept], apart[kept]
                distance = min(distance, float(apart.max()))
    is_pair = pairs[:, 0] != pairs[:, 1]
    pairs, apart = np.sort(pairs[is_pair], axis=1), apart[is_pair]
    pairs = pairs[np.argsort(apart, kind="stable")]
    _, first = np.unique(pairs, axis=0, return_index=True)
    return np.asarray(pairs[np.sort(first)][: MOST_PAIRS * count], dtype=np.int64)


SAMPLED = 4096
BLOCK = 512
"""Pictures: the products of two blocks fit into a core's own cache."""
DENSE = 50
NUM_FIRST = 80
"""Numbers of a turned hash that are compared for all pairs."""


@dataclass(frozen=True)
class _Blocks:
    """Turned hashes in blocks of neighbours.

    Attributes:
        places: Of each block's pictures.
        vectors: Their hashes.
        firsts: `_to_compare` of the first numbers of these, as the right side of a product.
        low: The smallest first numbers of each block.
        high: The largest.
    """

    places: list[NDArray[np.int64]]
    vectors: list[Floats]
    firsts: list[Floats]
    low: Floats
    high: Floats

    @classmethod
    def of(cls, vectors_ND: Floats) -> _Blocks:
        seen = np.flatnonzero(np.abs(vectors_ND).sum(axis=1) > 0)
        places = list(_halved(seen, vectors_ND[:, :NUM_FIRST]))
        parts = [vectors_ND[each] for each in places]
        ends = [[end(part[:, :NUM_FIRST], axis=0) for part in parts] for end in (np.min, np.max)]
        firsts = [_to_compare(part[:, :NUM_FIRST], is_right=True).T.copy() for part in parts]
        return cls(places, parts, firsts, np.array(ends[0]), np.array(ends[1]))

    def close_to(
        self, number: int, other: _Blocks, distance: float
    ) -> list[tuple[NDArray[np.int64], Floats]]:
        """Pairs of places of one block and ``other`` within a distance, and how far apart."""
        places, vectors = self.places[number], self.vectors[number]
        gaps = np.maximum(self.low[number] - other.high, other.low - self.high[number])
        near = (np.maximum(gaps, 0) ** 2).sum(axis=1) <= distance**2
        left = _to_compare(vectors[:, :NUM_FIRST])
        found = []
        for each in np.flatnonzero(near).tolist():
            if self is other and each < number:
                continue
            halves = left @ other.firsts[each]
            at = np.flatnonzero(halves.ravel() <= 0.5 * distance**2 + 1e-6)
            if not len(at):
                continue
            one, two = np.divmod(at, halves.shape[1])
            if len(at) * DENSE > halves.size:
                whole = _to_compare(vectors) @ _to_compare(other.vectors[each], is_right=True).T
                apart = np.sqrt(np.maximum(2 * whole.ravel()[at], 0))
            else:
                apart = np.linalg.norm(vectors[one] - other.vectors[each][two], axis=1)
            is_close = apart <= distance
            pairs = np.stack([places[one[is_close]], other.places[each][two[is_close]]], axis=1)
            found.append((pairs, apart[is_close].astype(np.float32)))
        return found


def _to_compare(vectors: Floats, *, is_right: bool = False) -> Floats:
    """Vectors whose products with each other are half the squared distances."""
    halves = 0.5 * (vectors**2).sum(axis=1, keepdims=True)
    ones = np.ones_like(halves)
    parts = [-vectors, ones, halves] if is_right else [vectors, halves, ones]
    return np.concatenate(parts, axis=1)


def _halved(places: NDArray[np.int64], vectors: Floats) -> Iterator[NDArray[np.int64]]:
    if len(places) <= BLOCK:
        yield places
        return
    own = vectors[places]
    widest = int(np.argmax(own.var(axis=0)))
    order = np.argsort(own[:, widest], kind="stable")
    for half in np.array_split(order, 2):
        yield from _halved(places[half], vectors)


def _unit(hashes_ND: NDArray[np.uint8]) -> Floats:
    vectors = hashes_ND.astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-6), dtype=np.float32)


def _verified(
    pairs: NDArray[np.int64], count: int, read: Callable[[int], NDArray[np.uint8]]
) -> list[tuple[int, int]]:
    """Those of the pairs whose pixels agree; pictures that are linked already are not looked at."""
    if not len(pairs):
        return []

    @lru_cache(maxsize=128)
    def forms(place: int) -> Floats:
        return laid_forms(read(place))

    least = _least_correlation(pairs, count, forms)
    group: dict[int, int] = {}

    def root(place: int) -> int:
        while place in group:
            place = group[place]
        return place

    found = []
    for one, other in pairs.tolist():
        if root(one) == root(other):
            continue
        if correlation(forms(one), forms(other)) < least - 0.1:
            continue
        overlay = lay_over(forms(one), forms(other))
        if not could_be_copy(overlay, least, min(read(one).shape[:2])):
            continue
        if not overlay.crop or fine_correlation(read(one), read(other), overlay) >= LEAST_FINE:
            found.append((one, other))
            group[root(other)] = root(one)
    return found


def _least_correlation(
    pairs: NDArray[np.int64], count: int, forms: Callable[[int], Floats]
) -> float:
    """What two pictures of one must have, by what unlike pictures of the study have."""
    close = set(map(tuple, pairs.tolist()))
    random = np.random.default_rng(0)
    sample = np.sort(random.choice(count, min(NUM_UNLIKE, count), replace=False)).tolist()
    unlike = [
        correlation(forms(one), forms(other))
        for at, one in enumerate(sample)
        for other in sample[at + 1 : at + 4]
        if (one, other) not in close
    ]
    if len(unlike) < FEWEST_UNLIKE:
        return LEAST_CORRELATION
    usual = float(np.percentile(unlike, 95))
    return usual + OVER_USUAL * (1 - usual)


NUM_UNLIKE = 48


def could_be_copy(overlay: Overlay, least_correlation: float, pixels: int) -> bool:
    """Whether one picture lies where the other does, the shorter side of which has so many pixels.

    Of a cropped one `LEAST_FINE` remains to be asked.
    """
    if overlay.correlation < least_correlation:
        return False
    if overlay.crop:
        most = MOST_SHIFT_OF_CROP + 1 / pixels
        return overlay.correlation >= LEAST_OF_CROP and overlay.shift <= most
    return overlay.shift <= max(MOST_SHIFT, min(3 * overlay.precision, MOST_SHIFT_AT_ALL))
