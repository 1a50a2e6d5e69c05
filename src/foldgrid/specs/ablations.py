"""One setting at a time otherwise: what a sweep varies beside its backbones, and how it is called.

An ablation is a base learner of its own: a backbone whose recipe differs in one key. It is trained
on the same folds, ranked beside the others, and never stacked with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from foldgrid.specs.errors import did_you_mean
from foldgrid.specs.recipe import (
    TrainingRecipe,
    Value,
    current_key,
    recipe_keys,
    recipe_value,
    with_values,
)

MARK = "@"
"""Stands between a backbone and what an ablation changes: ``resnet18@training_fraction=0.1``."""


@dataclass(frozen=True)
class Ablation:
    """A base learner: a backbone, and what differs from the sweep's recipe for it.

    Attributes:
        backbone: The network.
        key: What differs, a key of the recipe; "" where nothing does.
        value: How.
    """

    backbone: str
    key: str = ""
    value: Value = None

    @property
    def name(self) -> str:
        """The base learner's name."""
        if not self.key:
            return self.backbone
        value = str(self.value).lower() if isinstance(self.value, bool) else self.value
        return f"{self.backbone}{MARK}{self.key}={value}"

    def recipe(self, recipe: TrainingRecipe) -> TrainingRecipe:
        """The backbone's recipe with what differs."""
        return with_values(recipe, {self.key: self.value}) if self.key else recipe


def is_ablation(learner: str) -> bool:
    """Whether a base learner's name is an ablation's."""
    return MARK in learner


def ablations_of(
    backbone: str, recipe: TrainingRecipe, ablation: Mapping[str, Sequence[Value]]
) -> list[Ablation]:
    """The backbone itself, then an ablation for each value that its recipe does not have."""
    found = [Ablation(backbone)]
    for key, values in ablation.items():
        own = recipe_value(recipe, key)
        found += [Ablation(backbone, key, value) for value in values if value != own]
    return found


def read_ablation(learner: str) -> tuple[str, str, str]:
    """The backbone, the key and the value, as text, of a base learner's name; "" where none.

    The key is today's, whatever the name says.
    """
    backbone, _, change = learner.partition(MARK)
    key, _, value = change.partition("=")
    return backbone, current_key(key), value


def ablation_problems(
    recipes: Mapping[str, TrainingRecipe], ablation: Mapping[str, Sequence[Value]]
) -> list[tuple[tuple[str, ...], str]]:
    """What is wrong with ``ablation``, each with its key path.

    Args:
        recipes: By backbone.
        ablation: By key of the recipe, its values.
    """
    problems: list[tuple[tuple[str, ...], str]] = []
    known = list(recipe_keys())
    for key, values in ablation.items():
        path = ("ablation", key)
        if current_key(key) not in known:
            problems.append((path, f"the recipe has no such key. {did_you_mean(key, known)}"))
            continue
        if len(set(map(str, values))) < len(values):
            problems.append((path, f"found {list(values)}. Give each value once."))
        for value in values:
            try:
                for recipe in recipes.values():
                    with_values(recipe, {key: value})
            except ValidationError as error:
                said = error.errors()[0]["msg"].removeprefix("Value error, ")
                problems.append((path, f"found {value!r}. {said}."))
    return problems
