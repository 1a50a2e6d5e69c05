"""Smooth random textures that look the same at every resolution, and cheap wide blurs.

A texture is drawn as a fixed set of Fourier modes, then transformed to as many samples as the
picture needs: a larger photograph shows the same plaques, only sharper.
Knows nothing of skin. Shape letters: H rows, W columns, N samples of a square texture.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft, ndimage

Plane: TypeAlias = NDArray[np.float32]
"""One float per pixel, rows by columns."""


def smooth_texture(
    rng: np.random.Generator,
    size: int,
    bands: Sequence[tuple[float, float, float]],
    stretch: float = 1.0,
) -> Plane:
    """Draw a periodic Gaussian texture with a given spectrum.

    The skin of one place is the same in every photograph of it: what was drawn last is kept, and a
    stream that stands where one stood before is given the same texture and goes on behind it.

    Args:
        rng: Where the modes come from, one of `streams`; the same number of draws at every size.
        size: Samples a side, N; one period.
        bands: (centre, spread, amplitude) of each band; centre and spread in waves a period.
        stretch: How many times longer features are along the rows axis than across it.

    Returns:
        N x N values of mean 0 and standard deviation 1, read-only.
    """
    texture, after = _drawn(_place(rng), size, tuple(bands), stretch)
    rng.bit_generator.state = _state(after)
    return texture


_Place: TypeAlias = tuple[bytes, int, int]
"""Where a stream stands, as a key."""

TEXTURES_KEPT = 8
"""A photograph shows at most six; at 2048 samples a side eight are 134 MB."""


def _place(rng: np.random.Generator) -> _Place:
    state: Any = rng.bit_generator.state
    return state["state"]["state"].tobytes(), state["has_uint32"], state["uinteger"]


def _state(place: _Place) -> dict[str, Any]:
    words, has_uint32, uinteger = place
    return {
        "bit_generator": "SFC64",
        "state": {"state": np.frombuffer(words, dtype=np.uint64)},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }


@lru_cache(maxsize=TEXTURES_KEPT)
def _drawn(
    place: _Place, size: int, bands: tuple[tuple[float, float, float], ...], stretch: float
) -> tuple[Plane, _Place]:
    """The texture that is drawn from ``place``, and where the stream stands then."""
    rng = np.random.Generator(np.random.SFC64(0))
    rng.bit_generator.state = _state(place)
    gain_KK = _gain(size, bands, stretch)
    highest = gain_KK.shape[1] - 1
    noise_2KK = rng.standard_normal((2, *gain_KK.shape), dtype=np.float32)
    modes = np.zeros((size, size // 2 + 1), dtype=np.complex64)
    modes_KK = gain_KK * (noise_2KK[0] + 1j * noise_2KK[1])
    modes[: highest + 1, : highest + 1] = modes_KK[highest:]
    modes[-highest:, : highest + 1] = modes_KK[:highest]
    texture = fft.irfft2(modes, s=(size, size), norm="forward", workers=1)
    # The modes' own power, not the samples': the same scale at every size. A mode stands for its
    # conjugate too, but of the first column only the real part is kept.
    power_KK = np.square(np.abs(modes_KK))
    variance = 2.0 * power_KK[:, 1:].sum() + 0.5 * power_KK[:, 0].sum()
    drawn = np.asarray(texture / np.sqrt(variance), dtype=np.float32)
    drawn.setflags(write=False)
    return drawn, _place(rng)


@lru_cache(maxsize=64)
def _gain(
    size: int, bands: tuple[tuple[float, float, float], ...], stretch: float
) -> NDArray[np.float32]:
    """The amplitude of each mode, from the lowest wave along the rows to the highest."""
    highest = int(np.ceil(max(centre + 2 * spread for centre, spread, _ in bands)))
    highest = min(highest, size // 2 - 1)
    rows_K = np.arange(-highest, highest + 1, dtype=np.float32)[:, None] * stretch
    cols_K = np.arange(highest + 1, dtype=np.float32)[None, :]
    waves_KK = np.hypot(rows_K, cols_K)
    gain_KK = np.zeros_like(waves_KK)
    for centre, spread, amplitude in bands:
        # Divided by the wave number, because a ring of larger radius holds more modes.
        ring_KK = np.exp(-(((waves_KK - centre) / spread) ** 2))
        gain_KK += amplitude * ring_KK / np.sqrt(centre * spread)
    gain_KK[highest, 0] = 0.0  # the mean
    return np.asarray(gain_KK, dtype=np.float32)


def texture_size(unit_pixels: float) -> int:
    """Choose a texture's samples a side for a picture in which one period spans `unit_pixels`."""
    return int(min(max(256, 2 ** np.ceil(np.log2(unit_pixels))), 2048))


def look_up(texture: Plane, along: Plane, across: Plane) -> Plane:
    """Read a texture at body coordinates, nearest sample, with wrap-around; 1.0 is one period."""
    size = texture.shape[0]
    # Sizes are powers of two, so that wrapping is a bit mask also for negative positions.
    rows = (along * size).astype(np.int32) & (size - 1)
    cols = (across * size).astype(np.int32) & (size - 1)
    return np.asarray(texture.ravel()[rows * size + cols])


def look_up_smoothly(texture: Plane, along: Plane, across: Plane) -> Plane:
    """Read a texture at body coordinates as `look_up` does, interpolating between samples."""
    size = texture.shape[0]
    row, col = along * size, across * size
    row_below, col_left = np.floor(row), np.floor(col)
    row_part, col_part = row - row_below, col - col_left
    rows_0 = (row_below.astype(np.int32) & (size - 1)) * size
    rows_1 = ((row_below.astype(np.int32) + 1) & (size - 1)) * size
    cols_0 = col_left.astype(np.int32) & (size - 1)
    cols_1 = (cols_0 + 1) & (size - 1)
    flat = texture.ravel()
    upper = flat[rows_0 + cols_0] * (1 - col_part) + flat[rows_0 + cols_1] * col_part
    lower = flat[rows_1 + cols_0] * (1 - col_part) + flat[rows_1 + cols_1] * col_part
    return np.asarray(upper * (1 - row_part) + lower * row_part, dtype=np.float32)


def soften(plane_HW: Plane, sigma: float) -> Plane:
    """Blur with a Gaussian of `sigma` pixels, on a coarser grid where that cannot be seen."""
    step = max(1, int(sigma / 3))
    if step == 1:
        return np.asarray(ndimage.gaussian_filter(plane_HW, sigma, truncate=3.0))
    rows, cols = plane_HW.shape
    picture = Image.fromarray(plane_HW)
    small = picture.resize((-(-cols // step), -(-rows // step)), Image.Resampling.BOX)
    blurred = ndimage.gaussian_filter(np.asarray(small), sigma / step, truncate=3.0)
    return np.asarray(
        Image.fromarray(blurred).resize((cols, rows), Image.Resampling.BILINEAR), dtype=np.float32
    )


def smooth_step(plane: NDArray[np.floating[Any]]) -> Plane:
    """Rise smoothly from 0 (at 0 and below) to 1 (at 1 and above)."""
    clipped = np.clip(plane, 0.0, 1.0)
    return np.asarray(clipped * clipped * (3.0 - 2.0 * clipped), dtype=np.float32)
