from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from foldgrid.analysis.statistics.estimates import (
    estimate,
    fractions_of,
    mean_of,
    resample_subjects,
)
from foldgrid.analysis.statistics.intervals import (
    ONE_SUBJECT,
    expanded_percentiles,
    tail_fraction,
)
from foldgrid.analysis.statistics.resamples import SubjectResamples
from foldgrid.metrics import METRICS, Target, number_metrics
from foldgrid.metrics.computations import num_subjects_of
from foldgrid.metrics.sums import SubjectSums
from tests.analysis.made_up_visits import Population

NUM_STUDIES = 300


@pytest.fixture(scope="module")
def coverage() -> dict[str, np.ndarray]:
    """Of 300 studies of 54 subjects, the share of intervals that hold the truth.

    By metric: subjects resampled, then visits resampled as if each were a person of its own.
    """
    population = Population()
    held = {name: np.zeros(2) for name in population.truth}
    for number in range(NUM_STUDIES):
        subject_V, *pairs = population.draw(np.random.default_rng(number), 54)
        for column, clusters_V in enumerate((subject_V, np.arange(len(subject_V)))):
            sums = SubjectSums.of(clusters_V, *pairs)
            resamples = SubjectResamples.draw(sums.num_subjects, 400, number)
            for name, values_RM in sums.metric_values(
                number_metrics(), resamples.counts_RS
            ).items():
                (interval,) = expanded_percentiles(values_RM, sums.num_subjects)
                assert interval.low is not None
                assert interval.high is not None
                held[name][column] += interval.low <= population.truth[name] <= interval.high
    return {name: count / NUM_STUDIES for name, count in held.items()}


@pytest.mark.parametrize("metric", ["mae", "mse", "rmse", "bias", "pcc", "ccc", "icc"])
def test_intervals_by_subject_hold_the_truth_and_intervals_by_visit_do_not(
    coverage: dict[str, np.ndarray], metric: str
) -> None:
    # 300 studies leave 1.3 points of noise; skewed figures (MSE) lose some points more.
    by_subject, by_visit = coverage[metric]
    assert 0.90 <= by_subject <= 0.98
    assert by_visit <= 0.90
    assert by_subject - by_visit > 0.05


def test_with_six_subjects_plain_percentiles_are_much_too_narrow() -> None:
    population = Population()
    expanded = plain = 0
    for number in range(NUM_STUDIES):
        sums = SubjectSums.of(*population.draw(np.random.default_rng(number), 6))
        errors_RM = sums.metric_values(
            number_metrics(), SubjectResamples.draw(6, 400, number).counts_RS
        )["mae"]
        (interval,) = expanded_percentiles(errors_RM, 6)
        low, high = np.quantile(errors_RM, [0.025, 0.975])
        assert interval.low is not None
        assert interval.high is not None
        expanded += interval.low <= population.truth["mae"] <= interval.high
        plain += low <= population.truth["mae"] <= high
    assert expanded / NUM_STUDIES >= 0.88
    assert plain / NUM_STUDIES <= 0.88
    assert expanded - plain > 0.04 * NUM_STUDIES


@pytest.mark.parametrize("num_subjects", [8, 54])
def test_the_interval_of_a_mean_is_as_wide_as_students(num_subjects: int) -> None:
    values = stats.norm.ppf((np.arange(num_subjects) + 0.5) / num_subjects)
    sums = SubjectSums.of(np.arange(num_subjects), np.zeros(num_subjects), values[:, None])
    biases = sums.metric_values(
        number_metrics(), SubjectResamples.draw(num_subjects, 20_000).counts_RS
    )["bias"]
    (interval,) = expanded_percentiles(biases, num_subjects)
    half = stats.t.ppf(0.975, num_subjects - 1) * values.std(ddof=1) / np.sqrt(num_subjects)
    assert [interval.low, interval.high] == pytest.approx([-half, half], rel=0.07)


def test_many_subjects_give_the_usual_percentiles() -> None:
    assert tail_fraction(100_000) == pytest.approx(0.025, abs=1e-4)
    assert tail_fraction(6) == pytest.approx(0.0024, abs=1e-4)
    assert tail_fraction(54) == pytest.approx(0.0214, abs=2e-4)
    assert tail_fraction(3) < 1e-6


