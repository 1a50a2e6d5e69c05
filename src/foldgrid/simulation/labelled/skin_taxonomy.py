"""Lesions under a hierarchy of diseases: a few dozen, very unequal in frequency, alike in a branch.

Each branch sets features, which its diseases share; a disease has its own on top. The
frequencies are made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from foldgrid.simulation.labelled.lesion import Features, draw_lesion
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
"""Fraction of the subjects that have another lesion besides."""
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
                        cells=(subject_name(subject), f"L{case:03d}", disease.name, disease.path),
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


_Set: TypeAlias = dict[str, float]

BRANCHES: dict[str, _Set] = {
    "benign": {"irregular": 0.06, "edge": 0.16},
    "benign/melanocytic": {"pigment": 1.0, "network": 0.25, "size": 0.15},
    "benign/epidermal": {"keratin": 0.6, "pigment": 0.35, "edge": 0.1, "dome": 0.4},
    "benign/dermal": {"dome": 0.6, "edge": 0.25, "blood": 0.15},
    "malignant": {"irregular": 0.55, "asymmetry": 0.6, "size": 0.28},
    "malignant/melanocytic": {"pigment": 1.6, "variegation": 0.8, "blue": 0.3, "edge": 0.18},
    "malignant/epidermal": {"blood": 0.45, "keratin": 0.25, "ulcer": 0.3, "dome": 0.5},
    "malignant/dermal": {"blood": 0.7, "dome": 0.7, "blue": 0.15, "pigment": 0.3},
    "malignant/lymphoma": {"blood": 0.5, "edge": 0.45, "number": 3.0, "dome": 0.15},
    "non_neoplastic": {"edge": 0.6, "dome": 0.1, "irregular": 0.3},
    "non_neoplastic/inflammatory": {"blood": 0.65, "size": 0.24},
    "non_neoplastic/genodermatosis": {"keratin": 0.4, "number": 4.0, "size": 0.10, "pigment": 0.3},
}

DISEASES: dict[str, tuple[float, _Set]] = {
    "benign/melanocytic/junctional_naevus": (30, {"network": 0.7, "dome": 0.02}),
    "benign/melanocytic/compound_naevus": (24, {"dome": 0.5, "pigment": 0.8}),
    "benign/melanocytic/dermal_naevus": (16, {"dome": 0.9, "pigment": 0.35, "blood": 0.15}),
    "benign/melanocytic/blue_naevus": (6, {"blue": 0.9, "pigment": 1.2, "edge": 0.2}),
    "benign/melanocytic/halo_naevus": (3, {"pigment": 0.8, "pearl": 0.5, "size": 0.2}),
    "benign/melanocytic/lentigo": (12, {"pigment": 0.55, "dome": 0.0, "edge": 0.08}),
    "benign/epidermal/seborrhoeic_keratosis": (28, {"pigment": 0.9, "keratin": 0.75, "size": 0.22}),
    "benign/epidermal/wart": (14, {"pigment": 0.05, "dome": 0.8, "size": 0.13}),
    "benign/epidermal/epidermal_naevus": (3, {"number": 4.0, "asymmetry": 1.2, "size": 0.09}),
    "benign/epidermal/clear_cell_acanthoma": (2, {"blood": 0.7, "keratin": 0.2, "ring": 0.3}),
    "benign/dermal/dermatofibroma": (14, {"pigment": 0.6, "pearl": 0.35, "size": 0.13}),
    "benign/dermal/cherry_angioma": (12, {"blood": 1.5, "size": 0.08, "number": 3.0}),
    "benign/dermal/lipoma": (5, {"dome": 0.9, "blood": 0.0, "size": 0.3, "edge": 0.5}),
    "benign/dermal/xanthoma": (3, {"yellow": 0.9, "number": 2.0, "blood": 0.0}),
    "benign/dermal/pyogenic_granuloma": (4, {"blood": 1.3, "ulcer": 0.35, "dome": 1.0}),
    "malignant/melanocytic/superficial_spreading": (20, {"size": 0.32, "network": 0.5}),
    "malignant/melanocytic/nodular": (8, {"dome": 1.0, "blue": 0.6, "pigment": 2.1}),
    "malignant/melanocytic/lentigo_maligna": (7, {"pigment": 0.8, "dome": 0.0, "edge": 0.35}),
    "malignant/melanocytic/acral_lentiginous": (4, {"asymmetry": 1.1, "network": 0.8}),
    "malignant/melanocytic/amelanotic": (2, {"pigment": 0.1, "blood": 0.9, "blue": 0.0}),
    "malignant/epidermal/basal_cell_carcinoma": (26, {"pearl": 0.8, "vessels": 0.8}),
    "malignant/epidermal/squamous_cell_carcinoma": (16, {"keratin": 0.7, "ulcer": 0.7}),
    "malignant/epidermal/bowen_disease": (8, {"edge": 0.3, "keratin": 0.45, "ulcer": 0.0}),
    "malignant/epidermal/keratoacanthoma": (4, {"dome": 1.1, "ring": 0.5, "keratin": 0.6}),
    "malignant/dermal/merkel_cell_carcinoma": (3, {"blood": 1.1, "pigment": 0.1}),
    "malignant/dermal/kaposi_sarcoma": (4, {"number": 3.0, "blue": 0.45, "blood": 0.9}),
    "malignant/lymphoma/mycosis_fungoides": (5, {"keratin": 0.25}),
    "malignant/lymphoma/sezary_syndrome": (2, {"size": 0.4, "number": 1.0, "blood": 0.75}),
    "non_neoplastic/inflammatory/psoriasis": (26, {"keratin": 0.55, "edge": 0.15, "number": 2.0}),
    "non_neoplastic/inflammatory/eczema": (30, {"edge": 0.7, "irregular": 0.6}),
    "non_neoplastic/inflammatory/granuloma_annulare": (6, {"ring": 0.9, "blood": 0.5}),
    "non_neoplastic/inflammatory/acne": (18, {"number": 7.0, "size": 0.07, "dome": 0.5}),
    "non_neoplastic/inflammatory/urticaria": (8, {"pearl": 0.3, "blood": 0.4, "dome": 0.4}),
    "non_neoplastic/genodermatosis/ichthyosis": (4, {"number": 1.0, "size": 0.5, "keratin": 0.5}),
    "non_neoplastic/genodermatosis/darier_disease": (3, {"number": 8.0, "size": 0.06}),
    "non_neoplastic/genodermatosis/neurofibromatosis": (4, {"keratin": 0.0, "dome": 0.7}),
}
"""By its path in the hierarchy: how frequent it is, and its own features."""


@dataclass(frozen=True)
class Disease:
    """One leaf: its path from the root, how frequent it is, and how it looks."""

    path: str
    weight: float
    features: Features

    @property
    def name(self) -> str:
        """The label."""
        return self.path.rsplit("/", 1)[-1]


def all_diseases() -> tuple[Disease, ...]:
    """Every leaf, with the features of its branches and its own."""
    return tuple(
        Disease(path, weight, _features(path, own)) for path, (weight, own) in DISEASES.items()
    )


def _features(path: str, own: _Set) -> Features:
    merged: _Set = {}
    names = path.split("/")
    for depth in range(1, len(names)):
        merged |= BRANCHES["/".join(names[:depth])]
    return Features(**(merged | own))
