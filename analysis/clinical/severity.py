"""Error by severity: where on the scale a model is wrong, and which way.

Strata follow Schmitt and Wozel 2005 (Dermatology 210:194): PASI below 7 is mild, 7 to 12 moderate,
above 12 severe. They are cut by the physician's PASI, never by the prediction. The cut-offs are of
the whole-body PASI; without head and neck the scale ends at 64.8, so a visit may fall one stratum
lower here than at the bedside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.clinical.pairs import ModelVisits
from analysis.clinical.resampling import (
    Estimate,
    Resamples,
    estimate,
    mean_of,
    resample_subjects,
)
from analysis.statistics.resamples import SEED


@dataclass(frozen=True)
class Stratum:
    """A part of the PASI scale.

    Attributes:
        name: What it is called.
        low: Its lower end; belongs to it unless ``above``.
        high: Its upper end; belongs to it where ``to_end``.
        above: Whether the lower end itself is left out.
        to_end: Whether the upper end itself belongs to it.
    """

    name: str
    low: float
    high: float
    above: bool = False
    to_end: bool = False

    def holds(self, pasi: np.ndarray) -> np.ndarray:
        """Which values lie in it."""
        is_over = pasi > self.low if self.above else pasi >= self.low
        return np.asarray(is_over & (pasi <= self.high if self.to_end else pasi < self.high))

    @property
    def title(self) -> str:
        """For a table or an axis: ``moderate (7 to 12)``."""
        if self.low == 0.0:
            return f"{self.name} (below {self.high:g})"
        if self.high >= 72.0:
            return f"{self.name} (above {self.low:g})"
        return f"{self.name} ({self.low:g} to {self.high:g})"


SEVERITY_STRATA = (
    Stratum("mild", 0.0, 7.0),
    Stratum("moderate", 7.0, 12.0, to_end=True),
    Stratum("severe", 12.0, 72.0, above=True, to_end=True),
)
"""Schmitt and Wozel 2005; together they cover the scale and no value twice."""


def error_by_severity(
    pairs: ModelVisits, strata: Sequence[Stratum] = SEVERITY_STRATA, seed: int = SEED
) -> pd.DataFrame:
    """Size and direction of the error in each stratum of the physician's PASI.

    A bias above 0 in the mild and below 0 in the severe stratum is the shrinking towards the mean
    that every regression with noise shows; selecting by the physician's score, which has errors
    of its own, adds to it.

    Args:
        pairs: One model's visits.
        strata: The parts of the scale.
        seed: Of the bootstrap over subjects.

    Returns:
        stratum, title, num_visits, num_subjects, then mae and bias (predicted minus physician),
        each with ``_low`` and ``_high``: a row a stratum and a last one for all visits. Figures of
        a stratum without visits are NaN; intervals of one with a single subject, too.
    """
    truth = pairs.visits["physician"].to_numpy(dtype=np.float64)
    masks = [(stratum.name, stratum.title, stratum.holds(truth)) for stratum in strata]
    masks.append(("all", "all visits", np.ones(len(truth), dtype=bool)))
    resamples = resample_subjects(pairs.visits["subject"], seed=seed)
    subjects, errors = pairs.visits["subject"], pairs.errors.to_numpy(dtype=np.float64)
    rows = [
        {"stratum": name, "title": title, **error_columns(errors, mask, subjects, resamples)}
        for name, title, mask in masks
    ]
    return pd.DataFrame(rows).rename(columns={"num_records": "num_visits"})


def error_columns(
    errors: np.ndarray, mask: np.ndarray, subjects: pd.Series[str], resamples: Resamples
) -> dict[str, float]:
    """Counts, MAE and bias of some records, as columns of a table.

    Args:
        errors: Predicted minus true, a record each.
        mask: Which records count.
        subjects: The subject of each record.
        resamples: Resampled subjects of the same records.

    Returns:
        num_records, num_subjects, mae and bias with their intervals. The interval is left out
        where fewer than two subjects count.
    """
    num_subjects = int(subjects[mask].nunique())
    columns: dict[str, float] = {"num_records": int(mask.sum()), "num_subjects": num_subjects}
    for name, values in (("mae", np.abs(errors)), ("bias", errors)):
        found = estimate(mean_of(values, among_N=mask), resamples)
        shown = found if num_subjects > 1 else Estimate(found.value)
        columns |= shown.columns(name)
    return columns
