"""What one photograph tells without a label: its file, its time, how sharp, how near, like what.

Knows one picture at a time; decides nothing. Shape letters: H rows, W columns, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from foldgrid.data.cache import load_or_build
from foldgrid.data.cores import num_usable_cores
from foldgrid.data.mosaics import Progress
from foldgrid.data.near_copies import hash_picture
from foldgrid.data.photographs import (
    PhotoFacts,
    inspect_photo,
    read_photo,
)
from foldgrid.data.picture_hashes import exam_pixels
from foldgrid.specs.errors import PhotoError
from foldgrid.specs.fits import content_digest

MIN_FOCUS = 1e-3
MANY_PHOTOS, PHOTOS_A_PART = 3000, 100


@dataclass(frozen=True)
class PhotoExam:
    """One photograph, examined.

    Attributes:
        facts: What its header says.
        sha1: SHA-1 of the file's bytes, 40 hexadecimal digits: the record's identity of a picture.
        taken: When, by EXIF; null where that does not say.
        focus: Variance of the Laplacian of the grey picture, `exam_pixels` long; higher is sharper.
        skin_fraction: Fraction of the picture whose colour could be skin's, 0 to 1.
        picture_hash_VD: `hash_picture`; near copies have nearly the same.
    """

    facts: PhotoFacts
    sha1: str
    taken: datetime | None
    focus: float
    skin_fraction: float
    picture_hash_VD: NDArray[np.uint8] = field(repr=False)

    @property
    def quality(self) -> tuple[float, float]:
        """What it is compared by with the study's others: focus and fraction of skin."""
        return self.focus, self.skin_fraction


def examine_photos(
    paths: Sequence[Path], on_progress: Progress | None = None
) -> tuple[list[PhotoExam], dict[int, PhotoError], int]:
    """Examine photographs, several at a time, all at the same size.

    Returns:
        The exams of those that can be used; the problems of the others by place in ``paths``, with
        which the exams are not to be matched to the paths; and the size, `exam_pixels`.
    """
    problems: dict[int, PhotoError] = {}
    facts: dict[int, PhotoFacts] = {}
    for place, path in enumerate(paths):
        try:
            facts[place] = inspect_photo(path)
        except PhotoError as error:
            problems[place] = error
    pixels = exam_pixels(list(facts.values()))
    places = list(facts)
    results = _examined_all([paths[place] for place in places], pixels)
    exams: list[PhotoExam] = []
    for num_done, (place, result) in enumerate(zip(places, results, strict=True), start=1):
        if isinstance(result, PhotoError):
            problems[place] = result
        else:
            exams.append(result)
        if on_progress is not None:
            on_progress(num_done, len(places))
    return exams, problems, pixels


def quality_of_study(
    paths: Sequence[Path],
    digests: Sequence[str],
    pixels: int,
    cache: Path,
    on_progress: Progress | None = None,
    *,
    exams: Sequence[PhotoExam] | None = None,
    hashes: dict[int, NDArray[np.uint8]] | None = None,
) -> NDArray[np.float64]:
    """`PhotoExam.quality` of each photograph, kept in the cache by the files' content.

    What ``data check`` has examined, a launch does not decode again.

    Args:
        paths: The photographs.
        digests: SHA-256 of each.
        pixels: `exam_pixels` of them.
        cache: The cache's root.
        on_progress: Told of photographs examined.
        exams: Of each, where they are known already.
        hashes: Takes `hash_picture` of each place, where they had to be examined.

    Returns:
        (N, 2): focus and fraction of skin.

    Raises:
        PhotoError: A photograph cannot be decoded.
    """
    place_of = {digest: place for place, digest in reversed([*enumerate(digests)])}
    ordered = sorted(place_of)
    about = {"version": QUALITY_VERSION, "pixels": pixels}
    file = cache / "picture_quality" / f"{content_digest({**about, 'photos': ordered}, 32)}.npy"

    def build(quality_N2: NDArray[np.float64]) -> None:
        known = exams
        if known is None:
            known, problems, _ = examine_photos(paths, on_progress)
            for problem in problems.values():
                raise problem
            if hashes is not None:
                hashes.update((place, each.picture_hash_VD) for place, each in enumerate(known))
        quality_N2[:] = [known[place_of[digest]].quality for digest in ordered]

    kept = load_or_build(file, (len(ordered), 2), build, np.float64, about)
    return np.asarray(kept[np.searchsorted(ordered, digests)])


QUALITY_VERSION = 1
"""Raised when the same pictures would no longer have the same quality."""


def _examined_all(paths: Sequence[Path], pixels: int) -> Iterator[PhotoExam | PhotoError]:
    """In order: by threads, or by processes where there are enough to be worth their start."""
    if len(paths) < MANY_PHOTOS:
        with ThreadPoolExecutor(num_usable_cores()) as pool:
            yield from pool.map(lambda path: _examined(path, pixels), paths)
        return
    # Fresh processes, for the caller may have threads running. Small photographs are decoded
    # faster than threads hand over the interpreter.
    from joblib import Parallel, delayed

    parts = [paths[start : start + PHOTOS_A_PART] for start in range(0, len(paths), PHOTOS_A_PART)]
    pool = Parallel(n_jobs=num_usable_cores(), return_as="generator", pre_dispatch="3 * n_jobs")
    for part in pool(delayed(_examined_part)(part, pixels) for part in parts):
        yield from part


def _examined_part(paths: Sequence[Path], pixels: int) -> list[PhotoExam | PhotoError]:
    return [_examined(path, pixels) for path in paths]


def _examined(path: Path, pixels: int) -> PhotoExam | PhotoError:
    try:
        return examine_photo(path, pixels)
    except PhotoError as error:
        return error


def examine_photo(path: Path, pixels: int) -> PhotoExam:
    """Examine one photograph at a size: its longer side in ``pixels``.

    Raises:
        PhotoError: It cannot be used.
    """
    photo = read_photo(path, pixels)
    return PhotoExam(
        facts=photo.facts,
        sha1=photo.sha1,
        taken=photo.taken,
        focus=max(float(ndimage.laplace(_grey(photo.picture_HWC)).var()), MIN_FOCUS),
        skin_fraction=float(could_be_skin(photo.picture_HWC).mean()),
        picture_hash_VD=hash_picture(photo.picture_HWC),
    )


def could_be_skin(picture_HWC: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels have a colour that skin can have, light or dark, in daylight or lamplight.

    Skin is redder than green and hardly bluer than green, at any brightness. So are wood, sand
    and brick; skin under coloured light, or covered by scale or hair, is not.
    """
    red, green, blue = np.moveaxis(picture_HWC.astype(np.float32), -1, 0)
    red_over_green = red / np.maximum(green, 1.0)
    blue_over_green = blue / np.maximum(green, 1.0)
    return np.asarray(
        (red > 25) & (red_over_green > 1.06) & (red_over_green < 3.2) & (blue_over_green < 1.12)
    )


def _grey(picture_HWC: NDArray[np.uint8]) -> NDArray[np.float32]:
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return np.asarray(picture_HWC @ weights, dtype=np.float32)
