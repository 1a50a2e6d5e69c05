"""What a fit leaves on disk, and that its predictions are what they say."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

from foldgrid.models import WeightFile, build_network, find_weight_file, set_head_bias
from foldgrid.models.footprint import footprint
from foldgrid.specs.fits import FitConfig, FitRecord
from foldgrid.tasks.pasi.arithmetic import SCORES
from foldgrid.tasks.registry import make_scoring
from foldgrid.training import Fit, TrainingData
from foldgrid.training.batches import MosaicSource
from foldgrid.training.checkpoint_interval import CheckpointInterval
from tests.training.tiny_study import (
    FAST,
    WITH_DROPOUT,
    folder_of,
    make_config,
    make_fit,
    network_with,
    untimed,
)


def files_of(config: FitConfig, run: Path) -> list[str]:
    return sorted(path.name for path in (run / "fits" / config.fit_id).iterdir())


def predictions_from(fit: Fit, data: TrainingData) -> pd.DataFrame:
    """The predictions as anyone can make them again from ``best.safetensors``."""
    network = network_with(fit.config, safetensors.torch.load(fit.folder.read_weights()))
    rows = np.concatenate([fit.roles.held_out, fit.roles.test])
    source = MosaicSource(data.mosaics_NHWC, torch.device("cpu"))
    with torch.inference_mode():
        outputs = network(source.normalise(source.take(rows))).numpy()
    return pd.DataFrame(make_scoring(fit.config.task).prediction_columns(outputs))


@pytest.fixture(scope="module")
def finished(
    data: TrainingData, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Fit, FitRecord, Path]:
    run = tmp_path_factory.mktemp("run")
    fit = make_fit(make_config(max_epochs=3), run, data)
    return fit, fit.run(), run


def test_a_complete_fit_leaves_its_four_files(finished: tuple[Fit, FitRecord, Path]) -> None:
    fit, record, run = finished
    assert files_of(fit.config, run) == [
        "best.safetensors",
        "fit.json",
        "history.jsonl",
        "predictions.parquet",
    ]
    assert fit.folder.read_record() == record
    assert record.weights_kept


def test_the_record_says_what_the_contract_promises(
    finished: tuple[Fit, FitRecord, Path], data: TrainingData
) -> None:
    fit, record, run = finished
    written = json.loads((run / "fits" / fit.config.fit_id / "fit.json").read_text())
    assert set(written) == {*FitRecord.model_fields, "files", "sha256"}
    assert (record.fit_id, record.config) == (fit.config.fit_id, fit.config)
    assert (record.status, record.num_epochs) == ("complete", 3)
    assert set(record.timings) == {"setup", "train", "predict", "total"}
    parts = sum(record.timings[name] for name in ("setup", "train", "predict"))
    assert record.timings["total"] == pytest.approx(parts)
    assert record.num_parameters == sum(p.numel() for p in fit.network.parameters())
    pixels = data.mosaics_NHWC.shape[1]
    assert record.multiply_adds == footprint(fit.config.backbone, 4, pixels).multiply_adds > 0
    assert (record.weights.source, record.weights.sha256) == ("random", None)
    assert record.environment["device"] == "cpu"
    assert record.environment["torch"] == torch.__version__
    assert record.peak_memory_gib > 0
    metric_values = {"composite_mae", "pasi_mae", "pasi_ccc"}
    expected = {f"{part}/{name}" for part in ("oof", "test") for name in metric_values}
    assert set(record.metrics) == {"validation/loss", *expected}


def test_the_history_has_a_line_an_epoch_and_marks_the_best(
    finished: tuple[Fit, FitRecord, Path],
) -> None:
    fit, record, _ = finished
    history = fit.folder.read_history()
    assert [epoch.epoch for epoch in history] == [1, 2, 3]
    losses = [epoch.validation_loss for epoch in history]
    assert record.best_epoch == int(np.argmin(losses)) + 1
    assert record.metrics["validation/loss"] == min(losses)
    assert [e.epoch for e in history if e.is_best][-1] == record.best_epoch
    assert all(set(e.metrics) == {"composite_mae", "pasi_mae", "pasi_ccc"} for e in history)
    assert all(epoch.wall_seconds > 0 for epoch in history)


def test_predictions_cover_the_held_out_fold_and_the_test_set(
    finished: tuple[Fit, FitRecord, Path], data: TrainingData
) -> None:
    fit, record, _ = finished
    predictions = fit.folder.read_predictions()
    assert list(predictions) == [
        "sample",
        "partition",
        *SCORES,
        *(f"predicted_{name}" for name in SCORES),
    ]
    for partition, is_part in (
        ("oof", data.samples["fold"] == fit.config.fold),
        ("test", data.samples["partition"] == "test"),
    ):
        part = predictions[predictions["partition"] == partition]
        expected = data.samples[is_part]
        assert part["sample"].tolist() == expected["sample"].tolist()
        for name in SCORES:
            assert part[name].tolist() == expected[name].tolist()
        outputs = part[[f"predicted_{name}" for name in SCORES]].to_numpy()
        again = make_scoring(fit.config.task).evaluate(expected, outputs)
        for name, value in again.items():
            assert record.metrics[f"{partition}/{name}"] == pytest.approx(value)


def test_predictions_are_the_best_epoch_s_and_not_the_last_one_s(
    data: TrainingData, tmp_path: Path
) -> None:
    fit = make_fit(make_config(max_epochs=3), tmp_path, data)
    by_epoch: list[np.ndarray] = []
    rows = np.concatenate([fit.roles.held_out, fit.roles.test])
    while not fit.is_over:
        if fit.epoch == 2:
            # Spoils what was found; one epoch cannot mend it.
            set_head_bias(fit.network, FAST, torch.full((4,), 50.0))
        fit.run_epoch()
        by_epoch.append(fit.predict(rows))
    record = fit.finalize()
    assert record.best_epoch < record.num_epochs
    names = [f"predicted_{name}" for name in SCORES]
    written = fit.folder.read_predictions()[names].to_numpy()
    # The batches are not the same, so neither is the last bit.
    close = [np.allclose(written, outputs, rtol=1e-4, atol=1e-4) for outputs in by_epoch]
    assert close.index(True) + 1 == record.best_epoch
    assert not close[-1]
    np.testing.assert_allclose(written, predictions_from(fit, data)[names], rtol=1e-4, atol=1e-4)


def test_the_paper_s_policy_monitors_the_fold_that_it_predicts(
    data: TrainingData, tmp_path: Path
) -> None:
    config = make_config(early_stopping={"policy": "held_out_fold"})
    fit = make_fit(config, tmp_path, data)
    record = fit.run()
    best = fit.folder.read_history()[record.best_epoch - 1]
    for name, value in best.metrics.items():
        assert record.metrics[f"oof/{name}"] == pytest.approx(value)
    errors = fit.predict(fit.roles.held_out) - fit.targets_NK[fit.roles.held_out]
    assert record.metrics["validation/loss"] == pytest.approx(float((errors**2).mean()), rel=1e-5)


def test_composites_are_recorded_in_people_s_units(data: TrainingData, tmp_path: Path) -> None:
    fit = make_fit(make_config(output="composite", max_epochs=1), tmp_path, data)
    record = fit.run()
    table = fit.folder.read_predictions()
    assert list(table) == ["sample", "partition", "composite", "predicted_composite"]
    samples = data.samples.set_index("sample").loc[table["sample"]]
    composites = samples[list(SCORES[:3])].sum(axis=1) * samples["involvement"]
    np.testing.assert_array_equal(table["composite"], composites)
    np.testing.assert_allclose(
        table["predicted_composite"], predictions_from(fit, data).iloc[:, 0], rtol=1e-4, atol=1e-3
    )
    oof = table[table["partition"] == "oof"]
    expected = (oof["composite"] - oof["predicted_composite"].clip(0, 72)).abs().mean()
    assert record.metrics["oof/composite_mae"] == pytest.approx(expected, rel=1e-5)


def test_a_fit_that_diverges_says_so_and_predicts_nothing(
    data: TrainingData, tmp_path: Path
) -> None:
    config = make_config(WITH_DROPOUT, max_epochs=9, learning_rate=1e20)
    fit = make_fit(config, tmp_path, data)
    record = fit.run()
    assert (record.status, record.stopped_because) == ("diverged", "diverged")
    assert (record.best_epoch, record.weights_kept, record.metrics) == (0, False, {})
    assert files_of(config, tmp_path) == ["fit.json", "history.jsonl"]
    assert fit.folder.read_record() == record
    history = fit.folder.read_history()
    assert len(history) == record.num_epochs < 9
    assert not (math.isfinite(history[-1].train_loss + history[-1].validation_loss))
    assert not history[-1].is_best


def test_a_metric_that_cannot_be_computed_stays_in_the_history(
    data: TrainingData, tmp_path: Path
) -> None:
    # One visit alone has no concordance; a fit that watches it must still be read, and go on.
    samples = data.samples.copy()
    fold = samples["fold"] == 0
    first = samples.index[fold][0]
    lonely = samples[~fold | (samples.index == first)].index
    one_visit = TrainingData(
        data.mosaics_NHWC[lonely], samples.loc[lonely].reset_index(drop=True), data.stratum
    )
    config = make_config(max_epochs=2, early_stopping={"policy": "held_out_fold"})
    fit = make_fit(config, tmp_path, one_visit)
    fit.run_epoch()
    fit.save_checkpoint()
    (epoch,) = fit.folder.read_history()
    assert math.isnan(epoch.metrics["pasi_ccc"])
    resumed = make_fit(config, tmp_path, one_visit)
    assert resumed.epoch == 1
    record = resumed.run()
    assert repr(resumed.folder.read_record()) == repr(record)
    assert math.isnan(record.metrics["oof/pasi_ccc"])


def test_weights_are_not_kept_where_nobody_wants_them(data: TrainingData, tmp_path: Path) -> None:
    config = make_config(max_epochs=1)
    record = make_fit(config, tmp_path, data, keep_weights=False).run()
    assert not record.weights_kept
    assert files_of(config, tmp_path) == ["fit.json", "history.jsonl", "predictions.parquet"]


def published_weights(name: str) -> WeightFile:
    file = find_weight_file(name)
    assert file is not None
    file.path.parent.mkdir(parents=True)
    torch.manual_seed(2)
    torch.save(build_network(name, 1000).state_dict(), file.path)
    return file


def test_pretrained_weights_are_started_from_and_recorded(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    file = published_weights(FAST)
    config = make_config(weights=file.sha256(), max_epochs=1)
    fit = make_fit(config, tmp_path, data, weights=file)
    body = file.load()
    for name, value in fit.network.state_dict().items():
        if not name.startswith("fc."):
            assert torch.equal(value, body[name]), name
    record = fit.run()
    assert record.weights == file.record()
    assert record.weights.sha256 == config.weights


def test_a_failure_s_text_goes_when_the_fit_completes(data: TrainingData, tmp_path: Path) -> None:
    config = make_config(max_epochs=1)
    folder_of(config, tmp_path).write_failure("Traceback …")
    make_fit(config, tmp_path, data).run()
    assert "failure.txt" not in files_of(config, tmp_path)


def test_a_fit_goes_on_from_its_last_checkpoint(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CheckpointInterval, "is_due", lambda pace: True)
    config = make_config(seed=1, max_epochs=3)
    epochs = make_fit(config, tmp_path, data).run_epoch()
    resumed = make_fit(config, tmp_path, data)
    assert untimed(resumed.folder.read_history()) == untimed([epochs])
    assert resumed.epoch == 1


def test_a_checkpoint_that_would_cost_too_much_is_not_written(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CheckpointInterval, "is_due", lambda pace: False)
    fit = make_fit(make_config(), tmp_path, data)
    fit.run_epoch()
    assert not fit.folder.has_checkpoint()


def test_training_needs_neither_ray_nor_wandb() -> None:
    script = (
        "import sys\n"
        "for name in ('ray', 'wandb', 'optuna'):\n"
        "    sys.modules[name] = None\n"
        "import foldgrid.training\n"
        "assert not [name for name in sys.modules if name.startswith(('foldgrid.launching',\n"
        "    'foldgrid.tracking', 'foldgrid.analysis', 'ray.', 'wandb.'))]\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
