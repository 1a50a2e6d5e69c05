"""Colour profiles for tests, byte by byte: a display's by its primaries, and a printer's."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

D50 = (0.9642, 1.0, 0.8249)
DISPLAY_P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
"""Red, green and blue as XYZ under D50."""
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141))


def display_profile(
    primaries: tuple[tuple[float, ...], ...], name: str, gamma: float = 2.2
) -> bytes:
    """A display's profile: a matrix and one gamma."""
    tags = {b"wtpt": _xyz(D50)} | {
        key: _xyz(values)
        for key, values in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)
    }
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _profile(b"RGB ", b"mntr", b"XYZ ", tags, name)


def grey_profile(gamma: float) -> bytes:
    """A grey profile of one gamma."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    return _profile(b"GRAY", b"mntr", b"XYZ ", {b"wtpt": _xyz(D50), b"kTRC": curve}, "grey")


def printer_profile() -> bytes:
    """A CMYK profile by a lookup table: black ink is a reddish brown of Lab (20, 30, 20)."""
    ends = bytes(range(256))
    colours = bytearray()
    for corner in range(16):
        cyan, magenta, yellow, black = (corner >> shift & 1 for shift in (3, 2, 1, 0))
        lab = (20, 30, 20) if black else (95 - 25 * (cyan + magenta + yellow), 0, 0)
        colours += bytes((round(lab[0] * 2.55), lab[1] + 128, lab[2] + 128))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0))
    table += b"".join(struct.pack(">i", 65536 * (place % 4 == 0)) for place in range(9))
    table += ends * 4 + bytes(colours) + ends * 3
    return _profile(b"CMYK", b"prtr", b"Lab ", {b"wtpt": _xyz(D50), b"A2B0": table}, "printer")


def in_srgb(
    pixels_HWC: NDArray[np.uint8], primaries: tuple[tuple[float, ...], ...], gamma: float = 2.2
) -> NDArray[np.float64]:
    """What a display's numbers are in sRGB, by the definition of both (IEC 61966-2-1)."""
    linear = (pixels_HWC / 255.0) ** (round(gamma * 256) / 256)
    srgb = linear @ np.array(primaries) @ np.linalg.inv(np.array(SRGB))
    srgb = srgb.clip(0, 1)
    encoded = np.where(srgb <= 0.0031308, 12.92 * srgb, 1.055 * srgb ** (1 / 2.4) - 0.055)
    return np.asarray(encoded * 255)


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _profile(space: bytes, kind: bytes, pcs: bytes, tags: dict[bytes, bytes], name: str) -> bytes:
    text = name.encode()
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(80),
        b"cprt": b"text" + bytes(4) + b"none\0",
        **tags,
    }
    index, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for key, value in tags.items():
        index += key + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    size = start + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x02400000, kind, space, pcs)
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3i", *(round(value * 65536) for value in D50))
    return header + bytes(128 - len(header)) + struct.pack(">I", len(tags)) + index + body