@pytest.mark.parametrize("num_of_part", [5, 20])
def test_a_value_of_a_part_is_as_uncertain_as_the_parts_own_subjects(num_of_part: int) -> None:
    held = []
    for seed in range(150):
        random = np.random.default_rng(seed)
        subject_N = np.repeat(np.arange(54), random.integers(3, 8, 54))
        is_part_N = subject_N < num_of_part
        error_N = random.normal(0, 3, 54)[subject_N] + random.normal(0, 2, len(subject_N))
        resamples = resample_subjects(subject_N, 300, seed)
        assert resamples.subjects_among(is_part_N) == num_of_part
        found = estimate(mean_of(np.abs(error_N), is_part_N), resamples)
        held.append(found.low <= np.sqrt(2 / np.pi * 13) <= found.high)
    # Expanded as if the part were all 54 subjects, 80 % of the intervals of 5 hold the truth.
    assert np.mean(held) >= 0.87


def test_the_expansion_is_the_parts_own_and_one_subject_has_no_interval() -> None:
    subject_U = np.repeat(np.arange(12), 3)
    random = np.random.default_rng(0)
    values_U1 = random.uniform(size=(36, 1))
    among_U3 = np.column_stack([subject_U < 12, subject_U < 7, subject_U < 1])
    values_U3 = np.repeat(values_U1, 3, axis=1)
    whole, part, alone = fractions_of(subject_U, values_U3, among_U3, 500)
    names = np.unique(subject_U.astype(str)).astype(int)
    counts_RS = SubjectResamples.draw(12, 500).counts_RS
    for found, number in ((whole, 12), (part, 7)):
        of_part_S = np.array([values_U1[subject_U == each].sum() for each in names])
        of_part_S = of_part_S * (names < number)
        values_R = counts_RS @ of_part_S / (3 * counts_RS @ (names < number))
        tail = tail_fraction(number)
        assert found.interval.low == pytest.approx(np.nanquantile(values_R, tail))
        assert found.interval.high == pytest.approx(np.nanquantile(values_R, 1 - tail))
    assert (alone.interval.low, alone.interval.reason) == (None, ONE_SUBJECT)
    resamples = resample_subjects(subject_U, 500)
    assert np.isnan(estimate(mean_of(values_U1[:, 0], among_U3[:, 2]), resamples).low)


def test_a_metric_of_classes_is_of_the_subjects_who_have_them() -> None:
    # 3 of 54 people have the disease.
    subject_U = np.repeat(np.arange(54), 2)
    reference_U = (subject_U < 3).astype(int)
    predicted = np.random.default_rng(0).dirichlet([1, 1], (108, 1))
    binary = Target("classes", 2, is_binary=True)
    sums = SubjectSums.of(subject_U, reference_U, predicted, binary)
    behind = {
        name: num_subjects_of(METRICS[name].of(binary), sums)
        for name in ("sensitivity", "specificity", "auc", "balanced_accuracy", "kappa", "log_loss")
    }
    assert behind["sensitivity"] == 3
    assert behind["specificity"] == 51
    assert 3 < behind["auc"] == behind["balanced_accuracy"] < 4, "the few decide how sure it is"
    assert behind["kappa"] == behind["log_loss"] == 54
    even = SubjectSums.of(subject_U, (subject_U < 27).astype(int), predicted, binary)
    assert num_subjects_of(METRICS["auc"].of(binary), even) == pytest.approx(53)
    three = Target("classes", 3)
    macro = SubjectSums.of(subject_U, subject_U // 18, np.full((108, 1, 3), 1 / 3), three)
    assert num_subjects_of(METRICS["sensitivity"].of(three), macro) == pytest.approx(52)


def test_what_has_no_interval_says_why() -> None:
    values_RM = np.linspace(0, 1, 100)[:, None] * np.ones(4)
    values_RM[:5, 1] = np.nan
    values_RM[:6, 2] = np.nan
    found = expanded_percentiles(values_RM, 30, np.array([True, True, True, False]))
    assert [each.num_undefined for each in found] == [0, 5, 6, 0]
    assert [each.reason for each in found] == [
        "",
        "",
        "undefined in too many resamples",
        "the metric is undefined",
    ]
    assert [each.low is None for each in found] == [False, False, True, True]
    assert found[1].low is not None
    assert found[1].low > (found[0].low or 0.0)
    assert [each.reason for each in expanded_percentiles(values_RM, 1)] == ["one subject only"] * 4
