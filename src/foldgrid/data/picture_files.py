"""Which kind of file holds a picture, by its first bytes, and whether its pixels can be trusted.

Knows file formats; does not know how pixels become a tile.
"""

from __future__ import annotations

import ctypes
import re
from functools import lru_cache
from pathlib import Path

import PIL
from PIL import ImageFile, PngImagePlugin
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from foldgrid.data.dicom import DicomImageFile
from foldgrid.specs.errors import PhotoError
from foldgrid.specs.extras import MissingExtraError, import_extra

# Pillow refuses a PNG with over 1 MiB of text or profile, because packed text may unpack to any
# size. Editors write several MiB of XMP; this lets them in and bounds the size still.
PngImagePlugin.MAX_TEXT_CHUNK = 16 * 2**20

ALLOWED = "JPEG, PNG, TIFF, WebP, BMP, AVIF, HEIC and DICOM"

_READERS: dict[bytes, type[ImageFile.ImageFile]] = {
    b"\xff\xd8\xff": JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PngImageFile,
    b"II*\x00": TiffImageFile,
    b"MM\x00*": TiffImageFile,
    b"II+\x00": TiffImageFile,
    b"MM\x00+": TiffImageFile,
    b"BM": BmpImageFile,
}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_FOREIGN: dict[str, bytes] = {
    "a camera's raw file": rb"FUJIFILMCCD-RAW|IIRO|IIRS|MMOR|IIU\0|\0MRM|FOVb|.{4}ftypcrx"
    rb"|II\*\0.{4}CR",
    "a QuickTime film": rb".{4}ftypqt|.{4}(moov|mdat|wide)",
    "a film (MP4)": rb".{4}ftyp",
    "a GIF, which has 256 colours": rb"GIF8",
    "a JPEG 2000 picture": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "a JPEG XL picture": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "a Photoshop document": rb"8BPS",
    "a PDF": rb"%PDF",
    "an Office document or a ZIP archive": rb"PK\x03\x04",
    "a drawing (SVG)": rb"\s*<svg|<\?xml",
    "a web page": rb"(?i:\s*<!doctype html|\s*<html)",
}
"""What is often found in a folder of photographs, by how it begins."""

_SUBFILE_TYPE, _BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANAR, _DNG_VERSION = 254, 258, 262, 284, 50706
_REDUCED_RESOLUTION, _PLANES = 1, 2
_EXPORT = "Export it as JPEG or TIFF from the camera's program"


@lru_cache(maxsize=1)
def silence_libtiff() -> None:
    """Keeps libtiff from writing lines of its own to the terminal; Pillow raises what it says."""
    for library in Path(PIL.__file__).parent.parent.glob("pillow.libs/libtiff*"):
        handler = ctypes.CDLL(str(library)).TIFFSetErrorHandler
        handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
        handler(None)


def reader_of(path: Path, start: bytes) -> type[ImageFile.ImageFile]:
    """The class that reads a file, by its first bytes.

    Args:
        path: The file, for the message.
        start: Its first 132 bytes or more, as far as there are so many.

    Raises:
        PhotoError: It is of no kind that is read, or of one for which an extra is missing.
    """
    for magic, reader in _READERS.items():
        if start.startswith(magic) and start[8:10] != b"CR":
            return reader
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return WebPImageFile
    if start[128:132] == b"DICM":
        return DicomImageFile
    if start[4:8] == b"ftyp" and start[8:12] in {b"avif", b"avis"}:
        return AvifImageFile
    if start[4:8] == b"ftyp" and start[8:12] in _HEIC_BRANDS:
        return _heic_reader(path)
    if not start:
        raise PhotoError(path, "is empty. Copy it again, or drop its row.")
    if not start.strip(b"\0"):
        raise PhotoError(path, "begins with zeros: a disk lost it. Copy it again, or drop its row.")
    for kind, beginning in _FOREIGN.items():
        if re.match(beginning, start, re.DOTALL):
            mend = f"{_EXPORT}." if "raw" in kind else f"{ALLOWED} are allowed: export it as one."
            raise PhotoError(path, f"is {kind}. {mend}")
    raise PhotoError(
        path, f"is not an image of a known kind. {ALLOWED} are allowed: export it as one."
    )


