"""What a search found, as a grid takes it up: ``best.yaml`` of a run folder, read and checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from foldgrid.data.splits import TRAIN, Split, search_rows
from foldgrid.records import RunStore
from foldgrid.specs.base import Record
from foldgrid.specs.errors import CorruptFileError, SweepError
from foldgrid.specs.fits import MetricValue
from foldgrid.specs.reading import Document, document_of
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.resolving import Overlay
from foldgrid.specs.search_space import BACKBONE
from foldgrid.specs.trials import RecipeChange, TrialCertainty

BEST_FILE = "best.yaml"


class BestTrial(TrialCertainty):
    """One entry of ``best.yaml``; files from before its certainty was written have none.

    Attributes:
        backbone: What was trained.
        trial: Its number in its study; 0 is the search's default configuration.
        of_trials: How many it is the best of.
        values: What was drawn of the search space.
        oof: Its out-of-fold metric values.
        num_visits: Visits behind them.
        training: The whole recipe.
        changes: What population based training changed in training; ``values`` are the last.
    """

    backbone: str
    trial: int
    of_trials: int
    values: dict[str, Value]
    oof: dict[str, MetricValue]
    num_visits: int
    training: TrainingRecipe
    changes: tuple[RecipeChange, ...] = ()


class BestTrials(Record):
    """``best.yaml``: what a search found.

    Attributes:
        sweep: The search's name.
        budget: How much training a trial was.
        search_space: What was searched.
        objectives: What for; the first decides what a grid takes up.
        is_per_backbone: Whether each backbone was searched for itself.
        best: The best trials of each study, best in the first objective first.
    """

    sweep: str
    budget: str
    search_space: str
    objectives: tuple[str, ...]
    is_per_backbone: bool
    best: tuple[BestTrial, ...] = Field(min_length=1)


@dataclass(frozen=True)
class FoundRecipe:
    """A recipe and where it comes from.

    Attributes:
        location: The search's run folder.
        sha256: Of its ``best.yaml``.
        found: What that says.
    """

    location: str
    sha256: str
    found: BestTrials

    @property
    def taken(self) -> list[BestTrial]:
        """The trials that a grid takes up: the first of each backbone, or the first."""
        if not self.found.is_per_backbone:
            return [self.found.best[0]]
        firsts: dict[str, BestTrial] = {}
        for trial in self.found.best:
            firsts.setdefault(trial.backbone, trial)
        return list(firsts.values())

    def overlays(self, sweep: Path | Document) -> list[Overlay]:
        """The changes to a sweep's keys; of a search per backbone, for the backbones it has."""
        origin = "--hyperparameters"
        if not self.found.is_per_backbone:
            values = self.taken[0].values
            return [
                (("training", *name.split(".")), value, origin)
                for name, value in values.items()
                if name != BACKBONE
            ]
        backbones = document_of(sweep).values.get("backbones") or []
        return [
            (("per_backbone", trial.backbone), trial.values, origin)
            for trial in self.taken
            if trial.backbone in backbones
        ]

    def describe(self, split: Split) -> str:
        """``runs/lr_plateau: trial 5 of 8, out-of-fold mae 5.120, 5.310 corrected for …``.

        Args:
            split: The grid's; see ``provenance``.
        """
        objective = self.found.objectives[0]
        words = []
        for trial in self.taken:
            which = f"{trial.backbone}, " if self.found.is_per_backbone else ""
            score = f"out-of-fold {objective} {trial.oof[objective]:.3f}"
            if objective in trial.corrected:
                score += f", {trial.corrected[objective]:.3f} corrected for the choice"
            if trial.changes:
                score += "; its values changed in training, a grid trains with the last"
            words.append(f"{which}trial {trial.trial} of {trial.of_trials}, {score}")
        found = f"{self.location}: {'; '.join(words)} ({self.found.budget} budget)"
        chain = self.provenance(split)
        if chain["num_searched"] == 0:
            return f"{found}; it saw nobody who is predicted here"
        seen = "perhaps all" if chain["num_searched"] is None else chain["num_searched"]
        return (
            f"{found}; it saw {seen} of the {chain['num_subjects']} subjects that are predicted "
            "here, so out-of-fold values are optimistic (FG404)"
        )

    def provenance(self, split: Split) -> dict[str, Any]:
        """The chain: which file, with which content, which trials, seen by whom.

        Args:
            split: The grid's; how many of the subjects that it predicts out of fold the search was
                evaluated on, is null where the search's own split cannot be read.
        """
        predicted = set(split.table.loc[split.table["partition"] == TRAIN, "subject"])
        searched = self._searched_subjects()
        return {
            "run": self.location,
            "num_subjects": len(predicted),
            "num_searched": None if searched is None else len(predicted & searched),
            "best_yaml_sha256": self.sha256,
            "search_space": self.found.search_space,
            "trials": [trial.model_dump(mode="json") for trial in self.taken],
        }

    def _searched_subjects(self) -> set[str] | None:
        try:
            split = RunStore(self.location).read_split()
            return set(split["subject"].iloc[search_rows(split["partition"])])
        except (CorruptFileError, OSError, KeyError):
            return None


def read_found(location: str) -> FoundRecipe:
    """Reads what a search left.

    Raises:
        SweepError: The folder is not one of a search, or its ``best.yaml`` is corrupt.
    """
    store = RunStore(location)
    try:
        content = store.root.read_bytes(BEST_FILE)
    except FileNotFoundError as error:
        raise SweepError(
            f"--hyperparameters {location}: holds no {BEST_FILE}.\n"
            "Give the run folder of a search; `foldgrid launch lr_plateau` makes one."
        ) from error
    try:
        found = BestTrials.model_validate(store.read_yaml(BEST_FILE), strict=False)
    except (CorruptFileError, ValidationError) as error:
        reason = error.fault if isinstance(error, CorruptFileError) else str(error).splitlines()[0]
        raise SweepError(
            f"--hyperparameters {location}: {BEST_FILE} is corrupt ({reason}).\n"
            "Launch its search again; it trains nothing that is there and writes the file anew."
        ) from error
    return FoundRecipe(location, hashlib.sha256(content).hexdigest(), found)
