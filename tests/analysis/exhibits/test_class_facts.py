"""Facts about models of classes: shares, ROC curves, operating points, calibration, the plane."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from foldgrid.analysis.exhibits.classes.embedding import plane_coordinates
from foldgrid.analysis.exhibits.classes.reliability import reliability_facts, top_class_reliability
from foldgrid.analysis.exhibits.classes.roc_facts import one_vs_rest, operating_facts, roc_facts
from foldgrid.analysis.statistics.estimates import fractions_of
from foldgrid.analysis.statistics.intervals import NO_SPREAD
from foldgrid.analysis.statistics.resamples import SEED, SubjectResamples
from foldgrid.tasks.classification.operating_points import choose_threshold
from tests.analysis.test_class_stacking import made_up


def study(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Subjects, classes, probabilities and folds of 30 subjects with four photographs each."""
    probabilities_NLK, truth_N, folds_N = made_up((1.5,), seed=seed)
    return np.repeat(np.arange(30), 4), truth_N, probabilities_NLK[:, 0], folds_N


def test_fractions_and_their_intervals_are_those_of_drawing_the_units() -> None:
    random = np.random.default_rng(0)
    subject_U = np.repeat(np.arange(12), 3)
    values, among = random.uniform(size=(36, 2)), random.uniform(size=(36, 2)) > 0.3
    found = fractions_of(subject_U, values, among, num_resamples=200)
    # As strings the subjects sort otherwise than as numbers.
    names = np.unique(subject_U.astype(str))
    counts_RS = SubjectResamples.draw(12, 200, SEED).counts_RS.astype(int)
    for place, share in enumerate(found):
        assert share.value == pytest.approx(values[among[:, place], place].mean())
        assert share.num_units == among[:, place].sum()
        drawn = []
        for counts_S in counts_RS:
            times = dict(zip(names, counts_S, strict=True))
            rows = np.repeat(np.arange(36), [times[str(each)] for each in subject_U])
            drawn.append(values[rows, place][among[rows, place]].mean())
        assert share.interval.low is not None
        assert min(drawn) <= share.interval.low <= np.quantile(drawn, 0.03)


def test_a_fraction_that_never_changes_has_no_interval_and_one_of_nothing_no_value() -> None:
    whole, nothing = fractions_of([1, 1, 2, 3], np.ones((4, 2)), [[True, False]] * 4)
    assert whole.value == 1.0
    assert whole.interval.low is None
    assert whole.interval.reason == NO_SPREAD
    assert math.isnan(nothing.value)
    assert nothing.num_units == 0
    assert nothing.interval.reason


def test_each_class_against_the_rest_with_its_folds() -> None:
    subject_U, reference_U, probabilities_UK, folds_U = study()
    found = one_vs_rest("abc", subject_U, reference_U, probabilities_UK, folds_U, 300)
    assert [each.name for each in found] == ["a", "b", "c"]
    for place, facts in enumerate(found):
        is_it, score = reference_U == place, probabilities_UK[:, place]
        assert facts.pooled == pytest.approx(roc_auc_score(is_it, score))
        assert facts.num_positives == is_it.sum()
        assert facts.num_positives + facts.num_negatives == len(is_it)
        assert facts.interval.low is not None
        assert facts.interval.high is not None
        assert facts.interval.low < facts.auc < facts.interval.high
        assert facts.delong[0] < facts.pooled < facts.delong[1]
        pairs = [
            is_it[folds_U == fold].sum() * (~is_it[folds_U == fold]).sum() for fold in range(5)
        ]
        aucs = [roc_auc_score(is_it[folds_U == fold], score[folds_U == fold]) for fold in range(5)]
        assert [each.auc for each in facts.folds] == pytest.approx(aucs)
        assert facts.auc == pytest.approx(np.average(aucs, weights=pairs))
        assert facts.fold_mean == pytest.approx(np.mean(aucs))
        assert facts.fold_sd == pytest.approx(np.std(aucs, ddof=1))


def test_an_interval_by_subjects_is_wider_than_delongs_where_photographs_repeat() -> None:
    random = np.random.default_rng(0)
    subject_U = np.repeat(np.arange(40), 8)
    is_positive_U = np.arange(40)[subject_U] % 2 == 0
    score_U = (1.2 * is_positive_U + random.normal(size=40)[subject_U]) + 0.1 * random.normal(
        size=len(subject_U)
    )
    facts = roc_facts("a", subject_U, is_positive_U, score_U)
    assert facts is not None
    assert facts.interval.low is not None
    assert facts.interval.high is not None
    assert facts.interval.high - facts.interval.low > 1.8 * (facts.delong[1] - facts.delong[0])


