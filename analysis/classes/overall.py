"""The metrics of one model over all its units, each with its interval over resampled subjects.

U units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.classes.class_units import ClassUnits
from analysis.statistics.class_sums import ClassSums
from analysis.statistics.facts import Interval
from analysis.statistics.intervals import expanded_percentiles
from analysis.statistics.resamples import NUM_RESAMPLES, SEED, SubjectResamples
from foldgrid.scoring.class_metrics import class_metrics


@dataclass(frozen=True)
class OverallFigure:
    """A metric.

    Attributes:
        value: Over all units; NaN where it is undefined.
        interval: 95 % over resampled subjects.
    """

    value: float
    interval: Interval


def overall_figures(
    units: ClassUnits,
    names: Sequence[str],
    num_resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
) -> dict[str, OverallFigure]:
    """Some metrics of a model.

    Args:
        units: Its probabilities of two classes or more.
        names: Of the metrics, see ``class_metrics``.
        num_resamples: Draws of the subjects.
        seed: Of the draws; that of the ranking gives the ranking's intervals.
    """
    metrics = class_metrics(len(units.classes), units.is_binary)
    sums = ClassSums.of(
        units.subjects_U, units.reference_U, units.probabilities_UK[:, None], units.is_binary
    )
    resamples = SubjectResamples.draw(sums.num_subjects, num_resamples, seed)
    found = {}
    for name in names:
        value = metrics[name](units.reference_U, units.probabilities_UK)
        if math.isnan(value):
            found[name] = OverallFigure(value, Interval(reason="the figure is undefined"))
        else:
            figures_R1 = sums.figure(name, resamples.counts_RS)
            interval = expanded_percentiles(figures_R1, sums.num_subjects)[0]
            found[name] = OverallFigure(value, interval)
    return found
