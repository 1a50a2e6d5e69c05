"""From linear light to a JPEG file: exposure, lens, sensor, orientation, EXIF.

Knows nothing of what is in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from scipy import ndimage

from foldgrid.simulation.pasi.fields import Plane

MAKE, MODEL = "NIKON CORPORATION", "NIKON D7000"
"""A clinic camera of the trial's years whose pictures are 4928 x 3264."""

SOFTWARE = "foldgrid synthetic trial"

_TURNS = {1: 0, 3: 2, 6: 1, 8: 3}
"""Quarter turns counter-clockwise that bring an upright picture into its stored orientation."""

_STRIP_PIXELS = 1_000_000
"""Pixels developed at once: what bounds the memory of a large photograph."""


@dataclass(frozen=True)
class Shot:
    """How one photograph is taken.

    Attributes:
        gain: Factor from radiance to sensor, by red, green, blue.
        blur: Lens blur, standard deviation in pixels of the drawn scene.
        noise: Standard deviation of the sensor's noise at full white, about 0.004 to 0.02.
        orientation: EXIF orientation under which it is stored: 1, 3, 6 or 8.
        taken: When.
    """

    gain: tuple[float, float, float]
    blur: float
    noise: float
    orientation: int
    taken: datetime


def develop(
    radiance: tuple[Plane, Plane, Plane],
    width: int,
    height: int,
    shot: Shot,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Turn linear light into an upright sRGB picture.

    Args:
        radiance: Red, green and blue planes of the scene.
        width: Width of the upright picture in pixels, at least the scene's.
        height: Its height in pixels.
        shot: How it is taken.
        rng: Where the noise comes from.

    Returns:
        height x width x 3 values.
    """
    planes = [
        ndimage.gaussian_filter(plane * gain, shot.blur, truncate=3.0)
        for plane, gain in zip(radiance, shot.gain, strict=True)
    ]
    rows, cols = planes[0].shape
    picture = np.empty((height, width, 3), dtype=np.uint8)
    strip = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, strip):
        bottom = min(top + strip, height)
        box = (0.0, top * rows / height, float(cols), bottom * rows / height)
        for channel, plane in enumerate(planes):
            if (rows, cols) == (height, width):
                light = plane[top:bottom]
            else:
                small = Image.fromarray(plane)
                large = small.resize((width, bottom - top), Image.Resampling.BICUBIC, box=box)
                light = np.asarray(large)
            picture[top:bottom, :, channel] = _expose(light, shot.noise, rng)
    return picture


def store(picture: NDArray[np.uint8], path: Path, shot: Shot, quality: int) -> None:
    """Write an upright picture as a JPEG with EXIF, stored in the shot's orientation."""
    turned = np.ascontiguousarray(np.rot90(picture, _TURNS[shot.orientation]))
    image = Image.fromarray(turned)
    image.save(path, "JPEG", quality=quality, subsampling="4:2:2", exif=_exif(shot, image.size))


def _expose(light: Plane, noise: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add shot noise, roll off the highlights, encode as sRGB."""
    light = np.maximum(light, 0.0)
    grain = rng.standard_normal(light.shape, dtype=np.float32)
    light = light + noise * np.sqrt(light + 0.02) * grain
    index = np.clip(light * (_CURVE_STEPS / _BRIGHTEST), 0, _CURVE_STEPS - 1)
    return np.asarray(_CURVE[index.astype(np.int32)], dtype=np.uint8)


_BRIGHTEST = 1.6
_CURVE_STEPS = 8192


def _tone_curve() -> NDArray[np.uint8]:
    """Tabulate the way from light (0 to _BRIGHTEST) to sRGB codes, with a soft shoulder."""
    light = np.linspace(0.0, _BRIGHTEST, _CURVE_STEPS)
    knee = 0.7
    over = np.maximum(light - knee, 0.0)
    light = np.minimum(light, knee) + (1 - knee) * (1 - np.exp(-over / (1 - knee)))
    code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(code * 255), dtype=np.uint8)


_CURVE = _tone_curve()


def _exif(shot: Shot, size: tuple[int, int]) -> bytes:
    taken = shot.taken.strftime("%Y:%m:%d %H:%M:%S")
    return _exif_of(shot.orientation, size).replace(_SOME_TIME.encode(), taken.encode())


_SOME_TIME = "2000:01:01 00:00:00"


@lru_cache(maxsize=16)
def _exif_of(orientation: int, size: tuple[int, int]) -> bytes:
    """What is said of a photograph that was taken at some time."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "Simulated photograph, no real person"
    exif[ExifTags.Base.Make] = MAKE
    exif[ExifTags.Base.Model] = MODEL
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Software] = SOFTWARE
    exif[ExifTags.Base.DateTime] = _SOME_TIME
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = _SOME_TIME
    details[ExifTags.Base.DateTimeDigitized] = _SOME_TIME
    details[ExifTags.Base.ExposureTime] = (1, 125)
    details[ExifTags.Base.FNumber] = (8, 1)
    details[ExifTags.Base.ISOSpeedRatings] = 200
    details[ExifTags.Base.FocalLength] = (60, 1)
    details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight] = size
    return exif.tobytes()
