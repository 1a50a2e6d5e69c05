"""Scores of body regions in, PASI of visits out.

Shape letters: N samples, T targets, K outputs, V visits, R regions, M models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foldgrid.metrics import METRICS
from foldgrid.tasks.pasi.arithmetic import (
    MAX_COMPOSITE,
    REGION_WEIGHTS,
    SCORES,
    clip_composite,
    composite_score,
    max_pasi,
    pasi,
)
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.scale import Scale
from foldgrid.tasks.scoring import FloatArray, Monitored, NumberScoring
from foldgrid.tasks.units import UnitName, UnitTable

if TYPE_CHECKING:
    import pandas as pd

    from foldgrid.tasks.losses import Tensor

COMPOSITE_SCALE = Scale(0.0, MAX_COMPOSITE, step=1.0, unit="of C")
"""Where a region's composite lies."""

OUTPUTS = {
    "scores": "The models predict erythema, induration, scaling and involvement of a region",
    "composite": "The models predict a region's composite (E + I + S) x involvement directly",
}

COMPOSITE_UNIT = 12.0
"""With ``output: composite`` the network's output is C / 12, 0 to 6 like the largest score: at C
itself the recipe's learning rate of 0.01 makes most backbones diverge in their first steps."""


def _sums_of_visits(samples: pd.DataFrame, values_NK: NDArray[np.float64]) -> NDArray[np.float64]:
    """(V, K) The values of each visit's samples added up, the visits as they come.

    With compensation (Kahan 1965), to the bits of pandas' ``groupby(…).sum()`` in a tenth of its
    time: it is asked for after every epoch of every fit.
    """
    numbers: dict[tuple[Any, Any], int] = {}
    keys = zip(samples["subject"], samples["visit"], strict=True)
    visit_N = np.array([numbers.setdefault(key, len(numbers)) for key in keys])
    order_N = np.argsort(visit_N, kind="stable")
    starts = np.flatnonzero(np.diff(visit_N[order_N], prepend=-1))
    sizes = np.diff(starts, append=len(order_N))
    total_VK, lost_VK = np.zeros((2, len(numbers), values_NK.shape[1]))
    for place in range(sizes.max()):
        visits = np.flatnonzero(sizes > place)
        added_VK = values_NK[order_N[starts[visits] + place]] - lost_VK[visits]
        larger_VK = total_VK[visits] + added_VK
        lost_VK[visits] = larger_VK - total_VK[visits] - added_VK
        total_VK[visits] = larger_VK
    return np.asarray(total_VK)


