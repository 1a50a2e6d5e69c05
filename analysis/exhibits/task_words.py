"""What a report must ask the task for: the words and marks that differ between kinds of truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from foldgrid.analysis.drawing.numbers import format_number, percent
from foldgrid.analysis.run import Run


class TaskReport(Protocol):
    """A task's words in a report."""

    baseline: str
    """What the baseline does: ``predicts the mean for everybody``."""

    sample: str
    """What one sample is called: ``composite``."""

    subject_loss: str
    """What a subject ranks the models by: ``mean absolute error``."""

    weight_meaning: str
    """What a meta-learner's weight does, a sentence."""

    def unit_of(self, metric: str) -> str:
        """What a metric is counted in, such as ``PASI points``; "" for pure numbers."""
        ...

    def landmarks(self, run: Run, partition: str) -> list[Landmark]:
        """What the ordering metric is read against in the forest plot."""
        ...

    def landmark_words(self, run: Run) -> str:
        """What the landmarks are, a sentence; "" where there are none."""
        ...

    def meaning(self, run: Run) -> str:
        """What the best model's metric means, in a sentence or two; "" where nothing is known."""
        ...

    def second_metric(self, metric: str) -> str:
        """The metric that stands beside the ordering one at the top."""
        ...

    def loss_axis(self, run: Run) -> str:
        """What the loss of the learning curves is."""
        ...

    def fold_metric(self, run: Run) -> str:
        """The metric of the fold matrix."""
        ...

    def data_statements(self, run: Run) -> dict[str, str]:
        """participants, photographs, outcome and missing, for the methods text."""
        ...

    def model_statements(self, run: Run) -> dict[str, str]:
        """Output and loss, for the methods text."""
        ...

    def evaluation_statements(self, run: Run) -> dict[str, str]:
        """unit, floor and severity, for the methods text; those that there are."""
        ...


class AgainstBaseline:
    """Metrics that are read against the baseline's, and nothing else.

    Attributes:
        floor: What it does, beside its line: ``predicting the mean``.
    """

    floor: str

    def landmarks(self, run: Run, partition: str) -> list[Landmark]:
        """What the baseline reaches by the ordering metric, where it is defined."""
        value = run.baseline.value(partition, run.by)
        return [] if value is None else [Landmark(self.floor, value)]

    def landmark_words(self, run: Run) -> str:
        """See ``TaskReport``."""
        return "Dotted: the baseline." if self.landmarks(run, "oof") else ""


def error_beside_the_mean(error: float, mean: float, decimals: int = 2, unit: str = "") -> str:
    """How much better the best model is than predicting the mean for everybody; no full stop."""
    own, floor = format_number(error, decimals) + f" {unit}".rstrip(), format_number(mean, decimals)
    share = 1 - error / mean
    if share < 0.005:
        return (
            f"Its MAE of {own} is no better than the {floor} of predicting the mean for everybody: "
            "it has learned nothing of the photographs"
        )
    return (
        f"Its MAE of {own} is {percent(share)} below the {floor} of predicting the mean for "
        "everybody"
    )


@dataclass(frozen=True)
class Landmark:
    """A line to read the errors against.

    Attributes:
        label: What it is.
        value: Where it is.
    """

    label: str
    value: float
