"""Psoriasis, eczema with atopic dermatitis, and healthy skin: photographs in cases, some spoilt.

What is shown: psoriasis as sharply bordered, raised, silvery plaques; eczema as ill-defined redness
with small papules, fine scale, scratch marks and crusts; healthy skin with moles, hair and flush.
Mild cases of both look alike. Some files are copies, some photographs blurred or far away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from foldgrid.simulation.labelled.shots import (
    Flaw,
    Radiance,
    Study,
    StudyShot,
    plan_stream,
    studio_of,
    subject_name,
    traits_of,
)
from foldgrid.simulation.labelled.skin_patch import (
    Layers,
    bare_layers,
    far_body,
    light_skin,
    near_body,
    shot_stream,
    skin_stream,
)
from foldgrid.simulation.pasi.body import Body
from foldgrid.simulation.pasi.fields import (
    Plane,
    look_up,
    smooth_step,
    smooth_texture,
    texture_size,
)
from foldgrid.simulation.pasi.plaques import Plaques, Severity, draw_plaques
from foldgrid.specs.synthetic import StudySettings

PSORIASIS, ECZEMA, HEALTHY = "psoriasis", "eczema_atopic_dermatitis", "healthy"
PHOTOS_A_CASE = {PSORIASIS: (1, 3), ECZEMA: (2, 6), HEALTHY: (3, 5)}
"""Least and, not reached, most photographs; the published study has 1.3 and 3.5 a case."""
FLAW_FRACTIONS: dict[Flaw, float] = {
    "copy": 0.02, "near copy": 0.015, "blurred": 0.03, "far away": 0.03,
}  # fmt: skip
CRUST = (0.42, 0.26, 0.10)


@dataclass(frozen=True)
class Eruption:
    """One case: its ``disease``, and ``strength`` and ``fraction`` of the skin, 0 to 1."""

    disease: str
    strength: float
    fraction: float


def plan_aidda(settings: StudySettings) -> tuple[StudyShot, ...]:
    """A third of the subjects in each class; the ill have one or two cases, the healthy none."""
    rng = plan_stream(settings)
    shots: list[StudyShot] = []
    num_cases = 0
    for subject in range(1, settings.num_subjects + 1):
        disease = (PSORIASIS, ECZEMA, HEALTHY)[subject % 3]
        of_subject = 1 if disease == HEALTHY else 1 + int(rng.random() < 0.35)
        for case in range(of_subject):
            num_cases += disease != HEALTHY
            name = "" if disease == HEALTHY else f"C{num_cases:03d}"
            eruption = Eruption(disease, float(rng.random()), float(rng.uniform(0.12, 0.55)))
            day = int(rng.integers(0, 700))
            for number in range(int(rng.integers(*PHOTOS_A_CASE[disease]))):
                shots.append(
                    StudyShot(
                        path=f"photos/{subject_name(subject)}/{case + 1}_{number + 1}.jpg",
                        subject=subject,
                        picture=len(shots) + 1,
                        place=1 + 10 * case + number // 2,
                        finding=eruption,
                        cells=_cells(subject, name, disease),
                        day=day,
                    )
                )
    return _spoil(shots, rng)


def _cells(subject: int, case: str, disease: str) -> tuple[str, ...]:
    reviewer = f"expert_{1 + subject % 3}"
    return subject_name(subject), case, disease, "confirmed", reviewer, "clinical"


def _spoil(shots: list[StudyShot], rng: np.random.Generator) -> tuple[StudyShot, ...]:
    """Blur some, take some from far away, and add copies, all at different places."""
    order = rng.permutation(len(shots))
    flaws: dict[int, Flaw] = {}
    taken = 0
    for flaw, fraction in FLAW_FRACTIONS.items():
        number = max(1, round(fraction * len(shots)))
        flaws |= dict.fromkeys(order[taken : taken + number].tolist(), flaw)
        taken += number
    spoilt: list[StudyShot] = []
    for place, shot in enumerate(shots):
        flaw = flaws.get(place, "")
        if flaw in ("copy", "near copy"):
            again = shot.path.replace(".jpg", "_again.jpg")
            spoilt += [shot, replace(shot, path=again, flaw=flaw)]
        else:
            spoilt.append(replace(shot, flaw=flaw))
    return tuple(spoilt)


def paint_aidda(settings: StudySettings, shot: StudyShot, rows: int, cols: int) -> Radiance:
    """Paint one photograph."""
    rng, skin_map = shot_stream(settings, shot), skin_stream(settings, shot)
    traits = traits_of(settings, shot)
    is_far = shot.flaw == "far away"
    body = far_body(rng, traits, rows, cols) if is_far else near_body(rng, rows, cols)
    layers = bare_layers((rows, cols))
    eruption = shot.finding
    if eruption.disease == PSORIASIS:
        wide = 3.0 if is_far else 1.0
        person = replace(traits, plaque_waves=wide * (1.2 + 0.25 * traits.plaque_waves))
        skin = body.surface.cover * (1.0 - body.surface.garment)
        layers.plaques = draw_plaques(body, skin, person, _severity(eruption), skin_map)
    elif eruption.disease == ECZEMA:
        _lay_eczema(body, layers, eruption, skin_map)
    else:
        _lay_flush(body, layers, eruption, skin_map)
    return light_skin(body, layers, traits, studio_of(settings, shot), skin_map, rng)


def _severity(eruption: Eruption) -> Severity:
    strength = eruption.strength
    return Severity(
        fraction=eruption.fraction,
        baseline_fraction=eruption.fraction,
        erythema=0.9 + 2.4 * strength,
        induration=0.6 + 3.2 * strength,
        scaling=0.3 + 3.6 * strength,
    )


def _field(
    body: Body, skin_map: np.random.Generator, bands: tuple[tuple[float, float, float], ...]
) -> Plane:
    surface = body.surface
    texture = smooth_texture(skin_map, texture_size(surface.frame.unit_pixels), bands)
    return look_up(texture, surface.skin_along, surface.skin_across)


def _lay_eczema(
    body: Body, layers: Layers, eruption: Eruption, skin_map: np.random.Generator
) -> None:
    area = _field(body, skin_map, ((1.6, 1.0, 1.0), (4.0, 2.0, 0.35)))
    fine = _field(body, skin_map, ((26.0, 8.0, 1.0),))
    scratch = _field(body, skin_map, ((13.0, 4.0, 1.0),))
    strength = eruption.strength
    # No border: redness fades into the skin around.
    cover = smooth_step((area + 1.1 * eruption.fraction) / 2.6 + 0.25)
    papules = smooth_step((fine - 0.9) / 0.7) * cover
    crust = smooth_step((scratch - 1.75 + 0.35 * strength) / 0.4) * cover
    layers.plaques = Plaques(
        cover=cover,
        redness=(1.1 + 1.8 * strength) * cover * (0.8 + 0.25 * papules + 0.1 * fine),
        height=(0.0008 + 0.0022 * strength) * papules,
        scale=(0.08 + 0.16 * strength) * cover * smooth_step((fine + 0.3 * scratch - 0.2) / 1.5),
        stain=np.zeros_like(cover),
    )
    layers.veils.append((CRUST, np.asarray(0.55 * crust, dtype=np.float32)))
    layers.crease = 1.3 + 1.2 * strength


def _lay_flush(
    body: Body, layers: Layers, eruption: Eruption, skin_map: np.random.Generator
) -> None:
    warm = _field(body, skin_map, ((1.8, 1.0, 1.0),))
    layers.blood += 0.22 * eruption.strength * smooth_step((warm + 0.2) / 2.0)


AIDDA = Study(
    ("subject", "case", "label", "review_status", "reviewed_by", "picture_type"),
    plan_aidda,
    paint_aidda,
)
