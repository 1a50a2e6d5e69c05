"""A moving average of the weights is timm's, and it is what a fit monitors, keeps and predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from foldgrid.training import Fit, TrainingData
from foldgrid.training.network_state import MovingAverage, recompute_batch_norm
from tests.training.tiny_study import FAST, folder_of, make_config, make_data, make_fit


@pytest.fixture(scope="module")
def small() -> TrainingData:
    return make_data(num_visits=1, pixels=32)


def state_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def test_it_is_timm_s_step_by_step() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))
    network = network.double()
    mine, theirs = MovingAverage(network, 0.9), ModelEmaV3(network, decay=0.9)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for _ in range(7):
        with mine.training():
            optimizer.zero_grad()
            network(torch.randn(5, 3, 4, 4, dtype=torch.float64)).square().mean().backward()
            optimizer.step()
            mine.update(network)
            theirs.update(network)
            trained = state_of(network)
        for name, value in theirs.module.state_dict().items():
            torch.testing.assert_close(network.state_dict()[name], value, rtol=1e-13, atol=0)
        assert not torch.equal(network[0].weight, trained["0.weight"])
    assert int(network[1].num_batches_tracked) == 7


def fit_with(small: TrainingData, run: Path, backbone: str = FAST, **keys: Any) -> Fit:
    config = make_config(backbone, **{"max_epochs": 3, "ema_decay": 0.8, **keys})
    return make_fit(config, run, small)


@pytest.mark.parametrize("statistics", ["running", "recomputed"])
def test_the_average_is_monitored_kept_and_predicts(
    statistics: str, small: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[dict[str, Tensor]] = []

    def noted(network: nn.Module, *args: Any, **kwargs: Any) -> None:
        recompute_batch_norm(network, *args, **kwargs)
        measured.append(state_of(network))

    monkeypatch.setattr("foldgrid.training.fit.recompute_batch_norm", noted)
    fit = fit_with(small, tmp_path, batch_norm_statistics=statistics, learning_rate=0.001)
    timm_s = ModelEmaV3(fit.network, decay=0.8)
    take_step = fit._take_step

    def stepped() -> None:
        take_step()
        timm_s.update(fit.network)

    monkeypatch.setattr(fit, "_take_step", stepped)
    records = [fit.run_epoch() for _ in range(2)]
    own = fit.network.state_dict()
    for name, value in timm_s.module.named_parameters():
        torch.testing.assert_close(own[name], value)
    if statistics == "recomputed":
        # Measured with the average in the network, and left there.
        for name, value in measured[-1].items():
            assert torch.equal(own[name], value), name
    outputs = fit.predict(fit.roles.validation)
    assert fit._loss_of(outputs, fit.roles.validation) == records[-1].validation_loss
    if records[-1].is_best:
        for name, value in fit.best.of(fit.network).items():
            assert torch.equal(own[name], value), name
    fit.run()
    assert fit.average is not None
    trained = fit.average.unaveraged[0]
    assert not torch.equal(trained, next(fit.network.parameters()))


def test_where_nothing_is_chosen_the_last_average_predicts(
    small: TrainingData, tmp_path: Path
) -> None:
    fixed = {"schedule": "cosine", "early_stopping": {"policy": "none"}}
    fit = fit_with(small, tmp_path, "plain_cnn", **fixed)
    while not fit.is_over:
        fit.run_epoch()
    last = fit.predict(fit.roles.test)
    fit.finalize()
    assert (fit.predict(fit.roles.test) == last).all()


def test_of_a_head_on_kept_features_the_head_alone_is_averaged(
    small: TrainingData, tmp_path: Path
) -> None:
    still = {"rotate_tiles": False, "shuffle_tiles": False, "brightness": 0, "contrast": 0}
    phases = [{"name": "head", "epochs": 2, "frozen": "backbone"}, {"name": "all", "frozen": 0}]
    fit = fit_with(small, tmp_path, phases=phases, augmentation=still)
    before = state_of(fit.network)
    assert fit.head is not None
    assert fit.average is not None
    fit.run_epoch()
    fit.run_epoch()
    names = [name for name, _ in fit.network.named_parameters()]
    moved = {n for n in names if not torch.equal(before[n], fit.network.state_dict()[n])}
    assert moved == {"fc.weight", "fc.bias"}
    for name, trained in zip(names, fit.average.unaveraged, strict=False):
        assert torch.equal(trained, before[name]) is not name.startswith("fc."), name
    fit.run_epoch()
    after = fit.network.state_dict()
    assert not torch.equal(before["conv1.0.weight"], after["conv1.0.weight"])


def test_a_gradient_is_clipped_as_a_whole_and_after_it_was_unscaled(
    small: TrainingData, tmp_path: Path
) -> None:
    plain = {"max_epochs": 1, "max_batches_per_epoch": 1, "momentum": 0.0, "learning_rate": 0.5}
    config = make_config("plain_cnn", **plain, clip_gradients=0.01)
    for name, parts, scale in (("1", None, 0), ("2", 3, 0), ("3", 3, 1024)):
        fit = Fit(
            config, small, folder_of(config, tmp_path / name), device=torch.device("cpu"),
            micro_batch_size=parts,
        )  # fmt: skip
        if scale:
            fit.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        before = state_of(fit.network)
        fit.run_epoch()
        squares = [
            (value - before[key]).double().square().sum()
            for key, value in fit.network.state_dict().items()
        ]
        assert float(torch.stack(squares).sum().sqrt()) == pytest.approx(0.5 * 0.01, rel=1e-3)
