"""A number of a photograph in, the same number out.

A network learns standardised numbers: less the mean and over the standard deviation of its own
training samples (``learned``), so that any unit trains by the same recipe. Whatever leaves it is
in the unit again. Shape letters: N samples, T targets, K outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from foldgrid.metrics import METRICS
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import InputError, Problem
from foldgrid.tasks.regression.spec import RegressionSpec
from foldgrid.tasks.scale import Scale
from foldgrid.tasks.scoring import FloatArray, Monitored, NumberScoring
from foldgrid.tasks.units import UnitTable

if TYPE_CHECKING:
    import pandas as pd

    from foldgrid.tasks.losses import Tensor

LOSSES = {
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "huber": "Huber loss",
}


def huber_middle(values_N: FloatArray, num_steps: int = 60) -> float:
    """The number with the lowest Huber loss: a mean in which far values weigh less."""
    middle = float(np.median(values_N))
    for _ in range(num_steps):
        weights_N = 1.0 / np.maximum(1.0, np.abs(values_N - middle))
        middle = float(np.average(values_N, weights=weights_N))
    return middle


MIDDLES: Mapping[str, Callable[[FloatArray], Any]] = {
    "mse": np.mean,
    "mae": np.median,
    "huber": huber_middle,
}
"""By loss, the one number that costs least."""


class RegressionScoring(NumberScoring):
    """One number a photograph, on the scale that the words give.

    Args:
        spec: The words.
        centre: What the network's 0 is, in the task's unit.
        spread: What its 1 is more than that, above 0.
    """

    stratum = "band"
    balanced = "bands of the values"
    num_outputs = 1
    target_names = ("value",)
    outputs_are = "the number, less the training samples' mean and over their standard deviation"
    spec: RegressionSpec

    def __init__(self, spec: RegressionSpec, centre: float = 0.0, spread: float = 1.0) -> None:
        self.spec, self.centre, self.spread = spec, centre, spread
        self.unit = spec.unit

    @staticmethod
    def resolved(spec: RegressionSpec, samples: pd.DataFrame) -> RegressionSpec:
        """The words as they are, once every value is known to be on the scale.

        Raises:
            InputError: A value lies beyond an end.
        """
        values = samples["value"]
        problems = []
        for key, end, beyond in (
            ("lowest", spec.lowest, values[values < (spec.lowest or 0.0)]),
            ("highest", spec.highest, values[values > (spec.highest or 0.0)]),
        ):
            if end is not None and len(beyond):
                farthest = beyond.max() if key == "highest" else beyond.min()
                message = (
                    f"found {end:g}, and {counted(len(beyond), 'value')} beyond it, up to "
                    f"{farthest:g}."
                )
                problems.append(Problem(key, "", message))
        if problems:
            raise InputError("task", problems, "Correct the end, or the manifest's column `value`.")
        return spec

    def learned(self, samples: pd.DataFrame) -> dict[str, float]:
        """Mean and standard deviation of the training samples' values.

        Rounded, so that every machine that sums them up in another order learns the same.
        """
        values = samples["value"].to_numpy(np.float64)
        spread = float(np.format_float_positional(values.std(), precision=6, fractional=False))
        centre = float(np.format_float_positional(values.mean(), precision=9, fractional=False))
        return {"centre": centre, "spread": spread or 1.0}

    def with_learned(self, facts: Mapping[str, float]) -> Self:
        """See ``Scoring``."""
        return type(self)(self.spec, **facts) if facts else self

    @property
    def scale(self) -> Scale:
        """See ``Scoring``."""
        return Scale(self.spec.lowest, self.spec.highest, self.spec.step, self.spec.unit)

    @property
    def monitored(self) -> Monitored:
        """See ``Scoring``."""
        return Monitored("mae", "MAE", decimals=self.decimals("mae"))

    @property
    def loss_is(self) -> str:
        """See ``Scoring``."""
        return f"{LOSSES[self.spec.loss]} of the standardised number"

    def loss(self, outputs_BK: Tensor, targets_BT: Tensor) -> Tensor:
        """The loss that the words name, of standardised numbers."""
        from foldgrid.tasks import losses

        named = {
            "mse": losses.squared_error,
            "mae": losses.absolute_error,
            "huber": losses.huber,
        }
        return named[self.spec.loss](outputs_BK, targets_BT)

    def start_bias(self, targets_NT: FloatArray) -> FloatArray:
        """The mean of the targets, their median, or what lies between: the lowest of each loss."""
        return np.array([MIDDLES[self.spec.loss](targets_NT[:, 0])], np.float32)

    def targets(self, samples: pd.DataFrame) -> FloatArray:
        """(N, 1) The standardised numbers."""
        values = samples["value"].to_numpy(np.float64)[:, None]
        return np.asarray((values - self.centre) / self.spread, np.float32)

    def target_columns(self, samples: pd.DataFrame) -> dict[str, NDArray[Any]]:
        """The manifest's numbers."""
        return {"value": samples["value"].to_numpy(np.float64)}

    def prediction_columns(self, outputs_NK: FloatArray) -> dict[str, NDArray[Any]]:
        """The numbers in their unit, unclipped."""
        values = np.asarray(outputs_NK, np.float64)[:, 0] * self.spread + self.centre
        return {"predicted_value": values}

    def values(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """The numbers, brought onto the scale where it has ends."""
        import pandas as pd

        values = self.scale.clip(predictions["predicted_value"].to_numpy(np.float64))
        return pd.DataFrame({"value": values}, index=predictions.index)

    def reference(self, targets: pd.DataFrame) -> pd.Series[Any]:
        """The manifest's numbers."""
        return targets["value"].astype(np.float64).rename("reference")

    def evaluate(self, samples: pd.DataFrame, outputs_NK: FloatArray) -> dict[str, float]:
        """The metrics that a table shows, in the task's unit."""
        if len(samples) == 0:
            return {}
        predicted = self.scale.clip(self.prediction_columns(outputs_NK)["predicted_value"])
        truth = samples["value"].to_numpy(np.float64)
        return {name: METRICS[name](truth, predicted) for name in self.shown}

    def reported(self, table: UnitTable, model: str) -> pd.DataFrame:
        """``subject``, ``photograph``, ``value`` and ``predicted_value``."""
        photographs = table.units[["subject", "unit"]].rename(columns={"unit": "photograph"})
        return photographs.assign(
            value=table.units["reference"], predicted_value=table.predicted[model]
        )

    def explained(self, parts: frozenset[str]) -> str:
        """What is predicted, in which unit, and whether it is clipped."""
        unit = f", in {self.unit}" if self.unit else ""
        ends = self.scale.ends
        clipped = f" Predictions are brought onto the scale ({ends})." if ends else ""
        return f"The models predict one number of each {self.unit_name.one}{unit}.{clipped}"

    def stacking_words(self, num_meta_learners: int) -> str:
        """What is combined, and what cannot be."""
        text = (
            f"{num_meta_learners} meta-learners combine the base learners' numbers; `mean` is the "
            "plain ensemble."
        )
        if self.scale.is_closed:
            return text
        return f"{text} A logit needs both ends of a scale, and this one is open."
