from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from foldgrid.analysis.exhibits.pasi.change import change_from_baseline, trajectories
from foldgrid.analysis.exhibits.pasi.visits import in_order_of_time
from tests.analysis.exhibits.made_pairs import make_pairs, random_pairs


@given(st.integers(0, 10_000))
@settings(max_examples=15)
def test_responses_are_those_of_scikit_learn(seed: int) -> None:
    facts = change_from_baseline(random_pairs(seed), levels=(50, 75))
    table = facts.trajectories
    for scope in ("follow_up", "last_visit"):
        rows = table[~table["is_baseline"]]
        rows = rows.dropna(subset=["physician_change", "predicted_change"])
        if scope == "last_visit":
            rows = rows.loc[rows.groupby("subject")["place"].idxmax()]
        for level in (50, 75):
            found = next(r for r in facts.responses if (r.scope, r.level) == (scope, level))
            said = rows["predicted_change"] <= -level + 1e-9
            true = rows["physician_change"] <= -level + 1e-9
            (neither, model_only), (physician_only, both) = confusion_matrix(
                true, said, labels=[False, True]
            )
            assert (found.both, found.model_only) == (both, model_only)
            assert (found.physician_only, found.neither) == (physician_only, neither)
            assert found.num_visits == len(rows)
            assert found.num_subjects == rows["subject"].nunique()
            assert found.agreement.value == pytest.approx((said == true).mean())
            if said.nunique() == true.nunique() == 1 and said.iloc[0] == true.iloc[0]:
                assert math.isnan(found.kappa.value)
            else:
                assert found.kappa.value == pytest.approx(cohen_kappa_score(said, true))


def test_change_is_percent_of_the_rater_s_own_baseline() -> None:
    pairs = make_pairs("aaab", [20, 5, 0, 10], [16, 8, 4, 9])
    table = trajectories(pairs)
    assert table["physician_change"].tolist() == [0, -75, -100, 0]
    assert table["predicted_change"].tolist() == [0, -50, -75, 0]
    facts = change_from_baseline(pairs)
    by_level = {r.level: r for r in facts.responses if r.scope == "follow_up"}
    assert [by_level[level].both for level in (50, 75, 90, 100)] == [2, 1, 0, 0]
    assert [by_level[level].physician_only for level in (50, 75, 90, 100)] == [0, 1, 1, 1]
    assert (by_level[75].sensitivity.value, by_level[75].num_subjects) == (0.5, 1)
    assert math.isnan(by_level[75].specificity.value)
    assert math.isnan(by_level[50].kappa.value)
    assert facts.change_error.value == 25
    assert facts.exclusions.single_visit == ("b",)


def test_a_threshold_that_is_met_exactly_counts_in_floating_point_too() -> None:
    pairs = make_pairs("aa", [12.6, 3.15], [0.7, 0.07])
    by_level = {r.level: r for r in change_from_baseline(pairs).responses}
    assert by_level[75].both == 1
    assert by_level[90].model_only == 1


def test_clear_skin_at_baseline_is_named_and_never_divided_by() -> None:
    pairs = make_pairs("aabbcc", [0, 4, 8, 2, 6, 3], [2, 1, 0, 3, 6, 1])
    facts = change_from_baseline(pairs)
    assert facts.exclusions.clear_at_baseline == ("a",)
    assert facts.exclusions.model_clear_at_baseline == ("b",)
    table = facts.trajectories.set_index("subject")
    assert table.loc["a", "physician_change"].isna().all()
    assert table.loc["a", "predicted_change"].tolist() == [0, -50]
    assert table.loc["b", "predicted_change"].isna().all()
    assert {r.num_subjects for r in facts.responses} == {1}


def test_one_visit_a_subject_leaves_nothing_to_follow() -> None:
    facts = change_from_baseline(make_pairs("abc", [1, 2, 3], [1, 2, 3]))
    assert facts.exclusions.single_visit == ("a", "b", "c")
    assert {r.num_visits for r in facts.responses} == {0}
    assert all(math.isnan(r.kappa.value) for r in facts.responses)
    assert all(math.isnan(r.agreement.value) for r in facts.responses)
    assert math.isnan(facts.change_error.value)


def test_no_visits_at_all_is_an_empty_answer() -> None:
    facts = change_from_baseline(make_pairs("", [], []))
    assert facts.trajectories.empty
    assert len(facts.responses) == 8


def test_visits_go_by_day_or_by_the_numbers_in_their_names() -> None:
    samples = pd.DataFrame(
        [
            ("a", "V1", 30.0),
            ("a", "V2", 0.0),
            ("b", "V10", 3.0),
            ("b", "V2", math.nan),
            ("c", 2, 5.0),
            ("c", 1, 5.0),
        ],
        columns=["subject", "visit", "day"],
    )
    ordered = in_order_of_time(pd.concat([samples, samples]))
    assert ordered["visit"].tolist() == ["V2", "V1", "V2", "V10", 1, 2]
    assert ordered["place"].tolist() == [1, 2] * 3
    assert ordered["day"].isna().sum() == 1


@given(st.permutations(range(12)))
def test_the_order_of_the_rows_does_not_matter(order: list[int]) -> None:
    samples = pd.DataFrame(
        {
            "subject": np.repeat(["a", "b", "c"], 4),
            "visit": [f"visit {n}" for n in range(12)],
            "day": [0, 7, 7, 9, 3, 2, 1, 0, math.nan, 5, 4, 6],
        }
    )
    shuffled = in_order_of_time(samples.iloc[list(order)])
    pd.testing.assert_frame_equal(shuffled, in_order_of_time(samples))
