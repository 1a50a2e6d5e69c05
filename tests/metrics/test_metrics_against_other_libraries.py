"""Every metric beside torchmetrics and pingouin, which share no code with ours."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from foldgrid.metrics import METRICS

values = st.integers(0, 720).map(lambda tenths: tenths / 10)
pairs = st.integers(3, 30).flatmap(lambda n: arrays(np.float64, (2, n), elements=values))
"""Scores as physicians give them: many ties, tenths between 0 and 72."""


@pytest.fixture(scope="module")
def torchmetrics() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torchmetrics.functional

    return torchmetrics.functional


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pair=pairs)
def test_torchmetrics_agrees(torchmetrics: Any, pair: np.ndarray) -> None:
    import torch

    assume((np.ptp(pair, axis=1) > 0).all())
    reference, predicted = torch.from_numpy(pair)
    others = {
        "mae": torchmetrics.mean_absolute_error(predicted, reference),
        "mse": torchmetrics.mean_squared_error(predicted, reference),
        "rmse": torchmetrics.mean_squared_error(predicted, reference, squared=False),
        "pcc": torchmetrics.pearson_corrcoef(predicted, reference),
    }
    for name, other in others.items():
        assert METRICS[name](*pair) == pytest.approx(float(other), abs=1e-6), name


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pair=pairs)
def test_torchmetrics_concordance_differs_only_by_its_n_minus_1(
    torchmetrics: Any, pair: np.ndarray
) -> None:
    import torch

    # It divides by n - 1 where Lin's formula divides by n; the mean difference keeps its weight.
    assume((np.ptp(pair, axis=1) > 0).all())
    reference, predicted = torch.from_numpy(pair)
    num_pairs = pair.shape[1]
    shrunk = float(np.square(pair[0].mean() - pair[1].mean())) * num_pairs / (num_pairs - 1)
    spread = np.var(pair, axis=1, ddof=1).sum()
    ours = METRICS["ccc"](*pair) * (spread + shrunk) / (spread + shrunk * (1 - 1 / num_pairs))
    other = float(torchmetrics.concordance_corrcoef(predicted, reference))
    assert ours == pytest.approx(other, abs=1e-6)


@settings(max_examples=15)
@given(pair=pairs)
def test_pingouin_finds_the_same_intraclass_correlation(pair: np.ndarray) -> None:
    assume((np.ptp(pair, axis=1) > 0).all())
    assume(np.ptp(pair[0] - pair[1]) > 0)
    num_pairs = pair.shape[1]
    table = pd.DataFrame(
        {
            "visit": np.tile(np.arange(num_pairs), 2),
            "rater": np.repeat(["physician", "model"], num_pairs),
            "score": pair.ravel(),
        }
    )
    with warnings.catch_warnings():
        # Its own use of pandas, which nothing here can mend.
        warnings.simplefilter("ignore")
        import pingouin

        found = pingouin.intraclass_corr(table, "visit", "rater", "score")
    # The second row is ICC(A,1), which older versions call ICC2.
    assert METRICS["icc"](*pair) == pytest.approx(found["ICC"].iloc[1], abs=1e-6)


@given(pair=pairs)
def test_the_intraclass_correlation_by_its_mean_squares(pair: np.ndarray) -> None:
    assume((np.ptp(pair, axis=1) > 0).all())
    num_pairs = pair.shape[1]
    rows, columns = pair.mean(axis=0), pair.mean(axis=1)
    between_rows = 2 * np.sum((rows - pair.mean()) ** 2) / (num_pairs - 1)
    between_columns = num_pairs * np.sum((columns - pair.mean()) ** 2)
    rest = np.sum((pair - rows - columns[:, None] + pair.mean()) ** 2) / (num_pairs - 1)
    expected = (between_rows - rest) / (
        between_rows + rest + 2 / num_pairs * (between_columns - rest)
    )
    assert METRICS["icc"](*pair) == pytest.approx(expected, rel=1e-6, abs=1e-9)
