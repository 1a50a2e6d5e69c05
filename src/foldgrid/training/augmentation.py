"""Augmentation in batches, on the device that trains.

Each tile of a picture (four of a mosaic, one of a single photograph) has draws of its own for
what moves it; brightness and contrast are the whole picture's.
Shape letters: B batch, C channels, H and W pixels of a picture, S tiles of a picture, T pixels of a
tile, N tiles of a batch.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from foldgrid.specs.recipe import Augmentation
from foldgrid.training.device import to_device


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
    shuffles = settings.shuffle_tiles and grid > 1
    if shuffles or _mirrors(settings) or _resamples(settings):
        tiles = _split_tiles(images_BCHW, grid)
        flat_NCTT = _resample(
            _mirror(tiles.flatten(0, 1), settings, generator), settings, generator
        )
        tiles = flat_NCTT.reshape(tiles.shape)
        if shuffles:
            tiles = _shuffle(tiles, generator)
        images_BCHW = _join_tiles(tiles, grid)
    return _jitter(images_BCHW, settings, generator)


def _mirrors(settings: Augmentation) -> bool:
    return settings.flip_horizontally or settings.flip_vertically


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


def _mirror(tiles_NCTT: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Mirrors each tile by chance: pixels change places, and nothing is interpolated."""
    for is_on, axis in ((settings.flip_horizontally, 3), (settings.flip_vertically, 2)):
        if is_on:
            is_mirrored = torch.rand(len(tiles_NCTT), generator=generator) < 0.5
            chosen = to_device(is_mirrored, tiles_NCTT.device)[:, None, None, None]
            tiles_NCTT = torch.where(chosen, tiles_NCTT.flip(axis), tiles_NCTT)
    return tiles_NCTT


def _resample(tiles_NCTT: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Turns, zooms and crops in one interpolation; beyond the border is black."""
    if not _resamples(settings):
        return tiles_NCTT
    moves_4N = to_device(_draw_moves(len(tiles_NCTT), settings, generator), tiles_NCTT.device)
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


def _shuffle(tiles_BSCTT: Tensor, generator: torch.Generator) -> Tensor:
    batch, num_tiles = tiles_BSCTT.shape[:2]
    draws = torch.rand(batch, num_tiles, generator=generator)
    order = to_device(draws.argsort(dim=1), tiles_BSCTT.device)
    rows = torch.arange(batch, device=tiles_BSCTT.device)[:, None]
    return tiles_BSCTT[rows, order]


def _jitter(images_BCHW: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    def factor(half_width: float) -> Tensor:
        draws = torch.rand(images_BCHW.shape[0], generator=generator) * 2 - 1
        return to_device(1 + draws * half_width, images_BCHW.device)[:, None, None, None]

    if settings.brightness:
        images_BCHW = images_BCHW * factor(settings.brightness)
    if settings.contrast:
        mean = images_BCHW.mean(dim=(1, 2, 3), keepdim=True)
        images_BCHW = (images_BCHW - mean) * factor(settings.contrast) + mean
    return images_BCHW.clamp(0, 1)
