"""A resample by weights is the figure of the visits that were drawn, for every figure there is."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress
from sklearn.metrics import cohen_kappa_score

from foldgrid.analysis.exhibits.pasi import bland_altman as agreement
from foldgrid.analysis.exhibits.pasi import response
from foldgrid.analysis.statistics.estimates import (
    Resamples,
    estimate,
    fractions_of,
    mean_of,
    metric_of,
    resample_subjects,
)
from foldgrid.analysis.statistics.intervals import ONE_SUBJECT, TOO_MANY_UNDEFINED, why_no_interval
from foldgrid.metrics import METRICS
from tests.analysis.exhibits.made_pairs import random_pairs

SEEDS = st.integers(0, 10_000)


def analysis_of_variance(differences: np.ndarray, copies: np.ndarray) -> float:
    """Bland and Altman 2007: the SD between and within, each drawn copy a subject of its own."""
    groups = [differences[copies == copy] for copy in np.unique(copies)]
    sizes = np.array([len(group) for group in groups], dtype=float)
    within = sum(((group - group.mean()) ** 2).sum() for group in groups)
    within /= sizes.sum() - len(groups)
    between = sum(len(g) * (g.mean() - differences.mean()) ** 2 for g in groups)
    between /= len(groups) - 1
    size = (sizes.sum() - (sizes**2).sum() / sizes.sum()) / (len(groups) - 1)
    return math.sqrt(max((between - within) / size, 0.0) + within)


@given(SEEDS)
def test_weighted_metrics_are_those_of_the_drawn_visits(seed: int) -> None:
    visits = random_pairs(seed).visits
    truth, model = visits["physician"].to_numpy(), visits["predicted"].to_numpy()
    gaps, averages = model - truth, (model + truth) / 2
    says_model, says_physician = model < truth.mean(), truth < truth.mean()
    cells = {
        "both": says_model & says_physician,
        "model_only": says_model & ~says_physician,
        "physician_only": ~says_model & says_physician,
        "neither": ~says_model & ~says_physician,
    }
    weights_RN = resample_subjects(visits["subject"], num_resamples=3, seed=seed).weights_RN
    found = {
        "slope": agreement.slope_of(gaps, averages)(weights_RN),
        "sd": agreement._plain_sd(gaps)(weights_RN),
        "sd_repeated": agreement._repeated_sd(gaps, visits["subject"])(weights_RN),
        "pcc": metric_of("pcc", truth, model)(weights_RN),
        "ccc": metric_of("ccc", truth, model)(weights_RN),
        "spearman": metric_of("spearman", truth, model)(weights_RN),
        "kappa": response._kappa(cells, weights_RN),
        "mean": mean_of(gaps, among_N=says_model)(weights_RN),
    }
    for place, weights in enumerate(weights_RN.astype(int)):
        drawn = np.repeat(np.arange(len(visits)), weights)
        copy = np.concatenate([np.arange(times) for times in weights])
        copies = pd.factorize(visits["subject"].to_numpy()[drawn].astype(str))[0] * 100 + copy
        expected = {
            "slope": linregress(averages[drawn], gaps[drawn]).slope,
            "sd": np.std(gaps[drawn], ddof=1),
            "sd_repeated": analysis_of_variance(gaps[drawn], copies),
            "pcc": METRICS["pcc"](truth[drawn], model[drawn]),
            "ccc": METRICS["ccc"](truth[drawn], model[drawn]),
            "spearman": METRICS["spearman"](truth[drawn], model[drawn]),
            "kappa": cohen_kappa_score(says_model[drawn], says_physician[drawn]),
            "mean": gaps[drawn][says_model[drawn]].mean(),
        }
        for name, value in expected.items():
            assert found[name][place] == pytest.approx(value, rel=1e-7, abs=1e-9), name


@given(SEEDS)
def test_whole_subjects_are_drawn_and_as_many_as_there_are(seed: int) -> None:
    subjects = random_pairs(seed).visits["subject"].to_numpy()
    weights_RN = resample_subjects(subjects, num_resamples=20, seed=seed).weights_RN
    firsts = [np.flatnonzero(subjects == subject)[0] for subject in np.unique(subjects)]
    for subject, first in zip(np.unique(subjects), firsts, strict=True):
        own = weights_RN[:, subjects == subject]
        assert (own == weights_RN[:, [first]]).all()
    assert (weights_RN[:, firsts].sum(axis=1) == len(firsts)).all()


def test_an_interval_covers_what_it_promises() -> None:
    # 600 studies of 40 subjects whose visits share an error: the mean error is 0.
    random = np.random.default_rng(0)
    subjects = np.repeat(np.arange(40), 5)
    hits = 0
    for seed in range(600):
        errors = np.repeat(random.normal(0, 3, 40), 5) + random.normal(0, 1, 200)
        found = estimate(mean_of(errors), resample_subjects(subjects, 300, seed))
        hits += found.low <= 0.0 <= found.high
    assert 552 <= hits <= 585, hits


def test_the_same_seed_draws_the_same_subjects() -> None:
    subjects = ["a", "a", "b", "c"]
    first, again, other = (resample_subjects(subjects, 50, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.weights_RN, again.weights_RN)
    assert (first.weights_RN != other.weights_RN).any()


def test_what_the_bootstrap_cannot_tell_has_no_interval() -> None:
    one_subject = resample_subjects(["a", "a"])
    assert estimate(mean_of([1.0, 3.0]), one_subject).value == 2.0
    assert math.isnan(estimate(mean_of([1.0, 3.0]), one_subject).low)
    assert math.isnan(estimate(mean_of([]), resample_subjects([])).value)
    many = resample_subjects(list("abcdef"))
    always = estimate(mean_of([1.0] * 6), many)
    assert always.value == 1.0
    assert math.isnan(always.low)
    # Seen in about a third of the resamples only.
    rare = Resamples(np.eye(6), 6, 6, np.arange(6))
    assert math.isnan(estimate(mean_of(np.arange(6.0), among_N=[1, 1, 0, 0, 0, 0]), rare).low)


@pytest.mark.parametrize(("num_holders", "has_interval"), [(2, False), (4, True)])
def test_the_rule_for_no_interval_is_one(num_holders: int, has_interval: bool) -> None:
    # Of 54 subjects 2 are missing from 13 % of the resamples, 4 from 1.7 %.
    subjects, values = np.arange(54), np.arange(54.0)
    among = (subjects < num_holders).astype(float)
    found = estimate(mean_of(values, among), resample_subjects(subjects))
    assert math.isnan(found.low) != has_interval
    (share,) = fractions_of(subjects, values[:, None], among[:, None])
    assert (share.interval.low is not None) == has_interval
    assert share.interval.reason == ("" if has_interval else TOO_MANY_UNDEFINED)
    assert why_no_interval(95, 100, 2) == ""
    assert why_no_interval(94, 100, 2) == TOO_MANY_UNDEFINED
    assert why_no_interval(100, 100, 1) == ONE_SUBJECT