class PasiScoring(NumberScoring):
    """The scores of a region, or their product, and the PASI that they come to.

    With ``output: scores`` the network predicts erythema, induration and scaling (0 to 4) and
    involvement (0 to 6); with ``output: composite`` the regional composite C (0 to 72), in units
    of ``COMPOSITE_UNIT``. A unit is a visit, its truth the physician's PASI.
    """

    stratum = "scaling"
    """The score whose labels are balanced, as in the paper (there called desquamation)."""

    balanced = "scaling scores"
    unit_name = UnitName("visit", "visits")
    exhibits = ("agreement", "change", "errors", "distribution", "published")
    monitored = Monitored("pasi_mae", "PASI MAE")
    scale = COMPOSITE_SCALE
    unit = "PASI points"
    metrics_are_of = " of the visits' PASI"
    yardstick = (
        "For scale: trained physicians scoring the same photographs differ by 3.3 PASI points "
        "between raters and by 2.2 within one (Fink et al. 2018; other patients than these)."
    )
    report = "pasi"
    published = "one_step_pasi"
    spec: PasiSpec

    def __init__(self, spec: PasiSpec) -> None:
        self.spec = spec
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

    @property
    def outputs_are(self) -> str:
        """See ``Scoring``."""
        return "the region's C" if self._is_composite else "one a score"

    @property
    def loss_is(self) -> str:
        """See ``Scoring``."""
        of = "C / 12" if self._is_composite else "the four scores, each in its own unit"
        return f"mean squared error of {of}"

    def loss(self, outputs_BK: Tensor, targets_BT: Tensor) -> Tensor:
        """Mean squared error in the scores' own units, or in units of ``COMPOSITE_UNIT``."""
        from foldgrid.tasks.losses import squared_error

        return squared_error(outputs_BK, targets_BT)

    def start_bias(self, targets_NT: FloatArray) -> FloatArray:
        """The mean of the targets."""
        return np.asarray(targets_NT.mean(axis=0))

    def targets(self, samples: pd.DataFrame) -> FloatArray:
        """The physician's scores, or their product, in the outputs' units, as (N, K)."""
        scores = samples[list(SCORES)].to_numpy(np.float32)
        if not self._is_composite:
            return scores
        return (composite_score(*scores.T)[:, None] / self._unit).astype(np.float32)

    def target_columns(self, samples: pd.DataFrame) -> dict[str, NDArray[Any]]:
        """The physician's scores, or C, on their scales."""
        return self._columns(self.targets(samples), self.target_names)

    def prediction_columns(self, outputs_NK: FloatArray) -> dict[str, NDArray[Any]]:
        """The outputs on the scores' scales, unclipped."""
        return self._columns(outputs_NK, self.prediction_names)

    def _columns(self, values_NK: FloatArray, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
        scaled = values_NK * np.float32(self._unit)
        return {name: scaled[:, k] for k, name in enumerate(names)}

    def composites(self, outputs_NK: FloatArray) -> NDArray[np.float64]:
        """The regional composites that the outputs mean, each brought onto its scale first."""
        if self._is_composite:
            return clip_composite(outputs_NK[:, 0] * self._unit)
        return composite_score(*outputs_NK.T, clip=True)

    def values(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """The regional composites C, 0 to 72, each score brought onto its scale first."""
        return self._composite(predictions, self.prediction_names).to_frame()

    def reference(self, targets: pd.DataFrame) -> pd.Series[Any]:
        """The physician's C, 0 to 72."""
        return self._composite(targets, self.target_names)

    def _composite(self, table: pd.DataFrame, names: tuple[str, ...]) -> pd.Series[Any]:
        import pandas as pd

        columns = [table[name].to_numpy(np.float64) for name in names]
        is_composite = self._is_composite
        values = clip_composite(*columns) if is_composite else composite_score(*columns, clip=True)
        return pd.Series(values, index=table.index, name="composite")

    def parts(self, samples: pd.DataFrame) -> frozenset[str]:
        """The regions that a PASI of these samples is made of."""
        return frozenset(samples["region"])

    def units(
        self, samples: pd.DataFrame, predicted: pd.DataFrame, parts: frozenset[str]
    ) -> UnitTable:
        """Adds regions up to visits.

        A visit without one of the regions would get a lower PASI than it has: it is left out.

        Args:
            samples: By sample: subject, visit, day, region, fold, and ``reference``, the
                physician's C.
            predicted: Predicted C by the same samples, a column a model.
            parts: The regions that a PASI of this data set is made of.

        Returns:
            The complete visits, ordered by subject and visit; ``unit`` is the visit's name.
        """
        import pandas as pd

        num_regions = samples.groupby(["subject", "visit"])["region"].transform("nunique")
        num_visits = len(samples[["subject", "visit"]].drop_duplicates())
        kept = samples[num_regions == len(parts)].sort_values(["subject", "visit", "region"])
        num_kept = len(kept) // len(parts)
        # After the sort each visit is a block of rows, its regions in alphabetical order.
        predicted_VRM = (
            predicted.loc[kept.index].to_numpy().reshape(num_kept, len(parts), predicted.shape[1])
        )
        reference_VR = kept["reference"].to_numpy().reshape(num_kept, len(parts))
        order = list(enumerate(sorted(parts)))
        columns = ["subject", "visit", "day", "fold"]
        visits = kept.iloc[:: len(parts)].reindex(columns=columns).reset_index(drop=True)
        return UnitTable(
            units=visits.assign(
                unit=visits["visit"],
                fold=visits["fold"].fillna(-1).astype(int),
                reference=pasi({region: reference_VR[:, i] for i, region in order}),
            ),
            predicted=pd.DataFrame(
                pasi({region: predicted_VRM[:, i] for i, region in order}),
                columns=predicted.columns,
            ),
            num_left_out=num_visits - num_kept,
        )

    def evaluate(self, samples: pd.DataFrame, outputs_NK: FloatArray) -> dict[str, float]:
        """MAE of the regional composites, and MAE and CCC of the visits' PASI.

        Visits of which a region is missing among ``samples`` count for their other regions, the
        same for the physician and the network.
        """
        if len(samples) == 0:
            return {}
        truth = composite_score(*samples[list(SCORES)].to_numpy(np.float64).T)
        weights = np.array([REGION_WEIGHTS[region] for region in samples["region"]])
        both_N2 = weights[:, None] * np.column_stack([truth, self.composites(outputs_NK)])
        pair = _sums_of_visits(samples, both_N2).T
        return {
            "composite_mae": METRICS["mae"](truth, self.composites(outputs_NK)),
            "pasi_mae": METRICS["mae"](*pair),
            "pasi_ccc": METRICS["ccc"](*pair),
        }

    def reported(self, table: UnitTable, model: str) -> pd.DataFrame:
        """``subject``, ``visit``, ``day``, ``physician_pasi`` and ``predicted_pasi``."""
        visits = table.units[["subject", "visit", "day"]]
        return visits.assign(
            physician_pasi=table.units["reference"], predicted_pasi=table.predicted[model]
        )

    def explained(self, parts: frozenset[str]) -> str:
        """What is predicted of a region, and the range of a visit's PASI."""
        return (
            f"{OUTPUTS[self.spec.output]}; the metrics compare the PASI of a visit, 0 to "
            f"{max_pasi(parts):g}."
        )

    def stacking_words(self, num_meta_learners: int) -> str:
        """How the paper's four are read."""
        return (
            "The paper's four meta-learners (meta_learner to meta_learner_ridge_w_intercept) are "
            "read as logit, fractional logistic regressions of a region's composite over its "
            "maximum, and as their linear counterparts, least_squares and ridge."
        )
