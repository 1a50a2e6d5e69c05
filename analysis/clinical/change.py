"""Change from baseline: percent change and trajectories, subject by subject.

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
from analysis.clinical.resampling import Estimate, estimate, mean_of, resample_subjects
from analysis.clinical.response import RESPONSE_LEVELS, ResponseAgreement, response_agreement
from analysis.statistics.resamples import SEED


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
    pairs: ModelVisits, levels: Sequence[int] = RESPONSE_LEVELS, seed: int = SEED
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
