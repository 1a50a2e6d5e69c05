"""Checks of a scored manifest's regions: what a photograph's scores and its neighbours' must obey.

Each takes the rows that read well (see `Manifest.photos`) and returns the problems it finds.
"""

from __future__ import annotations

import pandas as pd

from foldgrid.data.manifest_checks import find_disagreements, joined, rows_text
from foldgrid.data.manifest_rows import SCORES
from foldgrid.specs.errors import Problem

MAX_PHOTOS_A_SAMPLE = 4


def find_contradictions(photos: pd.DataFrame) -> list[Problem]:
    """Find scores that differ within a region of a visit, and days that differ within a visit."""
    region = ["subject", "visit", "region"]
    return [
        *find_disagreements(photos, region, SCORES, "a region has one score a visit"),
        *find_disagreements(photos, ["subject", "visit"], ("day",), "a visit has one day"),
    ]


def find_surplus_photos(photos: pd.DataFrame) -> list[Problem]:
    """Find regions of a visit with more photos than a composite has tiles."""
    return [
        Problem(
            rows_text(rows["row"]),
            "photo",
            f"found {len(rows)} photos of {joined(keys)}. A composite holds "
            f"at most {MAX_PHOTOS_A_SAMPLE}: keep the best {MAX_PHOTOS_A_SAMPLE}.",
        )
        for keys, rows in photos.groupby(["subject", "visit", "region"], sort=False)
        if len(rows) > MAX_PHOTOS_A_SAMPLE
    ]


def find_implausible_scores(photos: pd.DataFrame) -> list[Problem]:
    """Find regions without involved skin whose severities are not 0; the score is 0 either way."""
    severity = photos[list(SCORES[:3])].max(axis=1)
    odd = photos[(photos["involvement"] == 0) & (severity > 0)]
    return [
        Problem(
            rows_text(rows["row"]),
            "involvement",
            f"found 0 beside a severity above 0 for {joined(keys)}. The "
            "region then scores 0: check that no involvement was meant.",
        )
        for keys, rows in odd.groupby(["subject", "visit", "region"], sort=False)
    ]
