"""What is predicted: targets, loss, units, and figures of merit against sums done by hand."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.tasks.pasi.arithmetic import SCORES
from foldgrid.tasks.pasi.scoring import _sums_of_visits
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.scoring import Scoring

Output = Literal["scores", "composite"]
OUTPUTS: tuple[Output, ...] = ("scores", "composite")

SAMPLES = pd.DataFrame(
    [
        # subject, visit, region, erythema, induration, scaling, involvement; C, PASI share
        ("1", "a", "upper_extremities", 1, 2, 3, 4),  # 24, 4.8
        ("1", "a", "trunk", 4, 4, 4, 6),  # 72, 21.6
        ("1", "b", "lower_extremities", 0, 0, 0, 0),  # 0, 0
        ("2", "a", "trunk", 1, 0, 0, 1),  # 1, 0.3
    ],
    columns=["subject", "visit", "region", *SCORES],
)


def task(output: Output) -> Scoring:
    return make_scoring(PasiSpec(output=output))


def samples_of(scores: list[tuple[int, int, int, int]]) -> pd.DataFrame:
    table = pd.DataFrame(scores, columns=list(SCORES))
    return table.assign(subject="1", visit=[str(n) for n in range(len(table))], region="trunk")


grades = st.tuples(*[st.integers(0, 4)] * 3, st.integers(0, 6))
tables = st.lists(grades, min_size=1, max_size=8).map(samples_of)


def test_the_outputs_are_the_four_scores_or_their_product() -> None:
    assert task("scores").target_names == SCORES
    assert task("scores").num_outputs == 4
    assert task("composite").target_names == ("composite",)
    assert task("composite").num_outputs == 1
    np.testing.assert_array_equal(task("scores").targets(SAMPLES)[1], [4, 4, 4, 6])
    np.testing.assert_array_equal(task("composite").targets(SAMPLES)[:2, 0], [2, 6])


@pytest.mark.parametrize("output", OUTPUTS)
@given(samples=tables)
def test_targets_have_a_row_a_sample_in_their_order(samples: pd.DataFrame, output: Output) -> None:
    targets = task(output).targets(samples)
    assert targets.dtype == np.float32
    assert targets.shape == (len(samples), task(output).num_outputs)
    backwards = task(output).targets(samples.iloc[::-1])
    np.testing.assert_array_equal(backwards, targets[::-1])
    assert targets.min() >= 0
    assert targets.max() <= 6


@pytest.mark.parametrize("output", OUTPUTS)
@given(samples=tables)
def test_records_hold_targets_in_people_s_units(samples: pd.DataFrame, output: Output) -> None:
    columns = task(output).target_columns(samples)
    assert tuple(columns) == task(output).target_names
    scores = samples[list(SCORES)].to_numpy()
    if output == "scores":
        expected = dict(zip(SCORES, scores.T, strict=True))
    else:
        expected = {"composite": scores[:, :3].sum(axis=1) * scores[:, 3]}
    for name, values in columns.items():
        # Exactly: C / 12 x 12 is C again for every whole C.
        np.testing.assert_array_equal(values, expected[name])


def test_predictions_have_their_prefix_and_are_not_clipped() -> None:
    outputs = np.array([[7.0], [-1.0]], np.float32)
    columns = task("composite").prediction_columns(outputs)
    assert list(columns) == ["predicted_composite"]
    np.testing.assert_array_equal(columns["predicted_composite"], [84, -12])


@pytest.mark.parametrize("output", OUTPUTS)
@given(samples=tables)
def test_perfect_outputs_cost_nothing_and_err_nowhere(
    samples: pd.DataFrame, output: Output
) -> None:
    targets = task(output).targets(samples)
    as_tensor = torch.from_numpy(targets)
    assert float(task(output).loss(as_tensor, as_tensor)) == 0
    metric_values = task(output).evaluate(samples, targets)
    assert metric_values["composite_mae"] == pytest.approx(0, abs=1e-5)
    assert metric_values["pasi_mae"] == pytest.approx(0, abs=1e-5)
    if samples[list(SCORES)].prod(axis=1).nunique() > 1:
        assert metric_values["pasi_ccc"] == pytest.approx(1) or math.isnan(
            metric_values["pasi_ccc"]
        )


def test_the_loss_is_the_mean_squared_error_over_batch_and_outputs() -> None:
    outputs = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 3.0]])
    assert float(task("scores").loss(outputs, torch.zeros(2, 4))) == pytest.approx(10 / 8)


def test_metrics_are_those_done_by_hand() -> None:
    # Composites 24, 72, 0, 1 are predicted as 36, 60, 12, 1; PASI 26.4, 0, 0.3 as 25.2, 4.8, 0.3.
    metric_values = task("composite").evaluate(
        SAMPLES, np.array([[3], [5], [1], [1 / 12]], np.float32)
    )
    assert metric_values["composite_mae"] == pytest.approx((12 + 12 + 12 + 0) / 4)
    assert metric_values["pasi_mae"] == pytest.approx((1.2 + 4.8 + 0) / 3, rel=1e-6)
    physician, model = np.array([26.4, 0, 0.3]), np.array([25.2, 4.8, 0.3])
    covariance = ((physician - 8.9) * (model - 10.1)).mean()
    expected = 2 * covariance / (physician.var() + model.var() + 1.2**2)
    assert metric_values["pasi_ccc"] == pytest.approx(expected, rel=1e-6)


def test_scores_are_multiplied_after_they_were_clipped() -> None:
    outputs = np.array([[9, 9, 9, 9], [-1, -1, -1, -1], [-1, 2, 0, 3], [1, 0, 0, 1]], np.float32)
    samples = SAMPLES.assign(erythema=[4, 0, 0, 1], induration=[4, 0, 2, 0])
    samples = samples.assign(scaling=[4, 0, 0, 0], involvement=[6, 0, 3, 1])
    # Unclipped they would be 243, 3 and 3; clipped they are the physician's 72, 0 and 6.
    assert task("scores").evaluate(samples, outputs)["composite_mae"] == 0


def test_composites_are_clipped() -> None:
    outputs = np.array([[2], [100], [-100], [1 / 12]], np.float32)
    assert task("composite").evaluate(SAMPLES, outputs)["composite_mae"] == pytest.approx(0)


def test_there_is_nothing_to_say_of_nothing() -> None:
    assert task("scores").evaluate(SAMPLES[:0], np.zeros((0, 4), np.float32)) == {}


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.integers(1, 12))
def test_sums_of_visits_have_the_bits_of_pandas(seed: int, num_samples: int, num: int) -> None:
    rng = np.random.default_rng(seed)
    samples = pd.DataFrame(
        rng.integers(0, num, (num_samples, 2)).astype(str), columns=["subject", "visit"]
    )
    values_NK = rng.normal(0, 1, (num_samples, 2)) * 10.0 ** rng.integers(-3, 4, (num_samples, 1))
    table = samples.assign(a=values_NK[:, 0], b=values_NK[:, 1])
    expected = table.groupby(["subject", "visit"], sort=False)[["a", "b"]].sum().to_numpy()
    assert _sums_of_visits(samples, values_NK).tobytes() == expected.tobytes()
