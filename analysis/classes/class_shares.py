"""Figures of each class against the rest, with intervals over resampled subjects.

U units, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.classes.class_units import ClassUnits
from analysis.classes.roc_curves import auc_and_interval
from analysis.classes.shares import Share, shares_of
from analysis.statistics.facts import Interval
from analysis.statistics.resamples import NUM_RESAMPLES, SEED
from foldgrid.scoring.metrics import Metric


@dataclass(frozen=True)
class ClassShares:
    """One class against the rest.

    Attributes:
        name: The class.
        num_units: Units of it.
        sensitivity: Share of its units that was decided for it.
        specificity: Share of the other units that was not.
        precision: Share of the units decided for it that are of it.
        auc: Area under the ROC curve of its probability; NaN where it is undefined.
        auc_interval: 95 % over resampled subjects.
    """

    name: str
    num_units: int
    sensitivity: Share
    specificity: Share
    precision: Share
    auc: float
    auc_interval: Interval


@dataclass(frozen=True)
class FoldSpread:
    """A figure over folds.

    Attributes:
        mean: Its mean over the folds in which it is defined; NaN where there is none.
        sd: Their standard deviation (n - 1); NaN with fewer than two.
        by_fold: By fold its value; NaN where it is undefined.
    """

    mean: float
    sd: float
    by_fold: Mapping[int, float]


def class_shares(
    units: ClassUnits, num_resamples: int = NUM_RESAMPLES, seed: int = SEED
) -> tuple[ClassShares, ...]:
    """Figures of each class; of a binary task only of the positive one.

    Args:
        units: A model on a partition.
        num_resamples: Draws of the subjects.
        seed: Of the draws.
    """
    asked = units.asked_classes
    is_it_UC = units.reference_U[:, None] == asked
    is_called_UC = units.decided[:, None] == asked
    shares = shares_of(
        units.subjects_U,
        np.hstack([is_called_UC, ~is_called_UC, is_it_UC]),
        np.hstack([is_it_UC, ~is_it_UC, is_called_UC]),
        num_resamples,
        seed,
    )
    found = []
    for place, each in enumerate(asked):
        sensitivity, specificity, precision = shares[place :: len(asked)]
        auc, interval = auc_and_interval(
            units.subjects_U,
            units.reference_U == each,
            units.probabilities_UK[:, each],
            num_resamples,
            seed,
        )
        found.append(
            ClassShares(
                units.classes[each],
                sensitivity.num_units,
                sensitivity,
                specificity,
                precision,
                auc,
                interval,
            )
        )
    return tuple(found)


def fold_spread(units: ClassUnits, metric: Metric) -> FoldSpread:
    """A metric fold by fold, each over the units that the fold held out.

    Args:
        units: A model, out of fold.
        metric: One of the task's.
    """
    by_fold = {
        int(fold): float(
            metric(
                units.reference_U[units.folds_U == fold],
                units.probabilities_UK[units.folds_U == fold],
            )
        )
        for fold in np.unique(units.folds_U)
    }
    defined = np.array([value for value in by_fold.values() if not np.isnan(value)])
    mean = float(defined.mean()) if len(defined) else float("nan")
    sd = float(defined.std(ddof=1)) if len(defined) > 1 else float("nan")
    return FoldSpread(mean, sd, by_fold)
