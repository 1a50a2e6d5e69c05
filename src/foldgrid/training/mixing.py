"""Mixup and cutmix: each picture of a batch mixed with another, and its classes in proportion.

As timm's ``Mixup`` in its batch mode, but for the draws, which come from the fit's own generator:
one fraction for a batch, and the picture at the same place from the batch's end for a partner.
Shape letters: B batch, C channels, H and W pixels, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foldgrid.specs.recipe import TrainingRecipe


@dataclass(frozen=True)
class Mix:
    """How the pictures of a batch are mixed.

    Attributes:
        fraction: How much of each picture is its own, in [0, 1].
        box: With cutmix the window that comes from the partner: top, bottom, left, right.
    """

    fraction: float
    box: tuple[int, int, int, int] | None = None

    def images(self, images_BCHW: Tensor) -> Tensor:
        """The mixed pictures."""
        partners_BCHW = images_BCHW.flip(0)
        if self.box is None:
            return images_BCHW * self.fraction + partners_BCHW * (1 - self.fraction)
        top, bottom, left, right = self.box
        mixed_BCHW = images_BCHW.clone()
        mixed_BCHW[:, :, top:bottom, left:right] = partners_BCHW[:, :, top:bottom, left:right]
        return mixed_BCHW

    def targets(self, fractions_BK: Tensor) -> Tensor:
        """The classes in the pictures' proportions."""
        return fractions_BK * self.fraction + fractions_BK.flip(0) * (1 - self.fraction)


def draw_mix(recipe: TrainingRecipe, side: int, generator: torch.Generator) -> Mix | None:
    """How the next batch is mixed; nothing, and no draw, where the recipe mixes nothing.

    Sources: Zhang and others 2018, arXiv:1710.09412; Yun and others 2019, arXiv:1905.04899.

    Args:
        recipe: ``mixup`` and ``cutmix``, the parameters of the fraction's Beta distribution; of
            both one is taken at random.
        side: H and W.
        generator: On the CPU.
    """
    if not recipe.mixes:
        return None
    seed = int(torch.randint(2**62, (), generator=generator))
    random = np.random.default_rng(seed)
    is_cut = recipe.cutmix > 0 and (recipe.mixup == 0 or random.random() < 0.5)
    spread = recipe.cutmix if is_cut else recipe.mixup
    fraction = float(random.beta(spread, spread))
    if not is_cut:
        return Mix(fraction)
    half = int(side * math.sqrt(1 - fraction)) // 2
    ends = []
    for middle in random.integers(0, side, 2).tolist():
        ends += [max(middle - half, 0), min(middle + half, side)]
    top, bottom, left, right = ends
    # What is cut at an edge is not taken.
    fraction = 1 - (bottom - top) * (right - left) / side**2
    return Mix(fraction, (top, bottom, left, right))
