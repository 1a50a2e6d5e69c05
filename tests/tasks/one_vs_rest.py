"""A task that foldgrid does not have, whole, in one file: each class asked for by itself.

A network says of each class how likely it is, whatever the others are; the answers are divided by
their sum. docs/how-to/tasks.md tells it step by step; `tests.tasks.outside` makes a package of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from foldgrid.specs.task import TaskKind
from foldgrid.tasks.classification.scoring import ClassScoring
from foldgrid.tasks.classification.spec import LabelSpec
from foldgrid.tasks.scoring import FloatArray

if TYPE_CHECKING:
    from torch import Tensor


class OneVsRestSpec(LabelSpec):
    """The words: ``name: one_vs_rest``, and the classes."""

    name: Literal["one_vs_rest"] = "one_vs_rest"


class OneVsRestScoring(ClassScoring):
    """A probability for each class from its own log-odds."""

    outputs_are = "one a class, each for itself"
    loss_is = "binary cross-entropy of every class"

    def probabilities(self, outputs_NK: FloatArray) -> NDArray[np.float64]:
        odds = 1 / (1 + np.exp(-np.asarray(outputs_NK, np.float64)))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def loss(self, outputs_BK: Tensor, targets_BT: Tensor) -> Tensor:
        import torch
        import torch.nn.functional as F

        is_it = targets_BT == torch.arange(self.num_outputs, device=outputs_BK.device)
        return F.binary_cross_entropy_with_logits(outputs_BK, is_it.float())

    def start_bias(self, targets_NT: FloatArray) -> FloatArray:
        fractions = (targets_NT == np.arange(self.num_outputs)).mean(axis=0).clip(0.01, 0.99)
        return np.asarray(np.log(fractions / (1 - fractions)), np.float32)


ONE_VS_REST = TaskKind(OneVsRestSpec, OneVsRestScoring)
