"""A data set in two steps: a survey that decodes nothing, then the samples' pictures.

Knows where arrays are kept; does not know what is done with them. The pictures are called
mosaics here whatever they show: a single photograph is a mosaic of one tile.
Shape letters: N samples, H and W pixels (tiles a side times T), T a tile's side, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.data.audit.exclusions import EXCLUSIONS
from foldgrid.data.cache import is_kept, load_or_build
from foldgrid.data.cores import num_usable_cores
from foldgrid.data.fingerprint import data_fingerprint, hash_photos
from foldgrid.data.manifest.source import read_samples
from foldgrid.data.manifest.table import CheckedManifest
from foldgrid.data.mosaics import Progress, fill_mosaics, mosaics_shape
from foldgrid.data.photographs import (
    DEEP_BITS,
    MANAGED,
    PhotoFacts,
    PixelReading,
    brightest_value,
    inspect_photo,
)
from foldgrid.data.picture_hashes import CopyGroup, copies_of_study, exam_pixels
from foldgrid.data.sample_table import MOSAICS, SampleLayout, SampleTable
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import InputError, PhotoError, Problem
from foldgrid.specs.samples import SampleKind
from foldgrid.specs.sweep import DataSpec, Exclusion

if TYPE_CHECKING:
    from foldgrid.data.audit.left_out import LeftOut


@dataclass(frozen=True)
class Survey:
    """What is known of a data set before any photo is decoded.

    Attributes:
        manifest: The checked manifest.
        table: The samples and the tiles.
        tile_pixels: T, the side of a tile.
        fingerprint: `data_fingerprint`.
        photo_hashes: SHA-256 of each of ``table.tiles``, in order.
        photo_facts: The header of each, in order.
        cache: The cache's root.
        is_synthetic: Whether the photographs are a simulated study's.
        mosaics_of: The fingerprint under which equal mosaics are kept; "" for its own. A
            label-permutation test has other targets and the same pictures.
        left_out: The photographs that are not among the tiles, where some might not be.
        reading: How stored numbers become colours.
    """

    manifest: CheckedManifest
    table: SampleTable
    tile_pixels: int
    fingerprint: str
    photo_hashes: tuple[str, ...] = field(repr=False)
    photo_facts: tuple[PhotoFacts, ...] = field(repr=False)
    cache: Path
    is_synthetic: bool
    mosaics_of: str = ""
    left_out: LeftOut | None = field(default=None, repr=False)
    reading: PixelReading = MANAGED

    @property
    def effective_reading(self) -> dict[str, Any]:
        """What of ``reading`` changes any pixel of these photographs."""
        return _effective(self.reading, self.photo_facts)

    @property
    def samples(self) -> pd.DataFrame:
        """`SampleTable.samples`."""
        return self.table.samples

    @property
    def layout(self) -> SampleLayout:
        """Of which kind the samples are."""
        return self.table.layout

    @property
    def grid(self) -> int:
        """Tiles a side of a sample's picture."""
        return self.layout.grid

    @property
    def stratum(self) -> str:
        """The column of ``samples`` whose values splits balance."""
        return self.layout.stratum

    @property
    def target_columns(self) -> tuple[str, ...]:
        """`SampleTable.target_columns`."""
        return self.table.target_columns

    @property
    def targets(self) -> pd.DataFrame:
        """``sample`` and the target columns."""
        return self.samples[["sample", *self.target_columns]]

    @property
    def num_photos(self) -> int:
        """How many photographs there are."""
        return len(self.table.tiles)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, C) of the mosaics."""
        return mosaics_shape(len(self.samples), self.tile_pixels, self.grid)

    @property
    def mosaics_bytes(self) -> int:
        """What the mosaics take, in memory and on disk."""
        return int(np.prod(self.shape))

    @property
    def mosaics_path(self) -> Path:
        """Where the mosaics are kept."""
        return self.cache / "composites" / f"{self.mosaics_of or self.fingerprint}.npy"

    @property
    def is_cached(self) -> bool:
        """Whether the mosaics are there already; their content is checked when loaded."""
        return is_kept(self.mosaics_path, self.shape)


@dataclass(frozen=True)
class Dataset:
    """Samples and their pictures.

    Attributes:
        samples: One row a sample; see `SampleTable.samples`.
        mosaics_NHWC: uint8 RGB, (N, H, W, 3), read-only, memory-mapped where it was loaded.
        fingerprint: `data_fingerprint`.
        tile_pixels: T.
        manifest_path: The user's manifest; null for a simulated study.
        mosaics_path: The array's file, for processes that map it themselves; null where the
            array never was in a file.
        layout: Of which kind the samples are.
    """

    samples: pd.DataFrame
    mosaics_NHWC: NDArray[np.uint8]
    fingerprint: str
    tile_pixels: int
    manifest_path: Path | None = None
    mosaics_path: Path | None = None
    layout: SampleLayout = MOSAICS

    @property
    def grid(self) -> int:
        """Tiles a side of a sample's picture."""
        return self.layout.grid

    @property
    def stratum(self) -> str:
        """The column of ``samples`` whose values splits balance."""
        return self.layout.stratum

    @property
    def cache(self) -> Path | None:
        """The root of the cache that the pictures are kept in; null where they are in none."""
        return self.mosaics_path.parent.parent if self.mosaics_path else None


