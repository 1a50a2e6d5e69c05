"""Samples and their mosaics: up to four photographs of one region at one visit in a 2x2 grid.

Knows rows and tiles; reads no file but through `decode_tile`. Source: One-Step PASI (Methods).
Single photographs are filled in here too: as grids of one tile.
Shape letters: N samples, H and W the picture's height and width, T the side of a tile, C channels
(RGB).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.data.cores import num_usable_cores
from foldgrid.data.manifest.rows import SCORES
from foldgrid.data.manifest.scored import Manifest
from foldgrid.data.photographs import MANAGED, PixelReading, decode_tile
from foldgrid.data.sample_table import SampleTable, Tile
from foldgrid.specs.errors import InputError, PhotoError, Problem
from foldgrid.specs.sweep import REGIONS

Progress = Callable[[int, int], None]
"""Notified the number of things done and of all things, after each."""

SAMPLE_KEYS = ["subject", "visit", "region"]


def group_photos(manifest: Manifest) -> SampleTable:
    """Group a manifest's photos into samples, in an order that is always the same.

    Subjects come by name; the visits of a subject by day where each has one, else as they first
    appear in the manifest; regions as in ``REGIONS``. Within a sample the photos keep the
    manifest's order, which is the order of their tiles.
    """
    photos = manifest.photos.assign(
        visit_rank=_visit_ranks(manifest.photos),
        region_rank=manifest.photos["region"].map(REGIONS.index),
    )
    # A stable sort: photos of one sample stay in the manifest's order.
    photos = photos.sort_values(["subject", "visit_rank", "region_rank"], kind="stable")
    groups = photos.groupby(SAMPLE_KEYS, sort=False)
    columns = [*SAMPLE_KEYS, "day", *SCORES]
    samples = photos[columns].drop_duplicates(SAMPLE_KEYS).reset_index(drop=True)
    samples.insert(0, "sample", samples[SAMPLE_KEYS].agg("/".join, axis=1))
    samples["num_photos"] = groups.size().to_numpy()
    samples = samples[["sample", "subject", "visit", "day", "region", *SCORES, "num_photos"]]
    tiles = zip(
        groups.ngroup().tolist(),
        groups.cumcount().tolist(),
        photos["row"].tolist(),
        photos["photo"].tolist(),
        map(Path, photos["path"].tolist()),
        strict=True,
    )
    return SampleTable(samples, tuple(Tile(*values) for values in tiles))


def _visit_ranks(photos: pd.DataFrame) -> pd.Series[int]:
    """The place of each row's visit among its subject's visits."""
    visits = photos[["subject", "visit", "day"]].drop_duplicates(["subject", "visit"])
    has_days = visits.groupby("subject")["day"].transform(lambda days: days.notna().all())
    appearance = pd.Series(np.arange(len(visits)), index=visits.index)
    ranked = visits.assign(
        day=visits["day"].where(has_days, 0.0),
        # Two visits on one day: by name, so that the manifest's order decides nothing.
        name=visits["visit"].where(has_days, ""),
        appearance=appearance,
    ).sort_values(["day", "name", "appearance"])
    ranked["rank"] = np.arange(len(ranked))
    keys = photos[["subject", "visit"]]
    return keys.merge(ranked, on=["subject", "visit"], how="left").set_index(keys.index)["rank"]


def mosaics_shape(num_samples: int, tile_pixels: int, grid: int) -> tuple[int, int, int, int]:
    """(N, H, W, C) of so many samples' pictures, ``grid`` tiles wide and high."""
    return num_samples, grid * tile_pixels, grid * tile_pixels, 3


def fill_mosaics(
    mosaics_NHWC: NDArray[np.uint8],
    tiles: Sequence[Tile],
    grid: int,
    source: str,
    on_progress: Progress | None = None,
    reading: PixelReading = MANAGED,
) -> None:
    """Decode every photo into its place; places without a photo stay as they are (black).

    Threads suffice: Pillow decodes and scales outside the interpreter's lock. On two cores two
    threads were within a tenth of two processes.

    Args:
        mosaics_NHWC: Zeros, (N, H, W, 3), H = W = grid x T; filled in place.
        tiles: `SampleTable.tiles`.
        grid: Tiles a side.
        source: The manifest, for the message.
        on_progress: Called after each photo.
        reading: How numbers become colours.

    Raises:
        InputError: All photos that cannot be decoded, at once.
    """
    tile_pixels = mosaics_NHWC.shape[1] // grid

    def place(tile: Tile) -> None:
        top, left = (tile_pixels * each for each in divmod(tile.position, grid))
        rows, columns = slice(top, top + tile_pixels), slice(left, left + tile_pixels)
        tile_HWC = decode_tile(tile.path, tile_pixels, reading)
        mosaics_NHWC[tile.sample_index, rows, columns] = tile_HWC

    problems: dict[int, Problem] = {}
    pool = ThreadPoolExecutor(num_usable_cores())
    try:
        futures = {pool.submit(place, tile): tile for tile in tiles}
        for num_done, future in enumerate(as_completed(futures), start=1):
            tile = futures[future]
            try:
                future.result()
            except PhotoError as error:
                problems[tile.row] = Problem(f"row {tile.row}", tile.photo, error.reason)
            if on_progress is not None:
                on_progress(num_done, len(tiles))
    finally:
        # After an interrupt the photos in hand are finished and the thousands in line dropped.
        pool.shutdown(cancel_futures=True)
    if problems:
        raise InputError(source, [problems[row] for row in sorted(problems)])
