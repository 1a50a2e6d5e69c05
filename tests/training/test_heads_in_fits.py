"""Heads of their own in fits: who is trained on, what decides, what is kept, what predicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from pydantic import ValidationError
from sklearn.linear_model import Ridge

from foldgrid.heads import solving
from foldgrid.heads.solving import Standardised
from foldgrid.models import HeadedNetwork
from foldgrid.specs.fits import FitConfig
from foldgrid.training import Fit, TrainingData, checkpoint
from foldgrid.training.building import build_for
from foldgrid.training.network_state import predict
from tests.training.tiny_study import (
    FAST,
    folder_of,
    make_config,
    make_data,
    make_fit,
    outcome,
    put_state,
)

FROZEN = [{"name": "head", "frozen": "backbone"}]


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return make_data()


def ridge(**training: Any) -> FitConfig:
    return make_config(head="ridge", **training)


def headed(fit: Fit) -> HeadedNetwork:
    assert isinstance(fit.network, HeadedNetwork)
    return fit.network


@pytest.mark.parametrize("pooling", ["network", "mean_max"])
def test_it_is_scikit_learn_s_ridge_on_the_whole_training_part(
    tmp_path: Path, data: TrainingData, pooling: str
) -> None:
    """Also where others of the sweep are stopped on subjects that are set aside."""
    config = ridge(pooling=pooling, early_stopping={"policy": "inner_split"})
    fit = make_fit(config, tmp_path, data)
    record = fit.run()
    folds, partition = (data.samples[key].to_numpy() for key in ("fold", "partition"))
    train = np.flatnonzero((partition == "train") & (folds != config.fold))
    assert np.array_equal(fit.roles.train, train)
    columns = Standardised.of(fit.features_of(train))
    alpha = record.chosen["strength"]
    theirs = Ridge(alpha=alpha).fit(columns.values_ND, fit.targets_NK[train].astype(np.float64))
    weight_KD, bias_K = columns.unfolded(theirs.coef_, theirs.intercept_)
    held_out = fit.roles.held_out
    expected = fit.features_of(held_out) @ weight_KD.T + bias_K
    np.testing.assert_allclose(fit.predict(held_out), expected, atol=1e-4)
    (epoch,) = fit.folder.read_history()
    assert (record.num_epochs, record.best_epoch, record.stopped_because) == (1, 1, "max_epochs")
    train_errors = fit.predict(train) - fit.targets_NK[train]
    assert epoch.train_loss == pytest.approx(float(np.square(train_errors).mean()), rel=1e-5)
    errors = fit.predict(held_out) - fit.targets_NK[held_out]
    assert epoch.validation_loss == pytest.approx(float(np.square(errors).mean()), rel=1e-5)
    assert record.metrics["validation/loss"] == epoch.validation_loss


def test_what_is_held_out_decides_nothing(tmp_path: Path, data: TrainingData) -> None:
    samples = data.samples.copy()
    others = (samples["partition"] == "test") | (samples["fold"] == 0)
    samples.loc[others, ["erythema", "induration", "scaling", "involvement"]] = 0
    first, second = (
        make_fit(ridge(), tmp_path / "a", data),
        make_fit(ridge(), tmp_path / "b", replace(data, samples=samples)),
    )
    one, other = first.run(), second.run()
    assert first.folder.read_weights() == second.folder.read_weights()
    assert one.chosen == other.chosen
    predicted = [f"predicted_{name}" for name in first.task.target_names]
    mine, theirs = (each.folder.read_predictions()[predicted] for each in (first, second))
    assert mine.equals(theirs)
    assert one.metrics != other.metrics


def test_the_same_fit_has_the_same_bits(tmp_path: Path, data: TrainingData) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        make_fit(ridge(), folder, data).run()
    one, other = (outcome(folder_of(ridge(), folder)) for folder in folders)
    assert one == other


def test_what_was_kept_of_other_strengths_changes_no_bit(
    tmp_path: Path, data: TrainingData
) -> None:
    configs = [ridge(head_settings={"ridge": {"strength": each}}) for each in (10.0, 300.0)]
    solving._spaces.clear()
    for config in configs:
        make_fit(config, tmp_path / "turns", data).run()
    assert len(solving._spaces) == 1
    for config in configs:
        solving._spaces.clear()
        make_fit(config, tmp_path / "alone", data).run()
        found = (outcome(folder_of(config, tmp_path / run)) for run in ("turns", "alone"))
        assert next(found) == next(found)


def test_a_backbone_with_random_weights_is_the_same_for_all_folds(
    tmp_path: Path, data: TrainingData
) -> None:
    bodies = []
    configs = ridge(), make_config(head="mlp", fold=3), ridge(seed=1)
    for number, config in enumerate(configs):
        fit = make_fit(config, tmp_path / str(number), data)
        bodies.append({name: each.clone() for name, each in headed(fit).body.state_dict().items()})
    same, other = (
        [torch.equal(bodies[0][name], bodies[number][name]) for name in bodies[0]]
        for number in (1, 2)
    )
    assert all(same)
    assert not all(other)
    plain = [make_fit(make_config(fold=fold), tmp_path / f"p{fold}", data) for fold in (0, 1)]
    first, second = (next(iter(fit.network.parameters())) for fit in plain)
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    "own",
    [
        {"head": "ridge"},
        {"head": "ridge", "pooling": "mean_max"},
        {"head": "mlp", "pooling": "mean", "phases": FROZEN},
        {"head": "linear", "pooling": "mean_max"},
    ],
)
def test_the_weights_that_are_kept_make_the_predictions(
    tmp_path: Path, data: TrainingData, own: dict[str, Any]
) -> None:
    config = make_config(**own)
    fit = make_fit(config, tmp_path, data, keep_features=True)
    record = fit.run()
    assert record.weights_kept
    network = build_for(config, 4, pixels=64).eval()
    put_state(network, safetensors.torch.load(fit.folder.read_weights()))
    held_out = fit.roles.held_out
    again = predict(network, fit.source, held_out, fit.device, fit.precision)
    names = [f"predicted_{name}" for name in fit.task.target_names]
    table = fit.folder.read_predictions()
    written = table.loc[table["partition"] == "oof", names].to_numpy()
    np.testing.assert_allclose(again, written, atol=1e-4)
    assert record.num_parameters == sum(each.numel() for each in network.parameters())
    assert record.multiply_adds


@pytest.mark.parametrize("head", ["ridge", "mlp"])
def test_it_goes_on_from_its_checkpoint(tmp_path: Path, data: TrainingData, head: str) -> None:
    config = make_config(head=head, max_epochs=3)
    make_fit(config, tmp_path / "whole", data).run()
    stopped = make_fit(config, tmp_path / "parts", data)
    stopped.run_epoch()
    stopped.save_checkpoint()
    later = make_fit(config, tmp_path / "parts", data)
    assert later.epoch == 1
    assert later.chosen == stopped.chosen
    later.run()
    whole, parts = (outcome(folder_of(config, tmp_path / name)) for name in ("whole", "parts"))
    assert whole == parts


def test_one_fit_s_state_goes_into_another(tmp_path: Path, data: TrainingData) -> None:
    """As population based training does."""
    first = make_fit(make_config(head="mlp"), tmp_path / "1", data)
    first.run_epoch()
    second = make_fit(make_config(head="mlp", learning_rate=0.001), tmp_path / "2", data)
    checkpoint.restore(second, checkpoint.state_of(first))
    second.adopt_recipe()
    second.run_epoch()


def test_only_the_head_is_trained_on_a_frozen_backbone_and_all_afterwards(
    tmp_path: Path, data: TrainingData
) -> None:
    phases = [{"name": "head", "epochs": 1, "frozen": "backbone"}, {"name": "all"}]
    fit = make_fit(make_config(head="mlp", phases=phases, max_epochs=2), tmp_path, data)
    before = {name: each.clone() for name, each in fit.network.state_dict().items()}
    fit.run_epoch()
    between = {name: each.clone() for name, each in fit.network.state_dict().items()}
    assert not headed(fit).body.training
    fit.run_epoch()
    moved = {name for name in before if not torch.equal(before[name], between[name])}
    assert moved == {name for name in before if name.startswith("head.")}
    later = fit.network.state_dict()
    assert any(not torch.equal(between[name], later[name]) for name in before if "body." in name)


def test_dropout_of_a_multilayer_perceptron_is_active_on_a_frozen_backbone(
    tmp_path: Path, data: TrainingData
) -> None:
    settings = {"mlp": {"dropout": 0.5, "num_hidden_layers": 2, "hidden_units": 8}}
    config = make_config(head="mlp", head_settings=settings, phases=FROZEN)
    fit = make_fit(config, tmp_path, data)
    fit.run_epoch()
    dropouts = [each for each in headed(fit).head.modules() if isinstance(each, torch.nn.Dropout)]
    assert [each.p for each in dropouts] == [0.5, 0.5]
    dense = [each for each in headed(fit).head.modules() if isinstance(each, torch.nn.Linear)]
    assert [each.out_features for each in dense] == [8, 8, 4]


def test_the_start_of_a_trained_head_can_be_the_mean(tmp_path: Path, data: TrainingData) -> None:
    fit = make_fit(make_config(head="mlp", start_from_mean=True), tmp_path, data)
    mean = fit.targets_NK[fit.roles.train].mean(axis=0)
    np.testing.assert_allclose(headed(fit).last_layer.bias.detach().numpy(), mean, rtol=1e-5)


@pytest.mark.parametrize(
    ("training", "said"),
    [
        (
            {
                "head": "ridge",
                "phases": [{"name": "a", "frozen": "backbone", "epochs": 1}, {"name": "b"}],
            },
            "head: ridge is solved on the features of a frozen backbone, and phases: b "
            "trains the backbone",
        ),
        ({"head": "mlp", "stage_heads": True}, "Drop one of the two"),
        ({"pooling": "mean", "stage_heads": True}, "Drop one of the two"),
        ({"head": "rigde"}, "There is no such head"),
        ({"head": "ridge", "head_settings": {"ridge": {"strengths": []}}}, "at least 1 item"),
        ({"head": "ridge", "head_settings": {"ridge": {"strengths": [1.0, 1.0]}}}, "given twice"),
        ({"head": "ridge", "head_settings": {"ridge": {"strengths": [0.0]}}}, "greater than 0"),
    ],
)
def test_what_does_not_go_together_is_refused(training: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        make_config(**training)


def test_what_nothing_follows_need_not_suit(tmp_path: Path) -> None:
    """No rate falls where nothing is trained, whatever the other base learners do."""
    config = ridge(schedule="plateau", early_stopping={"policy": "none"}, phases=FROZEN)
    assert config.training.planned_epochs == 1
    assert config.fit_id != make_config(backbone=FAST).fit_id
