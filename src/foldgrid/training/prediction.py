"""New photographs through a trained base learner: its fold copies, the mean of their outputs, PASI.

Knows composites and networks; never trains, and never looks at a physician's scores.
Shape letters: N samples, H and W pixels, C channels, K outputs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import nn

from foldgrid.data.cores import num_usable_cores
from foldgrid.data.dataset import Dataset
from foldgrid.models import load_state
from foldgrid.records import RunStore
from foldgrid.scoring import SCORES, clip_score, pasi
from foldgrid.specs.errors import MissingFileError, SweepError
from foldgrid.specs.fits import FitRecord
from foldgrid.training.batches import CompositeSource
from foldgrid.training.building import build_for
from foldgrid.training.device import choose_device, choose_precision, prepare_torch
from foldgrid.training.network_state import predict
from foldgrid.training.trained_learner import TrainedLearner


def predict_outputs(
    learner: TrainedLearner,
    composites_NHWC: NDArray[np.uint8],
    device: torch.device | None = None,
) -> NDArray[np.float32]:
    """The mean of the copies' outputs, (N, K), in the task's own units.

    Pixels are scaled as in training, and nothing is augmented; the precision is training's on
    this device.

    Args:
        learner: Who predicts.
        composites_NHWC: uint8 composites of ``learner.tile_pixels`` a tile.
        device: Where to compute; chosen by what is there.

    Raises:
        SweepError: A weight file is missing or damaged.
    """
    prepare_torch(num_usable_cores(), seed=0)
    device = device or choose_device()
    recipe = learner.copies[0].config.training
    precision = choose_precision(device, recipe.precision)
    source = CompositeSource(composites_NHWC, device, recipe.pixels)
    rows = np.arange(len(composites_NHWC))
    outputs = [predict(copy, source, rows, device, precision) for copy in _copies(learner, device)]
    mean_NK: NDArray[np.float64] = np.stack(outputs).mean(axis=0, dtype=np.float64)
    return mean_NK.astype(np.float32)


def _copies(learner: TrainedLearner, device: torch.device) -> Iterator[nn.Module]:
    """The network with each copy's weights in turn, so that one copy lies in memory at a time."""
    network: nn.Module | None = None
    for record in learner.copies:
        state = _read_weights(learner.store, record)
        if network is None:
            network = build_for(record.config, learner.task.num_outputs)
            network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        load_state(network, state)
        yield network


def _read_weights(store: RunStore, record: FitRecord) -> dict[str, torch.Tensor]:
    folder = store.fit(record.fit_id)
    try:
        return safetensors.torch.load(folder.read_weights())
    except MissingFileError:
        raise
    except (OSError, safetensors.SafetensorError) as error:
        raise SweepError(
            f"{folder.path}/best.safetensors: cannot be read ({error}).\n"
            "Copy it again from where it was trained, or remove the fit's folder and train it anew."
        ) from error


def predict_visits(learner: TrainedLearner, dataset: Dataset) -> pd.DataFrame:
    """What ``learner`` predicts for each visit.

    Samples of regions that it was not trained on are passed over.

    Args:
        learner: Who predicts.
        dataset: The samples; their scores may be unknown and are not looked at.

    Returns:
        A row a visit, in the samples' order: ``subject``, ``visit``, ``day``, ``pasi`` (NaN where a
        region is lacking that the learner was trained on), and by region ``<region>_composite``
        (0 to 72) and, where scores are predicted, ``<region>_erythema`` and so on, each brought
        onto its scale.

    Raises:
        SweepError: As `predict_outputs`.
    """
    rows = np.flatnonzero(dataset.samples["region"].isin(learner.regions))
    table = dataset.samples.iloc[rows][["subject", "visit", "day", "region"]]
    outputs_NK = predict_outputs(learner, dataset.composites_NHWC[rows])
    values = {"composite": learner.task.composites(outputs_NK)}
    for name, column in learner.task.prediction_columns(outputs_NK).items():
        score = name.removeprefix("predicted_")
        if score in SCORES:
            values[score] = clip_score(score, column)
    keys = ["subject", "visit"]
    visits = table[[*keys, "day"]].drop_duplicates(keys).set_index(keys)
    by_region = {
        region: table.assign(**values)[table["region"] == region].set_index(keys)
        for region in learner.regions
    }
    composites = {
        region: found["composite"].reindex(visits.index) for region, found in by_region.items()
    }
    visits["pasi"] = pasi(composites)
    for region, found in by_region.items():
        for name in values:
            visits[f"{region}_{name}"] = found[name].reindex(visits.index)
    return visits.reset_index()
