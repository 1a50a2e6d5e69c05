"""Photographs of every kind, upright and small; and those that are refused."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foldgrid.data.photographs import MAX_MEGAPIXELS, decode_tile, inspect_photo
from foldgrid.specs.errors import PhotoError
from tests.data.small_trials import paint, smooth_pixels

TILE = 32
ORIENTATION_TAG = 0x0112
UNTURN = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What the camera did before it wrote each orientation."""


def difference(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def refusal(path: Path) -> str:
    with pytest.raises(PhotoError) as caught:
        decode_tile(path, TILE)
    with pytest.raises(PhotoError):
        # What the header shows, the header check finds.
        inspect_photo(path)
    assert caught.value.problem.where == str(path)
    return caught.value.reason


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_gives_the_same_tile(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    upright = paint(5, 120, 80)
    turn = UNTURN[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    path = tmp_path / f"photo.{suffix}"
    # Only JPEG minds the quality and the subsampling, only WebP that it be lossless.
    stored.save(path, exif=exif, quality=98, subsampling=0, lossless=True)
    upright.save(tmp_path / "upright.png")
    tile = decode_tile(path, TILE)
    assert difference(tile, decode_tile(tmp_path / "upright.png", TILE)) <= (
        6 if suffix == "jpg" else 1
    )


def test_a_corrupt_orientation_counts_as_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 77
    paint(1).save(tmp_path / "odd.png", exif=exif)
    paint(1).save(tmp_path / "plain.png")
    assert (
        difference(decode_tile(tmp_path / "odd.png", 32), decode_tile(tmp_path / "plain.png", 32))
        == 0
    )


def test_the_draft_is_close_to_a_full_decode(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = smooth_pixels(2, 1232, 816) + rng.normal(0, 8, (816, 1232, 1))
    photo = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    photo.save(tmp_path / "photo.jpg", quality=92)
    tile = decode_tile(tmp_path / "photo.jpg", 128)
    with Image.open(tmp_path / "photo.jpg") as full:
        small = full.resize((128, 85), Image.Resampling.LANCZOS)
    assert difference(tile[21:106], np.asarray(small)) <= 6
    assert not tile[:21].any()
    assert not tile[106:].any()


def test_the_draft_decodes_a_fraction_of_the_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[tuple[int, int]] = []
    resize = Image.Image.resize

    def spy(image: Image.Image, size: tuple[int, int], resample: int) -> Image.Image:
        sizes.append(image.size)
        return resize(image, size, resample)

    monkeypatch.setattr(Image.Image, "resize", spy)
    photo = paint(0, 1600, 1000)
    sizes.clear()
    photo.save(tmp_path / "photo.jpg")
    decode_tile(tmp_path / "photo.jpg", 128)
    decode_tile(tmp_path / "photo.jpg", 100)
    # At least twice the tile on the longer side: 1600/6.25 leaves 1/4, 1600/8 = 200 leaves 1/8.
    assert sizes == [(400, 250), (200, 125)]


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [
        *(("jpg", mode) for mode in ("L", "CMYK", "RGB")),
        *(("png", mode) for mode in ("L", "1", "P", "RGBA", "LA", "RGB")),
        *(("tif", mode) for mode in ("L", "1", "P", "RGBA", "LA", "CMYK", "RGB")),
        *(("webp", mode) for mode in ("L", "RGBA", "RGB")),
    ],
)
def test_every_mode_becomes_rgb(tmp_path: Path, suffix: str, mode: str) -> None:
    # 204 is a colour of Pillow's own palette; of black and white only white is near.
    colour = 255 if mode == "1" else 204
    photo = Image.new("RGB", (40, 40), (colour, colour, colour)).convert(mode)
    photo.save(tmp_path / f"photo.{suffix}", quality=95)
    tile = decode_tile(tmp_path / f"photo.{suffix}", TILE)
    assert tile.shape == (TILE, TILE, 3)
    assert tile.dtype == np.uint8
    assert difference(tile, np.full_like(tile, colour)) <= 3


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_keep_their_upper_eight(tmp_path: Path, suffix: str) -> None:
    ramp = np.linspace(0, 65535, 40 * 40).reshape(40, 40).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / f"deep.{suffix}")
    Image.fromarray((ramp >> 8).astype(np.uint8)).save(tmp_path / "flat.png")
    deep = decode_tile(tmp_path / f"deep.{suffix}", TILE)
    assert difference(deep, decode_tile(tmp_path / "flat.png", TILE)) == 0
    assert deep.max() >= 250


def test_transparency_lies_on_black(tmp_path: Path) -> None:
    photo = Image.new("RGBA", (40, 40), (255, 255, 255, 0))
    photo.paste((255, 0, 0, 255), (0, 0, 20, 40))
    photo.save(tmp_path / "cut.png")
    tile = decode_tile(tmp_path / "cut.png", TILE)
    assert tile[5, 4].tolist() == [255, 0, 0]
    assert tile[5, 28].tolist() == [0, 0, 0]


def test_a_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    photo = Image.new("P", (40, 40), 1)
    photo.putpalette([10, 20, 30, 90, 90, 90])
    photo.save(tmp_path / "palette.png", transparency=1)
    assert not decode_tile(tmp_path / "palette.png", TILE).any()


@pytest.mark.parametrize("size", [(16, 16), (20, 200), (300, 17), (64, 64), (33, 31)])
def test_the_longer_side_fits_exactly_and_the_rest_is_black_and_centred(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    Image.new("RGB", size, (255, 255, 255)).save(tmp_path / "white.png")
    tile = decode_tile(tmp_path / "white.png", TILE)
    width, height = (max(1, round(side * TILE / max(size))) for side in size)
    left, top = (TILE - width) // 2, (TILE - height) // 2
    expected = np.zeros_like(tile)
    expected[top : top + height, left : left + width] = 255
    assert np.array_equal(tile, expected)


def test_the_header_is_read(tmp_path: Path) -> None:
    paint(0, 50, 40).save(tmp_path / "a.tif")
    facts = inspect_photo(tmp_path / "a.tif")
    assert (facts.format, facts.width, facts.height) == ("TIFF", 50, 40)
    assert facts.num_bytes == (tmp_path / "a.tif").stat().st_size


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_sizes_are_refused_from_the_header(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(png_header(1, 1))
    assert refusal(path) == (
        "found 1x1 pixels. The smaller side needs at least 16: use the original."
    )
    path.write_bytes(png_header(20_000, 15_000))
    assert refusal(path) == "found 20000x15000 pixels. At most 200 megapixels: scale it down."
    path.write_bytes(png_header(10_000, 15))
    assert "found 10000x15 pixels." in refusal(path)


def test_large_pictures_within_the_limit_raise_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(png_header(20_000, MAX_MEGAPIXELS * 50))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert inspect_photo(path).width == 20_000


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty. Copy it again, or drop its row."),
        (b"hello, I am text", "is not an image of a known kind. JPEG, PNG, TIFF, WebP, BMP,"),
        (b"GIF89a..........", "is a GIF, which has 256 colours. JPEG,"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "is not an image of a known kind."),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "cannot be decoded ("),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "cannot be decoded ("),
        (b"II*\x00\x08\x00\x00\x00", "cannot be decoded ("),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 \x00\x00", "cannot be decoded ("),
    ],
)
def test_what_is_no_photograph(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert refusal(path).startswith(expected)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_truncated_pixels(tmp_path: Path, format_name: str) -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    noise.save(buffer, format_name)
    path = tmp_path / "photo"
    path.write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with pytest.raises(PhotoError, match="Copy it again, or drop its row"):
        decode_tile(path, TILE)


def test_pixels_without_an_agreed_white(tmp_path: Path) -> None:
    Image.fromarray(np.ones((40, 40), dtype=np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(PhotoError, match=r"32-bit pixels .* have no agreed white; save 8 or 16"):
        decode_tile(tmp_path / "float.tif", TILE)


def test_a_photo_that_may_not_be_read(tmp_path: Path) -> None:
    assert "cannot be decoded ([Errno 2]" in refusal(tmp_path / "gone.jpg")
