"""The photographs of a labelled study that a sweep leaves out, and those that it might.

Knows rows and reasons; what makes a photograph blurred or a copy is next door.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.data.audit.exclusions import (
    EXCLUSIONS,
    SAME_CASE,
    ExclusionRules,
    find_reasons,
    find_thresholds,
    review_reasons,
)
from foldgrid.data.audit.image_quality import quality_of_study
from foldgrid.data.mosaics import Progress
from foldgrid.data.picture_hashes import CopyGroup, copies_of_study
from foldgrid.specs.counted import counted
from foldgrid.specs.sweep import Exclusion

OF_REVIEW: tuple[Exclusion, ...] = ("rejected", "pending")


@dataclass(frozen=True)
class LeftOut:
    """Why each photograph of a study is left out.

    Attributes:
        photos: The manifest's rows, those that are left out included.
        reasons: One a row; "" for those that stay.
        looked_for: The reasons that were looked for, in their order.
    """

    photos: pd.DataFrame = field(repr=False)
    reasons: NDArray[np.str_] = field(repr=False)
    looked_for: tuple[str, ...]

    @property
    def is_kept(self) -> NDArray[np.bool_]:
        """Which rows stay."""
        return np.asarray(self.reasons == "")

    def __str__(self) -> str:
        counts = {reason: int((self.reasons == reason).sum()) for reason in self.looked_for}
        words = ", ".join(f"{number} {reason}" for reason, number in counts.items() if number)
        of_all = f"{int((~self.is_kept).sum())} of {counted(len(self.reasons), 'photograph')}"
        return f"{of_all} ({words})" if words else of_all


@dataclass(frozen=True)
class StudyPictures:
    """The photographs of a study as files.

    Attributes:
        paths: Where they are.
        digests: SHA-256 of each.
        pixels: `exam_pixels` of them.
        cache: The cache's root.
    """

    paths: Sequence[Path]
    digests: Sequence[str]
    pixels: int
    cache: Path


def find_left_out(
    photos: pd.DataFrame,
    pictures: StudyPictures,
    exclude: Sequence[Exclusion],
    *,
    whole_cases: bool = False,
    on_progress: Progress | None = None,
) -> LeftOut:
    """Say of each photograph whether it is left out, and why.

    Reviews come first: a rejected photograph is nobody's first copy. The rules are those that
    ``data check`` has without options.

    Args:
        photos: The manifest's rows.
        pictures: Their photographs.
        exclude: What is left out; see ``DataSpec``.
        whole_cases: Whether a case goes with its first photograph.
        on_progress: Told of photographs examined.

    Raises:
        PhotoError: A photograph cannot be decoded.
    """
    reviewed = [EXCLUSIONS[each][0] for each in OF_REVIEW if each in exclude]
    reasons = review_reasons(photos)
    reasons = np.where(np.isin(reasons, reviewed), reasons, "").astype(object)
    rules = ExclusionRules(
        ExclusionRules.blur_deviations if "blurred" in exclude else 0.0,
        ExclusionRules.far_fraction if "far" in exclude else 0.0,
    )
    about = pictures.paths, pictures.digests, pictures.pixels, pictures.cache, on_progress
    quality_N2 = np.zeros((len(photos), 2))
    hashes: dict[int, NDArray[np.uint8]] = {}
    if {"blurred", "far"} & set(exclude):
        quality_N2 = quality_of_study(*about, hashes=hashes)
    copies = copies_of_study(*about, hashes=hashes or None) if "copies" in exclude else []
    left = [each for group in copies if (each := _without(group, reasons != ""))]
    found = find_reasons(photos, quality_N2, left, find_thresholds(quality_N2, rules))
    reasons = np.where(reasons == "", found, reasons).astype(object)
    looked_for = [reason for each, own in EXCLUSIONS.items() if each in exclude for reason in own]
    if whole_cases:
        looked_for.append(SAME_CASE)
        case = photos["subject"] + "/" + photos["case"]
        has_lost = case.isin(case[reasons != ""]) & (photos["case"] != "")
        reasons[(reasons == "") & has_lost.to_numpy()] = SAME_CASE
    return LeftOut(photos, reasons.astype(str), tuple(looked_for))


def _without(group: CopyGroup, is_out: NDArray[np.bool_]) -> CopyGroup | None:
    """The group of those that are not out; nothing where that is one picture."""
    kept = [
        (place, is_exact)
        for place, is_exact in zip(group.places, group.is_exact, strict=True)
        if not is_out[place]
    ]
    if len(kept) < 2:
        return None
    places, is_exact = zip(*kept, strict=True)
    return CopyGroup(places, is_exact)
