"""What a simulated study is made of: the settings, checked, with no pixels and no NumPy.

The simulations themselves live in `foldgrid.simulation.pasi` and
`foldgrid.simulation.labelled`; this file knows only their words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator

from foldgrid.specs.base import Spec
from foldgrid.specs.samples import SampleKind

FEWEST_VISITS_A_SUBJECT = 5
MOST_VISITS_A_SUBJECT = 6


class TrialSettings(Spec):
    """Settings of the simulated UltIMMa-2 imaging sub-study. Equal settings give equal bytes.

    The defaults are the published trial's values (60 subjects, 338 visits of 8 photographs,
    74.8 % PASI90 at week 16) at a picture size that a laptop makes in under a minute.

    Attributes:
        seed: Seed of everything drawn at random.
        num_subjects: Subjects in the trial, 2 to 999.
        num_visits: Visits in all; every subject has 5 or 6, so between 5 and 6 times
            `num_subjects`.
        photo_width: Width of the stored photograph in pixels, before its EXIF orientation is
            applied.
        photo_height: Height of the stored photograph in pixels, before its EXIF orientation is
            applied.
        missing_fraction: Fraction of the planned photographs that were never taken, 0 to 0.5. Every
            region of every visit keeps at least one.
        placebo_fraction: Fraction of the subjects in the placebo arm, who hardly improve, 0 to 1.
        pasi90_fraction: Fraction of all subjects that lose at least 90 % of their baseline PASI by
            the last visit, 0 to 1. The rater's noise moves the achieved fraction by a subject or
            two.
        studio: ``standard`` hangs one backdrop and hands out one kind of clothes at every site, as
            a standardised study does; ``varied`` lets each subject's site choose, which makes the
            scores much harder to see in small pictures.
        rater_noise: Standard deviation of the rater's error in erythema, induration and scaling,
            in grades.
        rater_area_noise: Relative standard deviation of the rater's estimate of the affected
            fraction of the skin.
        jpeg_quality: JPEG quality in Pillow's scale, 30 to 100.
    """

    seed: int = Field(default=0, ge=0, lt=2**63)
    num_subjects: int = Field(default=60, ge=2, le=999)
    num_visits: int = Field(default=338, ge=2 * FEWEST_VISITS_A_SUBJECT)
    photo_width: int = Field(default=192, ge=32, le=8192)
    photo_height: int = Field(default=128, ge=32, le=8192)
    missing_fraction: float = Field(default=0.015, ge=0.0, le=0.5, alias="missing_share")
    placebo_fraction: float = Field(default=0.1, ge=0.0, le=1.0, alias="placebo_share")
    pasi90_fraction: float = Field(default=0.748, ge=0.0, le=1.0, alias="pasi90_share")
    studio: Literal["standard", "varied"] = "standard"
    rater_noise: float = Field(default=0.25, ge=0.0, le=2.0)
    rater_area_noise: float = Field(default=0.1, ge=0.0, le=1.0)
    jpeg_quality: int = Field(default=90, ge=30, le=100)

    @model_validator(mode="after")
    def _visits_fit_the_subjects(self) -> TrialSettings:
        fewest = FEWEST_VISITS_A_SUBJECT * self.num_subjects
        most = MOST_VISITS_A_SUBJECT * self.num_subjects
        if not fewest <= self.num_visits <= most:
            nearest = min(max(self.num_visits, fewest), most)
            raise ValueError(
                f"num_visits: found {self.num_visits}. {self.num_subjects} subjects with 5 or 6 "
                f"visits each make {fewest} to {most}. Set num_visits to {nearest}, or change "
                "num_subjects."
            )
        return self

    @model_validator(mode="after")
    def _placebo_leaves_room(self) -> TrialSettings:
        # The tolerance lets 0.3 + 0.7 through, whatever binary fractions make of it.
        if self.placebo_fraction + self.pasi90_fraction > 1.0 + 1e-9:
            raise ValueError(
                f"placebo_fraction: found {self.placebo_fraction} beside pasi90_fraction "
                f"{self.pasi90_fraction}. Together they may not exceed 1, because the placebo arm "
                f"does not reach PASI90. Lower placebo_fraction to {1 - self.pasi90_fraction:.3g}, "
                "or lower pasi90_fraction."
            )
        return self


StudyName: TypeAlias = Literal[
    "ssc_skin", "aidda", "referable_dr", "skin_taxonomy", "skin_thickness"
]
"""The simulated studies of single photographs."""

DEFAULT_SUBJECTS: dict[StudyName, int] = {
    "ssc_skin": 60,
    "aidda": 90,
    "referable_dr": 110,
    "skin_taxonomy": 200,
    "skin_thickness": 60,
}
"""So many make some hundred photographs."""


class StudySettings(Spec):
    """Settings of a simulated study of single photographs. Equal settings give equal bytes.

    Attributes:
        study: Which study.
        seed: Seed of everything drawn at random.
        num_subjects: Subjects in the study, 6 to 999.
        photo_width: Width of a photograph in pixels.
        photo_height: Height of a photograph in pixels.
        jpeg_quality: JPEG quality in Pillow's scale, 30 to 100.
    """

    study: StudyName
    seed: int = Field(default=0, ge=0, lt=2**63)
    num_subjects: int = Field(ge=6, le=999)
    photo_width: int = Field(default=144, ge=32, le=2048)
    photo_height: int = Field(default=144, ge=32, le=2048)
    jpeg_quality: int = Field(default=90, ge=30, le=100)


def _simulated(settings: Any) -> Literal["trial", "study"]:
    """Which of the two is meant: a study says its name, the PASI trial has none."""
    named = "study" in settings if isinstance(settings, Mapping) else hasattr(settings, "study")
    return "study" if named else "trial"


SyntheticSettings: TypeAlias = Annotated[
    Annotated[TrialSettings, Tag("trial")] | Annotated[StudySettings, Tag("study")],
    Discriminator(_simulated),
]
"""Settings of the PASI trial or, where ``study`` is given, of that study."""

MEASURED_STUDIES: frozenset[StudyName] = frozenset({"skin_thickness"})
"""Those whose photographs have a value; the others' have a label."""


def study_kind(settings: TrialSettings | StudySettings) -> SampleKind:
    """Which samples a simulated study makes."""
    if isinstance(settings, TrialSettings):
        return "mosaics"
    return "measured" if settings.study in MEASURED_STUDIES else "single"
