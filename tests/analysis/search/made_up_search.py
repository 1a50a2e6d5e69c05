"""A search whose truth is known, written as the launcher writes it, without any training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from foldgrid.metrics import number_metrics
from foldgrid.records import RunStore, SearchStore
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import Value, recipe_value, with_values
from foldgrid.specs.search_space import BACKBONE, ChoiceParameter, SearchSpace
from foldgrid.specs.sweep import SearchSettings
from foldgrid.specs.trials import (
    SearchPlan,
    StudyEntry,
    TrialEpoch,
    TrialRecord,
    TrialStatus,
)

SPACE = SearchSpace.model_validate(
    {
        "title": "learning rate and schedule",
        "parameters": {
            "learning_rate": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
            "plateau.patience": {"type": "int", "low": 2, "high": 20, "log": True},
            "momentum": {"type": "choice", "choices": [0.0, 0.5, 0.9]},
            "weight_decay": {"type": "float", "low": 1e-6, "high": 1e-2, "log": True},
            "batch_size": {"type": "choice", "choices": [8, 16, 32]},
        },
    },
    strict=False,
)

Truth = Callable[[dict[str, Value]], float]
"""The size of a configuration's errors after its last epoch, by its values."""


def learning_rate_matters(values: dict[str, Value]) -> float:
    """Best at a learning rate of 0.01; patience helps a little, the rest does nothing."""
    far = math.log10(float(values["learning_rate"] or 0)) + 2
    patience = math.log10(float(values["plateau.patience"] or 0) / 20)
    return 4.0 + 1.6 * far**2 - 0.8 * patience


@dataclass
class MadeUpSearch:
    """A search's records; change what a test is about, then ``write`` them."""

    folder: Path
    num_trials: int = 24
    num_subjects: int = 20
    num_epochs: int = 12
    backbones: tuple[str, ...] = ("mobilenet_v3_small",)
    space: SearchSpace = SPACE
    settings: SearchSettings = field(default_factory=SearchSettings)
    truth: Truth = learning_rate_matters
    stopped: frozenset[int] = frozenset()
    diverged: frozenset[int] = frozenset()
    title: str = "A made-up search"
    seed: int = 0

    def write(self) -> RunStore:
        """Writes the run folder."""
        store = RunStore(str(self.folder))
        store.write_sweep({"name": self.folder.name, "title": self.title, "data": {}})
        random = np.random.default_rng(self.seed)
        search = SearchStore.of(store)
        entries = tuple(
            StudyEntry(name=f"{backbone}-0123456789", backbones=(backbone,), first=self.own())
            for backbone in self.backbones
        )
        search.write_plan(SearchPlan(space=self.space, settings=self.settings, studies=entries))
        units = self.units(random)
        for entry in entries:
            for number in range(self.num_trials):
                values = self.own() if number == 0 else self.draw(random)
                record, epochs = self.trial(entry, number, values, units, random)
                search.trial(entry.name, number).complete(record, epochs, units)
        return store

    def own(self) -> dict[str, Value]:
        """The values of the sweep's default configuration."""
        recipe = TrainingRecipe()
        return {
            name: recipe_value(recipe, name) for name in self.space.parameters if name != BACKBONE
        }

    def draw(self, random: np.random.Generator) -> dict[str, Value]:
        """Values evenly from the space."""
        values: dict[str, Value] = {}
        for name, parameter in self.space.parameters.items():
            if isinstance(parameter, ChoiceParameter):
                values[name] = parameter.choices[random.integers(len(parameter.choices))]
                continue
            low, high = float(parameter.low), float(parameter.high)
            if parameter.log:
                number = math.exp(random.uniform(math.log(low), math.log(high)))
            else:
                number = random.uniform(low, high)
            values[name] = round(number) if parameter.type == "int" else number
        return values

    def units(self, random: np.random.Generator) -> pd.DataFrame:
        """Three to six visits a subject."""
        subject = np.repeat(np.arange(self.num_subjects), random.integers(3, 7, self.num_subjects))
        severity = random.gamma(2.0, 6.0, self.num_subjects)[subject]
        reference = np.clip(severity + random.normal(0, 3, len(subject)), 0, 64.8)
        return pd.DataFrame(
            {
                "subject": [f"person-{number:03}" for number in subject],
                "unit": [str(number) for number in range(len(subject))],
                "fold": subject % 5,
                "reference": reference,
            }
        )

    def trial(
        self,
        entry: StudyEntry,
        number: int,
        values: dict[str, Value],
        units: pd.DataFrame,
        random: np.random.Generator,
    ) -> tuple[TrialRecord, list[TrialEpoch]]:
        """A trial whose mean absolute error falls to about its truth."""
        status: TrialStatus = "complete"
        num_epochs = self.num_epochs
        if number in self.stopped:
            status, num_epochs = "stopped", max(1, self.num_epochs // 4)
        if number in self.diverged:
            status, num_epochs = "diverged", 2
        shape = random.normal(0, 1, len(units))
        end = self.truth(values) * math.sqrt(math.pi / 2)
        epochs = []
        for epoch in range(1, num_epochs + 1):
            size = end * (1 + 1.2 * math.exp(-epoch / (self.num_epochs / 4)))
            is_lost = status == "diverged" and epoch == num_epochs
            predicted = units["reference"].to_numpy() + size * shape
            epochs.append(_epoch(epoch, units, () if is_lost else predicted.tolist()))
        return self._record(entry, number, status, values, epochs), epochs

    def _record(
        self,
        entry: StudyEntry,
        number: int,
        status: TrialStatus,
        values: dict[str, Value],
        epochs: Sequence[TrialEpoch],
    ) -> TrialRecord:
        own = {name: value for name, value in values.items() if name != BACKBONE}
        recipe = with_values(TrainingRecipe(max_epochs=self.num_epochs), own)
        return TrialRecord(
            study=entry.name,
            number=number,
            status=status,
            backbone=entry.backbones[0],
            values=values,
            training=recipe,
            num_epochs=len(epochs),
            num_planned_epochs=self.num_epochs,
            best_epochs=(len(epochs),) * 5,
            oof={} if status == "diverged" else epochs[-1].oof,
            num_visits=len(epochs[-1].predicted),
            fit_ids=tuple(f"{entry.backbones[0]}-fold{fold}-x" for fold in range(5)),
            wall_seconds=float(len(epochs)),
        )


def _epoch(number: int, units: pd.DataFrame, predicted: Sequence[float]) -> TrialEpoch:
    reference = units["reference"].to_numpy()
    scored = number_metrics() if len(predicted) else {}
    return TrialEpoch(
        epoch=number,
        oof={name: metric(reference, predicted) for name, metric in scored.items()},
        predicted=tuple(predicted),
        best_epochs=(number,) * 5,
        num_running=5,
        wall_seconds=1.0,
    )
