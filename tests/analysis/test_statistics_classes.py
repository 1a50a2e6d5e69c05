"""The statistics of class probabilities: sums against the plain metrics, then all of it at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from foldgrid.analysis.statistics.assessing import assess_resampled
from foldgrid.analysis.statistics.facts import Assessment
from foldgrid.analysis.statistics.resampled import Resampled
from foldgrid.analysis.statistics.resamples import SubjectResamples
from foldgrid.metrics import Metric, Target, metrics_of
from foldgrid.metrics.classification import class_metrics
from foldgrid.metrics.sums import BLOCK, SubjectSums
from foldgrid.tasks.classification.scoring import BinaryScoring, ClassScoring, LabelScoring
from foldgrid.tasks.classification.spec import BinarySpec, ClassificationSpec
from foldgrid.tasks.units import UnitTable


def every_metric(num_classes: int, is_binary: bool = False) -> dict[str, Metric]:
    """Those of classes and those of grades, ours and whoever's."""
    return dict(metrics_of(target_of(num_classes, is_binary)))


def target_of(num_classes: int, is_binary: bool = False) -> Target:
    """Classes that are grades too."""
    return Target("classes", num_classes, is_binary, is_ordered=True)


Study = tuple[np.ndarray, np.ndarray, np.ndarray, bool]


@st.composite
def studies(draw: st.DrawFn) -> Study:
    """Units in any order, classes that may be missing, probabilities with many ties."""
    is_binary = draw(st.booleans())
    num_classes = 2 if is_binary else draw(st.integers(2, 4))
    num_units = draw(st.integers(1, 14))
    subject_U = draw(arrays(np.int64, num_units, elements=st.integers(0, 4)))
    reference_U = draw(arrays(np.int64, num_units, elements=st.integers(0, num_classes - 1)))
    parts = draw(arrays(np.int64, (num_units, 2, num_classes), elements=st.integers(0, 3)))
    parts[parts.sum(axis=2) == 0] = 1
    return subject_U, reference_U, parts / parts.sum(axis=2, keepdims=True), is_binary


@given(study=studies(), seed=st.integers(0, 99))
def test_metrics_are_those_of_the_units_that_were_drawn(study: Study, seed: int) -> None:
    subject_U, reference_U, probabilities_UMK, is_binary = study
    names = np.unique(subject_U)
    sums = SubjectSums.of(*study[:3], target_of(probabilities_UMK.shape[2], is_binary))
    resamples = SubjectResamples.draw(len(names), 4, seed)
    metrics = every_metric(probabilities_UMK.shape[2], is_binary)
    for weights_RS in (resamples.counts_RS, resamples.left_out()):
        found = sums.metric_values(metrics, weights_RS)
        assert list(found) == list(metrics)
        for row, weights_S in enumerate(weights_RS.astype(int)):
            drawn = np.repeat(
                np.arange(len(subject_U)), weights_S[np.searchsorted(names, subject_U)]
            )
            for name, metric in metrics.items():
                for model in range(2):
                    expected = metric(reference_U[drawn], probabilities_UMK[drawn, model])
                    near = pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)
                    assert found[name][row, model] == near, name


