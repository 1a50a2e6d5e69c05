"""One trial of a search: what it reports each epoch, and what it leaves. Plain data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from foldgrid.specs.base import Record
from foldgrid.specs.fits import MetricValue
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.search_space import SearchSpace
from foldgrid.specs.sweep import SearchSettings

TrialStatus = Literal["complete", "stopped", "diverged"]


class TrialEpoch(Record):
    """One epoch of all folds.

    Attributes:
        epoch: 1 for the first.
        oof: Out-of-fold values, each fold with its best weights so far;
            empty where a fold's loss is no longer finite.
        predicted: What was predicted behind the values, in the order of the study's units: a
            number each, or its probabilities of all classes; empty where ``oof`` is.
        best_epochs: By fold, the epoch whose weights predicted it.
        num_running: Folds that have not ended.
        wall_seconds: Time the epoch took, all folds together.
    """

    epoch: int = Field(ge=1)
    oof: dict[str, MetricValue]
    predicted: tuple[float, ...] = ()
    best_epochs: tuple[int, ...] = ()
    num_running: int
    wall_seconds: float


class RecipeChange(Record):
    """Population based training gave a trial the state of a better one, and other values.

    Attributes:
        after_epoch: The last epoch before the change.
        inherited_from: The number of the trial whose networks it went on with.
        values: What held from then on.
    """

    after_epoch: int
    inherited_from: int
    values: dict[str, Value]


class TrialRecord(Record):
    """``search/trials/<study>/<number>/trial.json``: a trial that is over.

    Attributes:
        study: The study's name.
        number: The trial's number in it; 0 is the sweep's default configuration.
        status: ``complete``; ``stopped`` where a scheduler gave it up; ``diverged`` where the
            loss of a fold was no longer finite.
        backbone: What was trained.
        values: What was drawn of the search space; after changes, the last.
        training: The whole recipe.
        num_epochs: Epochs of the fold that trained longest.
        num_planned_epochs: The most epochs that the recipe allows.
        best_epochs: By fold, the epoch whose weights predicted it.
        oof: Out-of-fold values, of a stopped trial as far as it came; empty
            where it diverged.
        num_visits: Units behind the values: visits, or photographs.
        fit_ids: By fold, the fit's name.
        wall_seconds: Time of training, all folds together.
        changes: What population based training changed, in order.
    """

    study: str
    number: int
    status: TrialStatus
    backbone: str
    values: dict[str, Value]
    training: TrainingRecipe
    num_epochs: int
    num_planned_epochs: int
    best_epochs: tuple[int, ...]
    oof: dict[str, MetricValue]
    num_visits: int
    fit_ids: tuple[str, ...]
    wall_seconds: float
    changes: tuple[RecipeChange, ...] = ()


class TrialCertainty(Record):
    """How sure the score of a best trial is; by objective, what could be computed.

    Attributes:
        interval: 95 % interval of its out-of-fold value over resampled subjects.
        corrected: What choosing the best by this objective is worth on subjects that it was not
            chosen by (BBC-CV over the trials that trained to their end); of the trial that is
            the best in the objective only.
        default_configuration: The value of trial 0, the sweep's default configuration.
        better_by: By how much the trial is better than trial 0, over the same visits; above 0 is
            better, whatever the objective's direction.
        better_by_interval: 95 % interval of it over resampled subjects, paired.
    """

    interval: dict[str, tuple[float, float]] = Field(default_factory=dict)
    corrected: dict[str, float] = Field(default_factory=dict)
    default_configuration: dict[str, float] = Field(default_factory=dict, alias="own_recipe")
    better_by: dict[str, float] = Field(default_factory=dict)
    better_by_interval: dict[str, tuple[float, float]] = Field(default_factory=dict)


class StudyEntry(Record):
    """One study of a search.

    Attributes:
        name: Its name: what it is of, and a hash of all that decides its trials' scores.
        backbones: What it may train: one, or all where the space chooses.
        first: The values of trial 0, the sweep's default configuration.
    """

    name: str
    backbones: tuple[str, ...]
    first: dict[str, Value]


class SearchPlan(Record):
    """``search/plan.json``: what is searched, and how.

    Attributes:
        space: What may vary.
        settings: How it is searched.
        studies: In the sweep's order.
    """

    space: SearchSpace
    settings: SearchSettings
    studies: tuple[StudyEntry, ...]
