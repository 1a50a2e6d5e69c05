"""The paired interval by subjects, against resampling by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.analysis.comparison.build import paired_difference
from foldgrid.analysis.comparison.comparison import Difference
from foldgrid.analysis.statistics.intervals import tail_fraction
from foldgrid.metrics import METRICS
from foldgrid.tasks.pasi.scoring import PasiScoring
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.units import UnitTable

METRIC_NAMES = ("mae", "mse", "pcc", "ccc")


SCORING = PasiScoring(PasiSpec())


def trial(
    seed: int, num_subjects: int = 12
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    subjects = np.repeat([f"s{place}" for place in range(num_subjects)], 4)
    truth = random.uniform(0, 60, len(subjects))
    first, second = truth + random.normal(0, 6, (2, len(subjects)))
    return truth, first, second, subjects.astype(object)


def difference(
    metric: str, truth: np.ndarray, first: np.ndarray, second: np.ndarray, subjects: np.ndarray
) -> Difference:
    units = pd.DataFrame({"subject": subjects, "fold": 0, "reference": truth})
    table = UnitTable(units, pd.DataFrame({"another": np.zeros_like(truth)}))
    return paired_difference(metric, SCORING, table, {"first": first, "second": second})


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_the_interval_is_that_of_resampling_by_hand(metric: str) -> None:
    truth, first, second, subjects = trial(3)
    ours = difference(metric, truth, first, second, subjects)
    random = np.random.default_rng(99)
    rows = {name: np.flatnonzero(subjects == name) for name in np.unique(subjects)}
    metric_value = METRICS[metric]
    drawn = []
    for _ in range(2000):
        chosen = np.concatenate([rows[each] for each in random.choice(list(rows), len(rows))])
        drawn.append(
            metric_value(truth[chosen], second[chosen]) - metric_value(truth[chosen], first[chosen])
        )
    tail = tail_fraction(len(rows))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    assert ours.value == pytest.approx(metric_value(truth, second) - metric_value(truth, first))
    assert ours.low is not None
    assert ours.high is not None
    tolerance = 0.1 * (high - low)  # Two draws of 2,000.
    assert ours.low == pytest.approx(low, abs=tolerance)
    assert ours.high == pytest.approx(high, abs=tolerance)


@given(st.integers(0, 10_000), st.sampled_from(METRIC_NAMES))
def test_turning_the_pair_turns_the_interval(seed: int, metric: str) -> None:
    truth, first, second, subjects = trial(seed, num_subjects=5)
    forth = difference(metric, truth, first, second, subjects)
    back = difference(metric, truth, second, first, subjects)
    assert None not in (forth.value, forth.low, forth.high)
    assert [forth.value, forth.low, forth.high] == pytest.approx(
        [-(back.value or 0), -(back.high or 0), -(back.low or 0)], abs=1e-9
    )


def test_visits_of_one_subject_do_not_count_as_many() -> None:
    """Each visit repeated ten times says nothing new; the interval must not shrink."""
    truth, first, second, subjects = trial(4)
    once = difference("mae", truth, first, second, subjects)
    often = difference(
        "mae", *(np.tile(each, 10) for each in (truth, first, second)), np.tile(subjects, 10)
    )
    assert often.model_dump() == pytest.approx(once.model_dump())


def test_what_is_undefined_has_no_interval() -> None:
    truth, first, _, subjects = trial(1)
    flat = np.full_like(truth, 5.0)
    assert difference("pcc", truth, first, flat, subjects) == Difference()
    alone = difference("mae", truth, first, flat, np.full_like(subjects, "s"))
    assert alone.value is not None
    assert (alone.low, alone.high, alone.is_clear) == (None, None, False)
