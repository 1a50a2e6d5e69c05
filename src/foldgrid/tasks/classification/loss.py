"""Classes of photographs: cross-entropy, whatever is then made of the probabilities."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from foldgrid.tasks.classification.scoring import BinaryScoring, ClassScoring
from foldgrid.tasks.classification.tree_scoring import TreeScoring
from foldgrid.tasks.scoring import FloatArray


class _CrossEntropy:
    """The loss of every task of classes; its one target is the index of the class."""

    num_outputs: int

    def loss(self, outputs_BK: Tensor, targets_BT: Tensor) -> Tensor:
        """Cross-entropy of the softmax of the outputs, a mean over the batch."""
        return F.cross_entropy(outputs_BK, targets_BT[:, 0].long())

    def start_bias(self, targets_NT: FloatArray) -> FloatArray:
        """The logarithms of the classes' shares; a class without a sample counts as half a one."""
        counts_K = np.bincount(targets_NT[:, 0].astype(np.int64), minlength=self.num_outputs)
        shares_K = np.maximum(counts_K, 0.5) / counts_K.sum()
        return np.asarray(np.log(shares_K), np.float32)


class ClassificationTask(_CrossEntropy, ClassScoring):
    """Which of several classes a photograph shows."""


class BinaryTask(_CrossEntropy, BinaryScoring):
    """Whether a photograph shows a finding."""


class TreeTask(_CrossEntropy, TreeScoring):
    """Classes cut from a tree, summed up it."""
