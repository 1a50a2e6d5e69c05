"""Who is in the trial, when they come, how ill they are and what the rater writes down.

Knows nothing of pixels: the same settings give the same scores at every picture size.
The truth is continuous (a fraction of the skin, three intensities); scores are a rater's reading.
Shape letters: R regions, 3 intensities, 4 fraction and intensities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from foldgrid.simulation.pasi.streams import Stream, stream
from foldgrid.specs.synthetic import FEWEST_VISITS_A_SUBJECT, TrialSettings
from foldgrid.tasks.pasi.arithmetic import composite_score, involvement_from_fraction, pasi

PHOTOS_OF_REGION = {"upper_extremities": 4, "trunk": 2, "lower_extremities": 2}
"""Planned photographs a visit, by region; the order fixes the random streams."""

CLEAR_FRACTION = 0.004
"""Below this fraction of the region nobody sees a plaque."""

SIX_VISIT_DAYS = (0, 14, 28, 56, 84, 112)
FIVE_VISIT_DAYS = (0, 28, 56, 84, 112)

Arm = Literal["treatment", "placebo"]


@dataclass(frozen=True)
class RegionState:
    """One region at one visit.

    Attributes:
        fraction: True fraction of the region's skin that plaques cover, 0 to 0.97.
        baseline_fraction: The same at the first visit; what is lost since leaves a faint stain.
        intensities: True erythema, induration and scaling, 0 to about 4.3, continuous.
        scores: What the rater wrote: erythema, induration, scaling (0 to 4), involvement (0 to 6).
    """

    fraction: float
    baseline_fraction: float
    intensities: tuple[float, float, float]
    scores: tuple[int, int, int, int]


@dataclass(frozen=True)
class Visit:
    """One visit: its number from 1, its day since baseline, and a state for each region."""

    number: int
    day: int
    regions: dict[str, RegionState]

    @property
    def pasi(self) -> float:
        """The rater's PASI without head and neck, 0 to 64.8."""
        composites = {name: composite_score(*s.scores) for name, s in self.regions.items()}
        return float(pasi(composites))


@dataclass(frozen=True)
class SubjectCourse:
    """One subject's way through the trial; `number` counts from 1."""

    number: int
    arm: Arm
    visits: tuple[Visit, ...]


@dataclass(frozen=True)
class _Response:
    """How a subject answers: what stays at the end, and how fast the rest goes.

    Attributes:
        floors: Final part of the baseline fraction, erythema, induration, scaling, R x 4.
        days: Time constants of the four in days.
    """

    floors: NDArray[np.float64]
    days: NDArray[np.float64]

    def remaining(self, day: int) -> NDArray[np.float64]:
        """What is left of the baseline on a day, R x 4."""
        decay_4 = np.exp(-((day / self.days) ** 1.4))
        return self.floors + (1 - self.floors) * decay_4


def simulate_course(settings: TrialSettings) -> tuple[SubjectCourse, ...]:
    """Simulate the whole trial's severity and scores.

    Args:
        settings: The trial's settings; the picture's size and quality have no influence.

    Returns:
        One course for each subject, in order of number.
    """
    rng = stream(settings.seed, Stream.ALLOCATION)
    num = settings.num_subjects
    num_placebo = round(settings.placebo_fraction * num)
    num_responders = min(round(settings.pasi90_fraction * num), num - num_placebo)
    outcomes = ["placebo"] * num_placebo + ["responder"] * num_responders
    outcomes += ["partial"] * (num - len(outcomes))
    outcomes = [outcomes[i] for i in rng.permutation(num)]
    # Evenly spaced quantiles rather than free draws: every seed has its mild and its very severe
    # subjects, and the trial's highest PASI is always near the published 44.
    targets = 9.0 + 33.5 * ((rng.permutation(num) + 0.5) / num) ** 1.9
    has_sixth = rng.permutation(num) < settings.num_visits - FEWEST_VISITS_A_SUBJECT * num
    return tuple(
        _simulate_subject(settings, i + 1, outcomes[i], float(targets[i]), bool(has_sixth[i]))
        for i in range(num)
    )


