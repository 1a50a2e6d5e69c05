"""New photographs through a trained base learner: its fold copies and the mean of what they say.

Knows pictures and networks; never trains, and never looks at the truth.
Shape letters: N samples, I photographs, D features, K outputs, F copies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import nn

from foldgrid.data.cores import num_usable_cores
from foldgrid.data.dataset import Dataset
from foldgrid.models import HeadedNetwork, load_state
from foldgrid.models.headed import head_on_features
from foldgrid.predict.trained_learner import TrainedLearner
from foldgrid.records import RunStore
from foldgrid.specs.errors import MissingFileError, SweepError
from foldgrid.specs.fits import FitRecord
from foldgrid.specs.heads import ATTENTION
from foldgrid.specs.recipe_parts import VIEWS
from foldgrid.training.bags import bags_of
from foldgrid.training.batches import MosaicSource, seen_by
from foldgrid.training.building import build_for
from foldgrid.training.device import choose_device, choose_precision, prepare_torch
from foldgrid.training.network_state import bag_outputs, pooled_features, predict
from foldgrid.training.training_data import TrainingData


def outputs_of_copies(
    learner: TrainedLearner, dataset: Dataset, device: torch.device | None = None
) -> NDArray[np.float32]:
    """What each copy says, (F, N, K), in the task's own units.

    Pixels are scaled as in training, and nothing is augmented; the precision is training's on
    this device. Where attention pools photographs, each sample has what its evaluation unit has.

    Args:
        learner: Who predicts.
        dataset: The samples, of ``learner.seen_as`` a tile; what is to be predicted may be
            unknown and is not looked at.
        device: Where to compute; chosen by what is there.

    Raises:
        SweepError: A weight file is missing or corrupt.
    """
    prepare_torch(num_usable_cores(), seed=0)
    device = device or choose_device()
    recipe = learner.copies[0].config.training
    precision = choose_precision(device, recipe.precision)
    data = TrainingData(
        dataset.mosaics_NHWC, dataset.samples.reset_index(drop=True), dataset.stratum, dataset.grid
    )
    bags = bags_of(data) if recipe.pooling == ATTENTION else None
    tiles = bags.tiles if bags else None
    source = MosaicSource(data.mosaics_NHWC, device, *seen_by(recipe), tiles)
    rows = np.arange(len(data.samples))
    found = []
    for copy in _copies(learner, device, source.pixels):
        if bags is None:
            views, kind = VIEWS[recipe.test_time_augmentation], learner.task.output_kind
            found.append(predict(copy, source, rows, device, precision, views=views, kind=kind))
            continue
        assert isinstance(copy, HeadedNetwork)
        photographs = np.arange(len(bags.photographs.samples))
        features_ID = pooled_features(copy, source, photographs, device, precision)
        of_rows = features_ID.__getitem__
        found.append(bag_outputs(copy.head, bags, of_rows, rows, device, precision))
    return np.stack(found)


def predict_outputs(
    learner: TrainedLearner, dataset: Dataset, device: torch.device | None = None
) -> NDArray[np.float32]:
    """The mean of the copies' outputs, (N, K); see ``outputs_of_copies``."""
    outputs_FNK = outputs_of_copies(learner, dataset, device)
    mean_NK: NDArray[np.float64] = outputs_FNK.mean(axis=0, dtype=np.float64)
    return mean_NK.astype(np.float32)


def _copies(learner: TrainedLearner, device: torch.device, pixels: int) -> Iterator[nn.Module]:
    """The network with each copy's weights in turn, so that one copy lies in memory at a time."""
    network: nn.Module | None = None
    for record in learner.copies:
        state = _read_weights(learner.store, record)
        if network is None:
            network = build_for(record.config, learner.task.num_outputs, pixels=pixels)
            network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        load_state(network, state)
        yield network


def outputs_of_features(
    learner: TrainedLearner, features: Callable[[tuple[str, ...]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """What the heads of each copy say of features that were made elsewhere, (F, N, K).

    Args:
        learner: Whose heads; see ``TrainedLearner.takes_features``.
        features: Gives (N, D) by the names of the columns.

    Raises:
        SweepError: A weight file is missing or corrupt.
    """
    prepare_torch(num_usable_cores(), seed=0)
    found = []
    for record in learner.copies:
        content = learner.store.fit(record.fit_id).read_weights()
        values_ND = torch.from_numpy(features(columns_of(content)))
        own, num_outputs = record.config.training.head_of_table, learner.task.num_outputs
        network = head_on_features(own, values_ND.shape[1], num_outputs).eval()
        load_state(network, _read_weights(learner.store, record))
        with torch.inference_mode():
            found.append(network(values_ND).numpy())
    return np.stack(found)


def columns_of(content: bytes) -> tuple[str, ...]:
    """The columns that a head takes, as ``best.safetensors`` says them; see ``finalize``."""
    num_bytes = int.from_bytes(content[:8], "little")
    about = json.loads(content[8 : 8 + num_bytes]).get("__metadata__", {})
    return tuple(json.loads(about.get("columns", "[]")))


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
