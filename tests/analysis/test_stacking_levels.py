"""Fits trained on unlike folds have unlike levels; stacking must not read the truth from them."""

from __future__ import annotations

import numpy as np
import pytest

from foldgrid.analysis.stacking.meta_learner import MetaLearner
from foldgrid.analysis.stacking.meta_learners import CLASS_META_LEARNERS, META_LEARNERS
from foldgrid.analysis.stacking.nested import same_for_all
from foldgrid.analysis.stacking.nested_fits import fit_nested, levelled
from foldgrid.metrics import METRICS, class_metrics
from foldgrid.tasks.pasi.scoring import COMPOSITE_SCALE

NUMBERS: dict[str, MetaLearner] = {
    name: each.set_params(scale=COMPOSITE_SCALE) for name, each in META_LEARNERS.items()
}


def study(
    num_subjects: int, seed: int, slope: float, noise: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three learners' predictions, the truth and five random folds of whole subjects.

    A learner predicts its training mean and so much of the departure from it.
    """
    random = np.random.default_rng(seed)
    subject_N = np.repeat(np.arange(num_subjects), 5)
    folds_N = (random.permutation(num_subjects) % 5)[subject_N]
    truth_N = 20 + random.normal(0, 8, num_subjects)[subject_N]
    truth_N = np.clip(truth_N + random.normal(0, 4, len(truth_N)), 0, 72)
    mean_N1, _ = same_for_all(truth_N[:, None], folds_N, 0)
    predicted_NL = mean_N1 + slope * (truth_N[:, None] - mean_N1)
    predicted_NL = predicted_NL + random.normal(0, noise, (len(truth_N), 3))
    return np.clip(predicted_NL, 0, 72)[:, :, None], truth_N, folds_N


@pytest.mark.parametrize("num_subjects", [20, 54])
def test_learners_that_know_only_their_folds_mean_have_no_skill(num_subjects: int) -> None:
    found: dict[str, list[float]] = {name: [] for name in NUMBERS}
    baseline = []
    for seed in range(6):
        known, truth, folds = study(num_subjects, seed, slope=0.0, noise=0.3)
        for name, fit in fit_nested(NUMBERS, known, truth, folds, known[:1]).items():
            found[name].append(METRICS["pcc"](truth, fit.oof[:, 0]))
        same, _ = same_for_all(truth[:, None], folds, 0)
        baseline.append(METRICS["pcc"](truth, same[:, 0]))
    # What says the same for everybody is below 0, because a fold's mean is lower where the others'
    # is higher; without the levels `ridge_w_intercept` had 0.28 to 0.38 here.
    assert np.mean(baseline) < -0.2
    assert {name: np.mean(each) for name, each in found.items() if np.mean(each) > 0.15} == {}


@pytest.mark.parametrize(("slope", "noise"), [(0.9, 4.0), (0.5, 4.0), (1.0, 2.0)])
def test_learners_that_learned_are_stacked_as_before(
    monkeypatch: pytest.MonkeyPatch, slope: float, noise: float
) -> None:
    before: dict[str, list[float]] = {name: [] for name in NUMBERS}
    after: dict[str, list[float]] = {name: [] for name in NUMBERS}
    for seed in range(3):
        study_of_seed = study(54, seed, slope, noise)
        known, truth, _ = study_of_seed
        for name, fit in fit_nested(NUMBERS, *study_of_seed, known[:1]).items():
            after[name].append(METRICS["mae"](truth, fit.oof[:, 0]))
        with monkeypatch.context() as patch:
            where = "foldgrid.analysis.stacking.nested_fits.levelled"
            patch.setattr(where, lambda values, *_, **__: values)
            for name, fit in fit_nested(NUMBERS, *study_of_seed, known[:1]).items():
                before[name].append(METRICS["mae"](truth, fit.oof[:, 0]))
    for name in NUMBERS:
        assert np.mean(after[name]) == pytest.approx(np.mean(before[name]), rel=0.01), name


def test_a_folds_levels_do_not_follow_the_truth_that_was_left_out() -> None:
    known, truth, folds = study(20, 0, slope=0.0, noise=0.0)
    others = folds != 2
    own = known[others], truth[others], folds[others]
    flat = levelled(*own, num_left_out=int((~others).sum()))
    # The fits of equal folds differ by their levels alone, and what is left is the same of all.
    np.testing.assert_allclose(flat, flat[0, 0, 0], atol=1e-9)
    assert np.ptp(known[others]) > 0.5


def test_class_fractions_that_a_fit_trained_on_are_divided_out() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(3, size=60)
    folds = np.repeat(np.arange(5), 12)
    fractions, _ = same_for_all(np.eye(3)[truth], folds, 0)
    known = np.repeat(fractions[:, None], 2, axis=1)
    found = levelled(known, truth, folds)
    assert np.ptp(found, axis=0).max() < 0.1 * np.ptp(known, axis=0).max()
    np.testing.assert_allclose(found.sum(axis=2), 1.0)
    auc = class_metrics(3)["auc"]
    for name, fit in fit_nested(CLASS_META_LEARNERS, known, truth, folds, known[:1]).items():
        assert auc(truth, fit.oof) <= 0.5, name


def test_one_fold_is_left_as_it_is() -> None:
    known, truth, folds = study(10, 0, slope=0.5, noise=1.0)
    same = levelled(known, truth, np.zeros_like(folds), num_left_out=5)
    np.testing.assert_allclose(same, known, atol=1e-9)