def survey_manifest(
    path: Path,
    cache: Path,
    on_progress: Progress | None = None,
    *,
    data: DataSpec,
    photographs: SampleKind = "mosaics",
    for_training: bool = True,
    root: Path | None = None,
) -> Survey:
    """Read and check a manifest and every photo's header and bytes.

    Nothing is decoded, unless photographs are left out for what they show; what is found of them
    is kept in the cache then.

    Args:
        path: The manifest.
        cache: The cache's root.
        on_progress: Notified of photographs read for the first time.
        data: What of it is taken, and how large.
        photographs: Whether they make mosaics with scores, or are samples with labels or
            values; the task decides.
        for_training: See `read_manifest` and `read_single_photos`: without it scores may be
            unknown, and are NaN then; labels and values are, and nothing is left out.
        root: The folder that the photos' paths are relative to; null for the manifest's.

    Raises:
        InputError: All mistakes of the manifest, or all photographs that cannot be used.
    """
    manifest, table = read_samples(path, photographs, root, for_training=for_training)
    facts = _inspect_photos(table, str(path))
    hashes = hash_photos([tile.path for tile in table.tiles], cache, on_progress)
    bits = _bits_used(table, facts) if data.bits == "auto" else data.bits
    reading = PixelReading(data.colour, bits)
    survey = Survey(
        manifest=manifest,
        table=table,
        tile_pixels=data.tile_pixels,
        fingerprint=data_fingerprint(table, hashes, data.tile_pixels, _effective(reading, facts)),
        photo_hashes=tuple(hashes),
        photo_facts=facts,
        cache=cache,
        is_synthetic=data.manifest is None and data.example is None,
        reading=reading,
    )
    return _without_excluded(survey, data, on_progress) if data.exclude and for_training else survey


def _without_excluded(survey: Survey, data: DataSpec, on_progress: Progress | None) -> Survey:
    left_out = survey_left_out(survey, data.exclude, data.exclude_whole_cases, on_progress)
    table, is_kept = survey.table.kept(left_out.is_kept), left_out.is_kept.tolist()
    if not table.tiles:
        message = f"leaves out all of {counted(len(is_kept), 'photograph')}: take words out of it."
        raise InputError("sweep", [Problem("data.exclude", "", message)])
    hashes = tuple(compress(survey.photo_hashes, is_kept))
    facts = tuple(compress(survey.photo_facts, is_kept))
    read = _effective(survey.reading, facts)
    return replace(
        survey,
        table=table,
        fingerprint=data_fingerprint(table, hashes, data.tile_pixels, read),
        photo_hashes=hashes,
        photo_facts=facts,
        left_out=left_out,
    )


