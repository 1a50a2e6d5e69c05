"""Phases: what stands still and what moves, rates that start anew, and fits that go on in any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from foldgrid.models.backbones import head_parameters
from foldgrid.models.freezing import weight_layers
from foldgrid.specs.fits import FitConfig
from foldgrid.training import Fit, TrainingData
from foldgrid.training.checkpoint_interval import CheckpointInterval
from tests.training.tiny_study import (
    FAST,
    WITH_DROPOUT,
    folder_of,
    make_config,
    make_fit,
    outcome,
)

HEAD: dict[str, Any] = {"name": "head", "epochs": 2, "frozen": "backbone"}
FINE: dict[str, Any] = {"name": "fine_tune", "frozen": 3, "learning_rate": 0.001}
TWO = [HEAD, FINE]


def two_phases(backbone: str = FAST, **training: Any) -> FitConfig:
    return make_config(backbone, **{"phases": TWO, "max_epochs": 4, **training})


def state_of(fit: Fit) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in fit.network.state_dict().items()}


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


def norms_with(fit: Fit, parameters: set[str]) -> set[str]:
    """The buffers of the batch normalisations whose weights are among ``parameters``."""
    return {
        f"{name}.{buffer}"
        for name, module in fit.network.named_modules()
        if isinstance(module, _BatchNorm) and f"{name}.weight" in parameters
        for buffer in ("running_mean", "running_var", "num_batches_tracked")
    }


@pytest.mark.parametrize("statistics", ["running", "recomputed"])
def test_what_is_frozen_stands_still_and_all_else_moves(
    statistics: str, data: TrainingData, tmp_path: Path
) -> None:
    fit = make_fit(two_phases(batch_norm_statistics=statistics), tmp_path, data)
    everything = {name for name, _ in fit.network.named_parameters()}
    first = state_of(fit)
    for _ in range(2):
        assert fit.run_epoch().phase == "head"
    second = state_of(fit)
    # Not even batch normalisation's averages of the backbone are other ones.
    assert moved(first, second) == set(head_parameters(FAST))
    for _ in range(2):
        assert fit.run_epoch().phase == "fine_tune"
    frozen = {name for layer in weight_layers(FAST)[:3] for name in layer.parameters}
    assert frozen
    trained = everything - frozen
    found = moved(second, state_of(fit))
    assert found <= trained | norms_with(fit, trained)
    # A scale that another normalisation follows has a gradient of nought: it may not move.
    dimensions = {name: value.dim() for name, value in fit.network.named_parameters()}
    assert {name for name in trained if dimensions[name] > 1} <= found
    assert norms_with(fit, trained) <= found
    assert fit.is_over


def test_every_phase_starts_at_its_own_rate_and_the_schedule_anew(
    data: TrainingData, tmp_path: Path
) -> None:
    config = make_config(
        max_epochs=9,
        learning_rate=0.004,
        schedule="steps",
        steps={"every_epochs": 2, "factor": 0.5},
        phases=[
            {"name": "a", "epochs": 3, "frozen": "backbone"},
            {"name": "b", "epochs": 3, "learning_rate": 0.001},
            {"name": "c", "frozen": 1},
        ],
        max_batches_per_epoch=1,
    )
    fit = make_fit(config, tmp_path, data)
    rates = []
    while not fit.is_over:
        rates.append(fit.run_epoch().learning_rate)
    expected = [4, 4, 2, 1, 1, 0.5, 4, 4, 2]
    assert [1000 * rate for rate in rates] == pytest.approx(expected)


def test_the_optimiser_starts_each_phase_without_momentum(
    data: TrainingData, tmp_path: Path
) -> None:
    fit = make_fit(two_phases(), tmp_path, data)
    head = dict(fit.network.named_parameters())[head_parameters(FAST)[0]]
    fit.run_epoch()
    assert set(fit.optimizer.state) == {
        value for name, value in fit.network.named_parameters() if name in head_parameters(FAST)
    }
    old = fit.optimizer.state[head]["momentum_buffer"]
    fit.enter_phase(1)
    assert not fit.optimizer.state
    assert old.abs().max() > 0


def test_patience_counts_in_the_last_phase_only(data: TrainingData, tmp_path: Path) -> None:
    # A rate that moves nothing: the first epoch stays the best.
    still = 1e-30
    config = make_config(
        WITH_DROPOUT,
        max_epochs=50,
        max_batches_per_epoch=1,
        learning_rate=still,
        early_stopping={"patience": 2},
        phases=[{"name": "a", "epochs": 5, "frozen": "backbone"}, {"name": "b"}],
    )
    record = make_fit(config, tmp_path, data).run()
    assert (record.num_epochs, record.best_epoch) == (7, 1)
    assert record.stopped_because == "early_stopping"


def test_the_phases_own_epochs_end_a_fit(data: TrainingData, tmp_path: Path) -> None:
    phases = [HEAD, {**FINE, "epochs": 1}]
    record = make_fit(two_phases(phases=phases, max_epochs=50), tmp_path, data).run()
    assert (record.num_epochs, record.stopped_because) == (3, "max_epochs")


def test_the_record_says_what_each_phase_trained(data: TrainingData, tmp_path: Path) -> None:
    fit = make_fit(two_phases(), tmp_path, data)
    record = fit.run()
    first, second = record.phases
    assert (first.name, first.first_epoch, first.last_epoch) == ("head", 1, 2)
    assert (second.name, second.first_epoch, second.last_epoch) == ("fine_tune", 3, 4)
    sizes = {name: value.numel() for name, value in fit.network.named_parameters()}
    assert first.trained_parameters == sum(sizes[name] for name in head_parameters(FAST))
    frozen = [name for layer in weight_layers(FAST)[:3] for name in layer.parameters]
    assert second.frozen_parameters == sum(sizes[name] for name in frozen)
    for phase in record.phases:
        assert phase.frozen_parameters + phase.trained_parameters == sum(sizes.values())
        assert phase.running_statistics == sum(
            module.running_mean.numel() + module.running_var.numel()
            for module in fit.network.modules()
            if isinstance(module, _BatchNorm)
        )
    assert record.num_parameters == sum(sizes.values())
    history = fit.folder.read_history()
    assert [epoch.phase for epoch in history] == ["head", "head", "fine_tune", "fine_tune"]
    assert first.seconds == pytest.approx(sum(epoch.wall_seconds for epoch in history[:2]))


def test_a_fit_without_phases_is_one_that_trains_everything(
    data: TrainingData, tmp_path: Path
) -> None:
    fit = make_fit(make_config(max_epochs=1), tmp_path, data)
    record = fit.run()
    (only,) = record.phases
    assert (only.name, only.first_epoch, only.last_epoch) == ("", 1, 1)
    assert (only.frozen_parameters, only.trained_parameters) == (0, record.num_parameters)
    assert fit.folder.read_history()[0].phase == ""


def test_a_phase_that_freezes_nothing_is_no_phase_at_all(
    data: TrainingData, tmp_path: Path
) -> None:
    plain = make_fit(make_config(max_epochs=2), tmp_path, data)
    named = make_fit(make_config(max_epochs=2, phases=[{"name": "all"}]), tmp_path, data)
    assert plain.folder.fit_id != named.folder.fit_id
    for fit in (plain, named):
        fit.run()
    assert plain.folder.read_weights() == named.folder.read_weights()


IN_PHASES = {
    # What a checkpoint must carry: momentum, the schedule's count and rates, dropout's random
    # numbers, batch normalisation's averages, the best epoch's weights.
    FAST: two_phases(
        max_epochs=5,
        batch_norm_statistics="recomputed",
        plateau={"patience": 0, "threshold": 0.5, "factor": 0.5},
    ),
    WITH_DROPOUT: two_phases(
        WITH_DROPOUT,
        max_epochs=5,
        schedule="steps",
        steps={"every_epochs": 2},
        early_stopping={"policy": "none"},
        max_batches_per_epoch=2,
    ),
}


@pytest.fixture(scope="module")
def uninterrupted(
    data: TrainingData, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """The outcome of each of ``IN_PHASES`` where nothing interrupts it."""
    run = tmp_path_factory.mktemp("uninterrupted")
    for config in IN_PHASES.values():
        make_fit(config, run, data).run()
    return {name: outcome(folder_of(config, run)) for name, config in IN_PHASES.items()}


@pytest.mark.parametrize("name", IN_PHASES)
@pytest.mark.parametrize(
    "stop_after",
    # Between the two, within the second, at the end.
    [2, 4, 5, *(pytest.param(epoch, marks=pytest.mark.exhaustive) for epoch in (1, 3))],
)
def test_a_fit_goes_on_with_the_same_bits_within_a_phase_and_between_two(
    name: str,
    stop_after: int,
    data: TrainingData,
    tmp_path: Path,
    uninterrupted: dict[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # On a slow machine a fit would also write checkpoints by itself.
    monkeypatch.setattr(CheckpointInterval, "is_due", lambda pace: False)
    config = IN_PHASES[name]
    fit = make_fit(config, tmp_path, data)
    while fit.epoch < stop_after:
        fit.run_epoch()
    fit.save_checkpoint()
    if not fit.is_over:
        fit.run_epoch()
    del fit
    make_fit(make_config("mobilenet_v3_small"), tmp_path, data)
    resumed = make_fit(config, tmp_path, data)
    assert resumed.epoch == stop_after
    resumed.run()
    assert outcome(resumed.folder) == uninterrupted[name]


def test_a_state_of_another_s_phase_is_gone_on_from_by_the_own_rate(
    data: TrainingData, tmp_path: Path
) -> None:
    # What population based training does.
    from foldgrid.training import checkpoint

    theirs = make_fit(two_phases(momentum=0.5), tmp_path, data)
    for _ in range(3):
        theirs.run_epoch()
    phases = [HEAD, {**FINE, "learning_rate": 0.002}]
    own = make_fit(two_phases(phases=phases), tmp_path, data)
    checkpoint.restore(own, checkpoint.state_of(theirs))
    own.adopt_recipe()
    group = own.optimizer.param_groups[0]
    assert (group["lr"], group["momentum"]) == (0.002, 0.9)
    assert own.phase is not None
    assert own.phase.name == "fine_tune"
    assert own.run_epoch().learning_rate == 0.002
