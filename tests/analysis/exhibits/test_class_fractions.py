"""Figures of each class, of all classes, and fold by fold: those that the metrics give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.analysis.exhibits.classes.by_class import class_fractions, fold_spread
from foldgrid.analysis.exhibits.classes.roc_facts import auc_and_interval
from foldgrid.analysis.predictions.class_units import ClassUnits
from foldgrid.analysis.statistics.estimates import overall_metrics
from foldgrid.metrics.classification import by_class, class_metrics
from foldgrid.tasks.classification.hierarchy import is_below


def units(seed: int, num_units: int, num_classes: int, is_binary: bool = False) -> ClassUnits:
    """Made-up probabilities of a few subjects, some classes perhaps without a unit."""
    random = np.random.default_rng(seed)
    said_UK = random.dirichlet(np.ones(num_classes), num_units)
    subject_U = np.sort(random.integers(0, 6, num_units))
    return ClassUnits(
        model="made up",
        classes=tuple("abcdef"[:num_classes]),
        is_binary=is_binary,
        subjects_U=subject_U.astype(str),
        folds_U=subject_U % 3,
        reference_U=random.integers(0, num_classes, num_units),
        probabilities_UK=said_UK,
    )


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(2, 5), st.booleans())
def test_metrics_by_class_are_those_of_the_tables(
    seed: int, num_units: int, num_classes: int, is_binary: bool
) -> None:
    made = units(seed, num_units, 2 if is_binary else num_classes, is_binary)
    found = class_fractions(made, num_resamples=20)
    tables = by_class(made.reference_U, made.probabilities_UK, is_binary)
    for each, place in zip(found, made.asked_classes, strict=True):
        table = tables[place]
        assert each.num_units == table.support
        for name in ("sensitivity", "specificity", "precision"):
            expected = getattr(table, name)
            assert getattr(each, name).value == pytest.approx(expected, nan_ok=True)
        is_it, score_U = made.reference_U == place, made.probabilities_UK[:, place]
        pooled, _ = auc_and_interval(made.subjects_U, is_it, score_U, None, 20)
        assert pooled == pytest.approx(table.auc, nan_ok=True)
        within, _ = auc_and_interval(made.subjects_U, is_it, score_U, made.folds_U, 20)
        assert each.auc == pytest.approx(within, nan_ok=True)
        assert bool(each.auc_interval.reason) == (each.auc_interval.low is None)


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(2, 5))
def test_overall_values_are_the_metrics(seed: int, num_units: int, num_classes: int) -> None:
    made = units(seed, num_units, num_classes)
    metrics = class_metrics(num_classes)
    found = overall_metrics(made, list(metrics), num_resamples=20)
    for name, each in found.items():
        expected = metrics[name](made.reference_U, made.probabilities_UK, made.folds_U)
        assert each.value == pytest.approx(expected, nan_ok=True)
        assert (each.interval.low is None) == bool(each.interval.reason)


def test_the_spread_leaves_out_folds_without_a_metric() -> None:
    made = units(3, 30, 3)
    alone = np.where(made.folds_U == 2, 0, made.reference_U)
    made = ClassUnits(**{**made.__dict__, "reference_U": alone})
    spread = fold_spread(made, class_metrics(3)["auc"])
    assert math.isnan(spread.by_fold[2])
    defined = [spread.by_fold[0], spread.by_fold[1]]
    assert spread.mean == pytest.approx(np.mean(defined))
    assert spread.sd == pytest.approx(np.std(defined, ddof=1))


@pytest.mark.parametrize(
    ("path", "node", "expected"),
    [
        ("malignant/melanocytic", "malignant", True),
        ("malignant", "malignant", True),
        ("malignant", "malignant/melanocytic", False),
        ("malignant_not/a", "malignant", False),
    ],
)
def test_what_is_below_a_node(path: str, node: str, expected: bool) -> None:
    assert is_below(path, node) is expected
