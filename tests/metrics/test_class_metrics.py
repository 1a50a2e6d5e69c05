"""Every class metric beside scikit-learn, which shares no code with ours, and the undefined."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as others

from foldgrid.metrics import METRICS, Metric, Target
from foldgrid.metrics.classification import LEAST_PROBABILITY, by_class, class_metrics
from foldgrid.metrics.counts import confusion_matrix, decide

Case = tuple[np.ndarray, np.ndarray]


@st.composite
def evaluated(draw: st.DrawFn, num_classes: int | None = None) -> Case:
    """Class indices, some of which may not occur, and probabilities in tenths: many ties."""
    size = num_classes or draw(st.integers(2, 5))
    num_units = draw(st.integers(1, 25))
    reference = draw(arrays(np.int64, num_units, elements=st.integers(0, size - 1)))
    parts = draw(arrays(np.int64, (num_units, size), elements=st.integers(0, 4)))
    parts[parts.sum(axis=1) == 0] = 1
    return reference, parts / parts.sum(axis=1, keepdims=True)


def near(value: float) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True)


def macro(function: object, reference: np.ndarray, columns: np.ndarray, least: int) -> float:
    """scikit-learn's figure of one class against the rest, averaged over those that occur."""
    values = []
    for each in np.unique(reference):
        is_it = reference == each
        if len(np.unique(is_it)) >= least:
            values.append(function(is_it, columns[:, each]))  # type: ignore[operator]
    return float(np.mean(values)) if values else np.nan


