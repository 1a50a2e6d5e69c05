"""Samples of one photograph each, with a label or a number. Knows rows; reads no file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from foldgrid.data.manifest.labelled import LabelledManifest
from foldgrid.data.manifest.table import CheckedManifest
from foldgrid.data.sample_table import MEASURED, SINGLE, SampleLayout, SampleTable, Tile

NUM_BANDS = 5
"""Splits balance the fractions of so many bands of the values, each about as full."""


def list_photos(manifest: LabelledManifest) -> SampleTable:
    """Make every labelled photo a sample; see ``list_measured`` for their order and names."""
    columns = ("label", "case", "taxonomy", *sorted(manifest.raters))
    return _samples(manifest.photos, columns, SINGLE)


def list_measured(manifest: CheckedManifest) -> SampleTable:
    """Make every photo a sample, in an order that does not depend on the manifest's.

    Subjects come by name, within them cases by name, within those photos by path. A sample is
    called ``subject/case/number``, or ``subject/number`` without a case; the number is its place
    among these. File names often say whose picture it is, so they are no part of the name; the
    photograph is found again by counting its case's files in alphabetical order.
    """
    photos = manifest.photos.assign(band=value_bands(manifest.photos["value"]))
    return _samples(photos, ("value", "case", "band"), MEASURED)


def value_bands(values: pd.Series[float]) -> pd.Series[int]:
    """Which of ``NUM_BANDS`` bands, about as full, each value is in; from 0, rising."""
    ends = np.quantile(values, np.arange(1, NUM_BANDS) / NUM_BANDS)
    return pd.Series(np.searchsorted(np.unique(ends), values), values.index)


def band_names(values: pd.Series[float], bands: pd.Series[int]) -> pd.Series[str]:
    """The lowest and highest value of each one's band, as text."""
    grouped = values.groupby(bands)
    low, high = (grouped.transform(end).map("{:g}".format) for end in ("min", "max"))
    return low + " to " + high


def _samples(photos: pd.DataFrame, columns: tuple[str, ...], layout: SampleLayout) -> SampleTable:
    order = ["subject", "case", "photo"]
    photos = photos.sort_values(order, kind="stable", ignore_index=True)
    numbers = photos.groupby(["subject", "case"], sort=False).cumcount() + 1
    samples = photos[["subject", "visit", "day", *columns]].copy()
    names = [
        "/".join(part for part in (subject, case, str(number)) if part)
        for subject, case, number in zip(photos["subject"], photos["case"], numbers, strict=True)
    ]
    samples.insert(0, "sample", names)
    rows = zip(photos["row"].tolist(), photos["photo"], photos["path"], strict=True)
    tiles = (
        Tile(index, 0, row, str(photo), Path(path)) for index, (row, photo, path) in enumerate(rows)
    )
    return SampleTable(samples.assign(num_photos=1), tuple(tiles), layout)
