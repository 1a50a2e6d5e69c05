"""Augmentation in batches, on the device that trains.

Each tile of a picture (four of a mosaic, one of a single photograph) has draws of its own for
what moves it; brightness and contrast are the whole picture's.
Shape letters: B batch, C channels, H and W pixels of a picture, S tiles of a picture, T pixels of a
tile, N tiles of a batch.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from foldgrid.specs.recipe_parts import Augmentation
from foldgrid.training.device import to_device


@dataclass(frozen=True)
class Draws:
    """What is drawn of a batch, before any pixel moves; nothing for what does not vary.

    Attributes:
        is_mirrored_2N: Whether each tile is mirrored left to right, and top to bottom.
        moves_4N: Of each tile the angle, the scale, and how far the window's middle is to the
            right and below.
        order_BS: From which place each tile of a picture comes.
        brightness_B: The factor on brightness.
        contrast_B: The factor on contrast.
    """

    is_mirrored_2N: tuple[Tensor | None, Tensor | None] = (None, None)
    moves_4N: Tensor | None = None
    order_BS: Tensor | None = None
    brightness_B: Tensor | None = None
    contrast_B: Tensor | None = None

    @classmethod
    def joined(cls, draws: Sequence[Draws]) -> Draws:
        """The draws of several batches, augmented alike, as those of one."""
        horizontal, vertical = zip(*(each.is_mirrored_2N for each in draws), strict=True)
        return cls(
            (_joined(horizontal), _joined(vertical)),
            _joined([each.moves_4N for each in draws], dim=1),
            _joined([each.order_BS for each in draws]),
            _joined([each.brightness_B for each in draws]),
            _joined([each.contrast_B for each in draws]),
        )


def _joined(parts: Sequence[Tensor | None], dim: int = 0) -> Tensor | None:
    drawn = [part for part in parts if part is not None]
    return torch.cat(drawn, dim) if drawn else None


def augment(
    images_BCHW: Tensor, settings: Augmentation, generator: torch.Generator, grid: int = 2
) -> Tensor:
    """Mirrors, turns, crops and zooms each tile, shuffles tiles, jitters brightness and contrast.

    Args:
        images_BCHW: Pictures in [0, 1]; H and W are multiples of ``grid``.
        settings: What varies, and how far.
        generator: On the CPU, so that every device draws the same numbers. What does not vary
            draws none.
        grid: Tiles a side: 2 for mosaics, 1 for single photographs.

    Returns:
        The augmented pictures in [0, 1]; the same shape, device and dtype.
    """
    return apply_draws(images_BCHW, draw(len(images_BCHW), settings, generator, grid), grid)


def draw(count: int, settings: Augmentation, generator: torch.Generator, grid: int = 2) -> Draws:
    """What `augment` draws for ``count`` pictures."""
    num_tiles = count * grid**2
    is_mirrored = [
        torch.rand(num_tiles, generator=generator) < 0.5 if is_on else None
        for is_on in (settings.flip_horizontally, settings.flip_vertically)
    ]
    moves_4N = _draw_moves(num_tiles, settings, generator) if _resamples(settings) else None
    order_BS = None
    if settings.shuffle_tiles and grid > 1:
        order_BS = torch.rand(count, grid**2, generator=generator).argsort(dim=1)

    def factor(half_width: float) -> Tensor | None:
        if not half_width:
            return None
        return 1 + (torch.rand(count, generator=generator) * 2 - 1) * half_width

    brightness_B, contrast_B = factor(settings.brightness), factor(settings.contrast)
    return Draws((is_mirrored[0], is_mirrored[1]), moves_4N, order_BS, brightness_B, contrast_B)


def draw_copies(
    names: Sequence[str], copies: Sequence[int], settings: Augmentation, seed: int, grid: int = 2
) -> Draws:
    """What ``settings.copies`` draws: the same for a sample's copy, whenever it is asked for.

    Args:
        names: The sample of each picture.
        copies: Which of its copies, from 0.
        settings: What varies, and how far.
        seed: The sweep's.
        grid: As for `augment`.
    """
    drawn = []
    for name, copy in zip(names, copies, strict=True):
        digest = hashlib.sha256(f"copies/{seed}/{name}/{copy}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:6], "big"))
        drawn.append(draw(1, settings, generator, grid))
    return Draws.joined(drawn)


def apply_draws(images_BCHW: Tensor, draws: Draws, grid: int = 2) -> Tensor:
    """``images_BCHW`` as ``draws`` has them, which draws nothing more; see `augment`."""
    has_tile_draws = (*draws.is_mirrored_2N, draws.moves_4N, draws.order_BS)
    if any(each is not None for each in has_tile_draws):
        tiles = _split_tiles(images_BCHW, grid)
        flat_NCTT = _resample(mirror(tiles.flatten(0, 1), draws.is_mirrored_2N), draws.moves_4N)
        tiles = flat_NCTT.reshape(tiles.shape)
        if draws.order_BS is not None:
            tiles = _shuffle(tiles, draws.order_BS)
        images_BCHW = _join_tiles(tiles, grid)
    return _jitter(images_BCHW, draws)


def _resamples(settings: Augmentation) -> bool:
    return settings.rotate_tiles or settings.smallest_crop < 1 or settings.zoom > 0


def _split_tiles(images_BCHW: Tensor, grid: int) -> Tensor:
    """(B, C, grid T, grid T) to (B, S, C, T, T), row by row."""
    batch, channels, height, width = images_BCHW.shape
    rows, columns = height // grid, width // grid
    tiles = images_BCHW.reshape(batch, channels, grid, rows, grid, columns)
    return tiles.permute(0, 2, 4, 1, 3, 5).reshape(batch, grid**2, channels, rows, columns)


def _join_tiles(tiles_BSCTT: Tensor, grid: int) -> Tensor:
    """The inverse of ``_split_tiles``."""
    batch, _, channels, height, width = tiles_BSCTT.shape
    tiles = tiles_BSCTT.reshape(batch, grid, grid, channels, height, width)
    return tiles.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, grid * height, grid * width)


def mirror(tiles_NCTT: Tensor, is_mirrored_2N: tuple[Tensor | None, Tensor | None]) -> Tensor:
    """Mirrors tiles left to right, and top to bottom: pixels change places, none is interpolated.

    Args:
        tiles_NCTT: Any.
        is_mirrored_2N: Which of them, each way; nothing for none.
    """
    for is_mirrored, axis in zip(is_mirrored_2N, (3, 2), strict=True):
        if is_mirrored is not None:
            chosen = to_device(is_mirrored, tiles_NCTT.device)[:, None, None, None]
            tiles_NCTT = torch.where(chosen, tiles_NCTT.flip(axis), tiles_NCTT)
    return tiles_NCTT


def _resample(tiles_NCTT: Tensor, moves_4N: Tensor | None) -> Tensor:
    """Turns, zooms and crops in one interpolation; beyond the border is black."""
    if moves_4N is None:
        return tiles_NCTT
    moves_4N = to_device(moves_4N, tiles_NCTT.device)
    grid = F.affine_grid(_matrices(moves_4N), list(tiles_NCTT.shape), align_corners=False)
    return F.grid_sample(
        tiles_NCTT, grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )


def _draw_moves(count: int, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Of each tile the angle, the scale, and how far the window's middle is to the right and below.

    A tile reaches from -1 to 1. The crop is of the tile as it was turned and zoomed.
    """

    def draw(half_width: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * half_width

    angles, scale = torch.zeros(count), torch.ones(count)
    right, below = torch.zeros(count), torch.zeros(count)
    if settings.rotate_tiles:
        angles = draw(math.radians(settings.rotation_degrees))
    if settings.smallest_crop < 1:
        least = settings.smallest_crop
        scale = least + (1 - least) * torch.rand(count, generator=generator)
        right, below = draw(1.0) * (1 - scale), draw(1.0) * (1 - scale)
    if settings.zoom:
        factor = 1 + draw(settings.zoom)
        scale, right, below = scale / factor, right / factor, below / factor
    return torch.stack([angles, scale, right, below])


def _matrices(moves_4N: Tensor) -> Tensor:
    """Where in a tile each of its new pixels comes from, (N, 2, 3)."""
    angles, scale, right, below = moves_4N
    cosine, sine = torch.cos(angles), torch.sin(angles)
    rows = [cosine * scale, -sine * scale, cosine * right - sine * below]
    rows += [sine * scale, cosine * scale, sine * right + cosine * below]
    return torch.stack(rows, dim=1).reshape(-1, 2, 3)


def _shuffle(tiles_BSCTT: Tensor, order_BS: Tensor) -> Tensor:
    order = to_device(order_BS, tiles_BSCTT.device)
    rows = torch.arange(len(order_BS), device=tiles_BSCTT.device)[:, None]
    return tiles_BSCTT[rows, order]


def _jitter(images_BCHW: Tensor, draws: Draws) -> Tensor:
    def factor(drawn_B: Tensor) -> Tensor:
        return to_device(drawn_B, images_BCHW.device)[:, None, None, None]

    if draws.brightness_B is not None:
        images_BCHW = images_BCHW * factor(draws.brightness_B)
    if draws.contrast_B is not None:
        mean = images_BCHW.mean(dim=(1, 2, 3), keepdim=True)
        images_BCHW = (images_BCHW - mean) * factor(draws.contrast_B) + mean
    return images_BCHW.clamp(0, 1)