@given(case=evaluated())
def test_several_classes_beside_scikit_learn(case: Case) -> None:
    reference, probabilities = case
    num_classes = probabilities.shape[1]
    metrics = class_metrics(num_classes)
    decided = probabilities.argmax(axis=1)
    one_hot = np.eye(num_classes)[decided]
    clipped = np.maximum(probabilities, LEAST_PROBABILITY)
    labels = list(range(num_classes))
    expected = {
        "auc": macro(others.roc_auc_score, reference, probabilities, 2),
        "accuracy": others.accuracy_score(reference, decided),
        "sensitivity": macro(others.recall_score, reference, one_hot, 1),
        "specificity": macro(
            lambda is_it, called: others.recall_score(~is_it, 1 - called), reference, one_hot, 2
        ),
        "log_loss": np.mean(-np.log(clipped[np.arange(len(reference)), reference])),
        "brier": np.mean(((probabilities - np.eye(num_classes)[reference]) ** 2).sum(axis=1)),
    }
    for name, value in expected.items():
        assert metrics[name](reference, probabilities) == near(value), name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kappa = others.cohen_kappa_score(reference, decided, labels=labels)
    assert metrics["kappa"](reference, probabilities) == near(kappa)
    if len(np.unique(reference)) == num_classes > 2:
        assert metrics["auc"](reference, probabilities) == near(
            others.roc_auc_score(reference, probabilities, multi_class="ovr")
        )
    if len(np.unique(decided)) <= len(np.unique(reference)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            balanced = others.balanced_accuracy_score(reference, decided)
        assert metrics["sensitivity"](reference, probabilities) == near(balanced)


@given(case=evaluated())
def test_the_quadratic_kappa_beside_scikit_learn(case: Case) -> None:
    reference, probabilities = case
    num_classes = probabilities.shape[1]
    metrics = class_metrics(num_classes, is_ordered=True)
    assert next(iter(metrics)) == "quadratic_kappa"
    decided = probabilities.argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Where it is undefined.
        expected = others.cohen_kappa_score(
            reference, decided, labels=list(range(num_classes)), weights="quadratic"
        )
    assert metrics["quadratic_kappa"](reference, probabilities) == near(expected)


@given(case=evaluated(num_classes=2))
def test_a_binary_task_beside_scikit_learn(case: Case) -> None:
    reference, probabilities = case
    metrics = class_metrics(2, is_binary=True)
    score, called = probabilities[:, 1], probabilities[:, 1] >= 0.5
    has = {each: bool((reference == each).any()) for each in (0, 1)}
    expected = {
        "auc": others.roc_auc_score(reference, score) if all(has.values()) else np.nan,
        "accuracy": others.accuracy_score(reference, called),
        "sensitivity": others.recall_score(reference, called) if has[1] else np.nan,
        "specificity": others.recall_score(1 - reference, ~called) if has[0] else np.nan,
        "brier": others.brier_score_loss(reference, score, pos_label=1),
    }
    for name, value in expected.items():
        assert metrics[name](reference, probabilities) == near(value), name


@given(case=evaluated())
def test_further_metrics_of_several_classes_beside_scikit_learn(case: Case) -> None:
    reference, probabilities = case
    target = Target("classes", probabilities.shape[1])
    decided = probabilities.argmax(axis=1)
    if len(np.unique(reference)) > 1 and len(np.unique(decided)) > 1:
        expected = others.matthews_corrcoef(reference, decided)
        assert METRICS["mcc"].of(target)(reference, probabilities) == near(expected)
    else:
        assert np.isnan(METRICS["mcc"].of(target)(reference, probabilities))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = others.balanced_accuracy_score(reference, decided)
    assert METRICS["balanced_accuracy"].of(target)(reference, probabilities) == near(expected)


@given(case=evaluated(num_classes=2))
def test_further_metrics_of_a_binary_task_beside_scikit_learn(case: Case) -> None:
    reference, probabilities = case
    target = Target("classes", 2, is_binary=True)
    score, called = probabilities[:, 1], probabilities[:, 1] >= 0.5
    if len(np.unique(reference)) > 1:
        expected = {
            "average_precision": others.average_precision_score(reference, score),
            "balanced_accuracy": others.balanced_accuracy_score(reference, called),
        }
        if len(np.unique(called)) > 1:
            expected["mcc"] = others.matthews_corrcoef(reference, called)
        for name, value in expected.items():
            assert METRICS[name].of(target)(reference, probabilities) == near(value), name


def test_values_that_a_pencil_and_others_have() -> None:
    # By pencil: 0 0 1 1 is decided of 0 1 1 1.
    two = np.eye(2)[[0, 0, 1, 1]]
    binary = Target("classes", 2, is_binary=True)
    # MCC: (2*1 - 1*0) / sqrt(2 * 3 * 2 * 1).
    assert METRICS["mcc"].of(binary)([0, 1, 1, 1], two) == near(2 / np.sqrt(12))
    assert METRICS["balanced_accuracy"].of(binary)([0, 1, 1, 1], two) == near((1 + 2 / 3) / 2)
    # scikit-learn's own example of average precision: 0.83.
    score = np.array([0.1, 0.4, 0.35, 0.8])
    pair = np.stack([1 - score, score], axis=1)
    assert METRICS["average_precision"].of(binary)([0, 0, 1, 1], pair) == near(0.8333333333333333)


def test_log_loss_is_scikit_learns_away_from_zero() -> None:
    random = np.random.default_rng(0)
    reference, probabilities = random.integers(4, size=50), random.dirichlet(np.ones(4), 50)
    assert class_metrics(4)["log_loss"](reference, probabilities) == near(
        others.log_loss(reference, probabilities, labels=[0, 1, 2, 3])
    )
    sure = np.array([[0.0, 1.0]])
    assert class_metrics(2)["log_loss"]([0], sure) == near(-np.log(LEAST_PROBABILITY))


def test_auc_leads_and_every_metric_knows_its_direction() -> None:
    for is_binary in (False, True):
        metrics = class_metrics(2, is_binary)
        assert next(iter(metrics)) == "auc"
        assert "balanced_accuracy" not in metrics
        assert [name for name, each in metrics.items() if each.direction == "lower"] == [
            "log_loss",
            "brier",
        ]
        assert all(isinstance(each, Metric) and each.name == name for name, each in metrics.items())


@pytest.mark.parametrize("is_binary", [False, True])
def test_what_cannot_be_computed_is_nan(is_binary: bool) -> None:
    metrics = class_metrics(2, is_binary)
    for reference, probabilities in (
        ([], np.empty((0, 2))),
        ([0, 1], [[0.5, 0.5], [np.nan, 0.5]]),
        ([0, 1], [[0.5, 0.5], [np.inf, 0.5]]),
        ([0.0, np.nan], [[0.5, 0.5], [0.5, 0.5]]),
    ):
        for metric in metrics.values():
            assert np.isnan(metric(reference, probabilities)), metric.name
    alone = {name: each([0, 0], [[0.9, 0.1], [0.8, 0.2]]) for name, each in metrics.items()}
    missing = {"auc", "auc_pooled", "kappa", "sensitivity" if is_binary else "specificity"}
    assert {name for name, value in alone.items() if np.isnan(value)} == missing


def test_what_is_no_classification_is_refused() -> None:
    for num_classes, is_binary in ((1, False), (3, True)):
        with pytest.raises(ValueError, match="cannot be evaluated"):
            class_metrics(num_classes, is_binary)
    accuracy = class_metrics(3)["accuracy"]
    with pytest.raises(ValueError, match="3 probabilities"):
        accuracy([0], [[0.5, 0.5]])
    with pytest.raises(ValueError, match="U by K"):
        accuracy([0, 1], [[0.2, 0.3, 0.5]])
    for wrong in (3, -1, 0.5):
        with pytest.raises(ValueError, match="from 0 to 2"):
            accuracy([wrong], [[0.2, 0.3, 0.5]])


@given(case=evaluated())
def test_the_table_by_class_and_the_matrix_agree_with_scikit_learn(case: Case) -> None:
    reference, probabilities = case
    num_classes = probabilities.shape[1]
    decided = decide(probabilities, is_binary=False)
    labels = list(range(num_classes))
    matrix = confusion_matrix(reference, decided, num_classes)
    np.testing.assert_array_equal(
        matrix, others.confusion_matrix(reference, decided, labels=labels)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, _, support = others.precision_recall_fscore_support(
            reference, decided, labels=labels, zero_division=np.nan
        )
    for each, row in enumerate(by_class(reference, probabilities)):
        assert row.support == support[each]
        assert row.decided == (decided == each).sum()
        assert row.sensitivity == near(recall[each])
        assert row.precision == near(precision[each])
        if 0 < row.support < len(reference):
            is_it = reference == each
            assert row.auc == near(others.roc_auc_score(is_it, probabilities[:, each]))
            assert row.specificity == near(np.mean(decided[~is_it] != each))
        else:
            assert np.isnan(row.auc)


def test_the_first_of_equals_is_decided_for_and_a_half_is_positive() -> None:
    tied = np.array([[0.5, 0.5]])
    assert decide(tied, is_binary=False).tolist() == [0]
    assert decide(tied, is_binary=True).tolist() == [1]
    assert by_class([], np.empty((0, 2))) == ()