def made_up(
    num_subjects: int, skills: dict[str, float], num_classes: int = 3, seed: int = 0
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Three photographs a subject, of one class; a model's skill is how far it lifts that class."""
    random = np.random.default_rng(seed)
    subject_U = np.repeat(np.arange(num_subjects), 3)
    reference_U = random.integers(num_classes, size=num_subjects)[subject_U]
    logits_UMK = random.normal(size=(len(subject_U), len(skills), num_classes))
    logits_UMK += (
        np.array(list(skills.values()))[:, None] * np.eye(num_classes)[reference_U][:, None]
    )
    probabilities_UMK = np.exp(logits_UMK)
    probabilities_UMK /= probabilities_UMK.sum(axis=2, keepdims=True)
    if "baseline" in skills:
        probabilities_UMK[:, list(skills).index("baseline")] = 1 / num_classes
    return list(skills), subject_U, reference_U, probabilities_UMK


def resampled(
    names: list[str],
    subject_U: np.ndarray,
    reference_U: np.ndarray,
    probabilities_UMK: np.ndarray,
    is_binary: bool = False,
    num_resamples: int = 100,
) -> Resampled:
    """The same as a task's units, resampled."""
    classes = {f"class{place}": (f"class{place}",) for place in range(probabilities_UMK.shape[2])}
    scoring: LabelScoring = (
        BinaryScoring(BinarySpec(positive=("class1",), classes=classes))
        if is_binary
        else ClassScoring(ClassificationSpec(classes=classes))
    )
    units = pd.DataFrame({"subject": subject_U.astype(str), "fold": 0, "reference": reference_U})
    predicted = pd.DataFrame(
        probabilities_UMK.reshape(len(units), len(names) * len(classes)),
        columns=pd.MultiIndex.from_product([names, classes]),
    )
    return Resampled.of(UnitTable(units, predicted), scoring, num_resamples)


def test_rows_of_ones_give_the_plain_metrics_of_any_number_of_models() -> None:
    for num_models in (0, 1, BLOCK["classes"], 2 * BLOCK["classes"] + 1):
        skills = {f"model{place}": place / 10 for place in range(num_models)}
        _, subject_U, reference_U, probabilities_UMK = made_up(10, skills)
        sums = SubjectSums.of(subject_U, reference_U, probabilities_UMK, target_of(3))
        for name, values_1M in sums.metric_values(every_metric(3), np.ones((1, 10))).items():
            metric = every_metric(3)[name]
            plain = [metric(reference_U, probabilities_UMK[:, m]) for m in range(num_models)]
            np.testing.assert_allclose(values_1M, [plain], rtol=1e-12)
            np.testing.assert_array_equal(sums.value(metric, np.ones((1, 10))), values_1M)


def test_some_models_alone_have_the_metrics_that_they_have_among_others() -> None:
    _, *units = made_up(12, {"a": 0.5, "b": 1.0, "c": 2.0})
    sums, weights_RS = SubjectSums.of(*units, target_of(3)), SubjectResamples.draw(12, 20).counts_RS
    chosen = sums.of_models([2, 0])
    assert (chosen.num_subjects, chosen.num_models) == (12, 2)
    for name, values_RM in chosen.metric_values(every_metric(3), weights_RS).items():
        whole_RM = sums.value(every_metric(3)[name], weights_RS)
        np.testing.assert_allclose(values_RM, whole_RM[:, [2, 0]])
    np.testing.assert_array_equal(chosen.subject_losses(), sums.subject_losses()[:, [2, 0]])


def test_a_subject_ranks_models_by_its_mean_brier_score() -> None:
    _, subject_U, reference_U, probabilities_UMK = made_up(5, {"a": 0.5, "b": 1.0})
    sums = SubjectSums.of(subject_U, reference_U, probabilities_UMK, target_of(3))
    losses_SM = sums.subject_losses()
    own = subject_U == 3
    for model in range(2):
        expected = class_metrics(3)["brier"](reference_U[own], probabilities_UMK[own, model])
        assert losses_SM[3, model] == pytest.approx(expected)


def test_a_diverged_model_spoils_only_its_own_metrics() -> None:
    names, subject_U, reference_U, probabilities_UMK = made_up(8, {"a": 1.0, "b": 1.0, "c": 1.0})
    probabilities_UMK[0, 1, 0], probabilities_UMK[5, 2, 1] = np.nan, np.inf
    part = resampled(names, subject_U, reference_U, probabilities_UMK, num_resamples=30)
    for name in part.metrics:
        assert np.isfinite(part.metric_values[name][0]), name
        assert np.isnan(part.metric_values[name][1:]).all(), name
        assert np.isnan(part.values_RM[name][:, 1:]).all(), name
        assert np.isfinite(part.values_RM[name][:, 0]).mean() > 0.9, name


def test_a_class_that_is_none_is_refused() -> None:
    for wrong in (3, -1):
        with pytest.raises(ValueError, match="from 0 to 2"):
            SubjectSums.of([1, 1], np.array([0, wrong]), np.full((2, 1, 3), 1 / 3), target_of(3))


def test_the_whole_assessment_of_a_classification() -> None:
    skills = {"learner_a": 2.0, "learner_b": 1.9, "learner_c": 0.2, "meta": 2.6, "baseline": 0.0}
    names, *units = made_up(40, skills)
    part = resampled(names, *units, num_resamples=300)
    learners = [name for name in names if name.startswith("learner")]
    found = assess_resampled(part, part, learners, "baseline")
    assert Assessment.model_validate_json(found.model_dump_json()) == found
    assert (found.num_resamples, found.seed) == (300, part.resamples.seed)
    assert list(found.standings) == list(class_metrics(3))
    for name in found.standings:
        standings = found.standings[name]
        assert standings["meta"].is_best, name
        assert not standings["learner_c"].is_tied, name
        assert standings["baseline"].probability_best is None
        assert found.selections[name].num_learners == 3
        assert found.selections[name].corrected is not None
        for model in names:
            metric_value = found.metric_values["test"][name][model]
            interval = found.intervals["oof"][name][model]
            column = units[2][:, names.index(model)]
            assert metric_value == class_metrics(3)[name](units[1], column)
            if interval.low is not None and interval.high is not None and metric_value is not None:
                assert interval.low <= metric_value <= interval.high
    assert found.metric_values["oof"]["auc"]["baseline"] == 0.5
    assert next(iter(found.critical_difference.mean_ranks)) == "meta"


@pytest.mark.parametrize("is_binary", [False, True])
@pytest.mark.parametrize("num_subjects", [0, 1, 2, 3])
@pytest.mark.parametrize("models", [{}, {"learner_a": 1.0}, {"learner_a": 1.0, "learner_b": 2.0}])
def test_too_few_subjects_give_reasons_and_no_error(
    num_subjects: int, models: dict[str, float], is_binary: bool
) -> None:
    names, *units = made_up(num_subjects, {**models, "baseline": 0.0}, num_classes=2)
    part = resampled(names, *units, is_binary, num_resamples=50)
    found = assess_resampled(part, part, models, "baseline")
    assert Assessment.model_validate_json(found.model_dump_json()) == found
    for name in found.intervals["oof"]:
        for model in models:
            interval = found.intervals["oof"][name][model]
            assert interval.low is None or num_subjects >= 2
            assert (interval.low is None) == bool(interval.reason)
        if num_subjects < 3 or not models:
            assert found.selections[name].corrected is None
            assert found.selections[name].reason


def test_the_same_bits_every_time_and_the_units_in_any_order() -> None:
    names, *units = made_up(15, {"a": 1.0, "b": 1.5})
    first = resampled(names, *units, num_resamples=40)
    again = resampled(names, *units, num_resamples=40)
    order = np.random.default_rng(0).permutation(len(units[0]))
    shuffled = resampled(names, *(part[order] for part in units), num_resamples=40)
    for name in first.metrics:
        np.testing.assert_array_equal(first.values_RM[name], again.values_RM[name])
        np.testing.assert_allclose(shuffled.values_RM[name], first.values_RM[name], atol=1e-12)
