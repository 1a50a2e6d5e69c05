"""A batch in parts is the same batch: its loss, its gradient, its random draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from foldgrid.training import Fit, TrainingData
from foldgrid.training.batches import even_parts
from tests.small_memory import memory_for
from tests.training.tiny_study import (
    FAST,
    WITH_AUXILIARY_HEADS,
    WITH_DROPOUT,
    folder_of,
    make_config,
    outcome,
)


def fit_in_parts(
    config_of: str, run: Path, data: TrainingData, size: int | None, **training: object
) -> Fit:
    config = make_config(config_of, **training)
    device = torch.device("cpu")
    return Fit(config, data, folder_of(config, run), device=device, micro_batch_size=size)


def without_noise_between_samples(fit: Fit) -> Fit:
    """Dropout draws by position, and batch normalisation mixes samples: both off."""
    for module in fit.network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return fit


@given(num=st.integers(1, 200), size=st.integers(2, 64))
def test_parts_cover_a_batch_in_order_and_none_is_a_single_sample(num: int, size: int) -> None:
    parts = [list(range(num))[part] for part in even_parts(num, size)]
    assert [row for part in parts for row in part] == list(range(num))
    assert all(len(part) <= max(size, 3) for part in parts)
    assert num == 1 or all(len(part) >= 2 for part in parts)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_gradient_of_a_batch_does_not_depend_on_its_parts(
    size: int, tmp_path: Path, data: TrainingData
) -> None:
    gradients, losses = [], []
    for number, part_size in enumerate((None, size)):
        fit = fit_in_parts(WITH_DROPOUT, tmp_path / str(number), data, part_size)
        fit = without_noise_between_samples(fit)
        losses.append(float(fit._step(fit.roles.train[:8])))
        gradients.append([p.grad.clone() for p in fit.network.parameters() if p.grad is not None])
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    for whole, parts in zip(*gradients, strict=True):
        torch.testing.assert_close(parts, whole, rtol=1e-3, atol=1e-5 * float(whole.abs().max()))


def test_auxiliary_heads_count_as_much_in_parts(tmp_path: Path, data: TrainingData) -> None:
    sums = []
    for number, size in enumerate((None, 4)):
        fit = fit_in_parts(
            WITH_AUXILIARY_HEADS, tmp_path / str(number), data, size, auxiliary_loss_weight=0.3
        )
        fit = without_noise_between_samples(fit)
        for module in fit.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                # By its running figures, which are the same for every part.
                module.forward = lambda x, m=module: nn.functional.batch_norm(  # type: ignore[method-assign,misc]
                    x, m.running_mean, m.running_var, m.weight, m.bias
                )
        fit._step(fit.roles.train[:8])
        aux = next(p.grad for name, p in fit.network.named_parameters() if "aux1.fc2" in name)
        assert aux is not None
        sums.append(aux.clone())
    torch.testing.assert_close(sums[1], sums[0], rtol=1e-3, atol=1e-6)


def test_whole_batches_keep_their_bits(tmp_path: Path, data: TrainingData) -> None:
    outcomes = []
    for number, size in enumerate((None, 8, 64)):
        fit = fit_in_parts(FAST, tmp_path / str(number), data, size)
        fit.run()
        found = outcome(fit.folder)
        assert found["record"].pop("micro_batch_size") == size
        outcomes.append(found)
    assert outcomes[0] == outcomes[1]
    # 64 are more than the batch; predictions go by 64 anyway.
    assert outcomes[0] == outcomes[2]


def test_a_fit_in_parts_never_has_more_on_the_device(tmp_path: Path, data: TrainingData) -> None:
    fit = fit_in_parts(FAST, tmp_path, data, 4, batch_norm_statistics="recomputed")
    with memory_for(4):
        record = fit.run()
    assert record.status == "complete"
    assert record.micro_batch_size == 4
    predictions = fit.folder.read_predictions().filter(like="predicted_").to_numpy()
    assert np.isfinite(predictions).all()
