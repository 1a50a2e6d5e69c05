"""Whether a probability of 80 % comes true in 80 % of the units.

U units, K classes, B bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.classes.shares import Share, shares_of
from analysis.statistics.resamples import NUM_RESAMPLES, SEED

FloatArray = NDArray[np.float64]

NUM_BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """Units of nearly the same probability.

    Attributes:
        low: The bin's lower end.
        high: Its upper end.
        mean_probability: The mean of what was said.
        share: How often it came true.
    """

    low: float
    high: float
    mean_probability: float
    share: Share


@dataclass(frozen=True)
class ReliabilityFacts:
    """How probabilities and outcomes agree.

    Attributes:
        name: The model.
        says: What the probability is of: ``referable DR``, ``the decided class``.
        bins: Those with a unit, from low to high.
        calibration_error: The expected calibration error: the mean over units of the distance
            between a bin's mean probability and its share.
    """

    name: str
    says: str
    bins: tuple[ReliabilityBin, ...]
    calibration_error: float


def reliability_facts(
    name: str,
    says: str,
    subjects_U: ArrayLike,
    came_true_U: ArrayLike,
    probability_U: ArrayLike,
    num_bins: int = NUM_BINS,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
) -> ReliabilityFacts:
    """Sorts units into bins of equal width.

    Args:
        name: The model.
        says: What the probability is of.
        subjects_U: Whose unit it is.
        came_true_U: Whether it was so.
        probability_U: What was said, 0 to 1.
        num_bins: Bins between 0 and 1.
        num_resamples: Draws of the subjects.
        seed: Of the draws.
    """
    probability = np.asarray(probability_U, dtype=np.float64)
    came_true = np.asarray(came_true_U, dtype=np.float64)
    bin_U = np.minimum((probability * num_bins).astype(int), num_bins - 1)
    used = np.unique(bin_U)
    is_in_UB = bin_U[:, None] == used
    shares = shares_of(
        subjects_U, np.tile(came_true[:, None], len(used)), is_in_UB, num_resamples, seed
    )
    bins = tuple(
        ReliabilityBin(
            each / num_bins, (each + 1) / num_bins, float(probability[bin_U == each].mean()), share
        )
        for each, share in zip(used.tolist(), shares, strict=True)
    )
    distances = [
        each.share.num_units * abs(each.mean_probability - each.share.value) for each in bins
    ]
    error = sum(distances) / len(probability) if len(probability) else float("nan")
    return ReliabilityFacts(name, says, bins, error)


def top_class_reliability(
    name: str,
    subjects_U: ArrayLike,
    reference_U: NDArray[np.int64],
    probabilities_UK: FloatArray,
    num_bins: int = NUM_BINS,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
) -> ReliabilityFacts:
    """The same of several classes: how often the class that was decided for is right."""
    decided_U = probabilities_UK.argmax(axis=1)
    return reliability_facts(
        name,
        "the decided class",
        subjects_U,
        decided_U == reference_U,
        probabilities_UK.max(axis=1),
        num_bins,
        num_resamples,
        seed,
    )
