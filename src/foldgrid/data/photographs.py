"""One photograph: its header, and its pixels as a tile.

Knows pictures; does not know whose they are. Shape letters: T the side of a tile, H and W pixels.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from foldgrid.data.colour_profiles import as_srgb, profile_name
from foldgrid.data.picture_files import check_tiff, find_hole, is_white_zero, reader_of
from foldgrid.specs.errors import PhotoError
from foldgrid.specs.extras import MissingExtraError
from foldgrid.specs.sweep import ColourManagement

MIN_SIDE_PIXELS = 16
MAX_MEGAPIXELS = 200
DRAFT_OVERSIZE = 2
"""A JPEG is decoded at the smallest scale that leaves so many pixels for each of the tile's. At 2
the largest difference from a full decode is 5 of 255, at a quarter of the time."""
START_BYTES = 256
DEEP_BITS = 16

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a photo upright, by its EXIF orientation; 1 is upright."""
UPRIGHT = 1


@dataclass(frozen=True)
class PixelReading:
    """How stored numbers become 8-bit sRGB; one for a whole study.

    Attributes:
        colour: Whether colour profiles are applied.
        bits: How many of the lower bits of a 16-bit grey picture are used, 8 to 16.
    """

    colour: ColourManagement = "managed"
    bits: int = DEEP_BITS


MANAGED = PixelReading()


@dataclass(frozen=True)
class PhotoFacts:
    """What a photograph's header says.

    Attributes:
        format: ``JPEG``, ``PNG``, ``TIFF``, ``WEBP``, ``BMP``, ``AVIF``, ``HEIF`` or ``DICOM``.
        width: In pixels, as stored: before the EXIF orientation.
        height: Likewise.
        num_bytes: The file's size.
        profile: The name of its colour profile, where that is not sRGB; else "".
        is_deep: Whether it is grey with 16 bits a pixel.
        oddities: What is wrong with the header of a picture that can be read all the same.
    """

    format: str
    width: int
    height: int
    num_bytes: int
    profile: str = ""
    is_deep: bool = False
    oddities: tuple[str, ...] = ()


def inspect_photo(path: Path) -> PhotoFacts:
    """Read a photograph's header and check its format and size, without decoding it.

    Raises:
        PhotoError: It is of no format that is read, its smaller side is under 16 pixels, or it has
            over 200 megapixels.
    """
    with _opened(path) as image:
        return _facts(image, path.stat().st_size)


def _facts(image: ImageFile.ImageFile, num_bytes: int) -> PhotoFacts:
    oddities, profile = [], ""
    if _orientation(image) not in {UPRIGHT, *TURNS}:
        oddities.append("its EXIF header is corrupt, and it is taken as upright")
    try:
        profile = profile_name(image)
    except ValueError as error:
        oddities.append(f"{error}, and it is taken as sRGB")
    is_deep = image.mode.startswith("I;16")
    return PhotoFacts(
        str(image.format), image.width, image.height, num_bytes, profile, is_deep, tuple(oddities)
    )


def decode_tile(path: Path, tile_pixels: int, reading: PixelReading = MANAGED) -> NDArray[np.uint8]:
    """Decode a photograph as a square tile.

    It is turned upright by its EXIF orientation and scaled with LANCZOS, up or down, so that its
    longer side is the tile's; black fills the rest on both sides alike. Its colour profile is
    applied, where it has one. Grey becomes three equal channels, transparency lies on black, and of
    16 bits a channel the upper 8 are kept. Of an animation the first picture counts.

    Args:
        path: The photograph.
        tile_pixels: T, the tile's side.
        reading: How numbers become colours.

    Returns:
        (T, T, 3) RGB, 0 to 255.

    Raises:
        PhotoError: As `inspect_photo`, or the pixels are corrupt or of an unknown kind.
    """
    return _on_black(_decoded(path, tile_pixels, reading), (tile_pixels, tile_pixels))


def decode_fitted(path: Path, longest_pixels: int) -> NDArray[np.uint8]:
    """The whole photograph, upright, without anything around it.

    Args:
        path: The photograph.
        longest_pixels: The longer side; scaled as `decode_tile` does.

    Returns:
        (H, W, 3) RGB, 0 to 255.

    Raises:
        PhotoError: As `decode_tile`.
    """
    small = _decoded(path, longest_pixels, MANAGED)
    return _on_black(small, small.size)


def brightest_value(path: Path) -> int:
    """The largest number in a 16-bit grey picture, 0 to 65,535.

    Raises:
        PhotoError: As `decode_tile`.
    """
    with _opened(path) as image:
        image.load()
        return int(_deep_values(image).max())


@dataclass(frozen=True)
class WholePhoto:
    """A photograph, read once.

    Attributes:
        facts: What its header says.
        taken: When, by its EXIF header: local time without a zone; null where that does not say.
        sha1: Of the file's bytes, 40 hexadecimal digits.
        picture_HWC: The whole picture, upright, as `decode_fitted` has it.
    """

    facts: PhotoFacts
    taken: datetime | None
    sha1: str
    picture_HWC: NDArray[np.uint8]


def read_photo(path: Path, longest_pixels: int) -> WholePhoto:
    """All that a photograph tells, by one look at its file.

    Args:
        path: The photograph.
        longest_pixels: The longer side of its picture.

    Raises:
        PhotoError: As `decode_tile`.
    """
    content = path.read_bytes()
    with _opened(path, content) as image:
        facts, taken = _facts(image, len(content)), _capture_time(image)
        small = _scaled(path, image, longest_pixels, MANAGED, content)
    sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return WholePhoto(facts, taken, sha1, _on_black(small, small.size))


