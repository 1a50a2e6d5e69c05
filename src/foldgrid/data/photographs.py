"""One photograph: its header, and its pixels as a tile.

Knows image files; does not know whose they are. Shape letters: T the side of a tile.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from foldgrid.specs.errors import Problem, SweepError

MIN_SIDE_PIXELS = 16
MAX_MEGAPIXELS = 200
DRAFT_OVERSIZE = 2
"""A JPEG is decoded at the smallest scale that leaves so many pixels for each of the tile's. At 2
the largest difference from a full decode is 5 of 255, at a quarter of the time."""

READERS: dict[bytes, type[ImageFile.ImageFile]] = {
    b"\xff\xd8\xff": JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PngImageFile,
    b"II*\x00": TiffImageFile,
    b"MM\x00*": TiffImageFile,
    b"II+\x00": TiffImageFile,
    b"MM\x00+": TiffImageFile,
    b"RIFF": WebPImageFile,
}
"""How the formats that are read begin."""

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


class PhotoError(SweepError):
    """A photograph that cannot be used.

    Attributes:
        path: The file.
        reason: What was found, what is allowed, the mend.
    """

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")

    @property
    def problem(self) -> Problem:
        """The same as a line of an `InputError`."""
        return Problem(str(self.path), "", self.reason)


@dataclass(frozen=True)
class PhotoFacts:
    """What a photograph's header says.

    Attributes:
        format: ``JPEG``, ``PNG``, ``TIFF`` or ``WEBP``.
        width: In pixels, as stored: before the EXIF orientation.
        height: Likewise.
        num_bytes: The file's size.
    """

    format: str
    width: int
    height: int
    num_bytes: int


def inspect_photo(path: Path) -> PhotoFacts:
    """Read a photograph's header and check its format and size, without decoding it.

    Raises:
        PhotoError: It is not a JPEG, PNG, TIFF or WebP, its smaller side is under 16 pixels, or it
            has over 200 megapixels.
    """
    with _opened(path) as image:
        return PhotoFacts(
            str(image.format), image.width, image.height, num_bytes=path.stat().st_size
        )


def decode_tile(path: Path, tile_pixels: int) -> NDArray[np.uint8]:
    """Decode a photograph as a square tile.

    It is turned upright by its EXIF orientation and scaled with LANCZOS, up or down, so that its
    longer side is the tile's; black fills the rest on both sides alike. Grey becomes three equal
    channels, transparency lies on black, CMYK is converted without its profile, and of 16 bits a
    channel the upper 8 are kept. Of an animation the first picture counts.

    Args:
        path: The photograph.
        tile_pixels: T, the tile's side.

    Returns:
        (T, T, 3) RGB, 0 to 255.

    Raises:
        PhotoError: As `inspect_photo`, or the pixels are corrupt or of an unknown kind.
    """
    return _on_black(_scaled(path, tile_pixels), (tile_pixels, tile_pixels))


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
    small = _scaled(path, longest_pixels)
    return _on_black(small, small.size)


def read_capture_time(path: Path) -> datetime | None:
    """When a photograph was taken, by its EXIF header; null where that does not say.

    Cameras write local time without a zone. A header that cannot be read says nothing.

    Raises:
        PhotoError: As `inspect_photo`.
    """
    with _opened(path) as image:
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


def _scaled(path: Path, longest_pixels: int) -> Image.Image:
    """The photograph upright and scaled, in any mode that `_on_black` takes."""
    with _opened(path) as image:
        fitted = _fit(image.size, longest_pixels)
        # JPEG only: the cosine transform itself is cut to 1/2, 1/4 or 1/8. Elsewhere no effect.
        image.draft(image.mode, (DRAFT_OVERSIZE * fitted[0], DRAFT_OVERSIZE * fitted[1]))
        image.load()
        # Read after loading: Pillow turns TIFF by itself there and takes the tag away.
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        small = _scalable(image).resize(fitted, Image.Resampling.LANCZOS)
        return small.transpose(TURNS[orientation]) if orientation in TURNS else small


@contextmanager
def _opened(path: Path) -> Iterator[ImageFile.ImageFile]:
    """The photograph with its header read and checked; any failure inside names the photo."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
            file.seek(0)
            # The reader itself rather than `Image.open`, whose warning of large pictures goes by
            # a limit that the whole process shares.
            with _reader(path, start)(file, str(path)) as image:
                _check_size(path, image.size)
                yield image
    except (PhotoError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise PhotoError(path, f"is too large ({error}). Scale it down.") from error
    except Exception as error:
        # Pillow answers corrupt files with nearly every kind of exception that there is.
        reason = str(error) or type(error).__name__
        raise PhotoError(
            path, f"cannot be decoded ({reason}). Copy it again, or drop its row."
        ) from error


def _reader(path: Path, start: bytes) -> type[ImageFile.ImageFile]:
    for magic, reader in READERS.items():
        if start.startswith(magic) and (magic != b"RIFF" or start[8:12] == b"WEBP"):
            return reader
    if not start:
        raise PhotoError(path, "is empty. Copy it again, or drop its row.")
    found = "a HEIC or AVIF picture" if start[4:8] == b"ftyp" else "not an image of a known kind"
    raise PhotoError(path, f"is {found}. JPEG, PNG, TIFF and WebP are allowed: export it as one.")


def _check_size(path: Path, size: tuple[int, int]) -> None:
    width, height = size
    found = f"found {width}x{height} pixels"
    if min(size) < MIN_SIDE_PIXELS:
        raise PhotoError(
            path, f"{found}. The smaller side needs at least {MIN_SIDE_PIXELS}: use the original."
        )
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise PhotoError(path, f"{found}. At most {MAX_MEGAPIXELS} megapixels: scale it down.")


def _fit(size: tuple[int, int], tile_pixels: int) -> tuple[int, int]:
    scale = tile_pixels / max(size)
    width, height = (max(1, round(side * scale)) for side in size)
    return width, height


def _scalable(image: Image.Image) -> Image.Image:
    """The image in a mode that LANCZOS can scale and `_on_black` can turn into RGB."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"32-bit pixels (mode {image.mode}) have no agreed white; save 8 or 16")
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("P", "PA"):
        has_alpha = image.mode == "PA" or "transparency" in image.info
        return image.convert("RGBA" if has_alpha else "RGB")
    return image


def _on_black(small: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    tile = Image.new("RGB", size)
    corner = ((size[0] - small.width) // 2, (size[1] - small.height) // 2)
    mask = small.getchannel("A") if small.mode in ("RGBA", "LA") else None
    tile.paste(small.convert("RGB"), corner, mask)
    return np.asarray(tile, dtype=np.uint8)
