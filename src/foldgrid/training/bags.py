"""Which photographs attention pools together: those of one evaluation unit.

Multiple instance learning calls them a bag: photographs that have one truth together. Knows
samples' columns; computes nothing and needs no torch. Shape letters: N samples, B bags,
P photographs of the largest, I photographs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.specs.fits import SPLIT_FINGERPRINT_LENGTH, content_digest
from foldgrid.training.training_data import Indices, TrainingData

TOGETHER = ("subject", "visit", "case")
"""Single photographs that agree in these are of one evaluation unit, as far as a manifest says."""


@dataclass(frozen=True)
class Tiles:
    """Where photographs are in mosaics.

    Attributes:
        numbers_I: Of each photograph, its sample's row times the tiles of a mosaic, plus its place.
        a_side: Tiles a side of a mosaic.
    """

    numbers_I: Indices
    a_side: int


@dataclass(frozen=True)
class PhotographBags:
    """The photographs of each sample's bag.

    Attributes:
        photographs: A row a photograph, each a picture of its own.
        tiles: Where these are in mosaics; nothing where each sample is one photograph.
        bag_N: Which bag each sample is in, from 0.
        members_BP: By bag its photographs, -1 where it has fewer than the largest.
    """

    photographs: TrainingData
    tiles: Tiles | None
    bag_N: Indices
    members_BP: Indices

    def of(self, rows: Indices) -> Indices:
        """(len(rows), P) The photographs of each sample's bag, -1 where there is none."""
        members = self.members_BP[self.bag_N[rows]]
        return members[:, : int((members >= 0).sum(axis=1).max(initial=0))]

    def first_rows(self, rows: Indices) -> Indices:
        """Of the samples ``rows`` the first of each bag, in their order."""
        return rows[np.sort(np.unique(self.bag_N[rows], return_index=True)[1])]


def bag_numbers(samples: pd.DataFrame, grid: int) -> Indices:
    """(N,) Which bag each sample is in: mosaics are their own, single photographs ``TOGETHER``.

    Args:
        samples: See `SampleTable.samples`.
        grid: Tiles a side of a sample's picture.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"subject": ["a", "a", "b"], "visit": ["1", "1", "1"]})
        >>> bag_numbers(table, 1).tolist()
        [0, 0, 1]
    """
    if grid > 1:
        return np.arange(len(samples))
    keys = [name for name in TOGETHER if name in samples]
    return samples.groupby(keys, sort=False, dropna=False).ngroup().to_numpy().astype(np.intp)


def photographs_each(samples: pd.DataFrame, grid: int) -> Indices:
    """(N,) How many photographs a sample's picture shows."""
    counts = samples["num_photos"].to_numpy() if "num_photos" in samples else grid**2
    return np.broadcast_to(np.asarray(counts, np.intp), len(samples))


def photographs_of(data: TrainingData) -> TrainingData:
    """A row a photograph, in the samples' order; what already has one a sample stays as it is."""
    if data.grid == 1:
        return data
    counts = photographs_each(data.samples, data.grid)
    samples = data.samples.loc[data.samples.index.repeat(counts)].reset_index(drop=True)
    places = _places(counts) + 1
    names = [f"{name}/{place}" for name, place in zip(samples["sample"], places, strict=True)]
    pictures = data.pictures and content_digest(
        [data.pictures, "photographs"], SPLIT_FINGERPRINT_LENGTH
    )
    return replace(data, samples=samples.assign(sample=names), grid=1, pictures=pictures)


def bags_of(data: TrainingData) -> PhotographBags:
    """The bags of all samples."""
    counts = photographs_each(data.samples, data.grid)
    bag_N, tiles = bag_numbers(data.samples, data.grid), None
    if data.grid > 1:
        firsts = np.repeat(np.arange(len(counts)) * data.grid**2, counts)
        tiles = Tiles(firsts + _places(counts), data.grid)
    bag_I = np.repeat(bag_N, counts)
    sizes = np.bincount(bag_I)
    members_BP = np.full((len(sizes), int(sizes.max())), -1)
    order = np.argsort(bag_I, kind="stable")
    members_BP[bag_I[order], _places(sizes)] = order
    return PhotographBags(photographs_of(data), tiles, bag_N, members_BP)


def _places(counts: Indices) -> NDArray[np.intp]:
    """Counts on from 0 within each of several runs, one after the other."""
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
