"""Adaptive average pooling whose gradient has the same bits every time, on CUDA too.

torch's CUDA kernel for it adds gradients with atomics, in any order; VGG, AlexNet and GoogLeNet's
auxiliary heads use it with more than one output cell.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.googlenet import InceptionAux


@lru_cache(maxsize=256)
def _pooling_matrix(num_in: int, num_out: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    # Kept for training even where a prediction asks for it first.
    with torch.inference_mode(False):
        return _make_pooling_matrix(num_in, num_out).to(device=device, dtype=dtype)


def _make_pooling_matrix(num_in: int, num_out: int) -> Tensor:
    matrix = torch.zeros(num_out, num_in)
    for cell in range(num_out):
        start = (cell * num_in) // num_out
        end = math.ceil((cell + 1) * num_in / num_out)
        matrix[cell, start:end] = 1 / (end - start)
    return matrix


def adaptive_average(images_BCHW: Tensor, height: int, width: int) -> Tensor:
    """``F.adaptive_avg_pool2d`` as two matrix products; equal to it up to rounding."""
    if not images_BCHW.is_cuda or (height, width) == (1, 1):
        return F.adaptive_avg_pool2d(images_BCHW, (height, width))
    rows = _pooling_matrix(images_BCHW.shape[-2], height, images_BCHW.device, images_BCHW.dtype)
    columns = _pooling_matrix(images_BCHW.shape[-1], width, images_BCHW.device, images_BCHW.dtype)
    return rows @ images_BCHW @ columns.T


class AdaptiveAverage(nn.Module):
    """Stands in for ``nn.AdaptiveAvgPool2d``; it has no parameters, so weights keep their names."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, height, width)."""
        return adaptive_average(images_BCHW, self.height, self.width)


class AuxiliaryHead(nn.Module):
    """GoogLeNet's auxiliary head over ``AdaptiveAverage``, with torchvision's parameter names."""

    def __init__(self, head: InceptionAux) -> None:
        super().__init__()
        self.pool = AdaptiveAverage(4, 4)
        self.conv, self.fc1, self.fc2, self.dropout = head.conv, head.fc1, head.fc2, head.dropout

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to (B, K)."""
        features = torch.flatten(self.conv(self.pool(images_BCHW)), 1)
        hidden = self.dropout(F.relu(self.fc1(features), inplace=True))
        outputs: Tensor = self.fc2(hidden)
        return outputs


def make_pooling_deterministic(network: nn.Module) -> nn.Module:
    """Replaces, in place, every adaptive average pooling with more than one output cell."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, InceptionAux):
                setattr(parent, name, AuxiliaryHead(child))
            elif isinstance(child, nn.AdaptiveAvgPool2d):
                size = child.output_size
                height, width = size if isinstance(size, tuple) else (size, size)
                if height and width and (height, width) != (1, 1):
                    setattr(parent, name, AdaptiveAverage(height, width))
    return network
