"""Batches of mosaics: which samples, in which order, as tensors on the device.

Shape letters: B batch, N samples, H and W pixels, C channels.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from foldgrid.specs.normalization import channel_statistics
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.training.bags import Tiles
from foldgrid.training.device import to_device

Indices = NDArray[np.intp]


class MosaicSource:
    """The mosaics, ready to be taken in batches.

    On CUDA the whole array lies on the card, once for each fit that takes any (the paper's is
    0.2 GB); on a CPU batches are copied out of the shared array.

    Args:
        mosaics_NHWC: uint8; may be read-only and memory-mapped.
        device: Where the batches are wanted.
        normalization: What a network sees; see ``TrainingRecipe``, and for the next two.
        input_size: Height and width of the pictures as the network sees them, or ``data``.
        interpolation: How they are resized.
        tiles: Where in the mosaics the pictures are that are taken; nothing takes whole ones.
    """

    def __init__(
        self,
        mosaics_NHWC: NDArray[np.uint8],
        device: torch.device,
        normalization: str = "imagenet",
        input_size: int | str = "data",
        interpolation: str = "bilinear",
        tiles: Tiles | None = None,
    ) -> None:
        self._array, self._tiles = mosaics_NHWC, tiles
        self._resized = input_size if isinstance(input_size, int) else None
        self._interpolation = interpolation
        self.device = device
        self._on_device: Tensor | None = None
        mean, std = channel_statistics(normalization)
        self._mean = torch.tensor(mean, device=device)[None, :, None, None]
        self._std = torch.tensor(std, device=device)[None, :, None, None]

    @property
    def pixels(self) -> int:
        """Height and width of the pictures as the network sees them."""
        a_side = self._tiles.a_side if self._tiles else 1
        return self._resized or int(self._array.shape[1]) // a_side

    def take(self, indices: Indices) -> Tensor:
        """The pictures ``indices`` as (B, C, H, W) in [0, 1], channels last in memory."""
        if self._tiles is not None:
            images_BHWC = self._tiles_of(self._tiles.numbers_I[indices], self._tiles.a_side)
        elif self.device.type == "cuda":
            rows = to_device(torch.from_numpy(indices), self.device)
            images_BHWC = self._put_on_device()[rows]
        else:
            images_BHWC = torch.from_numpy(self._array[indices])
        return images_BHWC.permute(0, 3, 1, 2).float().div_(255)

    def _tiles_of(self, numbers_B: Indices, a_side: int) -> Tensor:
        places = numbers_B // a_side**2, numbers_B // a_side % a_side, numbers_B % a_side
        count, height, width, channels = self._array.shape
        shape = count, a_side, height // a_side, a_side, width // a_side, channels
        if self.device.type == "cuda":
            n, i, j = (to_device(torch.from_numpy(each), self.device) for each in places)
            return self._put_on_device().reshape(shape)[n, i, :, j]
        rows, above, left = places
        return torch.from_numpy(self._array.reshape(shape)[rows, above, :, left])

    def _put_on_device(self) -> Tensor:
        if self._on_device is None:
            with warnings.catch_warnings():
                # torch warns that the array is read-only; it is only copied from.
                warnings.simplefilter("ignore", UserWarning)
                self._on_device = torch.from_numpy(self._array).to(self.device)
        return self._on_device

    def normalise(self, images_BCHW: Tensor) -> Tensor:
        """Pictures in [0, 1] as the network takes them, channels last in memory."""
        if self._resized not in (None, images_BCHW.shape[-1]):
            side = (self._resized, self._resized)
            images_BCHW = F.interpolate(images_BCHW, side, mode=self._interpolation, antialias=True)
            # Bicubic weights are negative far out.
            images_BCHW = images_BCHW.clamp(0, 1)
        standardised = (images_BCHW - self._mean) / self._std
        return standardised.contiguous(memory_format=torch.channels_last)


def seen_by(recipe: TrainingRecipe) -> tuple[str, int | str, str]:
    """What a network sees, as `MosaicSource` asks for it: scaling, size, interpolation."""
    return recipe.normalization, recipe.input_size, recipe.interpolation


def training_batches(
    indices: Indices,
    batch_size: int,
    max_batches: int | None,
    generator: torch.Generator,
    weights_N: NDArray[np.float64] | None = None,
) -> list[Indices]:
    """The samples of one epoch in random order, a batch an entry.

    A last batch of one sample joins the batch before it: batch normalisation cannot normalise a
    single mosaic once its feature map has shrunk to one cell.

    Args:
        indices: The samples.
        batch_size: Samples of a batch.
        max_batches: The most batches; null for all.
        generator: Decides the order.
        weights_N: How often each comes, relative to the others: as many as there are samples are
            drawn with replacement. Without, each comes once.
    """
    if weights_N is None:
        drawn = torch.randperm(len(indices), generator=generator)
    else:
        weights = torch.from_numpy(weights_N)
        drawn = torch.multinomial(weights, len(indices), replacement=True, generator=generator)
    order = indices[drawn.numpy()]
    starts = _batch_starts(len(order), batch_size)
    ends = [*starts[1:], len(order)]
    return [order[start:end] for start, end in zip(starts, ends, strict=True)][:max_batches]


def count_batches(num_pictures: int, batch_size: int, max_batches: int | None) -> int:
    """How many `training_batches` an epoch has."""
    return len(_batch_starts(num_pictures, batch_size)[:max_batches])


def _batch_starts(num_pictures: int, batch_size: int) -> list[int]:
    starts = list(range(0, num_pictures, batch_size))
    if len(starts) > 1 and num_pictures - starts[-1] == 1:
        starts.pop()
    return starts


def even_parts(num_samples: int, most: int) -> list[slice]:
    """Cuts a batch into parts as equal as can be.

    Args:
        num_samples: In the batch.
        most: In a part, at least 2. A part has three rather than leave a single sample alone.
    """
    num_parts = max(min(math.ceil(num_samples / most), num_samples // 2), 1)
    ends = [num_samples * (part + 1) // num_parts for part in range(num_parts)]
    return [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
