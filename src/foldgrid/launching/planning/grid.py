"""The grid of a sweep: which fits there are, which are done, and in which order the rest run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from foldgrid.execution.fit_job import FitJob
from foldgrid.execution.resources import Resources
from foldgrid.models import WeightFile
from foldgrid.models.footprint import PREDICT_FRACTION, Footprint
from foldgrid.models.published import (
    native_pixels,
    published_interpolation,
    published_normalization,
)
from foldgrid.records import PlannedFit
from foldgrid.specs.errors import InputError, Problem, did_you_mean
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.given import GivenTable, given_name, is_given
from foldgrid.specs.heads import ATTENTION
from foldgrid.specs.normalization import OF_NETWORK
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.samples import TILES_A_SIDE
from foldgrid.specs.sweep import Sweep
from foldgrid.training.feature_plan import FeaturePlan, plan_features

_HEAD_STEP_MS = 0.6
"""A step that trains a head on features: gradient, optimiser and Python, whatever the backbone."""


@dataclass(frozen=True)
class SampleCounts:
    """How many samples a fit trains on, monitors, and predicts.

    Attributes:
        train: Trained on.
        validation: Monitored.
        predicted: Held out, or of the test set.
        photographs_each: In a sample's picture, on average.
    """

    train: int
    validation: int
    predicted: int
    photographs_each: float = 1.0


@dataclass(frozen=True)
class Selection:
    """A part of the grid, as ``--only`` names it; an empty choice is all.

    Attributes:
        backbones: Backbones, each with all base learners of it, or base learners by their names.
        folds: Folds.
    """

    backbones: tuple[str, ...] = ()
    folds: tuple[int, ...] = ()

    def has(self, job: FitJob) -> bool:
        """Whether a fit belongs to the part."""
        named = not self.backbones or {job.config.backbone, job.learner} & {*self.backbones}
        return bool(named) and (not self.folds or job.config.fold in self.folds)


def parse_selection(texts: Sequence[str], sweep: Sweep) -> Selection:
    """Reads ``backbone=resnet34`` and ``fold=0``; several of a kind add up.

    Raises:
        InputError: A key or value that the sweep does not have.
    """
    problems, backbones, folds = [], [], []
    learners = sweep.learner_names
    for text in texts:
        key, _, value = text.partition("=")
        value = sweep.known_name(value)
        if key == "backbone" and value in sweep.given:
            value = given_name(value)
        if key == "backbone" and value in learners:
            backbones.append(value)
        elif key == "backbone":
            message = f"not a base learner of this sweep. {did_you_mean(value, learners)}"
            problems.append(Problem(f'"{text}"', "", message))
        elif key == "fold" and value.isdigit() and int(value) < sweep.split.num_folds:
            folds.append(int(value))
        elif key == "fold":
            message = f"not a fold. Folds are 0 to {sweep.split.num_folds - 1}."
            problems.append(Problem(f'"{text}"', "", message))
        else:
            message = "cannot select by this. Use backbone=NAME or fold=NUMBER."
            problems.append(Problem(f'"{text}"', "", message))
    if problems:
        raise InputError("--only", problems)
    return Selection(tuple(backbones), tuple(folds))


@dataclass(frozen=True)
class Grid:
    """All fits of a sweep's current settings.

    Attributes:
        jobs: In the sweep's order: by backbone, then by fold.
        finished: The ids of those that are complete.
        selection: The part that this launch is about.
    """

    jobs: tuple[FitJob, ...]
    finished: frozenset[str]
    selection: Selection

    @property
    def cells(self) -> list[PlannedFit]:
        """The grid as the run folder keeps it."""
        return [PlannedFit(job.config.fit_id, job.learner, job.config.fold) for job in self.jobs]

    @property
    def selected(self) -> list[FitJob]:
        """The fits of the selected part, finished or not."""
        return [job for job in self.jobs if self.selection.has(job)]

    @property
    def done(self) -> list[FitJob]:
        """The selected fits that are complete, or need no training: those that were given."""
        return [job for job in self.selected if self._is_done(job)]

    @property
    def given(self) -> list[FitJob]:
        """The selected fits that are to be made of tables, and are not yet."""
        chosen = [job for job in self.selected if is_given(job.learner)]
        return [job for job in chosen if job.config.fit_id not in self.finished]

    def _is_done(self, job: FitJob) -> bool:
        return job.config.fit_id in self.finished or is_given(job.learner)

    @property
    def left(self) -> list[FitJob]:
        """The selected fits that are to be trained, longest first: no core waits at the end."""
        missing = [job for job in self.selected if not self._is_done(job)]
        return sorted(missing, key=lambda job: (-job.estimated_seconds, job.config.fit_id))

    def placed(self, resources: Resources) -> Grid:
        """The same fits, those that are left each with its slot of a kind of GPU."""
        left = self.left
        slots = resources.deal((job.learner, job.estimated_seconds) for job in left)
        slot_of = {job.config.fit_id: each for job, each in zip(left, slots, strict=True)}
        jobs = (
            replace(job, gpus=slot.gpus, card=slot.card)
            if (slot := slot_of.get(job.config.fit_id))
            else job
            for job in self.jobs
        )
        return replace(self, jobs=tuple(jobs))


def plan_grid(
    sweep: Sweep,
    *,
    data_fingerprint: str,
    split_fingerprint: str,
    weights: Mapping[str, WeightFile | None],
    footprints: Mapping[str, Footprint],
    counts: SampleCounts,
    finished: set[str],
    selection: Selection,
    given: Mapping[str, tuple[GivenTable, TrainingRecipe]] | None = None,
) -> Grid:
    """Plans every fit of ``sweep``."""
    jobs, recipes = [], sweep.recipes
    of_sweep: dict[str, Any] = {
        "task": sweep.task,
        "data_fingerprint": data_fingerprint,
        "split_fingerprint": split_fingerprint,
        "seed": sweep.seed,
        "budget": sweep.budget,
    }
    for learner in sweep.base_learners():
        backbone = learner.backbone
        file = weights[backbone]
        recipe = with_own_preprocessing(recipes[learner.name], backbone)
        for fold in range(sweep.split.num_folds):
            config = FitConfig(
                backbone=backbone,
                fold=fold,
                weights=file.sha256() if file else "random",
                training=recipe,
                **of_sweep,
            )
            features = plan_features(backbone, recipe, TILES_A_SIDE[sweep.task.sample_kind])
            # Random weights are drawn anew for each fold, but below a head of its own.
            num_fits = sweep.split.num_folds if file or recipe.own_head else 1
            seconds = estimate_seconds(footprints[learner.name], recipe, counts, features, num_fits)
            threads = sweep.resources.cpus_per_fit
            keeps = sweep.keep == "best"
            job = FitJob(config, file, keeps, threads, seconds)
            jobs.append(replace(job, keep_features=sweep.keep_features, base_learner=learner))
    for name, (table, recipe) in (given or {}).items():
        for fold in range(sweep.split.num_folds):
            config = FitConfig(
                backbone=given_name(name),
                fold=fold,
                weights="given",
                training=recipe,
                given=table,
                **of_sweep,
            )
            jobs.append(FitJob(config, None, False, 1, 0.0))
    return Grid(tuple(jobs), frozenset(finished), selection)


def with_own_preprocessing(recipe: TrainingRecipe, backbone: str) -> TrainingRecipe:
    """A recipe that says in numbers or by a name of its own what ``backbone`` sees."""
    own: dict[str, Any] = {}
    if recipe.normalization == OF_NETWORK:
        own["normalization"] = published_normalization(backbone)
    if recipe.input_size == "network":
        own["input_size"] = native_pixels(backbone)
    if recipe.input_size != "data" and recipe.interpolation == "network":
        own["interpolation"] = published_interpolation(backbone)
    return recipe.model_copy(update=own) if own else recipe


def estimate_seconds(
    footprint: Footprint,
    recipe: TrainingRecipe,
    counts: SampleCounts,
    features: FeaturePlan | str = "",
    num_fits: int = 1,
) -> float:
    """An estimate of the time of one fit on one core, if it trains all of its epochs.

    Args:
        footprint: Of its network.
        recipe: How it is trained.
        counts: On how many samples.
        features: What of its backbone is computed once.
        num_fits: How many fits that is computed for.
    """
    images = max(round(counts.train * recipe.training_fraction), 1)
    images *= recipe.augmentation.copies or 1
    if recipe.max_batches_per_epoch is not None:
        images = min(images, recipe.max_batches_per_epoch * recipe.batch_size)
    epoch = images + PREDICT_FRACTION * counts.validation
    on_pictures, once, steps = recipe.planned_epochs, 0.0, 0.0
    if not isinstance(features, str):
        on_pictures -= features.num_epochs
        num_training = counts.train + counts.validation
        pictures: float = features.num_pictures(num_training + counts.predicted, num_training)
        if recipe.pooling == ATTENTION:
            pictures *= counts.photographs_each
        once = PREDICT_FRACTION * pictures / num_fits
        steps = features.num_epochs * images / recipe.batch_size
    predicted = PREDICT_FRACTION * counts.predicted if on_pictures else 0.0
    total = on_pictures * epoch + predicted + once
    return (total * footprint.train_ms(recipe.batch_size) + steps * _HEAD_STEP_MS) / 1000
