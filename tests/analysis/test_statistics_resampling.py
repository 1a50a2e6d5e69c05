"""Sums and draws against the plain metrics on the visits that were really drawn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from foldgrid.analysis.statistics.resamples import SubjectResamples
from foldgrid.metrics import METRICS, number_metrics
from foldgrid.metrics.sums import BLOCK, SubjectSums

tenths = st.integers(0, 720).map(lambda number: number / 10)


@st.composite
def studies(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Visits in any order; scores and predictions with ties, now and then a constant model."""
    num_visits = draw(st.integers(1, 14))
    subject_V = draw(arrays(np.int64, num_visits, elements=st.integers(0, 4)))
    reference_V = draw(arrays(np.float64, num_visits, elements=tenths))
    predicted_VM = draw(arrays(np.float64, (num_visits, 3), elements=tenths))
    predicted_VM[:, 0] = draw(tenths)
    return subject_V, reference_V, predicted_VM


@given(study=studies(), seed=st.integers(0, 99))
def test_metrics_are_those_of_the_visits_that_were_drawn(
    study: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int
) -> None:
    subject_V, reference_V, predicted_VM = study
    names = np.unique(subject_V)
    sums = SubjectSums.of(*study)
    resamples = SubjectResamples.draw(len(names), 6, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sums.metric_values(number_metrics(), resamples.counts_RS)
    for row, counts_S in enumerate(resamples.counts_RS.astype(int)):
        drawn = np.concatenate(
            [
                np.tile(np.flatnonzero(subject_V == name), times)
                for name, times in zip(names, counts_S, strict=True)
            ]
        )
        for metric in number_metrics().values():
            for model in range(3):
                expected = metric(reference_V[drawn], predicted_VM[drawn, model])
                near = pytest.approx(expected, rel=1e-6, abs=1e-6, nan_ok=True)
                assert found[metric.name][row, model] == near, metric.name


def test_rows_of_ones_give_the_plain_metrics_of_any_number_of_models() -> None:
    random = np.random.default_rng(0)
    for num_models in (0, 1, BLOCK["numbers"], 2 * BLOCK["numbers"] + 1):
        reference_V = random.gamma(2.0, 5.0, 60)
        predicted_VM = random.gamma(2.0, 5.0, (60, num_models))
        sums = SubjectSums.of(np.arange(60) // 5, reference_V, predicted_VM)
        for name, values_1M in sums.metric_values(number_metrics(), np.ones((1, 12))).items():
            plain = [METRICS[name](reference_V, column) for column in predicted_VM.T]
            np.testing.assert_allclose(values_1M[0], plain, rtol=1e-10)


def test_a_diverged_model_spoils_only_its_own_metrics() -> None:
    reference_V = np.arange(8.0)
    predicted_VM = np.column_stack([reference_V + 1, np.full(8, np.nan), np.full(8, np.inf)])
    sums = SubjectSums.of(np.arange(8) // 2, reference_V, predicted_VM)
    metric_values = sums.metric_values(number_metrics(), SubjectResamples.draw(4, 20).counts_RS)
    assert np.isfinite(metric_values["mae"][:, 0]).all()
    for name in ("pcc", "ccc", "icc"):
        assert np.isnan(metric_values[name][:, 1:]).all()


def test_near_constant_predictions_far_from_the_scores_keep_their_precision() -> None:
    random = np.random.default_rng(1)
    reference_V = random.gamma(2.0, 5.0, 40)
    predicted_V = 60 + 1e-3 * reference_V + 1e-4 * random.normal(size=40)
    sums = SubjectSums.of(np.arange(40) // 4, reference_V, predicted_V[:, None])
    found = float(sums.metric_values(number_metrics(), np.ones((1, 10)))["pcc"][0, 0])
    assert found == pytest.approx(METRICS["pcc"](reference_V, predicted_V), abs=1e-6)


def test_draws_are_whole_seeded_and_leave_a_third_out() -> None:
    resamples = SubjectResamples.draw(40, 500, seed=3)
    assert (resamples.counts_RS.sum(axis=1) == 40).all()
    np.testing.assert_array_equal(
        resamples.counts_RS, SubjectResamples.draw(40, 500, seed=3).counts_RS
    )
    assert (resamples.counts_RS != SubjectResamples.draw(40, 500, seed=4).counts_RS).any()
    assert resamples.left_out().mean() == pytest.approx((1 - 1 / 40) ** 40, abs=0.01)
    assert not (resamples.left_out() * resamples.counts_RS).any()
