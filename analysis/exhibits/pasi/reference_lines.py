"""What a model's error is held against: what physicians differ by, and predicting the mean.

Both are drawn into the ranking; neither is a model.
"""

from __future__ import annotations

from dataclasses import dataclass

from foldgrid.analysis.evaluation import Evaluation
from foldgrid.analysis.stacking.nested import BASELINE
from foldgrid.metrics import METRICS

BETWEEN_RATERS = 3.3
WITHIN_RATER = 2.2
RATER_SOURCE = "Fink et al. 2018"


@dataclass(frozen=True)
class ReferenceLine:
    """One line of a figure, one row beside a ranking.

    Attributes:
        name: Its key.
        mae: Where it lies, in PASI points; NaN where a partition has no visits.
        partition: ``oof`` or ``test`` where it was computed from these visits, "" where it was
            published of others.
        meaning: What it is, in a sentence.
        source: Where a published value is from; "" for our own.
    """

    name: str
    mae: float
    partition: str
    meaning: str
    source: str = ""


def reference_lines(evaluation: Evaluation) -> tuple[ReferenceLine, ...]:
    """The two rater floors and the predict-the-mean baseline of both partitions.

    An error below the floor between raters cannot be distinguished from another physician's
    opinion; one above the baseline's has learned nothing of the photographs.
    """
    floors = (
        ReferenceLine(
            "between_raters",
            BETWEEN_RATERS,
            "",
            "Mean difference of trained physicians scoring the same photographs; other patients.",
            RATER_SOURCE,
        ),
        ReferenceLine(
            "within_rater",
            WITHIN_RATER,
            "",
            "Mean difference of a trained physician scoring the same photographs twice; "
            "other patients.",
            RATER_SOURCE,
        ),
    )
    means = {
        "oof": "Every visit gets the mean PASI of the visits in the other folds.",
        "test": "Every test visit gets the mean PASI of all training visits.",
    }
    tables = {"oof": evaluation.oof, "test": evaluation.test}
    baselines = tuple(
        ReferenceLine(
            BASELINE,
            METRICS["mae"](table.units["reference"], table.predicted[BASELINE]),
            partition,
            means[partition],
        )
        for partition, table in tables.items()
    )
    return floors + baselines
