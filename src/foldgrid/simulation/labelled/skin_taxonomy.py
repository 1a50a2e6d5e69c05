"""Lesions under a tree of diseases: a few dozen, very unequally frequent, alike within a branch."""

from __future__ import annotations

import numpy as np

from foldgrid.simulation.labelled.lesion import draw_lesion
from foldgrid.simulation.labelled.lesion_tree import Disease, all_diseases
from foldgrid.simulation.labelled.shots import (
    Radiance,
    Study,
    StudyShot,
    StudyStream,
    plan_stream,
    studio_of,
    subject_name,
    traits_of,
)
from foldgrid.simulation.labelled.skin_patch import light_skin, near_body, shot_stream, skin_stream
from foldgrid.simulation.pasi.streams import stream
from foldgrid.specs.synthetic import StudySettings

SECOND_LESION = 0.15
"""Share of the subjects that have another lesion besides."""
FEATURE_SPREAD = 0.22
FEWEST_CASES = 2


def plan_skin_taxonomy(settings: StudySettings) -> tuple[StudyShot, ...]:
    """One or two lesions a subject, each a case of one or two photographs."""
    rng = plan_stream(settings)
    num_lesions = 1 + (rng.random(settings.num_subjects) < SECOND_LESION)
    diseases = _allot(int(num_lesions.sum()), rng)
    shots: list[StudyShot] = []
    case = 0
    for subject in range(1, settings.num_subjects + 1):
        for lesion in range(int(num_lesions[subject - 1])):
            disease = diseases[case]
            case += 1
            features = disease.features.varied(rng, FEATURE_SPREAD)
            day = int(rng.integers(0, 900))
            for number in range(1 + int(rng.random() < 0.45)):
                shots.append(
                    StudyShot(
                        path=f"photos/{subject_name(subject)}/{lesion + 1}_{number + 1}.jpg",
                        subject=subject,
                        picture=len(shots) + 1,
                        place=lesion + 1,
                        finding=features,
                        cells=(subject_name(subject), f"L{case:03d}", disease.name, disease.way),
                        day=day,
                    )
                )
    return tuple(shots)


def _allot(num_cases: int, rng: np.random.Generator) -> list[Disease]:
    """Give every case a disease: by frequency, the rarest twice where there are cases enough."""
    diseases = all_diseases()
    weights = np.array([disease.weight for disease in diseases])
    least = FEWEST_CASES if num_cases >= 3 * FEWEST_CASES * len(diseases) // 2 else 0
    spare = num_cases - least * len(diseases)
    exact = spare * weights / weights.sum()
    counts = np.floor(exact).astype(int)
    for place in np.argsort(counts - exact, kind="stable")[: spare - int(counts.sum())]:
        counts[place] += 1
    each = [disease for disease, count in zip(diseases, counts + least, strict=True)
            for _ in range(int(count))]  # fmt: skip
    return [each[place] for place in rng.permutation(num_cases)]


def paint_skin_taxonomy(settings: StudySettings, shot: StudyShot, rows: int, cols: int) -> Radiance:
    """Paint one photograph."""
    rng, skin_map = shot_stream(settings, shot), skin_stream(settings, shot)
    lesion_map = stream(settings.seed, StudyStream.LESION, shot.subject, shot.place)
    body = near_body(rng, rows, cols)
    layers = draw_lesion(body.surface, shot.finding, lesion_map)
    traits = traits_of(settings, shot)
    return light_skin(body, layers, traits, studio_of(settings, shot), skin_map, rng)


SKIN_TAXONOMY = Study(
    ("subject", "case", "label", "taxonomy"), plan_skin_taxonomy, paint_skin_taxonomy
)
