"""Colour management: pixels with an ICC profile of their own converted to sRGB.

Knows profiles and pictures; decides nothing about a study. Little CMS does the work.
"""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache

from PIL import Image, ImageCms

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
"""The mode of the pictures that a profile of each colour space describes."""
_PROBED_LEVELS = range(0, 256, 51)
_NEAR_SRGB = 3
"""Levels of 255 by which a profile may differ from sRGB and count as it: its many versions do."""


def profile_name(image: Image.Image) -> str:
    """What a picture's colour profile is called, where it is not sRGB; "" where it is, or none is.

    Raises:
        ValueError: There is a profile, and it cannot be read or is for pictures of another kind.
    """
    profile = _profile(image)
    if not profile or _transform(profile, _plain_mode(image)) is None:
        return ""
    return _description(profile)


def as_srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB, by its profile; as it is without one, or where that cannot be used.

    Args:
        image: Of mode L, LA, RGB, RGBA or CMYK; ``info`` holds the profile.

    Returns:
        The same picture where nothing is to be done, else of mode RGB or RGBA.
    """
    try:
        profile = _profile(image)
        transform = _transform(profile, _plain_mode(image)) if profile else None
    except ValueError:
        return image
    if transform is None:
        return image
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    plain = image.convert(_plain_mode(image)) if alpha else image
    converted = ImageCms.applyTransform(plain, transform)
    if converted is None:
        return image
    if alpha:
        converted.putalpha(alpha)
    return converted


def _profile(image: Image.Image) -> bytes:
    found = image.info.get("icc_profile")
    return bytes(found) if found else b""


def _plain_mode(image: Image.Image) -> str:
    """The mode without transparency; a palette's colours are RGB."""
    return {"P": "RGB", "PA": "RGB", "RGBA": "RGB", "LA": "L", "1": "L"}.get(
        image.mode, "L" if image.mode.startswith("I;16") else image.mode
    )


def _description(profile: bytes) -> str:
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    text = (opened.profile.profile_description or "").strip()
    known = "".join(letter for letter in text if letter.isprintable())[:60]
    return known or f"profile {hashlib.sha256(profile).hexdigest()[:8]}"


@lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The way to sRGB; null where that changes nothing.

    Raises:
        ValueError: The profile cannot be read, or is for pictures of another kind.
    """
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = opened.profile.xcolor_space.strip()
        if _MODES.get(space) != mode:
            raise ValueError(f"its colour profile is for {space} pictures, and it is {mode}")
        if space == "Lab":
            # Lab says what colours are by itself, and Pillow converts it.
            return None
        transform = ImageCms.buildTransform(
            opened,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (OSError, TypeError, ImageCms.PyCMSError) as error:
        raise ValueError("its colour profile cannot be read") from error
    return None if mode != "CMYK" and _changes_nothing(transform, mode) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    levels = list(_PROBED_LEVELS)
    if mode == "L":
        probe = Image.frombytes("L", (len(levels), 1), bytes(levels))
    else:
        colours = [bytes((r, g, b)) for r in levels for g in levels for b in levels]
        probe = Image.frombytes("RGB", (len(colours), 1), b"".join(colours))
    converted = ImageCms.applyTransform(probe, transform)
    if converted is None:
        return True
    pairs = zip(probe.convert("RGB").tobytes(), converted.tobytes(), strict=True)
    return all(abs(before - after) <= _NEAR_SRGB for before, after in pairs)
