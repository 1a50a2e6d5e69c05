"""What a recipe may ask for besides: pixels, stage heads, shares, features, no choice."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from foldgrid.models import WeightFile, build_network, forward_all, last_hidden, load_state
from foldgrid.models.footprint import footprint
from foldgrid.records import RunStore
from foldgrid.records.verification import fit_faults
from foldgrid.specs.errors import CorruptFileError, MissingFileError
from foldgrid.training import TrainingData
from foldgrid.training.building import build_for
from tests.training.tiny_study import (
    FAST,
    WITH_DROPOUT,
    folder_of,
    make_config,
    make_data,
    make_fit,
    outcome,
)

FIXED = {"schedule": "constant", "early_stopping": {"policy": "none", "patience": 1}}


def test_where_nothing_is_chosen_all_epochs_are_trained_and_the_last_predicts(
    data: TrainingData, tmp_path: Path
) -> None:
    # So high a rate that later epochs are worse: a choice would be an earlier one.
    fit = make_fit(make_config(max_epochs=6, learning_rate=0.02, **FIXED), tmp_path, data)
    assert fit.roles.validation.tolist() == fit.roles.held_out.tolist()
    history = []
    while not fit.is_over:
        history.append(fit.run_epoch())
    losses = [epoch.validation_loss for epoch in history]
    assert min(losses) < losses[-1]
    last = fit.predict(fit.roles.test)
    record = fit.finalize()
    assert (record.num_epochs, record.best_epoch, record.stopped_because) == (6, 6, "max_epochs")
    assert record.metrics["validation/loss"] == losses[-1]
    assert all(epoch.is_best for epoch in history)
    np.testing.assert_array_equal(fit.predict(fit.roles.test), last)


def test_where_nothing_is_chosen_the_held_out_fold_changes_nothing(
    data: TrainingData, tmp_path: Path
) -> None:
    config = make_config(max_epochs=3, **FIXED)
    fit = make_fit(config, tmp_path / "1", data)
    unseen = np.concatenate([fit.roles.held_out, fit.roles.test])
    samples, mosaics = data.samples.copy(), data.mosaics_NHWC.copy()
    samples.loc[unseen, ["erythema", "involvement"]] = 0
    mosaics[unseen] = 255 - mosaics[unseen]
    changed = replace(data, mosaics_NHWC=mosaics, samples=samples)
    other = make_fit(config, tmp_path / "2", changed)
    for each in (fit, other):
        each.run()
    assert fit.folder.read_weights() == other.folder.read_weights()


def test_a_fraction_trains_on_fewer_and_predicts_the_same_samples(
    data: TrainingData, tmp_path: Path
) -> None:
    whole = make_fit(make_config(max_epochs=1), tmp_path, data)
    half = make_fit(make_config(max_epochs=1, training_fraction=0.5), tmp_path, data)
    assert len(half.roles.train) == pytest.approx(len(whole.roles.train) / 2, abs=6)
    for fit in (whole, half):
        fit.run()
    tables = [fit.folder.read_predictions() for fit in (whole, half)]
    assert tables[0]["sample"].tolist() == tables[1]["sample"].tolist()


def test_single_photographs_train_too(tmp_path: Path) -> None:
    data = replace(make_data(pixels=32), grid=1)
    augmentation = {
        "rotation_degrees": 30,
        "flip_horizontally": True,
        "flip_vertically": True,
        "smallest_crop": 0.8,
        "zoom": 0.1,
    }
    config = make_config(augmentation=augmentation)
    record = make_fit(config, tmp_path / "1", data).run()
    assert record.status == "complete"
    make_fit(config, tmp_path / "2", data).run()
    first, second = (outcome(folder_of(config, tmp_path / name)) for name in ("1", "2"))
    assert first == second
    # As four tiles, the same pictures would be turned otherwise.
    make_fit(config, tmp_path / "3", replace(data, grid=2)).run()
    assert outcome(folder_of(config, tmp_path / "3"))["weights"] != first["weights"]


def test_another_scaling_of_the_pixels_is_another_fit(data: TrainingData, tmp_path: Path) -> None:
    config = make_config(WITH_DROPOUT, max_epochs=1, normalization="minus_one_to_one")
    fit = make_fit(config, tmp_path, data)
    other = make_fit(make_config(WITH_DROPOUT, max_epochs=1), tmp_path, data)
    for name, value in fit.network.state_dict().items():
        assert torch.equal(value, other.network.state_dict()[name])
    rows = fit.roles.test[:2]
    pictures = data.mosaics_NHWC[rows].transpose(0, 3, 1, 2).astype(np.float32)
    seen = fit.source.normalise(fit.source.take(rows)).numpy()
    np.testing.assert_allclose(seen, pictures / 127.5 - 1, atol=1e-6)
    assert not np.array_equal(fit.predict(rows), other.predict(rows))


@pytest.mark.parametrize(
    ("weights", "normalization", "shifts"),
    [
        ("random", "imagenet", False),
        ("random", "minus_one_to_one", False),
        ("ab12", "imagenet", True),
        # The pixels are already what the published weights expect.
        ("ab12", "minus_one_to_one", False),
    ],
)
def test_networks_that_shift_their_input_do_so_for_imagenet_s_scaling_only(
    weights: str, normalization: str, shifts: bool
) -> None:
    config = make_config("googlenet", weights=weights, normalization=normalization)
    network = build_for(config, 4, pixels=64)
    assert network.transform_input is shifts


def test_a_transformer_is_built_for_the_size_that_it_sees(tmp_path: Path) -> None:
    name, data = "timm:test_vit", make_data(pixels=64)
    fits = {
        size: make_fit(
            make_config(name, max_epochs=1, input_size=size, interpolation="bicubic"),
            tmp_path,
            data,
        )
        for size in ("data", 96)
    }
    assert len({fit.config.fit_id for fit in fits.values()}) == 2
    for size, fit in fits.items():
        side = 64 if size == "data" else 96
        assert fit.network.pos_embed.shape[1] == (side // 16) ** 2 + 1
        record = fit.run()
        assert record.status == "complete"
        assert record.multiply_adds == footprint(name, 4, side).multiply_adds
        kept = folder_of(fit.config, tmp_path)
        assert kept.path.endswith(fit.config.fit_id)
        assert not set(fit.config.fit_id) & set(":/")
        state = safetensors.torch.load(kept.read_weights())
        network = build_for(fit.config, 4, pixels=side)
        load_state(network, state)


def test_heads_at_the_stages_learn_and_predict(data: TrainingData, tmp_path: Path) -> None:
    config = make_config(stage_heads=True, auxiliary_loss_weight=1.0, start_from_mean=True)
    fit = make_fit(config, tmp_path, data)
    heads = [name for name, _ in fit.network.named_parameters() if "stage_heads" in name]
    mean = torch.from_numpy(fit.targets_NK[fit.roles.train].mean(axis=0))
    before = {name: fit.network.get_parameter(name).detach().clone() for name in heads}
    for name in heads:
        if name.endswith("bias"):
            assert torch.equal(before[name], mean)
    plain = make_fit(make_config(), tmp_path, data)
    assert fit.folder.fit_id != plain.folder.fit_id
    fit.run_epoch()
    for name in heads:
        assert not torch.equal(before[name], fit.network.get_parameter(name))
    rows = fit.roles.test
    fit.network.train()
    images = fit.source.normalise(fit.source.take(rows))
    outputs, auxiliary = forward_all(fit.network, images)
    assert len(auxiliary) == len(heads) / 2
    assert {head.shape for head in (outputs, *auxiliary)} == {(len(rows), 4)}
    record = fit.run()
    assert record.num_parameters == sum(p.numel() for p in fit.network.parameters())
    assert record.multiply_adds is not None
    assert all(math.isfinite(value) for value in record.metrics.values())


def test_a_fit_with_heads_at_its_stages_goes_on_with_the_same_bits(
    data: TrainingData, tmp_path: Path
) -> None:
    phases = [{"name": "head", "epochs": 1, "frozen": "backbone"}, {"name": "all", "frozen": 2}]
    config = make_config(stage_heads=True, phases=phases, max_epochs=3, max_batches_per_epoch=2)
    make_fit(config, tmp_path / "whole", data).run()
    fit = make_fit(config, tmp_path / "parts", data)
    fit.run_epoch()
    fit.run_epoch()
    fit.save_checkpoint()
    resumed = make_fit(config, tmp_path / "parts", data)
    assert resumed.epoch == 2
    resumed.run()
    assert outcome(resumed.folder) == outcome(folder_of(config, tmp_path / "whole"))


@pytest.mark.parametrize("backbone", [FAST, WITH_DROPOUT])
def test_features_are_the_last_hidden_layer_of_what_is_predicted(
    backbone: str, data: TrainingData, tmp_path: Path
) -> None:
    fit = make_fit(make_config(backbone), tmp_path, data, keep_features=True)
    record = fit.run()
    assert record.features_kept
    table = RunStore(str(tmp_path)).read_features(record.fit_id)
    predictions = fit.folder.read_predictions()
    assert table[["sample", "partition"]].equals(predictions[["sample", "partition"]])
    features = np.stack(list(table["features"]))
    assert features.dtype == np.float32
    rows = np.concatenate([fit.roles.held_out, fit.roles.test])
    with torch.inference_mode():
        expected = last_hidden(fit.network.eval(), fit.source.normalise(fit.source.take(rows)))
    np.testing.assert_allclose(features, expected.numpy(), rtol=1e-4, atol=1e-5)
    assert (features.std(axis=0) > 0).any()


def test_features_change_nothing_else_and_are_vouched_for(
    data: TrainingData, tmp_path: Path
) -> None:
    config = make_config()
    without = make_fit(config, tmp_path / "1", data)
    with_features = make_fit(config, tmp_path / "2", data, keep_features=True)
    for fit in (without, with_features):
        fit.run()
    first, second = (outcome(fit.folder) for fit in (without, with_features))
    assert first["record"].pop("features_kept") is False
    assert second["record"].pop("features_kept") is True
    assert first == second
    with pytest.raises(MissingFileError, match="features"):
        without.folder.read_features()
    store = RunStore(str(tmp_path / "2"))
    assert fit_faults(with_features.folder, store.fit_sizes()) == ()
    path = tmp_path / "2" / "fits" / config.fit_id / "features.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptFileError):
        with_features.folder.read_features()
    assert "features.parquet" in fit_faults(with_features.folder, store.fit_sizes())[0]
    with_features.folder.discard()
    assert not path.exists()


def test_a_fit_that_diverged_has_no_features(data: TrainingData, tmp_path: Path) -> None:
    config = make_config(WITH_DROPOUT, max_epochs=9, learning_rate=1e20)
    record = make_fit(config, tmp_path, data, keep_features=True).run()
    assert (record.status, record.features_kept) == ("diverged", False)


def test_a_frozen_backbone_keeps_its_pretrained_weights_and_statistics(
    data: TrainingData, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    path = tmp_path / "published.pth"
    torch.save(build_network(FAST, 1000).state_dict(), path)
    file = WeightFile(FAST, "IMAGENET1K_V1", "", path)
    config = make_config(
        weights=file.sha256(),
        phases=[{"name": "head", "frozen": "backbone"}],
        batch_norm_statistics="recomputed",
    )
    fit = make_fit(config, tmp_path, data, weights=file)
    fit.run()
    published = file.load()
    state = fit.network.state_dict()
    for name, value in published.items():
        assert torch.equal(state[name], value) is not name.startswith("fc."), name
