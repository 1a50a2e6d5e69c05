"""A run folder with truly trained fits that kept their weights, made in seconds and without Ray."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from foldgrid.data.dataset import Dataset
from foldgrid.data.splits import make_split
from foldgrid.models import WeightFile
from foldgrid.records import PlannedFit, RunStore
from foldgrid.simulation.source import open_dataset
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.sweep import DataSpec, SplitSpec, Sweep
from foldgrid.specs.synthetic import TrialSettings
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.registry import resolve_task
from foldgrid.training import Fit, TrainingData
from foldgrid.training.training_data import samples_with_partition
from tests.made_once import MadeOnce

TILE_PIXELS = 16
TRIAL = TrialSettings(num_subjects=6, num_visits=30, photo_width=48, photo_height=32)
TRIAL_DATA = DataSpec(tile_pixels=TILE_PIXELS, synthetic=TRIAL)
RECIPE = TrainingRecipe(
    # Recomputed statistics let the outputs differ between mosaics after so few steps.
    max_epochs=1,
    max_batches_per_epoch=2,
    batch_size=8,
    batch_norm_statistics="recomputed",
)


def small_cache(made_once: MadeOnce) -> Path:
    """A cache that holds the drawn trial, for those who write nothing beside its photographs."""

    def draw(folder: Path) -> None:
        small_dataset(folder)

    return made_once("small_trial", draw)


def small_dataset(cache: Path) -> Dataset:
    return open_dataset(TRIAL_DATA, cache)


def train_run(
    folder: Path,
    dataset: Dataset,
    backbones: tuple[str, ...] = ("shufflenet_v2_x0_5",),
    *,
    task: TaskSpec | None = None,
    data: DataSpec = TRIAL_DATA,
    keep_weights: bool = True,
    weights: Mapping[str, WeightFile] | None = None,
    training: TrainingRecipe = RECIPE,
) -> RunStore:
    """Trains two folds of each backbone and writes what predictions need of a run folder."""
    split_spec = SplitSpec(num_folds=2, test_fraction=0.2, num_seeds=5)
    split = make_split(dataset.samples, split_spec, dataset.layout)
    sweep = Sweep(
        name=folder.name,
        title="A trial in miniature",
        task=resolve_task(task or PasiSpec(), samples_with_partition(dataset.samples, split)),
        data=data,
        split=split_spec,
        backbones=backbones,
        training=training,
        keep="best" if keep_weights else "none",
        budget="smoke",
    )
    store = RunStore(str(folder))
    training_data = TrainingData.from_dataset(dataset, split)
    plan = []
    for backbone in backbones:
        file = (weights or {}).get(backbone)
        for fold in range(sweep.split.num_folds):
            config = FitConfig(
                backbone=backbone,
                fold=fold,
                task=sweep.task,
                data_fingerprint=dataset.fingerprint,
                split_fingerprint=split.fingerprint,
                weights=file.sha256() if file else "random",
                seed=sweep.seed,
                budget=sweep.budget,
                training=sweep.training,
            )
            folder_of_fit = store.fit(config.fit_id)
            Fit(config, training_data, folder_of_fit, file, keep_weights=keep_weights).run()
            plan.append(PlannedFit(config.fit_id, backbone, fold))
    store.write_plan(plan)
    store.write_split(split.table, {})
    store.write_sweep(sweep.model_dump(mode="json", exclude={"budgets"}))
    return store


def write_leaderboard(
    store: RunStore,
    metric_values: Mapping[str, float | None],
    by: str = "mae",
    task: TaskSpec | None = None,
) -> None:
    """A ranking as `analysis` stores it, as far as predictions read it."""
    rows = [{"model": "ridge", "kind": "meta_learner", "oof": {by: 0.1}}]
    rows += [
        {"model": name, "kind": "base_learner", "oof": {by: value}}
        for name, value in metric_values.items()
    ]
    words = (task or PasiSpec()).model_dump(mode="json")
    store.write_json("leaderboard.json", {"by": by, "task": words, "rows": rows})
