"""Who comes first: ranks over resamples, the winner's curse, subjects as judges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from foldgrid.analysis.statistics.assessing import fractions_of_firsts, rank_ranges
from foldgrid.analysis.statistics.critical_difference import critical_difference, nemenyi_width
from foldgrid.analysis.statistics.facts import Selection
from foldgrid.analysis.statistics.intervals import expanded_percentiles
from foldgrid.analysis.statistics.resamples import SubjectResamples
from foldgrid.analysis.statistics.selection import BEST_AT_ZERO, correct_selection, losses
from foldgrid.metrics import METRICS, number_metrics
from foldgrid.metrics.sums import SubjectSums
from tests.analysis.made_up_visits import Population

loss_tables = arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.integers(1, 5)),
    elements=st.integers(0, 3).map(float) | st.just(math.nan),
)


def test_a_meta_learner_that_repeats_a_base_learner_takes_nothing_from_it() -> None:
    losses_RM = np.array([[1.0, 1.0, 2.0], [1.0, 1.0, 0.5], [3.0, 3.0, 4.0]])
    found = fractions_of_firsts(losses_RM, np.array([True, False, False]))
    assert found == pytest.approx([2 / 3, 0, 1 / 3])


@given(losses_RM=loss_tables)
def test_fractions_of_firsts_by_hand(losses_RM: np.ndarray) -> None:
    expected = np.zeros(losses_RM.shape[1])
    counted = 0
    for row in losses_RM:
        known = row[~np.isnan(row)]
        if len(known):
            winners = np.flatnonzero(row == known.min())
            expected[winners] += 1 / len(winners)
            counted += 1
    found = fractions_of_firsts(losses_RM)
    if counted:
        np.testing.assert_allclose(found, expected / counted)
        assert found.sum() == pytest.approx(1.0)
    else:
        assert np.isnan(found).all()


@given(losses_RM=loss_tables)
def test_ranges_hold_ranks_that_occurred(losses_RM: np.ndarray) -> None:
    known_RM = np.where(np.isnan(losses_RM), np.inf, losses_RM)
    for model, (low, high) in enumerate(rank_ranges(losses_RM).T):
        ranks = [1 + int((row < row[model]).sum()) for row in known_RM]
        assert low in ranks
        assert high in ranks
        assert np.mean([low <= rank <= high for rank in ranks]) >= 0.95


def choose(
    study: tuple[np.ndarray, np.ndarray, np.ndarray], metric: str = "mae", num_resamples: int = 300
) -> Selection:
    sums = SubjectSums.of(*study)
    resamples = SubjectResamples.draw(sums.num_subjects, num_resamples)
    names = [f"m{place:03}" for place in range(sums.num_models)]
    values_RM = sums.value(METRICS[metric], resamples.counts_RS)
    return correct_selection(
        METRICS[metric],
        names,
        sums.value(METRICS[metric], np.ones((1, sums.num_subjects)))[0],
        values_RM,
        sums.value(METRICS[metric], resamples.left_out()),
        resamples,
        expanded_percentiles(values_RM, sums.num_subjects),
    )


@pytest.mark.parametrize("metric", ["mae", "ccc"])
def test_the_correction_is_choosing_on_the_drawn_and_evaluating_on_the_others(metric: str) -> None:
    study = Population().draw(np.random.default_rng(2), 9, num_models=4)
    subject_V, reference_V, predicted_VM = study
    function = METRICS[metric]
    chosen, evaluated_RM = [], []
    for counts_S in SubjectResamples.draw(9, 60).counts_RS.astype(int):
        drawn = np.repeat(np.arange(len(subject_V)), counts_S[subject_V])
        left = counts_S[subject_V] == 0
        keys = [function.sort_key(function(reference_V[drawn], column[drawn]))
                for column in predicted_VM.T]  # fmt: skip
        chosen.append(int(np.argmin(keys)))
        evaluated_RM.append([function(reference_V[left], column[left])
                             for column in predicted_VM.T])  # fmt: skip
    of_chosen = np.array(evaluated_RM)[np.arange(60), chosen]
    means_M = np.mean(evaluated_RM, axis=0)
    gaps = [function(reference_V, predicted_VM[:, each]) - means_M[each] for each in set(chosen)]
    found = choose(study, metric, num_resamples=60)
    assert found.corrected == pytest.approx(np.mean(of_chosen) + np.mean(gaps))
    [winner] = expanded_percentiles(
        SubjectSums.of(*study).value(function, SubjectResamples.draw(9, 60).counts_RS)[
            :, [int(found.winner[1:])]
        ],
        9,
    )
    assert found.naive is not None
    assert found.corrected is not None
    moved = found.corrected - found.naive
    assert found.interval.low == pytest.approx((winner.low or 0.0) + moved)
    assert found.interval.high == pytest.approx(min((winner.high or 0.0) + moved, function.highest))


@pytest.mark.parametrize("num_subjects", [6, 20])
@pytest.mark.parametrize("metric", ["mae", "mse", "rmse", "pcc", "ccc", "icc", "spearman"])
def test_where_there_is_nothing_to_choose_the_corrected_value_is_the_tables(
    metric: str, num_subjects: int
) -> None:
    subject_V, reference_V, predicted_VM = Population().draw(
        np.random.default_rng(num_subjects), num_subjects
    )
    twins = choose((subject_V, reference_V, predicted_VM[:, [0, 0]]), metric)
    assert twins.corrected == pytest.approx(twins.naive, abs=1e-12)
    far_off = reference_V + 20 * (predicted_VM[:, 0] - reference_V)
    clear = choose((subject_V, reference_V, np.column_stack([predicted_VM, far_off])), metric)
    assert clear.corrected == pytest.approx(clear.naive, abs=1e-12)


def test_a_metric_that_is_best_at_zero_is_not_corrected() -> None:
    found = choose(Population().draw(np.random.default_rng(0), 20, num_models=5), "bias")
    assert found.naive is not None
    assert (found.corrected, found.reason) == (None, BEST_AT_ZERO)


def test_the_best_of_equal_learners_flatters_itself_and_the_correction_does_not() -> None:
    truth = Population().truth["mae"]
    naive, corrected = [], []
    for seed in range(60):
        found = choose(Population().draw(np.random.default_rng(seed), 25, num_models=29))
        assert found.naive is not None
        assert found.corrected is not None
        naive.append(found.naive)
        corrected.append(found.corrected)
    assert truth - np.mean(naive) > 0.3
    assert abs(truth - np.mean(corrected)) < 0.1


def test_one_learner_needs_no_correction_to_speak_of() -> None:
    found = choose(Population().draw(np.random.default_rng(5), 40), num_resamples=2000)
    assert found.naive is not None
    assert found.corrected == pytest.approx(found.naive, rel=0.03)


def test_what_cannot_be_corrected_says_why() -> None:
    reference_V = np.arange(4.0)
    two = (np.array([0, 0, 1, 1]), reference_V, reference_V[:, None] + [[1.0, 2.0]])
    found = choose(two)
    assert (found.winner, found.naive, found.corrected) == ("m000", 1.0, None)
    assert found.reason == "fewer than 3 subjects"
    constant = (np.arange(4), reference_V, np.ones((4, 2)))
    assert choose(constant, "pcc").reason == "no PCC is defined"
    assert choose((np.arange(4), reference_V, np.ones((4, 0)))).num_learners == 0
    single_visits = (np.arange(3), reference_V[:3], reference_V[:3, None] ** 2)
    assert choose(single_visits, "pcc").reason == "undefined in too many resamples"


def test_losses_order_as_the_metrics_do() -> None:
    metric_values = np.array([-0.5, 0.1, 0.9])
    for metric in number_metrics().values():
        expected = [metric.sort_key(value) for value in metric_values]
        np.testing.assert_allclose(losses(metric, metric_values), expected)


error_tables = arrays(
    np.float64,
    st.tuples(st.integers(3, 12), st.integers(3, 6)),
    elements=st.integers(0, 5).map(float),
)


@given(errors_SM=error_tables)
def test_friedman_agrees_with_scipy(errors_SM: np.ndarray) -> None:
    found = critical_difference([f"m{m}" for m in range(errors_SM.shape[1])], errors_SM)
    assert found.statistic is not None
    if (np.ptp(errors_SM, axis=1) == 0).all():
        assert (found.statistic, found.p) == (0.0, 1.0)
        return
    expected = stats.friedmanchisquare(*errors_SM.T)
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-9)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)
    assert sum(found.mean_ranks.values()) == pytest.approx(
        errors_SM.shape[1] * (errors_SM.shape[1] + 1) / 2
    )


def test_nemenyi_of_demsars_example() -> None:
    # Demsar 2006, section 3.2.2: four classifiers, 14 data sets.
    assert nemenyi_width(4, 14) == pytest.approx(1.25, abs=0.005)


def test_two_models_are_evaluated_by_the_sign_test() -> None:
    errors_SM = np.array([[1.0, 2.0]] * 9 + [[2.0, 1.0]])
    found = critical_difference(["a", "b"], errors_SM)
    assert found.statistic == pytest.approx((9 - 1) ** 2 / 10)
    assert list(found.mean_ranks) == ["a", "b"]
    assert nemenyi_width(2, 10) == pytest.approx(1.96 / math.sqrt(10), abs=1e-3)


def test_groups_are_the_longest_runs_within_the_critical_difference() -> None:
    random = np.random.default_rng(0)
    errors_SM = random.normal(size=(40, 6)) + np.array([0.0, 0.1, 0.9, 1.0, 1.6, 9.0])
    found = critical_difference(list("abcdef"), errors_SM)
    ranks, width = found.mean_ranks, found.critical_difference
    assert width is not None
    assert len(found.groups) >= 2
    for group in found.groups:
        assert ranks[group[-1]] - ranks[group[0]] < width
    names = list(ranks)
    for first in range(6):
        for last in range(first + 1, 6):
            together = ranks[names[last]] - ranks[names[first]] < width
            held = any({names[first], names[last]} <= set(group) for group in found.groups)
            assert together == held
    assert not any(set(one) < set(other) for one in found.groups for other in found.groups)
    assert all("f" not in group for group in found.groups)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((5, 1), "fewer than 2 models"),
        ((2, 4), "fewer than 3 subjects"),
        ((5, 0), "fewer than 2 models"),
    ],
)
def test_too_little_is_not_applicable(shape: tuple[int, int], reason: str) -> None:
    found = critical_difference([f"m{m}" for m in range(shape[1])], np.zeros(shape))
    assert found.reason == reason
    assert found.mean_ranks == {}
