"""A task that foldgrid does not have, added from outside: classes in an order.

The network has one output fewer than there are classes: the log-odds that the class is beyond the
first, beyond the second, and so on (Frank and Hall 2001). docs/tasks.md tells it step by step.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from foldgrid.specs.task import TASK_SPECS, LabelSpec
from foldgrid.tasks.classification.scoring import LabelScoring, check_labels, label_counts
from foldgrid.tasks.losses import TASKS
from foldgrid.tasks.registry import SCORINGS
from foldgrid.tasks.scoring import FloatArray


class OrdinalSpec(LabelSpec):
    """The words: ``name: ordinal`` and the classes from the lowest to the highest."""

    name: Literal["ordinal"] = "ordinal"


class OrdinalScoring(LabelScoring):
    """Probabilities of the classes from those of being beyond each but the last."""

    outputs_are = "one for each threshold between the classes"
    loss_is = "binary cross-entropy of every threshold"

    @property
    def num_outputs(self) -> int:
        return len(self.classes) - 1

    def prediction_columns(self, outputs_NK: FloatArray) -> dict[str, NDArray[Any]]:
        return dict(zip(self.prediction_names, self._probabilities(outputs_NK).T, strict=True))

    def evaluate(self, samples: pd.DataFrame, outputs_NK: FloatArray) -> dict[str, float]:
        if len(samples) == 0:
            return {}
        reference = self.judged_index(samples["label"].tolist())
        probabilities = self._probabilities(outputs_NK)
        return {name: self.metrics[name](reference, probabilities) for name in self.shown}

    @staticmethod
    def _probabilities(outputs_NK: FloatArray) -> NDArray[np.float64]:
        beyond = 1 / (1 + np.exp(-np.asarray(outputs_NK, np.float64)))
        # Nothing keeps the thresholds in order but the data; where they are not, none is negative.
        beyond = np.minimum.accumulate(beyond, axis=1)
        ends = np.ones((len(beyond), 1)), np.zeros((len(beyond), 1))
        shares = -np.diff(np.hstack([ends[0], beyond, ends[1]]), axis=1)
        return np.asarray(shares)

    @staticmethod
    def resolved(spec: OrdinalSpec, samples: pd.DataFrame) -> OrdinalSpec:
        check_labels(spec.classes, label_counts(samples))
        return spec


class OrdinalTask(OrdinalScoring):
    """Binary cross-entropy of every threshold."""

    def loss(self, outputs_BK: Tensor, targets_BT: Tensor) -> Tensor:
        thresholds = torch.arange(self.num_outputs, device=outputs_BK.device)
        return F.binary_cross_entropy_with_logits(outputs_BK, (targets_BT > thresholds).float())

    def start_bias(self, targets_NT: FloatArray) -> FloatArray:
        beyond = (targets_NT > np.arange(self.num_outputs)).mean(axis=0).clip(0.01, 0.99)
        return np.log(beyond / (1 - beyond)).astype(np.float32)


TASK_SPECS["ordinal"] = OrdinalSpec
SCORINGS["ordinal"] = OrdinalScoring
TASKS["ordinal"] = OrdinalTask
