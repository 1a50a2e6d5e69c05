"""A base learner of a finished run: which one is best, and whether its weights are all there.

Knows run folders; never loads a network.
"""

from __future__ import annotations

from dataclasses import dataclass

from foldgrid.records import PlannedFit, RunStore
from foldgrid.specs.errors import InputError, Problem, SweepError, did_you_mean
from foldgrid.specs.fits import FitRecord
from foldgrid.specs.sweep import REGIONS
from foldgrid.tasks import PasiTask, make_task


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
        task = make_task(self.copies[0].config.task)
        assert isinstance(task, PasiTask)
        return task


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
    if len(records) < len(cells):
        advice = f"Train what is missing: `{store.relaunch_command()}`."
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
        f"--only backbone={backbone} --keep best --storage runs_with_weights"
    )
