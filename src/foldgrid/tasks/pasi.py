"""Psoriasis severity of one body region: four scores, or their product score.

Shape letters: N samples, B batch, K outputs.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch.nn.functional as F
from torch import Tensor

from foldgrid.scoring.metrics import METRICS
from foldgrid.scoring.pasi import (
    REGION_WEIGHTS,
    SCORES,
    clip_composite,
    composite_score,
    pasi,
)
from foldgrid.specs.sweep import TaskSpec
from foldgrid.tasks.base import FloatArray

COMPOSITE_UNIT = 12.0
"""With ``output: composite`` the network's output is C / 12, 0 to 6 like the largest score: at C
itself the recipe's learning rate of 0.01 makes most backbones diverge in their first steps."""


class PasiTask:
    """Regression of a region's scores, mean squared error in the scores' own units.

    With ``output: scores`` the network predicts erythema, induration and scaling (0 to 4) and
    involvement (0 to 6); with ``output: composite`` the regional composite C (0 to 72), in units
    of ``COMPOSITE_UNIT``.
    """

    def __init__(self, spec: TaskSpec) -> None:
        self._is_composite = spec.output == "composite"
        self._unit = COMPOSITE_UNIT if self._is_composite else 1.0

    @property
    def target_names(self) -> tuple[str, ...]:
        """The columns of the targets."""
        return ("composite",) if self._is_composite else SCORES

    @property
    def num_outputs(self) -> int:
        """4 for the scores, 1 for the composite."""
        return len(self.target_names)

    def targets(self, samples: pd.DataFrame) -> FloatArray:
        """The physician's scores, or their product, in the outputs' units, as (N, K)."""
        scores = samples[list(SCORES)].to_numpy(np.float32)
        if not self._is_composite:
            return scores
        return (composite_score(*scores.T)[:, None] / self._unit).astype(np.float32)

    def loss(self, outputs_BK: Tensor, targets_BK: Tensor) -> Tensor:
        """Mean squared error over batch and outputs."""
        return F.mse_loss(outputs_BK, targets_BK)

    def start_bias(self, targets_NK: FloatArray) -> FloatArray:
        """The mean of the targets: no other constant has a smaller squared error."""
        mean_K: FloatArray = targets_NK.mean(axis=0)
        return mean_K

    def columns(self, values_NK: FloatArray, prefix: str = "") -> dict[str, FloatArray]:
        """Targets or outputs by target name, on the scores' scales, unclipped."""
        scaled = values_NK * np.float32(self._unit)
        return {f"{prefix}{name}": scaled[:, k] for k, name in enumerate(self.target_names)}

    def composites(self, outputs_NK: FloatArray) -> np.ndarray:
        """The regional composites that the outputs mean, each brought onto its scale first."""
        if self._is_composite:
            return clip_composite(outputs_NK[:, 0] * self._unit)
        return composite_score(*outputs_NK.T, clip=True)

    def evaluate(self, samples: pd.DataFrame, outputs_NK: FloatArray) -> dict[str, float]:
        """MAE of the regional composites, and MAE and CCC of the visits' PASI.

        Visits of which a region is missing among ``samples`` count for their other regions, the
        same for the physician and the network.
        """
        if len(samples) == 0:
            return {}
        truth = composite_score(*samples[list(SCORES)].to_numpy(np.float64).T)
        weights = samples["region"].map(REGION_WEIGHTS).to_numpy(np.float64)
        table = pd.DataFrame(
            {
                "subject": samples["subject"].to_numpy(),
                "visit": samples["visit"].to_numpy(),
                "physician": weights * truth,
                "predicted": weights * self.composites(outputs_NK),
            }
        )
        visits = table.groupby(["subject", "visit"], sort=False)[["physician", "predicted"]].sum()
        pair = visits["physician"].to_numpy(), visits["predicted"].to_numpy()
        return {
            "composite_mae": METRICS["mae"](truth, self.composites(outputs_NK)),
            "pasi_mae": METRICS["mae"](*pair),
            "pasi_ccc": METRICS["ccc"](*pair),
        }

    def units(self, samples: pd.DataFrame, outputs_NK: FloatArray) -> pd.DataFrame:
        """The PASI of each visit that has all regions; the others have none, as in the ranking.

        Args:
            samples: subject, visit, region, fold and the physician's scores.
            outputs_NK: The network's outputs for them.

        Returns:
            subject, visit, fold, ``reference`` (the physician's PASI) and ``predicted``.
        """
        keys = samples[["subject", "visit", "fold", "region"]].reset_index(drop=True)
        truth = composite_score(*samples[list(SCORES)].to_numpy(np.float64).T)
        composites = keys.assign(reference=truth, predicted=self.composites(outputs_NK))
        table = composites.set_index(list(keys)).unstack("region").dropna()
        regions = sorted(set(keys["region"]))
        scores = {
            name: pasi({region: table[name, region].to_numpy() for region in regions})
            for name in ("reference", "predicted")
        }
        return table.index.to_frame(index=False).assign(**scores)
