"""Augmentation in batches, on the device that trains.

Shape letters: B batch, C channels, H and W pixels of a composite, T pixels of a tile.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from foldgrid.specs.recipe import Augmentation
from foldgrid.training.device import to_device


def augment(images_BCHW: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Turns each tile, shuffles the four tiles, jitters brightness and contrast.

    Args:
        images_BCHW: 2x2 composites in [0, 1]; H and W are even.
        settings: What varies, and how far.
        generator: On the CPU, so that every device draws the same numbers.

    Returns:
        The augmented composites in [0, 1]; the same shape, device and dtype.
    """
    if settings.rotate_tiles or settings.shuffle_tiles:
        tiles = _split_tiles(images_BCHW)
        if settings.rotate_tiles:
            tiles = _rotate(tiles, settings.rotation_degrees, generator)
        if settings.shuffle_tiles:
            tiles = _shuffle(tiles, generator)
        images_BCHW = _join_tiles(tiles)
    return _jitter(images_BCHW, settings, generator)


def _split_tiles(images_BCHW: Tensor) -> Tensor:
    """(B, C, 2T, 2T) to (B, 4, C, T, T), row by row."""
    batch, channels, height, width = images_BCHW.shape
    tiles = images_BCHW.reshape(batch, channels, 2, height // 2, 2, width // 2)
    return tiles.permute(0, 2, 4, 1, 3, 5).reshape(batch, 4, channels, height // 2, width // 2)


def _join_tiles(tiles_B4CTT: Tensor) -> Tensor:
    """The inverse of ``_split_tiles``."""
    batch, _, channels, height, width = tiles_B4CTT.shape
    grid = tiles_B4CTT.reshape(batch, 2, 2, channels, height, width)
    return grid.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, 2 * height, 2 * width)


def _rotate(tiles_B4CTT: Tensor, degrees: float, generator: torch.Generator) -> Tensor:
    batch, four, channels, height, width = tiles_B4CTT.shape
    draws = torch.rand(batch * four, generator=generator) * 2 - 1
    angles = to_device(draws * math.radians(degrees), tiles_B4CTT.device)
    cosine, sine, zero = torch.cos(angles), torch.sin(angles), torch.zeros_like(angles)
    turns = torch.stack([cosine, -sine, zero, sine, cosine, zero], dim=1).reshape(-1, 2, 3)
    flat = tiles_B4CTT.reshape(batch * four, channels, height, width)
    grid = F.affine_grid(turns, list(flat.shape), align_corners=False)
    turned = F.grid_sample(flat, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return turned.reshape(tiles_B4CTT.shape)


def _shuffle(tiles_B4CTT: Tensor, generator: torch.Generator) -> Tensor:
    batch = tiles_B4CTT.shape[0]
    draws = torch.rand(batch, 4, generator=generator)
    order = to_device(draws.argsort(dim=1), tiles_B4CTT.device)
    rows = torch.arange(batch, device=tiles_B4CTT.device)[:, None]
    return tiles_B4CTT[rows, order]


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
