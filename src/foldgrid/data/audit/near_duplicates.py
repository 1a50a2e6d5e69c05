"""Pictures that are there more than once: equal files, and near copies.

Knows exams of photographs and nothing of whose they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from foldgrid.data.audit.image_quality import PhotoExam

MOST_DIFFERENT_BITS = 6
"""Of the 63 of a picture's hash, between near copies."""
MOST_DIFFERENCE = 4.0
"""Mean absolute difference of near copies' thumbnails, of 255."""


@dataclass(frozen=True)
class CopyGroup:
    """Photographs of one picture.

    Attributes:
        places: Where they stand in the sequence of photographs, ascending; at least two.
        is_exact: For each, whether an earlier one has the same bytes.
    """

    places: tuple[int, ...]
    is_exact: tuple[bool, ...]


def find_copies(exams: Sequence[PhotoExam]) -> list[CopyGroup]:
    """Find equal files, and pictures that were saved again at another size or quality.

    A near copy differs in at most 6 of 63 bits of the hash of its coarse form, and by at most 4 of
    255 in the mean of a 32x32 thumbnail. Turned, mirrored, cropped or recoloured copies are not
    found, nor is the same lesion taken twice.
    """
    hashes = np.array([exam.picture_hash for exam in exams], dtype=np.uint64)
    first_of_file: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    firsts: list[int] = []
    for place, exam in enumerate(exams):
        first = first_of_file.setdefault(exam.sha1, place)
        pairs += [(first, place)] if first != place else []
        firsts += [place] if first == place else []
    pairs += _near_pairs(exams, hashes, np.array(firsts, dtype=np.int64))
    if not pairs:
        return []
    left, right = np.array(pairs).T
    links = coo_array((np.ones(len(pairs)), (left, right)), shape=(len(exams), len(exams)))
    component = connected_components(links, directed=False)[1]
    sizes = np.bincount(component)
    groups = [np.flatnonzero(component == each).tolist() for each in np.flatnonzero(sizes > 1)]
    return [
        CopyGroup(
            tuple(places),
            tuple(first_of_file[exams[place].sha1] != place for place in places),
        )
        for places in sorted(groups, key=lambda places: places[0])
    ]


def _near_pairs(
    exams: Sequence[PhotoExam], hashes: NDArray[np.uint64], firsts: NDArray[np.int64]
) -> list[tuple[int, int]]:
    pairs = []
    for at, place in enumerate(firsts.tolist()):
        later = firsts[at + 1 :]
        bits = np.bitwise_count(hashes[later] ^ hashes[place])
        for other in later[bits <= MOST_DIFFERENT_BITS].tolist():
            if _difference(exams[place], exams[other]) <= MOST_DIFFERENCE:
                pairs.append((place, other))
    return pairs


def _difference(one: PhotoExam, other: PhotoExam) -> float:
    left, right = one.thumbnail_HWC.astype(np.int16), other.thumbnail_HWC.astype(np.int16)
    return float(np.abs(left - right).mean())
