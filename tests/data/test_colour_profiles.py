"""Photographs whose numbers mean other colours than sRGB's, and what models see of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from foldgrid.data.photographs import PixelReading, decode_tile, inspect_photo
from tests.data.icc_profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    SRGB,
    display_profile,
    grey_profile,
    in_srgb,
    printer_profile,
)
from tests.data.small_trials import paint

TILE = 64
AS_STORED = PixelReading(colour="as_stored")
TAGGED = ["png", "tif", "jpg", "webp"]


def square(mode: str = "RGB") -> Image.Image:
    return paint(3, TILE, TILE).convert(mode)


def save(photo: Image.Image, path: Path, profile: bytes) -> Path:
    # Only JPEG minds the quality and the subsampling, only WebP that it be lossless.
    photo.save(path, icc_profile=profile, quality=100, subsampling=0, lossless=True)
    return path


@pytest.mark.parametrize("suffix", TAGGED)
@pytest.mark.parametrize(
    ("name", "primaries"), [("Display P3", DISPLAY_P3), ("Adobe RGB", ADOBE_RGB)]
)
def test_a_display_s_colours_become_srgb_s(
    tmp_path: Path, suffix: str, name: str, primaries: tuple[tuple[float, ...], ...]
) -> None:
    photo = square()
    path = save(photo, tmp_path / f"photo.{suffix}", display_profile(primaries, name))
    wanted = in_srgb(np.asarray(photo), primaries)
    error = np.abs(decode_tile(path, TILE) - wanted).mean(axis=(0, 1))
    assert error.max() < 1.5
    assert np.abs(decode_tile(path, TILE, AS_STORED) - wanted).mean(axis=(0, 1)).max() > 4
    assert inspect_photo(path).profile == name


@pytest.mark.parametrize("suffix", TAGGED)
def test_srgb_and_untagged_photographs_keep_their_bits(tmp_path: Path, suffix: str) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tagged = save(square(), tmp_path / f"tagged.{suffix}", srgb)
    plain = save(square(), tmp_path / f"plain.{suffix}", b"")
    expected = decode_tile(plain, TILE, AS_STORED)
    for path in (tagged, plain):
        assert np.array_equal(decode_tile(path, TILE), expected)
        assert inspect_photo(path).profile == ""


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_transparency_and_palettes_have_profiles_too(tmp_path: Path, mode: str) -> None:
    profile = display_profile(DISPLAY_P3, "Display P3")
    photo = square(mode)
    path = save(photo, tmp_path / "photo.png", profile)
    wanted = in_srgb(np.asarray(photo.convert("RGB")), DISPLAY_P3)
    assert np.abs(decode_tile(path, TILE) - wanted).mean() < 1.5


def test_grey_goes_by_its_own_curve(tmp_path: Path) -> None:
    path = save(square("L"), tmp_path / "grey.png", grey_profile(1.0))
    linear = np.asarray(square("L")) / 255
    wanted = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    tile = decode_tile(path, TILE)
    assert np.abs(tile[..., 0] - 255 * wanted).mean() < 2
    assert np.array_equal(tile[..., 0], tile[..., 1])


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_goes_by_its_lookup_table(tmp_path: Path, suffix: str) -> None:
    black = Image.new("CMYK", (TILE, TILE), (0, 0, 0, 255))
    path = save(black, tmp_path / f"black.{suffix}", printer_profile())
    red, green, blue = decode_tile(path, TILE)[8, 8].tolist()
    # Black ink is a reddish brown by this profile; without one it is black.
    assert red > green + 15
    assert red > blue
    assert decode_tile(path, TILE, AS_STORED)[8, 8].max() <= 3


@pytest.mark.parametrize(
    ("profile", "fault"),
    [
        (b"no profile at all", "cannot be read"),
        (display_profile(DISPLAY_P3, "cut")[:200], "cannot be read"),
        (printer_profile(), "is for CMYK pictures, and it is RGB"),
    ],
)
def test_a_corrupt_profile_is_srgb_and_is_named(tmp_path: Path, profile: bytes, fault: str) -> None:
    path = save(square(), tmp_path / "photo.png", profile)
    assert np.array_equal(decode_tile(path, TILE), decode_tile(path, TILE, AS_STORED))
    facts = inspect_photo(path)
    assert facts.profile == ""
    assert [fault in odd for odd in facts.oddities] == [True]


def test_a_profile_of_srgb_s_primaries_and_another_gamma_counts(tmp_path: Path) -> None:
    path = save(square(), tmp_path / "photo.png", display_profile(SRGB, "bright", gamma=1.8))
    wanted = in_srgb(np.asarray(square()), SRGB, gamma=1.8)
    assert np.abs(decode_tile(path, TILE) - wanted).mean() < 1.5
