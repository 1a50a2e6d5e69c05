"""Records of fits that were never trained, for whoever needs a run folder with something in it."""

from __future__ import annotations

import pandas as pd

from foldgrid.records import FitFolder
from foldgrid.specs.fits import EpochRecord, FitConfig, FitRecord, WeightsRecord
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.tasks.pasi.spec import PasiSpec


def make_config(backbone: str = "resnet18", fold: int = 0, seed: int = 0) -> FitConfig:
    return FitConfig(
        backbone=backbone,
        fold=fold,
        task=PasiSpec(),
        data_fingerprint="d" * 16,
        split_fingerprint="5" * 16,
        weights="random",
        seed=seed,
        budget="smoke",
        training=TrainingRecipe(),
    )


def make_epoch(epoch: int, loss: float = 1.0) -> EpochRecord:
    return EpochRecord(
        epoch=epoch,
        learning_rate=0.01,
        train_loss=loss,
        validation_loss=loss / 2,
        metrics={"pasi_mae": 3.5},
        is_best=epoch == 1,
        wall_seconds=0.25,
    )


def make_record(config: FitConfig) -> FitRecord:
    return FitRecord(
        fit_id=config.fit_id,
        status="complete",
        config=config,
        num_epochs=2,
        best_epoch=1,
        stopped_because="max_epochs",
        metrics={"validation/loss": 0.5},
        timings={"total": 1.0},
        num_parameters=7,
        peak_memory_gib=0.5,
        weights=WeightsRecord(source="random"),
        weights_kept=False,
        environment={"device": "cpu"},
    )


def make_predictions() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sample": ["1/a/trunk", "2/a/trunk"],
            "partition": ["oof", "test"],
            "composite": pd.Series([1.0, 2.0], dtype="float32"),
            "predicted_composite": pd.Series([1.5, 2.5], dtype="float32"),
        }
    )


def write_fit(folder: FitFolder, config: FitConfig) -> None:
    """Leaves in ``folder`` what a complete fit leaves."""
    for epoch in (1, 2):
        folder.append_epoch(make_epoch(epoch))
    folder.write_predictions(make_predictions())
    folder.complete(make_record(config))