def survey_left_out(
    survey: Survey,
    exclude: Sequence[Exclusion] = tuple(EXCLUSIONS),
    whole_cases: bool = False,
    on_progress: Progress | None = None,
) -> LeftOut:
    """Why each photograph of a survey of labels is left out, or would be; see `find_left_out`.

    Args:
        survey: Of photographs with a label.
        exclude: What is looked for.
        whole_cases: Whether a case goes with its first photograph.
        on_progress: Told of photographs examined.

    Raises:
        InputError: A photograph cannot be decoded.
    """
    # Imported here: a plan that leaves nothing out compares no pictures, and starts without SciPy.
    from foldgrid.data.audit.left_out import StudyPictures, find_left_out

    pictures = StudyPictures(
        [tile.path for tile in survey.table.tiles],
        survey.photo_hashes,
        exam_pixels(survey.photo_facts),
        survey.cache,
    )
    with refusing(survey.manifest.path):
        return find_left_out(
            tile_rows(survey), pictures, exclude, whole_cases=whole_cases, on_progress=on_progress
        )


@contextmanager
def refusing(manifest: Path) -> Iterator[None]:
    """A photograph that cannot be decoded as a mistake of the manifest.

    Raises:
        InputError: There is one.
    """
    try:
        yield
    except PhotoError as error:
        raise InputError(str(manifest), [error.problem]) from error


def load_mosaics(survey: Survey, on_progress: Progress | None = None) -> Dataset:
    """The mosaics from the cache, or decoded and kept there first.

    Raises:
        InputError: All photos that cannot be decoded; then nothing is kept.
    """
    source = str(survey.manifest.path)

    def build(mosaics_NHWC: NDArray[np.uint8]) -> None:
        tiles, reading = survey.table.tiles, survey.reading
        fill_mosaics(mosaics_NHWC, tiles, survey.grid, source, on_progress, reading)

    return Dataset(
        samples=survey.samples,
        mosaics_NHWC=load_or_build(survey.mosaics_path, survey.shape, build),
        fingerprint=survey.fingerprint,
        tile_pixels=survey.tile_pixels,
        manifest_path=None if survey.is_synthetic else survey.manifest.path,
        mosaics_path=survey.mosaics_path,
        layout=survey.layout,
    )


def find_survey_copies(survey: Survey, on_progress: Progress | None = None) -> list[CopyGroup]:
    """The equal files and near copies among a survey's photographs, by their places in the tiles.

    Photographs are decoded for it once; see `copies_of_study`.

    Raises:
        InputError: A photograph cannot be decoded.
    """
    tiles, pixels = survey.table.tiles, exam_pixels(survey.photo_facts)
    paths = [tile.path for tile in tiles]
    with refusing(survey.manifest.path):
        return copies_of_study(paths, survey.photo_hashes, pixels, survey.cache, on_progress)


def tile_rows(survey: Survey) -> pd.DataFrame:
    """The manifest's rows in the order of the tiles."""
    rows = [tile.row for tile in survey.table.tiles]
    return survey.manifest.photos.set_index("row", drop=False).loc[rows].reset_index(drop=True)


def _inspect_photos(table: SampleTable, source: str) -> tuple[PhotoFacts, ...]:
    facts: list[PhotoFacts] = []
    problems: dict[int, Problem] = {}
    for tile in table.tiles:
        try:
            facts.append(inspect_photo(tile.path))
        except PhotoError as error:
            problems[tile.row] = Problem(f"row {tile.row}", tile.photo, error.reason)
    if problems:
        raise InputError(source, [problems[row] for row in sorted(problems)])
    return tuple(facts)


DEPTHS = (8, 10, 12, 14, DEEP_BITS)
"""Bits of a pixel that cameras and scanners have."""


def _bits_used(table: SampleTable, facts: Sequence[PhotoFacts]) -> int:
    """The fewest bits that hold every 16-bit grey photograph of a study."""
    deep = [tile.path for tile, fact in zip(table.tiles, facts, strict=True) if fact.is_deep]
    with ThreadPoolExecutor(num_usable_cores()) as pool:
        brightest = max(pool.map(brightest_value, deep), default=2**DEEP_BITS - 1)
    return next(bits for bits in DEPTHS if brightest < 2**bits)


def _effective(reading: PixelReading, facts: Sequence[PhotoFacts]) -> dict[str, Any]:
    effective: dict[str, Any] = {}
    if reading.colour == "managed" and any(fact.profile for fact in facts):
        effective["colour"] = reading.colour
    if reading.bits != DEEP_BITS and any(fact.is_deep for fact in facts):
        effective["bits"] = reading.bits
    return effective
