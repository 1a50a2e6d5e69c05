"""Change from baseline: percent change, PASI50 to PASI100 response, trajectories of subjects.

The baseline is the subject's earliest visit. A model's change is measured from the model's own
PASI of that visit, as it would be where nobody scored by hand. What has no meaning is named and
left out, never counted:

    the earliest visit lacks a region      the subject has no baseline
    a rater's baseline is 0                that rater's percent change is undefined
    one visit                              nothing to follow up
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.clinical.pairs import ModelVisits
from analysis.clinical.resampling import (
    Estimate,
    FloatArray,
    Resamples,
    estimate,
    mean_of,
    ratio,
    resample_subjects,
)

RESPONSE_LEVELS = (50, 75, 90, 100)
"""PASI50 is a fall of the PASI by at least 50 % from baseline; PASI100 is clear skin."""

ROUNDING = 1e-9
"""Percent points: 12.6 to 3.15 is a fall of 75 %, also in floating point."""


@dataclass(frozen=True)
class ChangeExclusions:
    """Subjects that percent change cannot be computed for, by the reason.

    Attributes:
        incomplete_baseline: The earliest visit lacks a region.
        clear_at_baseline: The physician scored 0 at baseline.
        model_clear_at_baseline: The model predicted 0 at baseline (the physician did not).
        single_visit: No visit after the baseline.
    """

    incomplete_baseline: tuple[str, ...]
    clear_at_baseline: tuple[str, ...]
    model_clear_at_baseline: tuple[str, ...]
    single_visit: tuple[str, ...]


@dataclass(frozen=True)
class ResponseAgreement:
    """Who responded to treatment, by the model and by the physician: a 2 x 2 table.

    Attributes:
        level: 50, 75, 90 or 100.
        scope: ``follow_up`` (every visit after baseline) or ``last_visit`` (one a subject).
        num_visits: Visits counted.
        num_subjects: Subjects that they are of.
        both: Responders by both.
        model_only: Responders by the model alone.
        physician_only: Responders by the physician alone.
        neither: Responders by neither.
        agreement: Share of visits on which both say the same.
        kappa: Cohen's kappa; undefined where both put every visit on the same side.
        sensitivity: Of the physician's responders, the share that the model finds; undefined
            without any.
        specificity: Of the others, the share that the model leaves out; undefined without any.
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


@dataclass(frozen=True)
class ChangeFacts:
    """Change from baseline of one model, beside the physician's.

    Attributes:
        model: Its name.
        partition: ``oof`` or ``test``.
        trajectories: What ``trajectories`` returns.
        responses: One for each scope and level, those of all follow-up visits first.
        change_error: Mean absolute difference of the two percent changes over follow-up visits,
            in percentage points; heavy-tailed, because a small baseline makes any change large.
        exclusions: Who is left out of responses and ``change_error``, and why.
    """

    model: str
    partition: str
    trajectories: pd.DataFrame
    responses: tuple[ResponseAgreement, ...]
    change_error: Estimate
    exclusions: ChangeExclusions


def trajectories(pairs: ModelVisits) -> pd.DataFrame:
    """PASI over time, subject by subject (the paper's figure 4).

    Returns:
        A row a visit, ordered by subject and time: subject, visit, day (NaN where unknown),
        place, is_baseline, physician, predicted, physician_change and predicted_change, both in
        percent of the rater's own baseline (0 at baseline, -75 for PASI75, NaN where undefined).
    """
    table = pairs.visits.copy()
    table["is_baseline"] = table["place"] == 1
    for rater in ("physician", "predicted"):
        first = table[table["is_baseline"]].set_index("subject")[rater]
        baseline = table["subject"].map(first.where(first > 0)).astype(np.float64)
        table[f"{rater}_change"] = 100.0 * (table[rater] - baseline) / baseline
    columns = ["subject", "visit", "day", "place", "is_baseline", "physician", "predicted"]
    return table[[*columns, "physician_change", "predicted_change"]]


def change_from_baseline(
    pairs: ModelVisits, levels: Sequence[int] = RESPONSE_LEVELS, seed: int = 0
) -> ChangeFacts:
    """Percent change and response, model against physician.

    Args:
        pairs: One model's visits.
        levels: The falls in percent that count as response.
        seed: Of the bootstrap over subjects.
    """
    table = trajectories(pairs)
    followed = table[~table["is_baseline"]].dropna(subset=["physician_change", "predicted_change"])
    last = followed.groupby("subject", sort=False).tail(1)
    gaps = (followed["predicted_change"] - followed["physician_change"]).abs().to_numpy()
    return ChangeFacts(
        model=pairs.model,
        partition=pairs.partition,
        trajectories=table,
        responses=tuple(
            response_agreement(part, scope, level, resamples)
            for scope, part in (("follow_up", followed), ("last_visit", last))
            for resamples in (resample_subjects(part["subject"], seed=seed),)
            for level in levels
        ),
        change_error=estimate(mean_of(gaps), resample_subjects(followed["subject"], seed=seed)),
        exclusions=_exclusions(pairs, table),
    )


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


def _exclusions(pairs: ModelVisits, table: pd.DataFrame) -> ChangeExclusions:
    baselines = table[table["is_baseline"]]
    is_clear = baselines["physician"] == 0
    model_clear = ~is_clear & (baselines["predicted"] == 0)
    num_visits = table.groupby("subject")["visit"].transform("size")
    alone = table[table["is_baseline"] & (num_visits == 1)]
    return ChangeExclusions(
        incomplete_baseline=pairs.incomplete_baselines,
        clear_at_baseline=_names(baselines[is_clear]),
        model_clear_at_baseline=_names(baselines[model_clear]),
        single_visit=_names(alone),
    )


def _names(rows: pd.DataFrame) -> tuple[str, ...]:
    return tuple(rows["subject"].astype(str))
