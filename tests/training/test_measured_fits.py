"""Fits of numbers: what they learn of the values, from whom, and that it is there afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foldgrid.data.single_photos import value_bands
from foldgrid.specs.fits import FitConfig
from foldgrid.tasks.regression.spec import RegressionSpec
from foldgrid.training import TrainingData
from tests.training.tiny_study import folder_of, make_config, make_data, make_fit, outcome


@pytest.fixture(scope="module")
def measured() -> TrainingData:
    """The tiny study with one number a sample, between 100 and 400."""
    data = make_data()
    random = np.random.default_rng(2)
    values = 100 + 40 * data.samples["involvement"] + random.uniform(0, 60, len(data.samples))
    samples = data.samples.assign(value=values.round(1), case="")
    return replace(data, samples=samples.assign(band=value_bands(values)), stratum="band")


def config_of(**training: object) -> FitConfig:
    spec = RegressionSpec(unit="points")
    return make_config(**training).model_copy(update={"task": spec})  # type: ignore[arg-type]


def test_it_learns_of_its_own_training_samples_and_of_nobody_else(
    measured: TrainingData, tmp_path: Path
) -> None:
    fit = make_fit(config_of(), tmp_path / "1", measured)
    own = measured.samples["value"].iloc[fit.roles.train]
    assert fit.learned["centre"] == pytest.approx(own.mean(), rel=1e-6)
    assert fit.learned["spread"] == pytest.approx(own.std(ddof=0), rel=1e-5)
    assert fit.targets_NK[fit.roles.train].mean() == pytest.approx(0, abs=1e-5)
    assert fit.targets_NK[fit.roles.train].std() == pytest.approx(1, abs=1e-5)
    # Whoever is held out, watched or in the test set may have any values.
    others = np.setdiff1d(np.arange(len(measured.samples)), fit.roles.train)
    values = measured.samples["value"].to_numpy().copy()
    values[others] = 9999.0
    falsified = replace(measured, samples=measured.samples.assign(value=values))
    assert make_fit(config_of(), tmp_path / "2", falsified).learned == fit.learned


def test_held_out_values_move_no_prediction(measured: TrainingData, tmp_path: Path) -> None:
    config = config_of(early_stopping={"policy": "none"}, schedule="constant")
    fit = make_fit(config, tmp_path / "1", measured)
    fit.run()
    values = measured.samples["value"].to_numpy().copy()
    values[fit.roles.held_out] = 400 - values[fit.roles.held_out]
    falsified = replace(measured, samples=measured.samples.assign(value=values))
    make_fit(config, tmp_path / "2", falsified).run()
    said = [folder_of(config, tmp_path / each).read_predictions() for each in ("1", "2")]
    assert said[0]["predicted_value"].tolist() == said[1]["predicted_value"].tolist()
    assert said[0]["value"].tolist() != said[1]["value"].tolist()


def test_a_fit_goes_on_with_what_it_learned(measured: TrainingData, tmp_path: Path) -> None:
    config = config_of(max_epochs=3)
    make_fit(config, tmp_path / "whole", measured).run()
    started = make_fit(config, tmp_path / "parts", measured)
    started.run_epoch()
    started.save_checkpoint()
    going_on = make_fit(config, tmp_path / "parts", measured)
    assert going_on.epoch == 1
    assert going_on.learned == started.learned
    going_on.run()
    whole, parts = (outcome(folder_of(config, tmp_path / each)) for each in ("whole", "parts"))
    assert parts == whole
    record = folder_of(config, tmp_path / "parts").read_record()
    assert record.learned == started.learned


def test_predictions_are_in_the_unit_and_near_the_values(
    measured: TrainingData, tmp_path: Path
) -> None:
    config = config_of(start_from_mean=True, batch_norm_statistics="recomputed")
    make_fit(config, tmp_path, measured).run()
    said = folder_of(config, tmp_path).read_predictions()
    assert said["value"].isin(measured.samples["value"]).all()
    assert said["predicted_value"].between(-200, 700).all()
    assert abs(said["predicted_value"].mean() - said["value"].mean()) < 100
    metric_values = folder_of(config, tmp_path).read_record().metrics
    oof = said[said["partition"] == "oof"]
    error = (oof["predicted_value"] - oof["value"]).abs().mean()
    assert metric_values["oof/mae"] == pytest.approx(error, rel=1e-5)
