"""The same configuration gives the same bits: again, later, elsewhere, and after a crash."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from foldgrid.models.backbones import head_parameters
from foldgrid.records.state_checksum import HEADER_BYTES
from foldgrid.specs.fits import FitConfig
from foldgrid.training import TrainingData
from foldgrid.training.checkpoint_interval import CheckpointInterval
from tests.training.tiny_study import (
    FAST,
    WITH_AUXILIARY_HEADS,
    WITH_DROPOUT,
    folder_of,
    make_config,
    make_data,
    make_fit,
    outcome,
    untimed,
)


def train(config: FitConfig, run: Path, data: TrainingData) -> dict[str, Any]:
    make_fit(config, run, data).run()
    return outcome(folder_of(config, run))


@pytest.mark.parametrize("backbone", [FAST, WITH_DROPOUT])
def test_the_same_fit_again_is_the_same_bits_whatever_ran_before(
    backbone: str, data: TrainingData, tmp_path: Path
) -> None:
    config = make_config(backbone, start_from_mean=True)
    # As in a fresh process, where nobody has asked for this network's head yet.
    head_parameters.cache_clear()
    first = train(config, tmp_path / "1", data)
    train(make_config("mobilenet_v3_small", seed=5), tmp_path / "other", data)
    torch.rand(3)
    torch.use_deterministic_algorithms(False)
    torch.set_default_dtype(torch.float32)
    assert train(config, tmp_path / "2", data) == first


def test_another_process_gives_the_same_bits(data: TrainingData, tmp_path: Path) -> None:
    config = make_config(WITH_DROPOUT)
    script = (
        "import pathlib, sys\n"
        "from tests.training.tiny_study import WITH_DROPOUT, make_config, make_fit\n"
        "make_fit(make_config(WITH_DROPOUT), pathlib.Path(sys.argv[1])).run()\n"
    )
    project = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", script, str(tmp_path / "there")]
    subprocess.run(command, check=True, timeout=120, cwd=project)
    here = train(config, tmp_path / "here", data)
    assert outcome(folder_of(config, tmp_path / "there")) == here


@pytest.mark.parametrize("backbone", [FAST, WITH_AUXILIARY_HEADS])
def test_no_operator_reads_what_nobody_wrote(
    backbone: str, data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(backbone, max_epochs=1, max_batches_per_epoch=2)
    expected = train(config, tmp_path / "1", data)
    fit = make_fit(config, tmp_path / "2", data)
    # NaN then stands in every tensor until something is written there.
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    assert torch.empty(3).isnan().all()
    fit.run()
    assert outcome(fit.folder) == expected


@pytest.mark.parametrize("change", [{"seed": 1}, {"fold": 1}])
def test_another_seed_or_fold_starts_from_other_weights(
    change: dict[str, int], data: TrainingData, tmp_path: Path
) -> None:
    one = make_fit(make_config(), tmp_path, data)
    other = make_fit(make_config(**change), tmp_path, data)
    name = "conv1.0.weight"
    assert not torch.equal(one.network.state_dict()[name], other.network.state_dict()[name])
    assert one.folder.fit_id != other.folder.fit_id


def test_another_seed_gives_another_result(data: TrainingData, tmp_path: Path) -> None:
    one, other = (train(make_config(seed=seed), tmp_path, data) for seed in (0, 1))
    assert one["predictions"] != other["predictions"]
    assert one["weights"] != other["weights"]


def test_the_data_are_the_same_after_a_fit(tmp_path: Path) -> None:
    data = make_data()
    kept, samples = data.mosaics_NHWC.copy(), data.samples.copy()
    make_fit(make_config(max_epochs=1), tmp_path, data).run()
    assert (data.mosaics_NHWC == kept).all()
    assert data.samples.equals(samples)


INTERRUPTED = {
    # Everything that a checkpoint must carry: momentum, the plateau's count and its lower rates,
    # dropout's random numbers, batch normalisation's averages, the best epoch's weights.
    FAST: make_config(max_epochs=5, plateau={"patience": 0, "threshold": 0.5, "factor": 0.5}),
    WITH_DROPOUT: make_config(WITH_DROPOUT, max_epochs=3),
    # MNASNet refuses a state that has lost torch's version marks.
    "mnasnet0_5": make_config(
        "mnasnet0_5", max_epochs=3, batch_norm_statistics="recomputed", max_batches_per_epoch=2
    ),
}


def seen_by(name: str, data: TrainingData) -> TrainingData:
    """MNASNet does not train on mosaics as small as the others'."""
    return make_data(pixels=64) if name == "mnasnet0_5" else data


