"""What holds of every metric, ours and whoever's: one suite over all of the registry."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from foldgrid.metrics import METRICS, Metric, Target, metrics_of
from foldgrid.metrics.computations import MeanOf, OfPairs
from foldgrid.metrics.sums import SubjectSums

TARGETS = (
    Target(unit="months"),
    Target("classes", 2),
    Target("classes", 2, is_binary=True),
    Target("classes", 3),
    Target("classes", 4, is_ordered=True),
)
OUTSIDE = Metric(
    name="median_error",
    title="Median error",
    description="median absolute error",
    direction="lower",
    compute=OfPairs(lambda truth, predicted: float(np.median(np.abs(predicted - truth)))),
    lowest=0.0,
    is_in_unit=True,
)
WITHIN = Metric(
    name="within_one",
    title="Within 1",
    description="share of errors of 1 at most",
    direction="higher",
    compute=MeanOf(lambda truth, predicted: np.abs(predicted - truth) <= 1),
    lowest=0.0,
    highest=1.0,
)
CASES = [
    *((target, name) for target in TARGETS for name in metrics_of(target)),
    (TARGETS[0], "median_error"),
    (TARGETS[0], "within_one"),
]
every_metric = pytest.mark.parametrize(
    ("target", "name"), CASES, ids=[f"{name}-{TARGETS.index(target)}" for target, name in CASES]
)


def metric_of(target: Target, name: str) -> Metric:
    """A registered metric, or one of the two that another package could bring."""
    own = {"median_error": OUTSIDE, "within_one": WITHIN}
    return (own.get(name) or METRICS[name]).of(target)


@dataclass
class Study:
    """Units in any order, with ties; two models."""

    subject_U: np.ndarray
    reference_U: np.ndarray
    predicted: np.ndarray


@st.composite
def studies(draw: st.DrawFn, target: Target) -> Study:
    """Few subjects, classes that may be missing, now and then a constant model."""
    num_units = draw(st.integers(1, 14))
    subject_U = draw(arrays(np.int64, num_units, elements=st.integers(0, 4)))
    if target.kind == "numbers":
        tenths = st.integers(-50, 720).map(lambda number: number / 10)
        reference_U = draw(arrays(np.float64, num_units, elements=tenths))
        predicted = draw(arrays(np.float64, (num_units, 2), elements=tenths))
        if draw(st.booleans()):
            predicted[:, 0] = draw(tenths)
        return Study(subject_U, reference_U, predicted)
    classes = st.integers(0, target.num_classes - 1)
    reference_U = draw(arrays(np.int64, num_units, elements=classes))
    shape = num_units, 2, target.num_classes
    parts = draw(arrays(np.int64, shape, elements=st.integers(0, 3)))
    parts[parts.sum(axis=2) == 0] = 1
    return Study(subject_U, reference_U, parts / parts.sum(axis=2, keepdims=True))


def perfect(target: Target, reference_U: np.ndarray) -> np.ndarray:
    """What a model says that knows everything."""
    return reference_U if target.kind == "numbers" else np.eye(target.num_classes)[reference_U]


@every_metric
@given(data=st.data())
def test_a_value_is_in_its_range_in_any_order_and_none_is_better_than_the_perfect(
    target: Target, name: str, data: st.DataObject
) -> None:
    metric, study = metric_of(target, name), data.draw(studies(target))
    value = metric(study.reference_U, study.predicted[:, 0])
    assert math.isnan(value) or metric.lowest - 1e-9 <= value <= metric.highest + 1e-9
    order = np.random.default_rng(0).permutation(len(study.reference_U))
    again = metric(study.reference_U[order], study.predicted[order, 0])
    assert again == pytest.approx(value, rel=1e-6, abs=1e-6, nan_ok=True)
    best = metric(study.reference_U, perfect(target, study.reference_U))
    if not math.isnan(value) and not math.isnan(best):
        assert metric.sort_key(best) <= metric.sort_key(value) + 1e-9
        ends = {"lower": metric.lowest, "higher": metric.highest, "zero": 0.0}
        assert best == pytest.approx(ends[metric.direction], abs=1e-5)


@every_metric
@given(data=st.data(), seed=st.integers(0, 99))
def test_resampled_it_is_the_value_of_the_units_that_were_drawn(
    target: Target, name: str, data: st.DataObject, seed: int
) -> None:
    metric, study = metric_of(target, name), data.draw(studies(target))
    names, subject_U = np.unique(study.subject_U, return_inverse=True)
    ones_1S = np.ones((1, len(names)), int)
    drawn_RS = np.random.default_rng(seed).multinomial(len(names), ones_1S[0] / len(names), 4)
    # A resample, the whole, and the subjects that a resample left out, who may be nobody.
    weights_RS = np.vstack([ones_1S, drawn_RS, drawn_RS == 0]).astype(np.float64)
    sums = SubjectSums.of(study.subject_U, study.reference_U, study.predicted, target)
    found_RM = sums.value(metric, weights_RS)
    assert found_RM.shape == (len(weights_RS), 2)
    for row, weights_S in enumerate(weights_RS.astype(int)):
        drawn = np.repeat(np.arange(len(subject_U)), weights_S[subject_U])
        for model in range(2):
            expected = metric(study.reference_U[drawn], study.predicted[drawn, model])
            near = pytest.approx(expected, rel=1e-6, abs=1e-6, nan_ok=True)
            assert found_RM[row, model] == near


@every_metric
def test_models_are_apart_and_a_diverged_one_has_no_value(target: Target, name: str) -> None:
    metric, random = metric_of(target, name), np.random.default_rng(3)
    subject_U, reference_U = np.arange(30) // 3, np.arange(30) % (target.num_classes or 7)
    if target.kind == "numbers":
        predicted = reference_U[:, None] + random.normal(size=(30, 3))
    else:
        predicted = random.dirichlet(np.ones(target.num_classes), (30, 3))
    weights_RS = random.multinomial(10, np.full(10, 0.1), 20).astype(np.float64)
    sums = SubjectSums.of(subject_U, reference_U, predicted, target)
    whole_RM = sums.value(metric, weights_RS)
    for place in range(3):
        alone_RM = sums.of_models([place]).value(metric, weights_RS)
        np.testing.assert_allclose(alone_RM, whole_RM[:, [place]], rtol=1e-12, atol=1e-12)
    for lost in (np.nan, np.inf):
        spoilt = predicted.copy()
        spoilt[4:, 1] = lost
        assert math.isnan(metric(reference_U, spoilt[:, 1]))
        again = SubjectSums.of(subject_U, reference_U, spoilt, target)
        found_RM = again.value(metric, weights_RS)
        np.testing.assert_allclose(found_RM[:, [0, 2]], whole_RM[:, [0, 2]], rtol=1e-12)
        assert not np.isfinite(found_RM[:, 1]).any()


@every_metric
def test_without_a_unit_nothing_is_defined(target: Target, name: str) -> None:
    metric, shape = metric_of(target, name), (0, 2, target.num_classes)
    predicted = np.empty(shape if target.num_classes else shape[:2])
    assert math.isnan(metric([], predicted[:, 0]))
    found = SubjectSums.of([], np.array([]), predicted, target).value(metric, np.ones((3, 1)))
    assert np.isnan(found).all()
    assert found.shape == (3, 2)


@every_metric
def test_its_words_are_whole(target: Target, name: str) -> None:
    metric = metric_of(target, name)
    assert metric.name == name
    assert metric.title
    assert len(metric.heading) <= 15
    assert metric.description
    assert not metric.description.endswith(".")
    assert metric.lowest < metric.highest
    assert metric.unit in ("", target.unit)
    assert metric.target == target


def test_every_metric_is_of_some_target() -> None:
    assert {name for _, name in CASES} >= set(METRICS)
