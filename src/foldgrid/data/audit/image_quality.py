"""What one photograph tells without a label: its file, its time, how sharp, how near, like what.

Knows one picture at a time; decides nothing. Shape letters: H rows, W columns, C channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from foldgrid.data.cores import num_usable_cores
from foldgrid.data.mosaics import Progress
from foldgrid.data.near_copies import hash_picture
from foldgrid.data.photographs import (
    PhotoFacts,
    decode_fitted,
    inspect_photo,
    read_capture_time,
)
from foldgrid.data.picture_hashes import exam_pixels
from foldgrid.specs.errors import PhotoError

MIN_FOCUS = 1e-3


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
    exams: list[PhotoExam] = []
    with ThreadPoolExecutor(num_usable_cores()) as pool:
        places = list(facts)
        results = pool.map(lambda place: _examined(paths[place], pixels), places)
        for num_done, (place, result) in enumerate(zip(places, results, strict=True), start=1):
            if isinstance(result, PhotoError):
                problems[place] = result
            else:
                exams.append(result)
            if on_progress is not None:
                on_progress(num_done, len(places))
    return exams, problems, pixels


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
    picture_HWC = decode_fitted(path, pixels)
    with path.open("rb") as file:
        sha1 = hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()
    return PhotoExam(
        facts=inspect_photo(path),
        sha1=sha1,
        taken=read_capture_time(path),
        focus=max(float(ndimage.laplace(_grey(picture_HWC)).var()), MIN_FOCUS),
        skin_fraction=float(could_be_skin(picture_HWC).mean()),
        picture_hash_VD=hash_picture(picture_HWC),
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
