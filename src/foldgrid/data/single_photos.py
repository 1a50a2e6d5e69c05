"""Samples of one photograph each, from a labelled manifest. Knows rows; reads no file."""

from __future__ import annotations

from pathlib import Path

from foldgrid.data.manifest.labelled import LabelledManifest
from foldgrid.data.sample_table import SINGLE, SampleTable, Tile


def list_photos(manifest: LabelledManifest) -> SampleTable:
    """Make every photo a sample, in an order that does not depend on the manifest's.

    Subjects come by name, within them cases by name, within those photos by path. A sample is
    called ``subject/case/number``, or ``subject/number`` without a case; the number is its place
    among these. File names often say whose picture it is, so they are no part of the name; the
    photograph is found again by counting its case's files in alphabetical order.
    """
    order = ["subject", "case", "photo"]
    photos = manifest.photos.sort_values(order, kind="stable", ignore_index=True)
    numbers = photos.groupby(["subject", "case"], sort=False).cumcount() + 1
    columns = ["subject", "visit", "day", "label", "case", "taxonomy", *sorted(manifest.graders)]
    samples = photos[columns].copy()
    names = [
        "/".join(part for part in (subject, case, str(number)) if part)
        for subject, case, number in zip(photos["subject"], photos["case"], numbers, strict=True)
    ]
    samples.insert(0, "sample", names)
    rows = zip(photos["row"].tolist(), photos["photo"], photos["path"], strict=True)
    tiles = (
        Tile(index, 0, row, str(photo), Path(path)) for index, (row, photo, path) in enumerate(rows)
    )
    return SampleTable(samples.assign(num_photos=1), tuple(tiles), SINGLE)