def test_what_has_no_curve_is_left_out() -> None:
    subject_U, reference_U, probabilities_UK, _ = study()
    both = np.where(reference_U == 2, 1, reference_U)
    assert [each.name for each in one_vs_rest("abc", subject_U, both, probabilities_UK)] == [
        "a",
        "b",
    ]
    assert roc_facts("a", [1, 2], np.array([True, True]), np.array([0.1, 0.2])) is None
    folded = np.where(reference_U == 0, 0, 1)
    facts = roc_facts("a", subject_U, reference_U == 0, probabilities_UK[:, 0], folded, 50)
    assert facts is not None
    assert facts.folds == ()
    assert math.isnan(facts.fold_mean)


def test_an_operating_point_on_units_that_it_was_not_chosen_on() -> None:
    _, reference_U, probabilities_UK, _ = study()
    threshold = choose_threshold(reference_U == 1, probabilities_UK[:, 1], sensitivity=0.9)
    subject_U, test_U, test_UK, _ = study(seed=1)
    found = operating_facts("high", subject_U, test_U == 1, test_UK[:, 1], threshold, 300)
    assert found.point.threshold == threshold
    for share, plain in (
        (found.sensitivity, found.point.sensitivity),
        (found.specificity, found.point.specificity),
        (found.positive_predictive_value, found.point.positive_predictive_value),
        (found.negative_predictive_value, found.point.negative_predictive_value),
    ):
        assert share.value == pytest.approx(plain)
        assert share.interval.low is not None
        assert share.interval.high is not None
        assert share.interval.low < share.value < share.interval.high
    assert found.sensitivity.num_units == (test_U == 1).sum()
    nobody = operating_facts("none", subject_U, test_U == 1, test_UK[:, 1], math.nan, 50)
    assert nobody.sensitivity.value == 0.0


def test_reliability_by_hand() -> None:
    said = [0.05, 0.15, 0.15, 0.92, 1.0]
    found = reliability_facts("m", "x", range(5), [0, 1, 0, 1, 1], said)
    assert [(each.low, each.high) for each in found.bins] == [(0, 0.1), (0.1, 0.2), (0.9, 1.0)]
    assert [each.share.value for each in found.bins] == [0.0, 0.5, 1.0]
    assert [each.share.num_units for each in found.bins] == [1, 2, 2]
    assert found.bins[2].mean_probability == pytest.approx(0.96)
    expected = (0.05 + 2 * abs(0.15 - 0.5) + 2 * 0.04) / 5
    assert found.calibration_error == pytest.approx(expected)


def test_a_calibrated_model_has_a_small_error_and_a_sure_one_a_large_one() -> None:
    random = np.random.default_rng(0)
    said = random.uniform(size=4000)
    came_true = random.uniform(size=4000) < said
    calibrated = reliability_facts("m", "x", range(4000), came_true, said, num_resamples=20)
    sure = reliability_facts("m", "x", range(4000), came_true, said > 0.5, num_resamples=20)
    assert calibrated.calibration_error < 0.03
    assert sure.calibration_error > 0.2
    subject_U, reference_U, probabilities_UK, _ = study()
    top = top_class_reliability("m", subject_U, reference_U, probabilities_UK)
    right = (probabilities_UK.argmax(axis=1) == reference_U).sum()
    assert sum(each.share.value * each.share.num_units for each in top.bins) == pytest.approx(right)


def test_the_plane_keeps_neighbours_and_is_the_same_every_time() -> None:
    random = np.random.default_rng(0)
    group_N = np.arange(90) % 3
    features_NF = 6 * random.normal(size=(3, 40))[group_N] + random.normal(size=(90, 40))
    plane_N2 = plane_coordinates(features_NF)
    assert plane_N2.shape == (90, 2)
    distances_NN = np.linalg.norm(plane_N2[:, None] - plane_N2, axis=2)
    np.fill_diagonal(distances_NN, np.inf)
    assert (group_N[distances_NN.argmin(axis=1)] == group_N).all()
    np.testing.assert_array_equal(plane_coordinates(features_NF), plane_N2)


@pytest.mark.parametrize("shape", [(5, 3), (6, 1), (40, 200)])
def test_planes_of_awkward_sizes(shape: tuple[int, int]) -> None:
    found = plane_coordinates(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    assert np.isfinite(found).all()


def test_no_plane_of_too_few_units_or_of_what_is_not_finite() -> None:
    for features in (np.zeros((4, 3)), np.full((9, 3), np.nan)):
        with pytest.raises(ValueError, match="a plane needs"):
            plane_coordinates(features)