def _simulate_subject(
    settings: TrialSettings, number: int, outcome: str, target_pasi: float, has_sixth: bool
) -> SubjectCourse:
    rng = stream(settings.seed, Stream.COURSE, number)
    baseline_R4 = _draw_baseline(rng, target_pasi)
    response = _draw_response(rng, outcome)
    days = SIX_VISIT_DAYS if has_sixth else FIVE_VISIT_DAYS
    visits = []
    for visit_number, planned_day in enumerate(days, start=1):
        day = planned_day + int(rng.integers(-3, 4)) if planned_day else 0
        truth_R4 = baseline_R4 * response.remaining(day)
        if planned_day:
            # Skin has its days: small true fluctuations that are not the rater's.
            truth_R4 = truth_R4 * np.exp(rng.normal(0.0, 0.06, truth_R4.shape))
        states = [_rate(rng, settings, *pair) for pair in zip(truth_R4, baseline_R4, strict=True)]
        visits.append(Visit(visit_number, day, dict(zip(PHOTOS_OF_REGION, states, strict=True))))
    arm: Arm = "placebo" if outcome == "placebo" else "treatment"
    return SubjectCourse(number, arm, tuple(visits))


def _draw_baseline(rng: np.random.Generator, target_pasi: float) -> NDArray[np.float64]:
    """Draw fraction, erythema, induration, scaling by region with this (continuous) PASI."""
    own_13 = rng.normal([0.0, 0.0, 0.25], [0.4, 0.4, 0.8], (1, 3))
    regional_R3 = rng.normal(0.0, 0.25, (3, 3))
    fraction_offset_R = rng.normal(0.0, 0.8, 3)

    def at_severity(severity: float) -> NDArray[np.float64]:
        fraction_R = 0.97 / (1 + np.exp(3.1 - 5.2 * severity - fraction_offset_R))
        intensity_R3 = np.clip(1.7 + 1.7 * severity + own_13 + regional_R3, 0.9, 4.3)
        return np.column_stack([fraction_R, intensity_R3])

    low, high = -0.5, 2.5
    for _ in range(40):
        middle = (low + high) / 2
        if _continuous_pasi(at_severity(middle)) < target_pasi:
            low = middle
        else:
            high = middle
    return at_severity(high)


def _continuous_pasi(truth_R4: NDArray[np.float64]) -> float:
    """PASI of the truth, with involvement interpolated between the middles of its classes."""
    middles = [0.0, 0.05, 0.20, 0.40, 0.60, 0.80, 0.95]
    involvement_R = np.interp(truth_R4[:, 0], middles, np.arange(7))
    intensity_R = np.minimum(truth_R4[:, 1:], 4.0).sum(axis=1)
    composites = dict(zip(PHOTOS_OF_REGION, intensity_R * involvement_R, strict=True))
    return float(pasi(composites))


def _draw_response(rng: np.random.Generator, outcome: str) -> _Response:
    """Draw how a subject answers: `responder` (PASI90), `partial` or `placebo`."""
    # Scale and thickness go first, redness next, the outline of the plaques last.
    pace_4 = np.array([1.15, 1.0, 0.8, 0.7])
    if outcome == "responder":
        floors_R4 = rng.uniform([0.015, 0.22, 0.05, 0.0], [0.04, 0.35, 0.2, 0.15], (3, 4))
        # Most regions clear altogether; here and there a pale patch stays.
        floors_R4[rng.random(3) < 0.85] = 0.0
        return _Response(floors_R4, pace_4 * rng.uniform(27.0, 52.0))
    if outcome == "partial":
        floors_R4 = rng.uniform([0.3, 0.45, 0.35, 0.3], [0.6, 0.7, 0.6, 0.6], (3, 4))
        return _Response(floors_R4, pace_4 * rng.uniform(30.0, 55.0))
    floors_R4 = rng.uniform(0.85, 1.03, (3, 4))
    return _Response(floors_R4, np.full(4, 60.0))


def _rate(
    rng: np.random.Generator,
    settings: TrialSettings,
    truth_4: NDArray[np.float64],
    baseline_4: NDArray[np.float64],
) -> RegionState:
    """Let the rater read one region: noise, then whole grades."""
    errors_3 = rng.normal(0.0, 1.0, 3) * settings.rater_noise
    area_error = np.exp(rng.normal() * settings.rater_area_noise)
    grades = [int(g) for g in np.clip(np.rint(truth_4[1:] + errors_3), 0, 4)]
    fraction, first_fraction = min(float(truth_4[0]), 0.97), float(baseline_4[0])
    if fraction < CLEAR_FRACTION or sum(grades) == 0:
        # A region called clear is drawn clear: no grade without area, no area without a grade.
        return RegionState(0.0, first_fraction, (0.0, 0.0, 0.0), (0, 0, 0, 0))
    erythema, induration, scaling = grades
    involvement = int(involvement_from_fraction(min(fraction * float(area_error), 1.0)))
    redness, thickness, flakes = (float(v) for v in truth_4[1:])
    scores = (erythema, induration, scaling, involvement)
    return RegionState(fraction, first_fraction, (redness, thickness, flakes), scores)
