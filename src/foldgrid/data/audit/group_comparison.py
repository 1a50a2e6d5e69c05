"""Whether an exclusion takes more of one class or subgroup than of the others.

One that does changes what is studied. Knows counts by subject; does not know why a photograph goes.
Shape letters: U pieces of subjects, S steps, G groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.data.single_photos import band_names, value_bands

LEFT = "left"
"""The step in which all exclusions are compared together."""
NUM_PERMUTATIONS = 4999
LEVEL = 0.05
"""Of the comparisons of a study together (Holm 1979)."""
SMALLEST_DIFFERENCE = 0.01
"""Between the fractions excluded of two groups, to be worth a word."""
NOT_GIVEN = "not given"
MOST_GROUPS = 8


@dataclass(frozen=True)
class Comparison:
    """One step's exclusions across the classes, or the values of a describing column.

    Attributes:
        column: ``label``, or the describing column.
        photos: By class or value: photographs excluded, and photographs that came in.
        p_value: Of equal fractions, by permutation of subjects, before correction.
        is_uneven: Whether the fractions differ beyond chance, corrected for all comparisons.
    """

    column: str
    photos: dict[str, tuple[int, int]]
    p_value: float
    is_uneven: bool

    def describe(self, step: str) -> str:
        """The most affected group beside the rest, as a sentence."""
        worst = max(self.photos, key=lambda group: fraction(self.photos[group]))
        num_excluded, num_photos = self.photos[worst]
        others = [counts for group, counts in self.photos.items() if group != worst]
        rest = [sum(each) for each in zip(*others, strict=True)]
        where = "" if self.column == "label" else f"{self.column} "
        return (
            f"{step}: {fraction((num_excluded, num_photos)):.1%} of {where}{worst} "
            f"({num_excluded} of {num_photos}), {rest[0] / rest[1]:.1%} of the others "
            f"({rest[0]} of {rest[1]}); permutation of subjects, p = {self.p_value:.4f}"
        )


def fraction(counts: tuple[int, int]) -> float:
    """The first of two counts by the second, which is above 0."""
    return counts[0] / counts[1]


def find_subgroups(photos: pd.DataFrame, columns: Sequence[str]) -> dict[str, pd.Series[str]]:
    """The columns that divide the photographs into a few groups, as text.

    Args:
        photos: `LabelledManifest.photos`.
        columns: Describing columns, such as sex, site or age.

    Returns:
        Those with 2 to `MOST_GROUPS` values as they are, and numbers with more in fifths.
    """
    groups: dict[str, pd.Series[str]] = {}
    for column in columns:
        values, numbers = photos[column], pd.to_numeric(photos[column], errors="coerce")
        if values.nunique() > MOST_GROUPS and numbers.notna().sum() == (values != "").sum() > 0:
            bands = value_bands(numbers.dropna())
            values = band_names(numbers.dropna(), bands).reindex(photos.index, fill_value="")
        if 2 <= values.nunique() <= MOST_GROUPS:
            groups[column] = values.replace("", NOT_GIVEN)
    return groups


def compare_exclusions(
    photos: pd.DataFrame, reasons: NDArray[np.str_], columns: Sequence[str]
) -> dict[str, tuple[Comparison, ...]]:
    """Compare the fractions excluded across groups, by permutation of whole subjects.

    A subject with photographs in several groups counts as one piece in each. The statistic is the
    variance of the groups' fractions, weighted by photographs.

    Args:
        photos: `LabelledManifest.photos`.
        reasons: `find_reasons`.
        columns: Columns of ``photos``, text.

    Returns:
        By step: each reason that excluded something, and `LEFT` for all of them together.
    """
    found = [str(reason) for reason in dict.fromkeys(reasons.tolist()) if reason]
    if not found:
        return {}
    is_out = {**{reason: reasons == reason for reason in found}, LEFT: reasons != ""}
    counted_out: list[tuple[str, str, dict[str, tuple[int, int]], float]] = []
    for column in columns:
        table = pd.DataFrame({"in": 1, **is_out}, index=photos.index).groupby(
            [photos["subject"], photos[column]], sort=True
        )
        pieces = table.sum()
        group_U, groups = pd.factorize(pieces.index.get_level_values(1), sort=True)
        out_US = pieces[list(is_out)].to_numpy(dtype=np.float64)
        p_S = _permuted(group_U, pieces["in"].to_numpy(dtype=np.float64), out_US)
        by_group = pieces.groupby(level=1).sum()
        for step, p_value in zip(is_out, p_S.tolist(), strict=True):
            numbers = zip(by_group[step].astype(int), by_group["in"], strict=True)
            counts = {str(g): (int(a), int(b)) for g, (a, b) in zip(groups, numbers, strict=True)}
            counted_out.append((step, column, counts, p_value))
    is_beyond_chance = _holm([p_value for *_, p_value in counted_out])
    compared: dict[str, tuple[Comparison, ...]] = {}
    for (step, column, counts, p_value), is_beyond in zip(
        counted_out, is_beyond_chance, strict=True
    ):
        fractions = [fraction(each) for each in counts.values()]
        is_uneven = is_beyond and max(fractions) - min(fractions) >= SMALLEST_DIFFERENCE
        compared.setdefault(step, ())
        compared[step] += (Comparison(column, counts, p_value, is_uneven),)
    return compared


def _permuted(
    group_U: NDArray[np.intp], num_U: NDArray[np.float64], out_US: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The p-values (S,) of equal fractions in the groups."""
    num_groups = int(group_U.max()) + 1
    rate_S = out_US.sum(axis=0) / num_U.sum()
    # A piece's exclusions less what the common rate would take: a group's sum is its statistic.
    surplus_US = out_US - num_U[:, None] * rate_S

    def statistic(groups_U: NDArray[np.intp]) -> NDArray[np.float64]:
        num_G = np.bincount(groups_U, num_U, num_groups)
        sums_SG = np.stack([np.bincount(groups_U, each, num_groups) for each in surplus_US.T])
        return np.asarray((sums_SG**2 / num_G).sum(axis=1))

    random, own_S = np.random.default_rng(0), statistic(group_U)
    num_as_large_S = np.zeros(len(own_S))
    for _ in range(NUM_PERMUTATIONS):
        num_as_large_S += statistic(random.permutation(group_U)) >= own_S * (1 - 1e-9)
    return (1 + num_as_large_S) / (1 + NUM_PERMUTATIONS)


def _holm(p_values: Sequence[float]) -> list[bool]:
    """Which hypotheses fall at `LEVEL` for all of them together."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    falls = [False] * len(p_values)
    for rank, place in enumerate(order):
        if p_values[place] * (len(p_values) - rank) > LEVEL:
            break
        falls[place] = True
    return falls
