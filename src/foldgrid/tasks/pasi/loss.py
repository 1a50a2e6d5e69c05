"""Psoriasis severity of one body region: regression of four scores, or of their product."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from foldgrid.tasks.pasi.scoring import PasiScoring
from foldgrid.tasks.scoring import FloatArray


class PasiTask(PasiScoring):
    """Mean squared error in the scores' own units, or in units of ``COMPOSITE_UNIT``."""

    def loss(self, outputs_BK: Tensor, targets_BT: Tensor) -> Tensor:
        """Mean squared error over batch and outputs."""
        return F.mse_loss(outputs_BK, targets_BT)

    def start_bias(self, targets_NT: FloatArray) -> FloatArray:
        """The mean of the targets."""
        return np.asarray(targets_NT.mean(axis=0))
