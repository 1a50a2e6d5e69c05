"""Fits on an NVIDIA GPU: they train, and give the same bits again, later, and after a crash."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from foldgrid.models import forward_all
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.recipe_parts import Augmentation
from foldgrid.specs.resolving import resolve_sweep
from foldgrid.training import TrainingData
from foldgrid.training.augmentation import augment
from foldgrid.training.batches import MosaicSource
from foldgrid.training.checkpoint_interval import CheckpointInterval
from foldgrid.training.network_state import predict
from tests.training.tiny_study import (
    WITH_AUXILIARY_HEADS,
    WITH_DROPOUT,
    folder_of,
    make_config,
    make_data,
    make_fit,
    outcome,
    untimed,
)

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use"),
]

SWEEP = Path(__file__).resolve().parents[2] / "sweeps" / "all_backbones.yaml"
BACKBONES = resolve_sweep(SWEEP, "paper").sweep.backbones
FAMILIES = (
    "mobilenet_v3_small",
    "resnet18",
    WITH_DROPOUT,
    WITH_AUXILIARY_HEADS,
    "efficientnet_b0",
)
PRECISIONS = ("auto", "float32")


def train(config: FitConfig, run: Path, data: TrainingData) -> dict[str, Any]:
    make_fit(config, run, data, device="cuda").run()
    return outcome(folder_of(config, run))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("backbone", FAMILIES)
def test_the_same_fit_again_is_the_same_bits_whatever_ran_before(
    backbone: str, precision: str, data: TrainingData, tmp_path: Path
) -> None:
    config = make_config(backbone, precision=precision, start_from_mean=True)
    first = train(config, tmp_path / "1", data)
    train(make_config("shufflenet_v2_x0_5", seed=5), tmp_path / "other", data)
    torch.rand(3, device="cuda")
    assert train(config, tmp_path / "2", data) == first
    assert first["record"]["status"] == "complete"
    assert first["record"]["environment"]["device"] == torch.cuda.get_device_name()
    assert all(math.isfinite(value) for value in first["record"]["metrics"].values())
    predictions = folder_of(config, tmp_path / "1").read_predictions()
    columns = [name for name in predictions if name.startswith("predicted_")]
    assert set(predictions["partition"]) == {"oof", "test"}
    assert np.isfinite(predictions[columns].to_numpy()).all()


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_of_the_sweep_gives_the_same_bits_twice(
    backbone: str, tmp_path: Path
) -> None:
    data = make_data(pixels=128)
    config = make_config(backbone, max_epochs=1, max_batches_per_epoch=2, batch_size=16)
    with warnings.catch_warnings(record=True) as reported:
        warnings.simplefilter("always")
        first, again = (train(config, tmp_path / name, data) for name in ("1", "2"))
    assert first == again
    # torch names the operators that it cannot promise the same bits of.
    assert not [str(each.message) for each in reported if "deterministic" in str(each.message)]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("backbone", [WITH_DROPOUT, "mobilenet_v3_small"])
def test_a_fit_that_goes_on_ends_as_one_that_was_never_interrupted(
    backbone: str,
    precision: str,
    data: TrainingData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # On a slow machine a fit would also write checkpoints by itself.
    monkeypatch.setattr(CheckpointInterval, "is_due", lambda pace: False)
    config = make_config(
        backbone,
        max_epochs=4,
        precision=precision,
        plateau={"patience": 0, "threshold": 0.5, "factor": 0.5},
        batch_norm_statistics="recomputed",
    )
    expected = train(config, tmp_path / "whole", data)
    for _ in range(2):
        fit = make_fit(config, tmp_path / "parts", data, device="cuda")
        fit.run_epoch()
        fit.save_checkpoint()
        # What a process does after its last checkpoint is lost with it, but for its history.
        fit.run_epoch()
        del fit
        train(make_config("shufflenet_v2_x0_5"), tmp_path / "other", data)
    resumed = make_fit(config, tmp_path / "parts", data, device="cuda")
    assert resumed.epoch == 2
    resumed.run()
    assert outcome(resumed.folder) == expected


def test_a_checkpoint_of_the_cpu_is_no_start_for_a_fit_on_the_card(
    data: TrainingData, tmp_path: Path
) -> None:
    fit = make_fit(make_config(), tmp_path, data)
    fit.run_epoch()
    fit.save_checkpoint()
    assert make_fit(make_config(), tmp_path, data).epoch == 1
    assert make_fit(make_config(), tmp_path, data, device="cuda").epoch == 0


@pytest.mark.parametrize(
    ("capability", "precision"), [((9, 0), "bfloat16"), ((8, 0), "bfloat16"), ((7, 5), "float16")]
)
def test_auto_is_mixed_precision_that_the_card_computes_natively(
    capability: tuple[int, int],
    precision: str,
    data: TrainingData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What a card of another generation would say of itself; every card computes all three.
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    config = make_config("resnet18", max_epochs=3)
    fit = make_fit(config, tmp_path / "1", data, device="cuda")
    assert fit.precision == precision
    assert fit.scaler.is_enabled() is (precision == "float16")
    fit.run()
    found = outcome(fit.folder)
    assert found["record"]["environment"]["precision"] == precision
    assert found["record"]["status"] == "complete"
    again = make_fit(config, tmp_path / "2", data, device="cuda")
    again.run_epoch()
    again.save_checkpoint()
    resumed = make_fit(config, tmp_path / "2", data, device="cuda")
    assert resumed.epoch == 1
    resumed.run()
    assert outcome(resumed.folder) == found


@pytest.mark.parametrize("backbone", ["resnet18", "mobilenet_v3_small"])
def test_weights_lie_channels_last_and_stay_so(
    backbone: str, data: TrainingData, tmp_path: Path
) -> None:
    fit = make_fit(make_config(backbone), tmp_path, data, device="cuda")
    fit.run_epoch()
    fit.save_checkpoint()
    resumed = make_fit(make_config(backbone), tmp_path, data, device="cuda")
    for each in (fit, resumed):
        kernels = [value for value in each.network.parameters() if value.ndim == 4]
        momenta = [each.optimizer.state[value]["momentum_buffer"] for value in kernels]
        for value in (*kernels, *momenta):
            assert value.is_contiguous(memory_format=torch.channels_last)
            assert value.is_cuda


@pytest.mark.parametrize("backbone", FAMILIES)
def test_the_card_computes_what_the_processor_computes(
    backbone: str, data: TrainingData, tmp_path: Path
) -> None:
    config = make_config(backbone, precision="float32")
    here = make_fit(config, tmp_path / "cpu", data)
    there = make_fit(config, tmp_path / "cuda", data, device="cuda")
    for name, value in here.network.state_dict().items():
        assert torch.equal(there.network.state_dict()[name].cpu(), value), name
    rows = np.arange(24)
    np.testing.assert_allclose(there.predict(rows), here.predict(rows), rtol=1e-3, atol=1e-3)
    gradients = []
    for fit in (here, there):
        outputs, _ = forward_all(fit.network, fit.source.normalise(fit.source.take(rows)))
        outputs.square().mean().backward()
        gradients.append(
            [value.grad.cpu() for value in fit.network.parameters() if value.grad is not None]
        )
    assert len(gradients[0]) == len(gradients[1]) > 20
    for expected, found in zip(*gradients, strict=True):
        assert (found - expected).norm() <= 0.01 * expected.norm() + 1e-6
    # bfloat16 has three digits.
    args = (there.network, there.source, rows, there.device)
    mixed, exact = predict(*args, "bfloat16"), predict(*args, "float32")
    assert 0 < np.abs(mixed - exact).max() < 0.05 * max(1.0, np.abs(exact).max())


def test_photographs_of_a_mosaic_are_pooled_on_the_card(data: TrainingData, tmp_path: Path) -> None:
    """Twice the same bits, and the network of the CPU but for rounding."""
    still = {"rotate_tiles": False, "brightness": 0.0, "contrast": 0.0}
    frozen = [{"name": "head", "frozen": "backbone"}]
    config = make_config(
        WITH_DROPOUT, pooling="attention", phases=frozen, augmentation=still, precision="float32"
    )
    first, again = (train(config, tmp_path / name, data) for name in ("first", "again"))
    assert first == again
    make_fit(config, tmp_path / "cpu", data).run()
    here = folder_of(config, tmp_path / "cpu").read_predictions()
    there = folder_of(config, tmp_path / "first").read_predictions()
    for name in here.filter(like="predicted_"):
        np.testing.assert_allclose(there[name], here[name], rtol=1e-2, atol=1e-3)


def test_augmentation_draws_the_same_on_the_card(data: TrainingData, tmp_path: Path) -> None:
    rows = np.arange(16)
    found = []
    for name in ("cpu", "cuda"):
        source = MosaicSource(data.mosaics_NHWC, torch.device(name))
        generator = torch.Generator().manual_seed(0)
        images = augment(source.take(rows), Augmentation(), generator)
        found.append((source.normalise(images).cpu(), generator.get_state()))
    (here, state), (there, other_state) = found
    assert torch.equal(state, other_state)
    # An angle's sine differs in its last digit; on the edge of a pixel that can be a pixel.
    assert ((here - there).abs() > 1e-3).float().mean() < 1e-4


def test_a_fit_that_is_over_leaves_the_card_as_it_found_it(
    data: TrainingData, tmp_path: Path
) -> None:
    large, small = make_config("vgg11", max_epochs=1), make_config(max_epochs=1)
    alone = make_fit(small, tmp_path / "1", data, device="cuda").run().peak_memory_gib
    first = make_fit(large, tmp_path / "2", data, device="cuda").run().peak_memory_gib
    assert first > 1.0
    after = make_fit(small, tmp_path / "3", data, device="cuda").run().peak_memory_gib
    assert after == pytest.approx(alone, abs=0.01)
    assert alone < 0.3
    assert untimed(folder_of(small, tmp_path / "1").read_history()) == untimed(
        folder_of(small, tmp_path / "3").read_history()
    )
