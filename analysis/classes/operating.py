"""What an operating point does to units that it was not chosen on, with intervals.

U units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.classes.shares import Share, shares_of
from analysis.statistics.resamples import NUM_RESAMPLES, SEED
from foldgrid.scoring.operating_points import OperatingPoint, apply_threshold


@dataclass(frozen=True)
class OperatingFacts:
    """An operating point on some units.

    Attributes:
        name: What it is for: ``high sensitivity``.
        point: The threshold and the counts.
        sensitivity: Share of the positives that is called positive.
        specificity: Share of the negatives that is not.
        positive_predictive_value: Share of those called positive that are.
        negative_predictive_value: Share of the others that are not.
    """

    name: str
    point: OperatingPoint
    sensitivity: Share
    specificity: Share
    positive_predictive_value: Share
    negative_predictive_value: Share


def operating_facts(
    name: str,
    subjects_U: ArrayLike,
    is_positive_U: ArrayLike,
    score_U: ArrayLike,
    threshold: float,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
) -> OperatingFacts:
    """Applies a threshold to units.

    The predictive values hold for a population with as many positives as these units have.

    Args:
        name: What the point is for.
        subjects_U: Whose unit it is.
        is_positive_U: The truth.
        score_U: Higher for positives.
        threshold: From ``choose_threshold`` on other units; NaN calls nothing positive.
        num_resamples: Draws of the subjects.
        seed: Of the draws.
    """
    is_positive = np.asarray(is_positive_U, dtype=bool)
    is_called = np.asarray(score_U, dtype=np.float64) >= threshold
    so_UQ = np.column_stack([is_called, ~is_called, is_positive, ~is_positive])
    among_UQ = np.column_stack([is_positive, ~is_positive, is_called, ~is_called])
    shares = shares_of(subjects_U, so_UQ, among_UQ, num_resamples, seed)
    return OperatingFacts(name, apply_threshold(is_positive, score_U, threshold), *shares)
