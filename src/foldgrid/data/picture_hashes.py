"""The near copies of a study, found once and kept: hashes of its pictures, and who copies whom.

Knows files and the cache; what makes two pictures copies is next door. Shape letters: N pictures,
D numbers of a hash, V its views.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foldgrid.data.cache import load_or_build, make_private_folder, write_whole
from foldgrid.data.cores import num_usable_cores
from foldgrid.data.mosaics import Progress
from foldgrid.data.photographs import PhotoFacts, decode_fitted
from foldgrid.specs.checksums import checksummed_json, read_known
from foldgrid.specs.fits import content_digest


@dataclass(frozen=True)
class CopyGroup:
    """Photographs of one picture.

    Attributes:
        places: Where they stand in the sequence of photographs, ascending; at least two.
        is_exact: For each, whether an earlier one has the same bytes.
    """

    places: tuple[int, ...]
    is_exact: tuple[bool, ...]


FEWEST_PIXELS = 64
"""The longer side at which near copies are looked for, at least: that of the details compared."""
MOST_EXAM_PIXELS = 256
"""The longer side at which photographs are evaluated, at most: sharpness depends on the size."""


def exam_pixels(facts: Sequence[PhotoFacts]) -> int:
    """The longer side at which a study's photographs are evaluated.

    The same for all, or sharpness could not be compared; and not larger than the usual photograph,
    because enlarging takes from its sharpness what it never had.
    """
    if not facts:
        return MOST_EXAM_PIXELS
    usual = int(np.median([max(each.width, each.height) for each in facts]))
    return min(MOST_EXAM_PIXELS, usual)


def near_copies_note(pixels: int) -> str:
    """Why near copies are not looked for; "" where they are."""
    if pixels >= FEWEST_PIXELS:
        return ""
    return (
        f"near copies are not looked for: {pixels} pixels are too few to tell likeness from "
        f"sameness ({FEWEST_PIXELS} are needed)"
    )


def copies_of_study(
    paths: Sequence[Path],
    digests: Sequence[str],
    pixels: int,
    cache: Path,
    on_progress: Progress | None = None,
    *,
    hashes: Mapping[int, NDArray[np.uint8]] | None = None,
) -> list[CopyGroup]:
    """The groups of equal files and near copies among a study's photographs.

    Pictures of under `FEWEST_PIXELS` are too small for near copies: of these, only equal files.
    Both the hashes and the groups are kept in the cache, by the files' content: what ``data check``
    has decoded, a launch does not decode again.

    Args:
        paths: The photographs.
        digests: SHA-256 of each.
        pixels: `exam_pixels` of them.
        cache: The cache's root.
        on_progress: Told of photographs decoded.
        hashes: `hash_picture` of each place, where they are known already.

    Returns:
        The groups, places counted in ``paths``.

    Raises:
        PhotoError: A photograph cannot be decoded.
    """
    if near_copies_note(pixels):
        return _groups(digests, {})
    # Imported here: a plan compares no pictures, and starts without SciPy.
    from foldgrid.data import near_copies

    place_of = {digest: place for place, digest in reversed([*enumerate(digests)])}
    ordered = sorted(place_of)
    about = {"version": near_copies.HASH_VERSION, "pixels": pixels}
    key = content_digest({**about, "photos": ordered}, 32)
    array_file = cache / "picture_hashes" / f"{key}.npy"
    groups_file = array_file.with_suffix(".copies.json")
    known = read_known(groups_file)

    def read(place: int) -> NDArray[np.uint8]:
        return decode_fitted(paths[place_of[ordered[place]]], pixels)

    def build(array_NVD: NDArray[np.uint8]) -> None:
        if hashes is not None:
            array_NVD[:] = [hashes[place_of[digest]] for digest in ordered]
            return
        with ThreadPoolExecutor(num_usable_cores()) as pool:
            made = pool.map(
                lambda place: near_copies.hash_picture(read(place)), range(len(ordered))
            )
            for place, each in enumerate(made):
                array_NVD[place] = each
                if on_progress is not None:
                    on_progress(place + 1, len(ordered))

    if not known:
        shape = (len(ordered), len(near_copies.HASHED_CROPS), near_copies.HASH_LENGTH)
        found = near_copies.find_copies(load_or_build(array_file, shape, build, about=about), read)
        known = {
            ordered[place]: str(number) for number, group in enumerate(found) for place in group
        }
        make_private_folder(groups_file.parent)
        write_whole(groups_file, checksummed_json({**known, "looked for": "yes"}))
    return _groups(digests, known)


def _groups(digests: Sequence[str], known: Mapping[str, str]) -> list[CopyGroup]:
    places: dict[str, list[int]] = {}
    for place, digest in enumerate(digests):
        places.setdefault(known.get(digest, digest), []).append(place)
    first_of_file: dict[str, int] = {}
    for place, digest in enumerate(digests):
        first_of_file.setdefault(digest, place)
    return [
        CopyGroup(tuple(each), tuple(first_of_file[digests[place]] != place for place in each))
        for each in places.values()
        if len(each) > 1
    ]