@pytest.fixture(scope="module")
def uninterrupted(
    data: TrainingData, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """The outcome of each of ``INTERRUPTED`` where nothing interrupts it."""
    run = tmp_path_factory.mktemp("uninterrupted")
    return {name: train(config, run, seen_by(name, data)) for name, config in INTERRUPTED.items()}


@pytest.mark.parametrize(
    ("name", "epochs"),
    [
        (FAST, (2, 3)),
        *(pytest.param(FAST, (only,), marks=pytest.mark.exhaustive) for only in (1, 4)),
        (WITH_DROPOUT, (1, 2)),
        ("mnasnet0_5", (2,)),
    ],
)
def test_a_fit_that_goes_on_ends_as_one_that_was_never_interrupted(
    name: str,
    epochs: tuple[int, ...],
    data: TrainingData,
    tmp_path: Path,
    uninterrupted: dict[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # On a slow machine a fit would also write checkpoints by itself.
    monkeypatch.setattr(CheckpointInterval, "is_due", lambda pace: False)
    config, data = INTERRUPTED[name], seen_by(name, data)
    for stop_after in epochs:
        fit = make_fit(config, tmp_path, data)
        while fit.epoch < stop_after:
            fit.run_epoch()
        fit.save_checkpoint()
        # What a process does after its last checkpoint is lost with it, but for its history.
        fit.run_epoch()
        del fit
        make_fit(make_config("mobilenet_v3_small"), tmp_path, data)
    resumed = make_fit(config, tmp_path, data)
    assert resumed.epoch == epochs[-1]
    assert [epoch.epoch for epoch in resumed.folder.read_history()] == [*range(1, epochs[-1] + 1)]
    resumed.run()
    assert outcome(resumed.folder) == uninterrupted[name]
    assert not resumed.folder.has_checkpoint()


def test_a_fit_interrupted_before_it_was_finalized_only_finalizes(
    data: TrainingData, tmp_path: Path, uninterrupted: dict[str, dict[str, Any]]
) -> None:
    fit = make_fit(INTERRUPTED[FAST], tmp_path, data)
    while not fit.is_over:
        fit.run_epoch()
    fit.save_checkpoint()
    resumed = make_fit(INTERRUPTED[FAST], tmp_path, data)
    assert resumed.is_over
    resumed.finalize()
    assert outcome(resumed.folder) == uninterrupted[FAST]


def corrupt_checkpoint(folder: Path) -> None:
    whole = (folder / "last.pt").read_bytes()
    (folder / "last.pt").write_bytes(whole[: len(whole) // 2])


def corrupt_history(folder: Path) -> None:
    (folder / "history.jsonl").write_text('{"epoch": 1, "learning_r')


def flip_a_bit_of_the_checkpoint(folder: Path) -> None:
    content = bytearray((folder / "last.pt").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "last.pt").write_bytes(content)


def strip_the_checkpoint_of_its_checksum(folder: Path) -> None:
    """As an earlier version left it."""
    content = (folder / "last.pt").read_bytes()
    (folder / "last.pt").write_bytes(content[HEADER_BYTES:])


def lose_checkpoint(folder: Path) -> None:
    (folder / "last.pt").unlink()


def lose_checkpoint_and_tear_first_line(folder: Path) -> None:
    lose_checkpoint(folder)
    corrupt_history(folder)


@pytest.mark.parametrize(
    "corruption",
    [
        corrupt_checkpoint,
        flip_a_bit_of_the_checkpoint,
        strip_the_checkpoint_of_its_checksum,
        lose_checkpoint,
        lose_checkpoint_and_tear_first_line,
    ],
)
def test_where_there_is_nothing_sound_to_go_on_from_the_fit_starts_anew(
    corruption: Any, data: TrainingData, tmp_path: Path
) -> None:
    config = make_config()
    fit = make_fit(config, tmp_path, data)
    fit.run_epoch()
    fit.save_checkpoint()
    corruption(tmp_path / "fits" / config.fit_id)
    again = make_fit(config, tmp_path, data)
    assert again.epoch == 0
    assert again.folder.read_history() == []
    first = again.run_epoch()
    assert untimed(again.folder.read_history()) == untimed([first])
    again.run()
    assert [epoch.epoch for epoch in again.folder.read_history()] == [1, 2]


def test_a_checkpoint_brings_its_own_history(data: TrainingData, tmp_path: Path) -> None:
    config = make_config(seed=1)
    fit = make_fit(config, tmp_path, data)
    first = fit.run_epoch()
    fit.save_checkpoint()
    corrupt_history(tmp_path / "fits" / config.fit_id)
    again = make_fit(config, tmp_path, data)
    assert again.epoch == 1
    assert again.folder.read_history() == [first]


def test_torch_alone_would_not_notice_a_flipped_bit() -> None:
    # Why states have a checksum; should torch learn to look, the checksum costs little.
    weights = torch.arange(1000.0)
    buffer = io.BytesIO()
    torch.save({"weights": weights}, buffer)
    content = bytearray(buffer.getvalue())
    content[content.find(weights.numpy().tobytes()) + 401] ^= 1
    loaded = torch.load(io.BytesIO(content), weights_only=True)
    assert not torch.equal(loaded["weights"], weights)


def test_a_fit_with_auxiliary_heads_goes_on_too(data: TrainingData, tmp_path: Path) -> None:
    config = make_config(WITH_AUXILIARY_HEADS, max_epochs=1, max_batches_per_epoch=1)
    fit = make_fit(config, tmp_path, data)
    fit.run_epoch()
    fit.save_checkpoint()
    resumed = make_fit(config, tmp_path, data)
    for name, value in fit.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


def test_a_checkpoint_after_the_last_epoch_holds_the_best_weights(tmp_path: Path) -> None:
    """Then no copy of them is kept: they are the network's own."""
    config = make_config()
    fit = make_fit(config, tmp_path)
    while not fit.is_over:
        fit.run_epoch()
    expected = fit.finalize().metrics
    weights = folder_of(config, tmp_path).read_weights()
    fit.save_checkpoint()
    again = make_fit(config, tmp_path)
    assert again.is_over
    assert again.finalize().metrics == expected
    assert folder_of(config, tmp_path).read_weights() == weights
