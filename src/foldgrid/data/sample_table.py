"""The samples of a data set, which photo is which tile of them, and what their kind decides.

Knows columns and positions; reads no file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.data.manifest.rows import ANNOTATION_PREFIX, SCORES
from foldgrid.specs.samples import TILES_A_SIDE, SampleKind


@dataclass(frozen=True)
class SampleLayout:
    """What the kind of samples decides.

    Attributes:
        kind: Mosaics, or single photographs with a label or with a number.
        stratum: The column whose values splits balance.
        weighs_visits: Whether a visit weighs 1 in a split, however many samples it has; otherwise
            every sample does.
        split_columns: What a split's table says of each sample, before its side.
        targets: The columns that hold what is to be predicted; the raters' come after them.
        truth_name: What these columns hold, for people.
    """

    kind: SampleKind
    stratum: str
    weighs_visits: bool
    split_columns: tuple[str, ...]
    targets: tuple[str, ...]
    truth_name: str

    @property
    def grid(self) -> int:
        """Tiles a side of a sample's picture."""
        return TILES_A_SIDE[self.kind]


MOSAICS = SampleLayout(
    kind="mosaics",
    # As in the paper, where it is called desquamation.
    stratum="scaling",
    weighs_visits=True,
    split_columns=("sample", "subject", "visit", "day", "region"),
    targets=SCORES,
    truth_name="scores",
)
SINGLE = SampleLayout(
    kind="single",
    stratum="label",
    weighs_visits=False,
    split_columns=("sample", "subject", "visit", "day", "case", "label"),
    targets=("label", "taxonomy"),
    truth_name="labels",
)
MEASURED = SampleLayout(
    kind="measured",
    stratum="band",
    weighs_visits=False,
    split_columns=("sample", "subject", "visit", "day", "case", "value"),
    targets=("value", "band"),
    truth_name="values",
)


@dataclass(frozen=True)
class Tile:
    """One photo's place.

    Attributes:
        sample_index: The row of `SampleTable.samples`.
        position: 0 to 3: upper left, upper right, lower left, lower right. A single photograph
            has 0.
        row: Its row in the manifest.
        photo: Its path as the manifest has it.
        path: Its absolute path.
    """

    sample_index: int
    position: int
    row: int
    photo: str
    path: Path


@dataclass(frozen=True)
class SampleTable:
    """The samples, and which photo is which tile of them.

    Attributes:
        samples: One row a sample: ``sample`` (its name), ``subject``, ``visit``, ``day`` (NaN
            where unknown), ``num_photos``, and of mosaics ``region`` and the four scores, of
            single photographs ``label``, ``case``, ``taxonomy`` ("" where not given) and
            ``grade_<rater>`` (text, "" where there is none); of measured ones ``value``,
            ``case`` and ``band`` (which fifth of the values it is in, for balanced splits).
        tiles: One for each photo, by sample and position.
        layout: Of which kind they are.
    """

    samples: pd.DataFrame
    tiles: tuple[Tile, ...]
    layout: SampleLayout = MOSAICS

    @property
    def target_columns(self) -> tuple[str, ...]:
        """The columns of ``samples`` that hold what is to be predicted."""
        raters = (str(name) for name in self.samples if str(name).startswith(ANNOTATION_PREFIX))
        return (*self.layout.targets, *raters)

    def kept(self, is_kept: NDArray[np.bool_]) -> SampleTable:
        """The same of some of the samples, where each has one photograph.

        Names stay: the number in one is the photograph's place among all of its case's files.

        Args:
            is_kept: For each tile.
        """
        samples = self.samples[is_kept].reset_index(drop=True)
        tiles = [tile for tile, kept in zip(self.tiles, is_kept, strict=True) if kept]
        renumbered = (replace(tile, sample_index=index) for index, tile in enumerate(tiles))
        return SampleTable(samples, tuple(renumbered), self.layout)
