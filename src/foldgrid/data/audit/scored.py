"""What a manifest holds, as facts and as text. Knows the survey; decodes no photo."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from foldgrid.data.audit.photo_files import describe_files, odd_photos
from foldgrid.data.dataset import Survey, tile_rows
from foldgrid.data.manifest.rows import MAX_INVOLVEMENT, MAX_SEVERITY, SCORES
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import Problem
from foldgrid.specs.sweep import REGIONS


@dataclass(frozen=True)
class RegionFacts:
    """One region's photographs.

    Attributes:
        num_samples: Visits at which the region was photographed.
        num_photos: Photos in all.
        usual_photos: The most photos that any visit has of it.
        num_missing: Photos that are lacking to ``usual_photos`` at those visits.
    """

    num_samples: int
    num_photos: int
    usual_photos: int
    num_missing: int


@dataclass(frozen=True)
class Audit:
    """The facts of a manifest that reads without mistakes.

    Attributes:
        path: The manifest.
        fingerprint: `data_fingerprint`.
        num_subjects: Subjects.
        num_visits: Visits of all subjects.
        num_photos: Photographs.
        num_samples: Mosaics.
        regions: By region that occurs, in ``REGIONS``' order.
        score_counts: By score, the number of samples with 0, 1, 2, …
        files: The photographs as files, a fact a line.
        photo_bytes: All photo files together.
        mosaics_bytes: What the mosaics take.
        warnings: What is odd but usable, from the manifest and from equal photos.
    """

    path: Path
    fingerprint: str
    num_subjects: int
    num_visits: int
    num_photos: int
    num_samples: int
    regions: dict[str, RegionFacts]
    score_counts: dict[str, tuple[int, ...]]
    files: tuple[str, ...]
    photo_bytes: int
    mosaics_bytes: int
    warnings: tuple[Problem, ...]


def audit_survey(survey: Survey) -> Audit:
    """Count what there is."""
    samples, facts = survey.samples, survey.photo_facts
    return Audit(
        path=survey.manifest.path,
        fingerprint=survey.fingerprint,
        num_subjects=samples["subject"].nunique(),
        num_visits=len(samples[["subject", "visit"]].drop_duplicates()),
        num_photos=survey.num_photos,
        num_samples=len(samples),
        regions=_region_facts(samples),
        score_counts=_score_counts(samples),
        files=tuple(describe_files(facts)),
        photo_bytes=sum(photo.num_bytes for photo in facts),
        mosaics_bytes=survey.mosaics_bytes,
        warnings=tuple(survey_warnings(survey)),
    )


def survey_warnings(survey: Survey) -> list[Problem]:
    """What is odd but usable, of the manifest and of the photographs."""
    odd = odd_photos(tile_rows(survey), survey.photo_facts)
    return [*survey.manifest.warnings, *find_equal_photos(survey), *odd]


def _region_facts(samples: pd.DataFrame) -> dict[str, RegionFacts]:
    facts = {}
    for region in REGIONS:
        counts = samples.loc[samples["region"] == region, "num_photos"]
        if len(counts):
            usual, total = int(counts.max()), int(counts.sum())
            facts[region] = RegionFacts(len(counts), total, usual, usual * len(counts) - total)
    return facts


def _score_counts(samples: pd.DataFrame) -> dict[str, tuple[int, ...]]:
    counts = {}
    for score in SCORES:
        highest = MAX_INVOLVEMENT if score == "involvement" else MAX_SEVERITY
        occurring = Counter(samples[score].tolist())
        counts[score] = tuple(occurring[value] for value in range(highest + 1))
    return counts


def find_equal_photos(survey: Survey) -> list[Problem]:
    """Find photos whose files are equal byte by byte, those of different subjects first.

    Under two subjects one of them is wrong, and the same picture may come to lie on both sides of
    a split. Under one subject it is a copy, which counts twice.
    """
    tiles_of_hash: dict[str, list[int]] = {}
    for index, digest in enumerate(survey.photo_hashes):
        tiles_of_hash.setdefault(digest, []).append(index)
    across, within = [], []
    for indices in tiles_of_hash.values():
        if len(indices) < 2:
            continue
        tiles = sorted((survey.table.tiles[index] for index in indices), key=lambda t: t.row)
        subjects = {survey.samples["subject"].iloc[tile.sample_index] for tile in tiles}
        where = "rows " + ", ".join(str(tile.row) for tile in tiles)
        names = " and ".join(f'"{tile.photo}"' for tile in tiles)
        if len(subjects) > 1:
            message = (
                f"{names} are the same picture under the subjects {', '.join(sorted(subjects))}. "
                "Keep it where it belongs: a split cannot tell them apart."
            )
            across.append(Problem(where, "photo", message))
        else:
            message = f"{names} are the same picture. Keep one of them."
            within.append(Problem(where, "photo", message))
    return across + within


def describe_audit(audit: Audit) -> str:
    """The audit as plain text, a fact a line."""
    lines = [
        f"{audit.path}: no mistakes",
        f"  {counted(audit.num_subjects, 'subject')}, {counted(audit.num_visits, 'visit')}, "
        f"{counted(audit.num_photos, 'photo')} "
        f"({audit.photo_bytes / 1e6:,.1f} MB), {counted(audit.num_samples, 'mosaic')} "
        f"({audit.mosaics_bytes / 1e6:,.1f} MB), data {audit.fingerprint}",
        *(f"  {line}" for line in audit.files),
    ]
    for region, facts in audit.regions.items():
        missing = f", {facts.num_missing} missing" if facts.num_missing else ""
        lines.append(
            f"  {region:18} {counted(facts.num_samples, 'visit')}, "
            f"{counted(facts.num_photos, 'photo')} "
            f"(up to {facts.usual_photos} a visit{missing})"
        )
    for score, counts in audit.score_counts.items():
        fractions = "  ".join(f"{value}: {count}" for value, count in enumerate(counts))
        lines.append(f"  {score:18} {fractions}")
    if audit.warnings:
        lines.append(counted(len(audit.warnings), "warning"))
        lines += [f"  {each.where}  {each.what}  {each.message}" for each in audit.warnings]
    return "\n".join(lines)
