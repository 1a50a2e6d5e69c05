"""New photographs through a trained base learner: its fold copies, the mean of their outputs, PASI.

Knows run folders, composites and networks; never trains, and never looks at a physician's scores.
Shape letters: N samples, H and W pixels, C channels, K outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import nn

from foldgrid.data.cores import num_usable_cores
from foldgrid.data.dataset import Dataset
from foldgrid.models import build_network, load_state
from foldgrid.records import PlannedFit, RunStore
from foldgrid.scoring import SCORES, clip_score, pasi
from foldgrid.specs.errors import InputError, Problem, SweepError, did_you_mean
from foldgrid.specs.fits import FitRecord
from foldgrid.specs.sweep import REGIONS
from foldgrid.tasks import PasiTask
from foldgrid.training.batches import CompositeSource
from foldgrid.training.device import choose_device, choose_precision, prepare_torch
from foldgrid.training.network_state import predict


@dataclass(frozen=True)
class TrainedLearner:
    """A base learner whose fits are all complete and kept their weights.

    Attributes:
        backbone: The network's name.
        copies: The records of its fits, a fold each.
        regions: The regions that it was trained on, in ``REGIONS``' order.
        tile_pixels: The side of the tiles that it was trained on.
        store: The run folder, which holds the weights.
    """

    backbone: str
    copies: tuple[FitRecord, ...]
    regions: tuple[str, ...]
    tile_pixels: int
    store: RunStore

    @property
    def task(self) -> PasiTask:
        """What its outputs mean."""
        return PasiTask(self.copies[0].config.task)


def best_backbone(store: RunStore) -> str:
    """The base learner that leads the stored ranking by out-of-fold MAE.

    Raises:
        SweepError: The run folder holds no ranking of base learners.
    """
    try:
        rows = store.read_json("leaderboard.json")["rows"]
        errors = {row["model"]: row["oof"]["mae"] for row in rows if row["kind"] == "base_learner"}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        errors = {}
    ranked = {name: error for name, error in errors.items() if error is not None}
    if not ranked:
        raise SweepError(
            f"{store.location}: found no ranking to take the best base learner from.\n"
            f"Make one with `python -m analysis rank {store.location}`, or name the network with "
            "--backbone."
        )
    return str(min(ranked, key=lambda name: (ranked[name], name)))


def open_learner(store: RunStore, backbone: str) -> TrainedLearner:
    """The base learner ``backbone`` of a run folder, ready to predict.

    Raises:
        SweepError: The run folder plans no fits of it.
        InputError: Fits that are not trained, that diverged, or that kept no weights: all of them.
    """
    plan = store.read_plan()
    cells = [cell for cell in plan if cell.backbone == backbone]
    if not cells:
        planned = dict.fromkeys(cell.backbone for cell in plan)
        raise SweepError(
            f'--backbone: found "{backbone}", which is not in {store.location}. '
            f"{did_you_mean(backbone, planned)}\nName one of the sweep's backbones."
        )
    finished = store.finished_fits()
    records = {cell: store.read_fit(cell.fit_id) for cell in cells if cell.fit_id in finished}
    _check_copies(store, backbone, cells, records)
    occurring = set(store.read_split()["region"])
    return TrainedLearner(
        backbone=backbone,
        copies=tuple(records[cell] for cell in cells),
        regions=tuple(region for region in REGIONS if region in occurring),
        tile_pixels=int(store.read_sweep()["data"]["tile_pixels"]),
        store=store,
    )


def _check_copies(
    store: RunStore, backbone: str, cells: list[PlannedFit], records: dict[PlannedFit, FitRecord]
) -> None:
    problems = []
    for cell in cells:
        record = records.get(cell)
        if record is None:
            problems.append((cell, "is not trained yet."))
        elif record.status == "diverged":
            problems.append((cell, "diverged: there is nothing to predict with."))
        elif not record.weights_kept:
            problems.append((cell, "is trained, but its weights were not kept."))
    if not problems:
        return
    sweep = store.read_sweep()
    if len(records) < len(cells):
        advice = f"Train what is missing: `python launch.py --sweep {sweep.get('name')}`."
    elif any(record.status == "diverged" for record in records.values()):
        advice = "Name another network with --backbone."
    else:
        advice = (
            "Weights are kept with `keep: best`. A finished fit is not trained again for them, so "
            f"train into another folder:\n`{_keeping_command(store, backbone)}`"
        )
    raise InputError(
        f"{store.location}, {backbone}",
        [Problem(f"fold {cell.fold}", "", message) for cell, message in problems],
        advice,
    )


def _keeping_command(store: RunStore, backbone: str) -> str:
    """The command that trains a base learner under the same settings and keeps its weights."""
    sweep = store.read_sweep()
    # The resolved sweep says it all, overrides included; from object storage it cannot be read.
    source = f"{store.location}/sweep.yaml" if store.root.is_local else sweep.get("name")
    return (
        f"python launch.py --sweep {source} --budget {sweep.get('budget')} "
        f"--only backbone={backbone} --set keep=best --storage runs_with_weights"
    )


def predict_outputs(
    learner: TrainedLearner,
    composites_NHWC: NDArray[np.uint8],
    device: torch.device | None = None,
) -> NDArray[np.float32]:
    """The mean of the copies' outputs, (N, K), in the task's own units.

    Composites are standardised as in training and not augmented; the precision is training's on
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
    precision = choose_precision(device, learner.copies[0].config.training.precision)
    source = CompositeSource(composites_NHWC, device)
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
            # A network that started from ImageNet's weights is told so when it is built: two of
            # them then also shift their inputs, which no weight file says.
            started_from = None if record.config.weights == "random" else state
            network = build_network(learner.backbone, learner.task.num_outputs, started_from)
            network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        load_state(network, state)
        yield network


def _read_weights(store: RunStore, record: FitRecord) -> dict[str, torch.Tensor]:
    folder = store.fit(record.fit_id)
    try:
        return safetensors.torch.load(folder.read_weights())
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
    for name, column in learner.task.columns(outputs_NK).items():
        if name in SCORES:
            values[name] = clip_score(name, column)
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
