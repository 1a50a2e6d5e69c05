"""The words of the regression task."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from foldgrid.specs.task import TaskSpec

LossName = Literal["mse", "mae", "huber"]


class RegressionSpec(TaskSpec):
    """A number of a photograph: the manifest's column ``value``, in one unit, on any range.

    Attributes:
        name: ``regression``.
        unit: What the numbers are counted in, as it is said after one: ``months``; "" for a pure
            number.
        lowest: No number is below it, and predictions are brought up to it; null where there is no
            such end.
        highest: No number is above it, likewise.
        step: The smallest difference that means anything, above 0: 1 where raters give whole
            points.
        loss: ``mse`` (squared error), ``mae`` (absolute error) or ``huber`` (squared up to a
            standard deviation, absolute beyond: one far number pulls less).
    """

    sample_kind = "measured"
    name: Literal["regression"] = "regression"
    unit: str = Field(default="", max_length=40)
    lowest: float | None = None
    highest: float | None = None
    step: Annotated[float, Field(gt=0)] = 1.0
    loss: LossName = "mse"

    @model_validator(mode="after")
    def _ends_in_order(self) -> RegressionSpec:
        if self.lowest is not None and self.highest is not None and self.lowest >= self.highest:
            raise ValueError(
                f"lowest: found {self.lowest:g} beside highest {self.highest:g}. The lowest is "
                "below the highest: exchange them."
            )
        return self
