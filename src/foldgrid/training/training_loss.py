"""What a step descends on: the task's own loss, or what the recipe makes of it.

Shape letters: B batch, K outputs, T targets, N training samples.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.tasks.scoring import Scoring


class TrainingLoss:
    """The mean loss over a batch; that of a part, weighted by its size, adds up to the whole.

    What is monitored and reported beside it stays the task's own loss: it can be compared between
    recipes.

    Args:
        task: What is predicted.
        recipe: What it makes of the loss.
        targets_NT: The training samples', for the weights of the classes.
        device: Where outputs are.
    """

    def __init__(
        self,
        task: Scoring,
        recipe: TrainingRecipe,
        targets_NT: NDArray[np.float32],
        device: torch.device,
    ) -> None:
        self._task, self._recipe = task, recipe
        of_classes = ("label_smoothing", "mixup", "cutmix", "class_weights")
        self._is_of_classes = recipe.loss == "focal" or any(map(recipe.says, of_classes))
        self._weights_K: Tensor | None = None
        if recipe.class_weights == "balanced":
            weights_K = balanced_weights(targets_NT[:, 0].astype(np.intp), task.num_outputs)
            self._weights_K = torch.from_numpy(weights_K).float().to(device)

    def targets(self, targets_BT: Tensor) -> Tensor:
        """What a batch is compared with: the task's targets, or (B, K) fractions of classes."""
        if not self._is_of_classes:
            return targets_BT
        return F.one_hot(targets_BT[:, 0].long(), self._task.num_outputs).to(targets_BT.dtype)

    def __call__(self, outputs_BK: Tensor, targets_B: Tensor) -> Tensor:
        """The loss, a scalar.

        Args:
            outputs_BK: The network's.
            targets_B: From ``targets``; fractions of classes may be mixed since.
        """
        recipe = self._recipe
        if recipe.loss == "huber":
            return F.huber_loss(outputs_BK, targets_B.to(outputs_BK.dtype))
        if not self._is_of_classes:
            return self._task.loss(outputs_BK, targets_B)
        smoothing = recipe.label_smoothing
        fractions_BK = targets_B * (1 - smoothing) + smoothing / outputs_BK.shape[1]
        log_BK = F.log_softmax(outputs_BK, dim=1)
        terms_BK = fractions_BK * log_BK
        if recipe.loss == "focal":
            terms_BK = terms_BK * (1 - log_BK.exp()) ** recipe.focal_gamma
        if self._weights_K is not None:
            terms_BK = terms_BK * self._weights_K.to(terms_BK.dtype)
        return -terms_BK.sum(dim=1).mean()


def balanced_weights(classes_N: NDArray[np.intp], num_classes: int) -> NDArray[np.float64]:
    """(K,) The weight of each class: N over K times its number, as scikit-learn's ``balanced``.

    A class of which there is no sample has the weight 1, which nobody notices.

    Example:
        >>> balanced_weights(np.array([0, 0, 0, 1]), 2).tolist()
        [0.6666666666666666, 2.0]
    """
    counts_K = np.bincount(classes_N, minlength=num_classes)
    num_there = np.count_nonzero(counts_K)
    weights_K = len(classes_N) / (num_there * np.maximum(counts_K, 1))
    return np.asarray(np.where(counts_K > 0, weights_K, 1.0), np.float64)