def _heic_reader(path: Path) -> type[ImageFile.ImageFile]:
    try:
        reader: type[ImageFile.ImageFile] = import_extra("pillow_heif", "heic").HeifImageFile
    except MissingExtraError as error:
        raise PhotoError(
            path, f"is a HEIC picture, which {error}, or export it as JPEG."
        ) from error
    return reader


def check_tiff(path: Path, image: TiffImageFile) -> None:
    """Refuses what Pillow would decode to something else than the picture.

    Raises:
        PhotoError: The first picture is a raw file's preview, or its 16-bit channels lie one after
            another.
    """
    silence_libtiff()
    tags = image.tag_v2
    if _DNG_VERSION in tags or int(tags.get(_SUBFILE_TYPE, 0)) & _REDUCED_RESOLUTION:
        raise PhotoError(
            path, f"is a camera's raw file, of which only a small preview can be read. {_EXPORT}."
        )
    bits = tags.get(_BITS_PER_SAMPLE, (1,))
    if len(bits) > 1 and max(bits) > 8 and tags.get(_PLANAR) == _PLANES:
        raise PhotoError(
            path,
            "has 16-bit channels in separate planes, which are not read. Save it with interleaved "
            "channels, or as PNG.",
        )


def is_white_zero(image: TiffImageFile) -> bool:
    """Whether the numbers of a grey TIFF rise towards black, which Pillow mends up to 8 bits."""
    return image.mode.startswith("I;16") and image.tag_v2.get(_PHOTOMETRIC) == 0


_HOLE = bytes(512)
"""A sector: the least that a disk loses."""
_MARKER = re.compile(rb"\xff+([^\0\xff\xd0-\xd7])", re.DOTALL)
_START_OF_SCAN, _END_OF_IMAGE, _HUFFMAN_TABLES, _PROGRESSIVE = 0xDA, 0xD9, 0xC4, 0xC2


def find_hole(content: bytes) -> int | None:
    """Where in a JPEG's compressed pixels the zeros of a fault begin, by its bytes.

    A decoder reads zeros as pixels: grey, or a pattern. Compressed pixels themselves hold 512
    bytes of zeros only where one colour fills a part and the code for "as before" is all zeros,
    which encoders choose who compute codes for each picture (the tables say); and then they hardly
    begin and end at the borders of sectors. In progressive pictures the borders decide.

    Args:
        content: The whole file.

    Returns:
        The place of the first zero, or null where there is no such fault.
    """
    if _HOLE not in content:
        return None
    is_plausible = False
    place = 2
    while marker := _MARKER.search(content, place):
        kind, start = marker[1][0], marker.end()
        if kind == _END_OF_IMAGE:
            return None
        length = int.from_bytes(content[start : start + 2], "big")
        segment = content[start + 2 : start + length]
        if kind == _PROGRESSIVE:
            is_plausible = True
        elif kind == _HUFFMAN_TABLES:
            is_plausible |= _says_as_before(segment)
        place = start + max(length, 2)
        if kind == _START_OF_SCAN:
            following = _MARKER.search(content, place)
            end = following.start() if following else len(content)
            hole = _hole_between(content, place, end, is_plausible)
            if hole is not None:
                return hole
            place = end
    return None


def _says_as_before(tables: bytes) -> bool:
    """Whether all zeros is the code of a block's end in a table for the other frequencies."""
    place = 0
    while place + 17 <= len(tables):
        symbols = tables[place + 17 :]
        if tables[place] >> 4 == 1 and symbols[:1] == b"\0":
            return True
        place += 17 + sum(tables[place + 1 : place + 17])
    return False


def _hole_between(content: bytes, start: int, end: int, is_plausible: bool) -> int | None:
    place = content.find(_HOLE, start, end)
    while place >= 0:
        stop = re.compile(rb"\0*").match(content, place, end).end()  # type: ignore[union-attr]
        # A byte or two before and behind may be zero by themselves.
        at_borders = -place % len(_HOLE) < 4 and (stop % len(_HOLE) < 4 or stop == len(content))
        if not is_plausible or at_borders or stop == len(content):
            return place
        place = content.find(_HOLE, stop, end)
    return None
