"""PASI50 to PASI100: who responded to treatment, by the model and by the physician.

Knows percent changes from baseline, not where they come from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from foldgrid.analysis.statistics.estimates import (
    Estimate,
    FloatArray,
    Resamples,
    estimate,
    mean_of,
    ratio,
)

RESPONSE_LEVELS = (50, 75, 90, 100)
"""PASI50 is a fall of the PASI by at least 50 % from baseline; PASI100 is clear skin."""

ROUNDING = 1e-9
"""Percent points: 12.6 to 3.15 is a fall of 75 %, also in floating point."""


@dataclass(frozen=True)
class ResponseAgreement:
    """Who responded to treatment, by the model and by the physician: a 2 x 2 table.

    Attributes:
        level: 50, 75, 90 or 100.
        scope: ``follow_up`` (every visit after baseline) or ``last_visit`` (each subject's
            last visit that has a PASI).
        num_visits: Visits counted.
        num_subjects: Subjects that they are of.
        both: Responders by both.
        model_only: Responders by the model alone.
        physician_only: Responders by the physician alone.
        neither: Responders by neither.
        agreement: Fraction of visits on which both say the same.
        kappa: Cohen's kappa; undefined where both put every visit on the same side.
        sensitivity: Of the physician's responders, the fraction that the model finds; undefined
            without any.
        specificity: Of the others, the fraction that the model leaves out; undefined without any.
    """

    level: int
    scope: str
    num_visits: int
    num_subjects: int
    both: int
    model_only: int
    physician_only: int
    neither: int
    agreement: Estimate
    kappa: Estimate
    sensitivity: Estimate
    specificity: Estimate


def response_agreement(
    table: pd.DataFrame, scope: str, level: int, resamples: Resamples
) -> ResponseAgreement:
    """The 2 x 2 table of one response level.

    Args:
        table: Visits with subject, physician_change and predicted_change, none NaN.
        scope: What these visits are, for the record.
        level: The fall in percent that counts as response.
        resamples: Resampled subjects of the same rows.
    """
    says_physician = is_response(table["physician_change"], level)
    says_model = is_response(table["predicted_change"], level)
    cells = {
        "both": says_model & says_physician,
        "model_only": says_model & ~says_physician,
        "physician_only": ~says_model & says_physician,
        "neither": ~says_model & ~says_physician,
    }
    return ResponseAgreement(
        level=level,
        scope=scope,
        num_visits=len(table),
        num_subjects=int(table["subject"].nunique()),
        **{name: int(cell.sum()) for name, cell in cells.items()},
        agreement=estimate(mean_of(says_model == says_physician), resamples),
        kappa=estimate(lambda weights_RN: _kappa(cells, weights_RN), resamples),
        sensitivity=estimate(mean_of(says_model, among_N=says_physician), resamples),
        specificity=estimate(mean_of(~says_model, among_N=~says_physician), resamples),
    )


def is_response(change: pd.Series[float], level: int) -> np.ndarray:
    """Whether a percent change is a fall by at least ``level`` percent; NaN is not."""
    return np.asarray(change.to_numpy(dtype=np.float64) <= -level + ROUNDING)


def _kappa(cells: dict[str, np.ndarray], weights_RN: FloatArray) -> FloatArray:
    both, model_only, physician_only, neither = (
        weights_RN @ cell.astype(np.float64) for cell in cells.values()
    )
    total = both + model_only + physician_only + neither
    model, physician = both + model_only, both + physician_only
    by_chance = model * physician + (total - model) * (total - physician)
    return ratio(total * (both + neither) - by_chance, total**2 - by_chance)
