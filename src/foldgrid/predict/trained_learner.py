"""A base learner of a finished run: which one is best, and whether its weights are all there.

Knows run folders; never loads a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from foldgrid.metrics import Metric
from foldgrid.records import PlannedFit, RunStore
from foldgrid.specs.errors import InputError, Problem, SweepError, did_you_mean
from foldgrid.specs.fits import FitRecord
from foldgrid.specs.given import is_given
from foldgrid.specs.learners import is_ablation
from foldgrid.specs.sweep import REGIONS, DataSpec
from foldgrid.specs.task import AnyTask, TaskSpec
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.scoring import Scoring

_TASK: TypeAdapter[TaskSpec] = TypeAdapter(AnyTask)


@dataclass(frozen=True)
class TrainedLearner:
    """A base learner whose fits are all complete and kept their weights.

    Attributes:
        name: The base learner's name: its network's, a labelled learner's or an ablation's.
        copies: The records of its fits, a fold each.
        regions: The regions that it was trained on, in ``REGIONS``' order; empty where a sample is
            a single photograph.
        seen_as: How photographs became the tiles that it was trained on.
        store: The run folder, which holds the weights.
    """

    name: str
    copies: tuple[FitRecord, ...]
    regions: tuple[str, ...]
    seen_as: DataSpec
    store: RunStore

    @property
    def takes_features(self) -> bool:
        """Whether it predicts of features that were made elsewhere, not of photographs."""
        return self.copies[0].config.given is not None

    @property
    def task(self) -> Scoring:
        """What it predicts."""
        return make_scoring(self.copies[0].config.task)

    def task_of(self, copy: FitRecord) -> Scoring:
        """What the outputs of one of the copies mean."""
        return self.task.with_learned(copy.learned)


@dataclass(frozen=True)
class BestLearner:
    """The base learner that leads a stored ranking.

    Attributes:
        name: The base learner.
        by: The metric that it leads by, out of fold.
    """

    name: str
    by: Metric


def best_learner(store: RunStore) -> BestLearner:
    """The base learner that leads the stored ranking by the value that orders it.

    Ablations, and what was given and cannot predict, are not looked at.

    Raises:
        SweepError: The run folder holds no ranking of base learners.
    """
    try:
        leaderboard: dict[str, Any] = store.read_json("leaderboard.json")
        metrics = make_scoring(_TASK.validate_python(leaderboard.get("task") or {})).metrics
        by = metrics[leaderboard.get("by") or next(iter(metrics))]
        metric_values = {
            str(row["model"]): row["oof"][by.name]
            for row in leaderboard["rows"]
            if row["kind"] == "base_learner"
            and not is_ablation(row["model"])
            and not is_given(row["model"])
        }
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        metric_values = {}
    ranked = {
        name: metric_value
        for name, metric_value in metric_values.items()
        if metric_value is not None
    }
    if not ranked:
        raise SweepError(
            f"{store.location}: found no ranking to take the best base learner from.\n"
            f"Make one with `foldgrid rank {store.location}`, or name the network with "
            "--backbone."
        )
    return BestLearner(min(ranked, key=lambda name: (by.sort_key(ranked[name]), name)), by)


def open_learner(store: RunStore, learner: str) -> TrainedLearner:
    """The base learner of a run folder that is called so, ready to predict.

    Raises:
        SweepError: The run folder plans no fits of it.
        InputError: Fits that are not trained, that diverged, or that kept no weights: all of them.
    """
    plan = store.read_plan()
    cells = [cell for cell in plan if cell.backbone == learner]
    if not cells:
        planned = dict.fromkeys(cell.backbone for cell in plan)
        raise SweepError(
            f'--backbone: found "{learner}", which is not in {store.location}. '
            f"{did_you_mean(learner, planned)}\nName one of the sweep's base learners."
        )
    finished = store.finished_fits()
    records = {cell: store.read_fit(cell.fit_id) for cell in cells if cell.fit_id in finished}
    tables = [each.config.given for each in records.values() if each.config.given is not None]
    if any(table.kind == "predictions" for table in tables):
        raise SweepError(
            f"{store.location}, {learner}: came as a table of predictions, made elsewhere. There "
            "is no network here that could look at a new photograph.\n"
            "Name a base learner that was trained here with --backbone."
        )
    _check_copies(store, learner, cells, records)
    split = store.read_split()
    occurring = set(split["region"]) if "region" in split else set()
    return TrainedLearner(
        name=learner,
        copies=tuple(records[cell] for cell in cells),
        regions=tuple(region for region in REGIONS if region in occurring),
        seen_as=_seen_as(store.read_sweep()["data"]),
        store=store,
    )


def _seen_as(recorded: Mapping[str, Any]) -> DataSpec:
    """Without the photographs themselves; earlier versions took colours as they are stored."""
    names = ("tile_pixels", "colour", "bits")
    given = {name: recorded[name] for name in names if name in recorded}
    return DataSpec(**{"colour": "as_stored", **given})


def _check_copies(
    store: RunStore, learner: str, cells: list[PlannedFit], records: dict[PlannedFit, FitRecord]
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
            f"train into another folder:\n`{_command_with_weights(store, learner)}`"
        )
    raise InputError(
        f"{store.location}, {learner}",
        [Problem(f"fold {cell.fold}", "", message) for cell, message in problems],
        advice,
    )


def _command_with_weights(store: RunStore, learner: str) -> str:
    """The command that trains a base learner under the same settings and keeps its weights."""
    sweep = store.read_sweep()
    # The resolved sweep says it all, overrides included; from object storage it cannot be read.
    source = f"{store.location}/sweep.yaml" if store.root.is_local else sweep.get("name")
    return (
        f"foldgrid launch {source} --budget {sweep.get('budget')} "
        f"--only backbone={learner} --keep best --storage runs_with_weights"
    )
