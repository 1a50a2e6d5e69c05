"""The room that a sweep takes in its run folder, and whether there is as much."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from foldgrid.data.cache import CACHE_VARIABLE
from foldgrid.launching.planning.features import feature_need
from foldgrid.launching.planning.preparation import PreparedSweep
from foldgrid.specs.errors import SweepError

RECORDS_GIB = 0.0002
"""A fit's history and predictions, generously."""
GIB = 2**30


@dataclass(frozen=True)
class DiskNeed:
    """What training what is left would add to the run folder, in GiB.

    Attributes:
        weights: The weights of each fit that is left, where they are kept.
        checkpoints: The states of the fits that train at the same time; they go as fits complete.
        records: Everything else.
    """

    weights: float
    checkpoints: float
    records: float

    @property
    def total(self) -> float:
        """All of it at its largest."""
        return self.weights + self.checkpoints + self.records


def disk_need(prepared: PreparedSweep) -> DiskNeed:
    """The room for what is left of a grid, or for the trials of a search that run together."""
    left, sizes = prepared.grid.left, prepared.footprints
    weights = [sizes[task.learner].weights_gib for task in left]
    states = [sizes[task.learner].state_gib for task in left]
    is_search = prepared.space is not None
    # A trial's state holds all its folds; a search keeps no weights.
    held = prepared.sweep.split.num_folds if is_search else 1
    together = sorted(states, reverse=True)[: prepared.resources.num_concurrent]
    keeps = prepared.sweep.keep == "best" and not is_search
    return DiskNeed(
        weights=sum(weights) if keeps else 0.0,
        checkpoints=held * sum(together),
        records=RECORDS_GIB * len(left),
    )


def check_disk(prepared: PreparedSweep) -> None:
    """Refuses to begin what cannot fit; an object store's room is not known.

    Raises:
        SweepError: The run folder's disk, or the cache's, has less room than the plan needs.
    """
    root = prepared.store.root
    if not prepared.grid.left:
        return
    _check_cache(prepared)
    if not root.is_local:
        return
    need, free = disk_need(prepared), free_gib(root.local_path)
    if need.total <= free:
        return
    less = DiskNeed(0.0, need.checkpoints, need.records).total
    instead = f"Leave the weights out (--keep none: {less:.1f} GiB), g" if need.weights else "G"
    raise SweepError(
        f"{prepared.store.location}: {free:.1f} GiB are free there, and this sweep needs about "
        f"{need.total:.1f} GiB ({need.weights:.1f} of weights, {need.checkpoints:.1f} of "
        f"checkpoints).\n{instead}ive --storage a larger disk, or train a part with --only."
    )


def _check_cache(prepared: PreparedSweep) -> None:
    need, free = feature_need(prepared).gib, free_gib(prepared.survey.cache)
    if need > free:
        raise SweepError(
            f"{prepared.survey.cache}: {free:.1f} GiB are free there, and the features of frozen "
            f"backbones need about {need:.1f} GiB.\nGive {CACHE_VARIABLE} a larger disk, halve "
            "them (training.features.dtype: float16), or draw fewer augmentation.copies."
        )


def free_gib(folder: Path) -> float:
    """The room on the disk of a folder, which need not be there yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free / GIB
