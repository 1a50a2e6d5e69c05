"""A study that trains in a second: 12 subjects, 72 mosaics, redder where it is worse.

For whoever needs real fits: ``make_data``, ``make_config``, ``make_fit``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from foldgrid.models import WeightFile, build_network
from foldgrid.records import FitFolder, RunStore
from foldgrid.specs.fits import EpochRecord, FitConfig
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.classification.spec import ClassificationSpec
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.training import Fit, TrainingData

REGIONS = ("upper_extremities", "trunk", "lower_extremities")
NUM_FOLDS = 5

QUICK: dict[str, Any] = {
    "max_epochs": 2,
    "max_batches_per_epoch": 3,
    "batch_size": 8,
    "learning_rate": 0.005,
}
"""Differences from the paper's recipe; a fit under them takes well under a second."""

FAST, WITH_DROPOUT, WITH_AUXILIARY_HEADS = "shufflenet_v2_x0_5", "squeezenet1_1", "googlenet"


def make_samples(num_subjects: int = 12, num_visits: int = 2, seed: int = 0) -> pd.DataFrame:
    """Three regions a visit; the last two subjects are the test set, the others folds in turn."""
    rng = np.random.default_rng(seed)
    rows = []
    for subject in range(num_subjects):
        is_test = subject >= num_subjects - 2
        for visit in range(num_visits):
            for region in REGIONS:
                rows.append(
                    {
                        "sample": f"{subject:03d}/v{visit}/{region}",
                        "subject": f"{subject:03d}",
                        "visit": f"v{visit}",
                        "day": 28.0 * visit,
                        "region": region,
                        "erythema": int(rng.integers(0, 5)),
                        "induration": int(rng.integers(0, 5)),
                        "scaling": int(rng.integers(0, 5)),
                        "involvement": int(rng.integers(0, 7)),
                        "partition": "test" if is_test else "train",
                        "fold": -1 if is_test else subject % NUM_FOLDS,
                    }
                )
    return pd.DataFrame(rows)


def make_data(num_subjects: int = 12, num_visits: int = 2, pixels: int = 32) -> TrainingData:
    """Noise that is the redder the more skin is involved; the array is read-only, as in a sweep."""
    samples = make_samples(num_subjects, num_visits)
    rng = np.random.default_rng(1)
    mosaics_NHWC = rng.integers(0, 256, (len(samples), pixels, pixels, 3), dtype=np.uint8)
    red = mosaics_NHWC[..., 0] // 3 + samples["involvement"].to_numpy()[:, None, None] * 25
    mosaics_NHWC[..., 0] = red
    mosaics_NHWC.flags.writeable = False
    return TrainingData(mosaics_NHWC, samples, "scaling")


LABELS = ClassificationSpec(classes={"pale": ("pale",), "red": ("red",), "dark": ("dark",)})


def make_labelled_data(pixels: int = 32) -> TrainingData:
    """The same pictures, each with a label; there are few dark ones."""
    data = make_data(num_visits=1, pixels=pixels)
    is_red = data.samples["involvement"] > 3
    labels = np.where(is_red, "red", np.where(np.arange(len(is_red)) % 7 == 0, "dark", "pale"))
    kept = ["sample", "subject", "partition", "fold"]
    samples = data.samples[kept].assign(label=labels, case="")
    return TrainingData(data.mosaics_NHWC, samples, "label", grid=1)


def make_config(
    backbone: str = FAST,
    *,
    fold: int = 0,
    seed: int = 0,
    output: str = "scores",
    weights: str = "random",
    task: TaskSpec | None = None,
    **training: Any,
) -> FitConfig:
    """A configuration: ``QUICK``, then ``training``, whose values may be mappings."""
    recipe = TrainingRecipe.model_validate_json(json.dumps({**QUICK, **training}))
    return FitConfig(
        backbone=backbone,
        fold=fold,
        task=task or PasiSpec.model_validate({"output": output}),
        data_fingerprint="0123456789abcdef",
        split_fingerprint="fedcba9876543210",
        weights=weights,
        seed=seed,
        budget="smoke",
        training=recipe,
    )


def folder_of(config: FitConfig, run: Path) -> FitFolder:
    return RunStore(str(run)).fit(config.fit_id)


def make_fit(
    config: FitConfig,
    run: Path,
    data: TrainingData | None = None,
    *,
    weights: WeightFile | None = None,
    keep_weights: bool = True,
    keep_features: bool = False,
    device: str = "cpu",
) -> Fit:
    """The fit of ``config`` below the run folder ``run``, with one thread."""
    return Fit(
        config,
        data if data is not None else make_data(),
        folder_of(config, run),
        weights,
        keep_weights=keep_weights,
        keep_features=keep_features,
        num_threads=1,
        device=torch.device(device),
    )


def untimed(history: list[EpochRecord]) -> list[dict[str, Any]]:
    """The epochs without the time they took."""
    return [epoch.model_dump(exclude={"wall_seconds"}) for epoch in history]


def outcome(folder: FitFolder) -> dict[str, Any]:
    """Everything of a finished fit that must be the same bits whenever it is trained again."""
    return {
        "weights": folder.read_weights(),
        "predictions": folder.read_predictions().to_dict("list"),
        "history": untimed(folder.read_history()),
        "record": folder.read_record().model_dump(exclude=TIMED),
    }


TIMED: Any = {"timings": True, "peak_memory_gib": True, "phases": {"__all__": {"seconds"}}}
"""What of a record is another number each time."""


def put_state(network: torch.nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Copies ``state`` into the network, name by name."""
    own = network.state_dict()
    assert set(own) == set(state)
    for name, value in own.items():
        value.copy_(state[name])


def network_with(config: FitConfig, state: dict[str, torch.Tensor]) -> torch.nn.Module:
    """The configuration's network with ``state`` in it, in evaluation mode."""
    network = build_network(config.backbone, 1 if config.task.output == "composite" else 4)
    put_state(network, state)
    return network.eval()
