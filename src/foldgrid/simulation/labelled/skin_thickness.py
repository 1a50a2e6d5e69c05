"""Skin of systemic sclerosis by the modified Rodnan skin score: the same skin, without stages.

The score is the sum of 17 places' thickness, 0 to 3 each, as a physician pinches it: 0 to 51 whole
points a visit. Most patients are in the lower half, and two examinations of one patient differ by
a few points (Clements et al. 1995). What is shown of a score is `ssc_skin`'s: swelling rises and
falls again, the skin grows hard, pale and spotted throughout; a place is more or less ill than the
whole body.
"""

from __future__ import annotations

import numpy as np

from foldgrid.simulation.labelled.shots import Study, StudyShot, plan_stream, subject_name
from foldgrid.simulation.labelled.ssc_skin import SkinStage, paint_ssc_skin
from foldgrid.specs.synthetic import StudySettings

HIGHEST_SCORE = 51
VISIT_DAYS = (0, 182)
RATER_ERROR = 1.5
"""Standard deviation of the physician's error, in points."""
PLACE_SPREAD = 0.05
"""Standard deviation of a place's own thickness, a fraction of the whole range."""


def plan_skin_thickness(settings: StudySettings) -> tuple[StudyShot, ...]:
    """Two visits of every subject half a year apart; 2 or 3 photographs at each, of two places."""
    rng = plan_stream(settings)
    shots: list[StudyShot] = []
    for subject in range(1, settings.num_subjects + 1):
        severity = float(rng.beta(1.2, 1.8))
        for visit, day in enumerate(VISIT_DAYS):
            # Thick skin softens over half a year as often as it thickens.
            severity = float(np.clip(severity + visit * rng.normal(0.0, 0.08), 0.0, 1.0))
            seen = HIGHEST_SCORE * severity + rng.normal(0.0, RATER_ERROR)
            score = int(np.clip(np.rint(seen), 0, HIGHEST_SCORE))
            for number in range(int(rng.integers(2, 4))):
                of_place = float(np.clip(severity + rng.normal(0.0, PLACE_SPREAD), 0.0, 1.0))
                name = subject_name(subject)
                shots.append(
                    StudyShot(
                        path=f"photos/{name}/V{visit + 1}_{number + 1}.jpg",
                        subject=subject,
                        picture=len(shots) + 1,
                        place=1 + number % 2,
                        finding=skin_of(of_place),
                        cells=(name, str(score), f"V{visit + 1}", str(day)),
                        day=day,
                    )
                )
    return tuple(shots)


def skin_of(severity: float) -> SkinStage:
    """How skin is at a fraction of the highest score, 0 to 1."""
    swelling = 0.7 * float(np.sin(np.pi * severity)) * (1.0 - 0.4 * severity)
    return SkinStage(swelling, 0.03 + 0.92 * severity)


SKIN_THICKNESS = Study(("subject", "value", "visit", "day"), plan_skin_thickness, paint_ssc_skin)
