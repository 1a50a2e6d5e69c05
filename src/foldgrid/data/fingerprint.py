"""What a data set is, as a hash: of each photo's bytes, and of samples and photos together.

Knows files' bytes and the sample table; never decodes a photo.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from foldgrid.data.cache import make_private_folder, write_whole
from foldgrid.data.cores import num_usable_cores
from foldgrid.data.mosaics import Progress
from foldgrid.data.sample_table import MOSAICS, SampleTable
from foldgrid.specs.checksums import checksummed_json, read_known
from foldgrid.specs.fits import content_digest

MOSAIC_FORMAT = 1
"""Raised when the same photographs would no longer give the same mosaics."""

FINGERPRINT_LENGTH = 16
NUM_DIGITS = 4
"""Of a photograph's hash, in the run folder."""
SETTLED_SECONDS = 2.0
"""A file changed this recently is not remembered: a second change within the clock's grain would
go unseen."""


def hash_photos(
    paths: Sequence[Path], cache: Path, on_progress: Progress | None = None
) -> list[str]:
    """The SHA-256 of each photo's bytes, reading only what is new or changed.

    Hashes are remembered under ``<cache>/photo_hashes/``, by path, size and time of change, in one
    file for the folder that holds all of the photos. A photo that was edited with both size and
    time kept is taken for the old one; a lost or corrupt memory only costs time.

    Args:
        paths: The photos, absolute.
        cache: The cache's root.
        on_progress: Called after each photo that had to be read.

    Returns:
        64 hexadecimal digits for each path, in order.
    """
    if not paths:
        return []
    folder = os.path.commonpath([path.parent for path in paths])
    memory_file = cache / "photo_hashes" / f"{content_digest(folder, 16)}.json"
    memory = read_known(memory_file)
    keys = {path: _key(path) for path in paths}
    new = [path for path, key in keys.items() if key not in memory]
    if new:
        read = dict(zip(new, _read_hashes(new, on_progress), strict=True))
        memory = _without_outdated(memory, keys)
        kept = {keys[path]: digest for path, digest in read.items() if _is_settled(path)}
        make_private_folder(memory_file.parent)
        write_whole(memory_file, checksummed_json(memory | kept))
        memory |= {keys[path]: digest for path, digest in read.items()}
    return [memory[keys[path]] for path in paths]


def _key(path: Path) -> str:
    status = path.stat()
    return f"{path}|{status.st_size}|{status.st_mtime_ns}"


def _without_outdated(memory: dict[str, str], keys: dict[Path, str]) -> dict[str, str]:
    """Drops former states of these photos; those of other photos of the folder stay."""
    current, paths = set(keys.values()), {str(path) for path in keys}
    return {
        key: digest
        for key, digest in memory.items()
        if key in current or key.rsplit("|", 2)[0] not in paths
    }


def _is_settled(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > SETTLED_SECONDS


def _read_hashes(paths: list[Path], on_progress: Progress | None) -> list[str]:
    hashes = []
    with ThreadPoolExecutor(num_usable_cores()) as pool:
        for num_done, digest in enumerate(pool.map(_file_hash, paths), start=1):
            hashes.append(digest)
            if on_progress is not None:
                on_progress(num_done, len(paths))
    return hashes


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def photo_table(
    table: SampleTable, photo_hashes: Sequence[str], pictures: Sequence[int] = ()
) -> pd.DataFrame:
    """Which photograph is which tile: what tells whether one lies under two subjects.

    Args:
        table: The samples and tiles.
        photo_hashes: Of each of ``table.tiles``, in order.
        pictures: Of each, a number that is equal for near copies; none where they were not looked
            for.

    Returns:
        A row a photograph: ``sample``, ``position`` (0 to 3), ``photo``, a number that is equal
        where the files' bytes are equal, and ``digits``, four hexadecimal digits of their hash:
        they show that a photograph was exchanged since. The whole hash would tell whoever has the
        photograph that its owner is in the study; one in 65,536 others has the same four digits.
        ``picture``, where they were looked for, is a number that near copies share.
    """
    names = table.samples["sample"].tolist()
    number: dict[str, int] = {}
    rows = [
        (
            names[tile.sample_index],
            tile.position,
            number.setdefault(digest, len(number)),
            digest[:NUM_DIGITS],
        )
        for tile, digest in zip(table.tiles, photo_hashes, strict=True)
    ]
    photos = pd.DataFrame(rows, columns=["sample", "position", "photo", "digits"])
    return photos.assign(picture=list(pictures)) if len(pictures) else photos


def data_fingerprint(
    table: SampleTable,
    photo_hashes: Sequence[str],
    tile_pixels: int,
    reading: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """The data set as 16 hexadecimal digits: equal if and only if models would see the same.

    Where the photos lie and what their files are called does not count, nor does the order of the
    manifest's rows except where it decides something: the tiles of a sample, and the visits of a
    subject where days are unknown. The names of single photographs count where they change the
    order of a case's files, which numbers the samples.

    Args:
        table: The samples and tiles.
        photo_hashes: Of each of ``table.tiles``, in order.
        tile_pixels: The side of a tile.
        reading: What is done to the numbers of these photographs before models see them; nothing
            to most.
    """
    samples: list[dict[str, Any]] = [
        # JSON has no word for "not a number".
        {str(key): None if value != value else value for key, value in row.items()}
        for row in table.samples.to_dict(orient="records")
    ]
    tiles = [
        [tile.sample_index, tile.position, digest]
        for tile, digest in zip(table.tiles, photo_hashes, strict=True)
    ]
    content: dict[str, Any] = {
        "format": MOSAIC_FORMAT,
        "tile_pixels": tile_pixels,
        "samples": samples,
        "tiles": tiles,
    }
    if table.layout != MOSAICS:
        content["layout"] = table.layout.kind
    if reading:
        content["reading"] = dict(reading)
    return content_digest(content, FINGERPRINT_LENGTH)