def _capture_time(image: Image.Image) -> datetime | None:
    try:
        exif = image.getexif()
        details = exif.get_ifd(ExifTags.IFD.Exif)
    except (OSError, SyntaxError, ValueError, struct.error):
        return None
    written = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    try:
        return datetime.strptime(str(written).strip("\0 "), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None


def _orientation(image: Image.Image) -> int | None:
    """By EXIF; null where that is corrupt: de-identifiers write zeros over it."""
    try:
        # Pillow may have tried before, and then keeps an empty header without a word.
        Image.Exif().load(image.info.get("exif", b""))
        return int(image.getexif().get(ExifTags.Base.Orientation, UPRIGHT))
    except Exception:
        # Pillow answers a corrupt header with nearly every kind of exception that there is.
        return None


def _decoded(path: Path, longest_pixels: int, reading: PixelReading) -> Image.Image:
    with _opened(path) as image:
        return _scaled(path, image, longest_pixels, reading)


def _scaled(
    path: Path,
    image: ImageFile.ImageFile,
    longest_pixels: int,
    reading: PixelReading,
    content: bytes | None = None,
) -> Image.Image:
    """The photograph upright and scaled, in any mode that `_on_black` takes."""
    if isinstance(image, JpegImageFile):
        _check_whole(path, path.read_bytes() if content is None else content)
    fitted = _fit(image.size, longest_pixels)
    # JPEG only: the cosine transform itself is cut to 1/2, 1/4 or 1/8. Elsewhere no effect.
    image.draft(image.mode, (DRAFT_OVERSIZE * fitted[0], DRAFT_OVERSIZE * fitted[1]))
    image.load()
    # Read after loading: Pillow turns TIFF by itself there and takes the tag away.
    orientation = _orientation(image)
    small = _scalable(image, reading.bits).resize(fitted, Image.Resampling.LANCZOS)
    small = as_srgb(small) if reading.colour == "managed" else small
    return small.transpose(TURNS[orientation]) if orientation in TURNS else small


@contextmanager
def _opened(path: Path, content: bytes | None = None) -> Iterator[ImageFile.ImageFile]:
    """The photograph with its header read and checked; any failure inside names the photo."""
    try:
        with path.open("rb") if content is None else io.BytesIO(content) as file:
            start = file.read(START_BYTES)
            file.seek(0)
            # The reader itself rather than `Image.open`, whose warning of large pictures goes by
            # a limit that the whole process shares.
            with reader_of(path, start)(file, str(path)) as image:
                if isinstance(image, TiffImageFile):
                    check_tiff(path, image)
                _check_size(path, image.size)
                yield image
    except (PhotoError, MemoryError):
        raise
    except MissingExtraError as error:
        raise PhotoError(path, f"{error}, or export it as JPEG.") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(path, f"is too large ({error}). Scale it down.") from error
    except Exception as error:
        # Pillow answers corrupt files with nearly every kind of exception that there is.
        reason = str(error) or type(error).__name__
        raise PhotoError(
            path, f"cannot be decoded ({reason}). Copy it again, or drop its row."
        ) from error


def _check_size(path: Path, size: tuple[int, int]) -> None:
    width, height = size
    found = f"found {width}x{height} pixels"
    if min(size) < MIN_SIDE_PIXELS:
        raise PhotoError(
            path, f"{found}. The smaller side needs at least {MIN_SIDE_PIXELS}: use the original."
        )
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise PhotoError(path, f"{found}. At most {MAX_MEGAPIXELS} megapixels: scale it down.")


def _check_whole(path: Path, content: bytes) -> None:
    hole = find_hole(content)
    if hole is not None:
        raise PhotoError(
            path,
            f"has zeros in place of pixels from byte {hole:,} on: a disk or a transfer lost them. "
            "Copy it again, or drop its row.",
        )


def _fit(size: tuple[int, int], tile_pixels: int) -> tuple[int, int]:
    scale = tile_pixels / max(size)
    width, height = (max(1, round(side * scale)) for side in size)
    return width, height


def _scalable(image: Image.Image, bits: int) -> Image.Image:
    """The image in a mode that LANCZOS can scale and `_on_black` can turn into RGB."""
    if image.mode.startswith("I;16"):
        eight = np.minimum(_deep_values(image) >> (bits - 8), 255).astype(np.uint8)
        grey = Image.fromarray(eight)
        grey.info = {"icc_profile": image.info.get("icc_profile")}
        return grey
    if image.mode in ("I", "F"):
        raise ValueError(f"32-bit pixels (mode {image.mode}) have no agreed white; save 8 or 16")
    has_alpha = image.mode == "PA" or "transparency" in image.info
    if image.mode in ("1", "L"):
        return image.convert("LA" if has_alpha else "L")
    if image.mode in ("P", "PA", "RGB"):
        return image.convert("RGBA" if has_alpha else "RGB")
    return image


def _deep_values(image: Image.Image) -> NDArray[Any]:
    """(H, W) numbers of a 16-bit grey picture, black at 0."""
    values = np.asarray(image)
    is_inverted = isinstance(image, TiffImageFile) and is_white_zero(image)
    return np.iinfo(np.uint16).max - values if is_inverted else values


def _on_black(small: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    tile = Image.new("RGB", size)
    corner = ((size[0] - small.width) // 2, (size[1] - small.height) // 2)
    mask = small.getchannel("A") if small.mode in ("RGBA", "LA") else None
    tile.paste(small.convert("RGB"), corner, mask)
    return np.asarray(tile, dtype=np.uint8)
