"""A sweep: what to run, as the files in ``sweeps/`` say it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from foldgrid.specs.backbone_names import known_by_hash
from foldgrid.specs.base import Spec
from foldgrid.specs.by_name import NameIn, SettingsByName, SettingsIn, read_settings, settings_of
from foldgrid.specs.errors import did_you_mean
from foldgrid.specs.given import GivenSpec, given_name
from foldgrid.specs.learners import (
    Learner,
    ablations_of,
    backbone_of,
    change_problems,
    labelled_of,
)
from foldgrid.specs.metric import METRICS
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import RecipeValue, Value, with_values
from foldgrid.specs.schedulers import NO_SCHEDULER, SCHEDULERS, Scheduler
from foldgrid.specs.synthetic import SyntheticSettings, TrialSettings
from foldgrid.specs.task import AnyTask, default_task

BudgetName = Literal["smoke", "probe", "paper"]
BudgetChoice = Literal["auto", "smoke", "probe", "paper"]
"""What may be asked for: ``auto`` is the recorded budget, ``paper`` with a GPU, else ``probe``."""

SamplerName = Literal[
    "TPESampler",
    "RandomSampler",
    "GridSampler",
    "GPSampler",
    "CmaEsSampler",
    "NSGAIISampler",
]
ColourManagement = Literal["managed", "as_stored"]
WeightsPolicy = Literal["required", "fetch", "present", "auto", "none"]
REGIONS = ("upper_extremities", "trunk", "lower_extremities", "head_neck")


Exclusion = Literal["copies", "blurred", "far", "pending", "rejected"]
"""Why a photograph may be left out of a sweep; see ``DataSpec.exclude``."""


class DataSpec(Spec):
    """Where the photographs come from, and how large a model sees them.

    Attributes:
        manifest: A manifest of the user's photographs; null takes the example, or generates a
            simulated study.
        photos: The folder that the paths in ``manifest`` are relative to; null for the manifest's
            own. Photographs on a read-only volume can so have a manifest elsewhere.
        example: A study of real pictures that comes with the libraries: ``digits`` are
            scikit-learn's 1,797 scans of handwritten digits, labels 0 to 9; null takes none.
        tile_pixels: The side of one tile: a photograph's longer side as models see it. A mosaic
            is two tiles wide and high, a single photograph with a label is one tile.
        colour: ``managed`` converts photographs with a colour profile to sRGB, ``as_stored`` takes
            their numbers as they are, as run folders of earlier versions did.
        bits: How many bits of a 16-bit grey photograph hold its picture: 16, or fewer where a
            camera of 12 bits wrote them. ``auto`` takes the fewest of 8, 10, 12, 14 and 16 that
            hold the brightest of the whole study.
        exclude: Photographs with a label that are left out before anything is split, as
            ``foldgrid data check`` would leave them out: ``copies`` (of another file or picture,
            and pictures under two labels or subjects), ``blurred`` and ``far`` away ones, and those
            whose ``review_status`` is ``pending`` or ``rejected``.
        exclude_whole_cases: Whether a case goes as a whole where one of its photographs does.
        synthetic: What is simulated: the PASI trial's settings or, with ``study``, those of a
            study with labels.
    """

    manifest: Path | None = None
    photos: Path | None = None
    example: Literal["digits"] | None = None
    tile_pixels: int = Field(default=128, ge=8, le=1024)
    colour: ColourManagement = "managed"
    bits: Literal["auto"] | Annotated[int, Field(ge=8, le=16)] = 16
    exclude: tuple[Exclusion, ...] = Field(default=(), strict=False)
    exclude_whole_cases: bool = False
    synthetic: SyntheticSettings = TrialSettings()


class SplitSpec(Spec):
    """Who is held out.

    Attributes:
        test_fraction: The fraction kept for the test set, whole subjects only: of the visits where
            photographs make mosaics, of the photographs where each has a label.
        search_fraction: The fraction of the training part that is set aside for searches, whole
            subjects only. A search sees them alone; a grid trains on them in every fit and never
            predicts them, so out-of-fold values stay of people that chose no setting. 0 lets a
            search see the whole training part.
        num_folds: Folds of the training part, whole subjects only; those that are set aside for
            searches have as many of their own.
        fold_method: ``greedy`` balances the folds as the train/test split is balanced, by the
            scaling score or by the label; ``stratified_group_kfold`` is scikit-learn's.
        num_seeds: Random orders of the subjects that are tried; the best balanced is kept.
        seed: Where the random orders start.
    """

    test_fraction: float = Field(default=0.1, gt=0, lt=0.5, alias="test_share")
    search_fraction: float = Field(default=0.0, ge=0, le=0.8)
    num_folds: int = Field(default=5, ge=2, le=50)
    fold_method: Literal["greedy", "stratified_group_kfold"] = "greedy"
    num_seeds: int = Field(default=200, ge=1)
    seed: int = Field(default=0, ge=0)


class ResourceSpec(Spec):
    """What one fit may use; in a search, what one trial may, which trains its folds in turn.

    Attributes:
        gpus_per_fit: A fraction of a GPU; ``auto`` takes one of 1, 1/2, 1/4 and 1/8 by the memory
            that the largest backbone of the sweep needs, a trial's for all its folds, and 0 where
            there is no GPU.
        cpus_per_fit: Cores a fit, which is also its number of threads.
        max_retries: How often a fit is tried again after its worker was lost.
        max_concurrent: The most fits at a time; null lets the resources decide.
        max_failures_in_a_row: When so many have failed with none completed between, the launch
            ends: it is not the fits then.
    """

    gpus_per_fit: Literal["auto"] | float = "auto"
    cpus_per_fit: int = Field(default=1, ge=1)
    max_retries: int = Field(default=2, ge=0)
    max_concurrent: int | None = Field(default=None, ge=1)
    max_failures_in_a_row: int = Field(default=10, ge=1)

    @field_validator("gpus_per_fit")
    @classmethod
    def _fraction_or_whole(cls, value: Literal["auto"] | float) -> Literal["auto"] | float:
        if value != "auto" and not (0 <= value <= 1 or value == int(value)):
            raise ValueError("a fraction between 0 and 1, or a whole number of GPUs")
        return value


class TrackingSpec(Spec):
    """What trackers are reported.

    Attributes:
        project: The project under which runs are filed, where a tracker has projects.
        entity: The team that the project is of; null is the account's default.
        images: Whether mosaics may be uploaded. Off: photographs never leave the machine.
    """

    project: str = Field(default="foldgrid", min_length=1)
    entity: str | None = None
    images: bool = False


class SearchSettings(Spec):
    """How a sweep that names a search space searches it.

    A trial is one configuration; its folds train in lockstep, and its score is of the out-of-fold
    predictions of the whole training set. The sweep's default configuration is always the first
    trial.

    Attributes:
        num_trials: Trials in all, for each backbone where the space does not choose it.
        sampler: Optuna's name of what suggests the next configuration.
        objectives: The out-of-fold values that are searched for, the task's first where it is
            not said; several are a search for the front on which none can be improved without
            losing in another.
        scheduler: What stops trials early: ``none``; ``paired_race`` where one, going on to
            learn as it did, would end significantly worse than the best, subject by subject; Ray
            Tune's ``asha``, ``median`` and ``hyperband``; ``pbt``, population based training,
            which has the worst go on from the best with other values; or one that another package
            adds. The sweep's default configuration is never stopped.
        scheduler_settings: By a scheduler's name, what it alone has to set.
        grace_epochs: Nothing is stopped before.
        reduction_factor: ``asha``, ``hyperband`` and ``paired_race`` evaluate after
            ``grace_epochs`` and every so many-fold of it; the first two keep one of so many.
        significance: ``paired_race`` gives a trial up where so large a difference would be rarer
            than this among equals.
        perturbation_epochs: ``pbt`` has the worst go on from the best every so many epochs.
    """

    num_trials: int = Field(default=20, ge=1)
    sampler: SamplerName = "TPESampler"
    objectives: tuple[Annotated[str, NameIn(METRICS)], ...] = Field(default=("mae",), min_length=1)
    scheduler: Annotated[str, NameIn(SCHEDULERS)] = NO_SCHEDULER
    scheduler_settings: Annotated[SettingsByName, SettingsIn(SCHEDULERS)] = Field(
        default={}, validate_default=True
    )
    grace_epochs: int = Field(default=10, ge=1)
    reduction_factor: float = Field(default=2.0, gt=1)
    significance: float = Field(default=0.2, gt=0, lt=1)
    perturbation_epochs: int = Field(default=10, ge=1)

    @field_validator("scheduler_settings", mode="before")
    @classmethod
    def _settings_are_the_schedulers(cls, given: object, info: ValidationInfo) -> object:
        return read_settings(SCHEDULERS, given, info.data.get("scheduler"), NO_SCHEDULER)

    def __hash__(self) -> int:
        # A mapping has no hash of its own.
        return hash(self.model_dump_json())

    @property
    def scheduling(self) -> Scheduler:
        """The scheduler that ``scheduler`` names."""
        return SCHEDULERS.named(self.scheduler)

    @property
    def own(self) -> Spec:
        """What the scheduler alone has to set."""
        return settings_of(SCHEDULERS, self.scheduler, self.scheduler_settings)


class Sweep(Spec):
    """A sweep: backbones x folds on one data set, under one recipe or a search for it.

    Attributes:
        name: The run folder's name; the file's name where the file does not say.
        title: One line for people.
        task: What is predicted.
        data: On which photographs.
        split: Who is held out.
        backbones: The networks by name, each trained once a fold; see docs/how-to/models.md.
        weights: Pre-trained weights: ``required`` refuses to start where a file is missing,
            ``fetch`` downloads it first, ``present`` leaves the network out there and says so,
            ``auto`` starts from random weights there and says so,
            ``none`` always does. A network of which nobody publishes weights starts at random
            anyway.
        licences: What licences pre-trained weights may have, such as ``apache-2.0``; weights of
            another, or of one that is not known, are refused. Null allows all. Written below
            ``weights`` too: ``weights: {policy: auto, licences: [apache-2.0, mit]}``.
        seed: Decides every random draw of training.
        recipe: The name of a file in ``recipes/``, or the path of a YAML file as seen from the
            sweep's: its keys count as if they stood in ``training``, where keys written here go
            before them. ``per_backbone``, ``learners`` and a budget may name one, too. Empty in a
            sweep that is resolved.
        training: The recipe.
        per_backbone: By backbone, the keys of ``training`` that it changes, nested ones dotted:
            ``vgg16: {learning_rate: 0.001, plateau.patience: 5}``. ``phases`` replaces the whole
            list; ``phases: []`` trains everything in every epoch.
        learners: Further base learners, ``BACKBONE+LABEL``, each with the keys of the backbone's
            recipe that it changes: ``resnet18+fine_tuned: {max_epochs: 20, phases: []}``. Ranked,
            stacked and predicted with as any other.
        ablation: By key of ``training``, dotted where nested, other values: each trains every
            backbone once more with that one change, as a base learner of its own
            (``resnet18@training_fraction=0.1``). They are ranked, and never stacked.
        given: By name, base learners that come as a table and not from training:
            ``their_model: {predictions: theirs.parquet}``. They are called ``given:their_model``,
            ranked and stacked as any other, and said to be of unknown provenance.
        search_space: The name of a file in ``search_spaces/``, or the path of a YAML file as seen
            from the sweep's: the sweep then searches the recipe instead of training a grid; null
            trains the grid.
        search: How it searches.
        resources: What one fit may use.
        tracking: What trackers are reported.
        keep: ``best`` keeps the weights that made the predictions; ``none`` keeps only the
            predictions.
        keep_features: Whether fits also leave the last hidden layer's values of what they predict,
            for a map of the samples in the report.
        budget: How much training this is; filled in when the budget is resolved.
        budgets: By budget, the keys of this file that it changes.
    """

    name: str = Field(default="", pattern=r"^([A-Za-z0-9_-][A-Za-z0-9._-]*)?$")
    title: str
    task: AnyTask = Field(default_factory=default_task)
    data: DataSpec = DataSpec()
    split: SplitSpec = SplitSpec()
    backbones: tuple[str, ...] = Field(min_length=1)
    weights: WeightsPolicy = "auto"
    licences: tuple[str, ...] | None = Field(default=None, min_length=1)
    seed: int = Field(default=0, ge=0)
    recipe: str | None = None
    training: TrainingRecipe = TrainingRecipe()
    per_backbone: dict[str, dict[str, RecipeValue]] = Field(default_factory=dict)
    learners: dict[str, dict[str, RecipeValue]] = Field(default_factory=dict)
    ablation: dict[str, tuple[Value, ...]] = Field(default_factory=dict, alias="vary")
    given: dict[str, GivenSpec] = Field(default_factory=dict)
    search_space: str | None = None
    search: SearchSettings = SearchSettings()
    resources: ResourceSpec = ResourceSpec()
    tracking: TrackingSpec = TrackingSpec()
    keep: Literal["best", "none"] = "best"
    keep_features: bool = False
    budget: BudgetName = "paper"
    budgets: dict[BudgetName, dict[str, Any]] = Field(default_factory=dict)
    _weight_files: dict[str, Path] = PrivateAttr(default_factory=dict)
    _written_names: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def weight_files(self) -> dict[str, Path]:
        """By backbone, the file that ``file:…`` named; written nowhere and told to nobody."""
        return self._weight_files

    def known_name(self, written: str) -> str:
        """A backbone's name where a file of weights was named by its path, as it was written."""
        return self._written_names.get(written, written)

    def without_paths(self, words: Iterable[str]) -> list[str]:
        """A command line whose files of weights are named by their hashes."""
        found = list(words)
        for written, known in self._written_names.items():
            found = [word.replace(written, known) for word in found]
        return found

    def with_weight_files(self, folder: Path) -> Sweep:
        """The sweep with files of weights known by their hashes, and their paths kept apart.

        Args:
            folder: Where the sweep's file lies, from which paths are seen.

        Raises:
            ValueError: A file that cannot be read, or two that are the same.
        """
        called = {name: known_by_hash(name, folder) for name in self.backbones}
        names = [known for known, _ in called.values()]
        self._no_backbone_twice(tuple(names))
        files = {known: path for known, path in called.values() if path is not None}
        if not files:
            return self
        known_names = {name: known for name, (known, _) in called.items()}
        known_names |= {
            name: f"{known_names[backbone_of(name)]}{name.removeprefix(backbone_of(name))}"
            for name in self.learners
            if backbone_of(name) in known_names
        }
        own = {known_names.get(name, name): each for name, each in self.per_backbone.items()}
        learners = {known_names.get(name, name): each for name, each in self.learners.items()}
        changes = {"backbones": tuple(names), "per_backbone": own, "learners": learners}
        found = self.model_copy(update=changes)
        found._weight_files, found._written_names = files, known_names
        return found

    def with_backbones(self, names: Collection[str]) -> Sweep:
        """The sweep with these of its backbones, and what it says of the others left out."""
        own = {name: each for name, each in self.per_backbone.items() if name in names}
        learners = {
            name: each for name, each in self.learners.items() if backbone_of(name) in names
        }
        kept = tuple(name for name in self.backbones if name in names)
        return self.model_copy(
            update={"backbones": kept, "per_backbone": own, "learners": learners}
        )

    @field_validator("backbones")
    @classmethod
    def _no_backbone_twice(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in value if value.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} given twice; each backbone once")
        return value

    def base_learners(self) -> list[Learner]:
        """Every backbone, each followed by its labelled learners, then by its ablations."""
        return [
            learner
            for backbone in self.backbones
            for learner in (
                Learner(backbone),
                *labelled_of(backbone, self.learners),
                *ablations_of(backbone, self.recipe_of(backbone), self.ablation),
            )
        ]

    @property
    def learner_names(self) -> list[str]:
        """Every base learner's name, those last that were given."""
        return [*(each.name for each in self.base_learners()), *map(given_name, self.given)]

    @property
    def recipes(self) -> dict[str, TrainingRecipe]:
        """By base learner, the recipe that it is trained by."""
        return {
            each.name: each.recipe(self.recipe_of(each.backbone)) for each in self.base_learners()
        }

    def recipe_of(self, backbone: str) -> TrainingRecipe:
        """The recipe that ``backbone`` is trained by."""
        changes = self.per_backbone.get(backbone)
        return with_values(self.training, changes) if changes else self.training


def per_backbone_problems(sweep: Sweep) -> list[tuple[tuple[str, ...], str]]:
    """What is wrong with ``per_backbone``, each with its key path."""
    problems: list[tuple[tuple[str, ...], str]] = []
    for backbone, changes in sweep.per_backbone.items():
        path = ("per_backbone", backbone)
        if backbone not in sweep.backbones:
            hint = did_you_mean(backbone, sweep.backbones)
            problems.append((path, f"not a backbone of this sweep. {hint}"))
        problems += change_problems(sweep.training, changes, path)
    return problems
