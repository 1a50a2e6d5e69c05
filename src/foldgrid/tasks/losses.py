"""What networks are trained by; the one module of the tasks that loads torch.

Every loss is a mean over the batch. Shape letters: B batch, K outputs, T targets.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "Tensor",
    "absolute_error",
    "cross_entropy",
    "huber",
    "squared_error",
    "threshold_cross_entropy",
]


def squared_error(outputs_BK: Tensor, targets_BK: Tensor) -> Tensor:
    """Mean squared error over batch and outputs."""
    return F.mse_loss(outputs_BK, targets_BK)


def absolute_error(outputs_BK: Tensor, targets_BK: Tensor) -> Tensor:
    """Mean absolute error over batch and outputs."""
    return F.l1_loss(outputs_BK, targets_BK)


def huber(outputs_BK: Tensor, targets_BK: Tensor) -> Tensor:
    """Squared up to an error of 1, absolute beyond (Huber 1964): one far number pulls less."""
    return F.huber_loss(outputs_BK, targets_BK)


def cross_entropy(outputs_BK: Tensor, targets_B1: Tensor) -> Tensor:
    """Cross-entropy of the softmax of the outputs; the target is the index of the class."""
    return F.cross_entropy(outputs_BK, targets_B1[:, 0].long())


def threshold_cross_entropy(outputs_BK: Tensor, targets_B1: Tensor) -> Tensor:
    """Binary cross-entropy of being beyond each class but the last (Frank and Hall 2001)."""
    thresholds = torch.arange(outputs_BK.shape[1], device=outputs_BK.device)
    return F.binary_cross_entropy_with_logits(outputs_BK, (targets_B1 > thresholds).float())
