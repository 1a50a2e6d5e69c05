"""Numbers in a report: their unit, the baseline, what the network learned."""

from __future__ import annotations

from foldgrid.analysis.drawing.numbers import count
from foldgrid.analysis.exhibits.task_words import AgainstBaseline, error_beside_the_mean
from foldgrid.analysis.run import Run
from foldgrid.tasks.scoring import Scoring


class NumberReport(AgainstBaseline):
    """See ``TaskReport``.

    Args:
        scoring: The task's.
    """

    baseline = "predicts the mean for everybody"
    floor = "predicting the mean"
    subject_loss = "mean absolute error"
    weight_meaning = "A weight multiplies the learner's number, in the logit readings its logit."

    def __init__(self, scoring: Scoring) -> None:
        self._scoring = scoring
        self.sample = scoring.unit_name.one

    def unit_of(self, metric: str) -> str:
        """See ``TaskReport``."""
        return self._scoring.metrics[metric].unit

    def meaning(self, run: Run) -> str:
        """The best model's error beside the baseline's."""
        error, mean = run.best.value("oof", "mae"), run.baseline.value("oof", "mae")
        if error is None or not mean:
            return ""
        digits, unit = self._scoring.decimals("mae"), self._scoring.unit
        return f"{error_beside_the_mean(error, mean, digits, unit)}."

    def second_metric(self, metric: str) -> str:
        """See ``TaskReport``."""
        return "ccc" if metric != "ccc" else "mae"

    def loss_axis(self, run: Run) -> str:
        """See ``TaskReport``."""
        return self._scoring.loss_is

    def fold_metric(self, run: Run) -> str:
        """See ``TaskReport``."""
        return "mae"

    def data_statements(self, run: Run) -> dict[str, str]:
        """Photographs, subjects, the range of the numbers."""
        samples = run.evaluation.table.samples
        truth = samples["reference"]
        pixels = (run.sweep.get("data") or {}).get("tile_pixels")
        unit = f" {self._scoring.unit}" if self._scoring.unit else ""
        return {
            "participants": (
                f"They are {self._scoring.unit_name.count(len(samples))} of "
                f"{count(samples['subject'].nunique(), 'subject')}."
            ),
            "photographs": (
                f"Each photograph was scaled to fit {pixels} x {pixels} pixels with its aspect "
                "ratio kept and padded with black; one photograph is one sample."
                if pixels
                else ""
            ),
            "outcome": (
                f"The reference is one number of each {self._scoring.unit_name.one}, from "
                f"{truth.min():g} to {truth.max():g}{unit}, the median {truth.median():g}."
            ),
        }

    def model_statements(self, run: Run) -> dict[str, str]:
        """See ``TaskReport``."""
        return {
            "output": "The classification layer was replaced by one output, "
            f"{self._scoring.outputs_are}.",
            "loss": f"The loss is the {self._scoring.loss_is}.",
        }

    def evaluation_statements(self, run: Run) -> dict[str, str]:
        """See ``TaskReport``."""
        unit = f" Errors are in {self._scoring.unit}." if self._scoring.unit else ""
        ends = self._scoring.scale.ends
        clipped = f" Predictions were brought onto the scale ({ends})." if ends else ""
        return {"unit": f"The evaluation unit is the {self._scoring.unit_name.one}.{unit}{clipped}"}
