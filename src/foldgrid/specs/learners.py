"""Base learners: a backbone, or a backbone whose recipe differs, and how each is called.

A *labelled learner* (``resnet18+fine_tuned``) may change several keys of its backbone's recipe; it
is ranked, stacked and predicted with as any other. An *ablation*
(``resnet18@training_fraction=0.1``) changes one key; it is ranked, and never stacked. Both are
trained on the same folds as their backbone. A labelled learner has no ablations of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from foldgrid.specs.errors import did_you_mean
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import (
    LIST_KEYS,
    RecipeValue,
    Value,
    current_key,
    recipe_keys,
    recipe_value,
    with_values,
)

MARK = "@"
"""Stands between a backbone and what an ablation changes: ``resnet18@training_fraction=0.1``."""

PLUS = "+"
"""Stands between a backbone and a learner's label: ``resnet18+fine_tuned``."""

LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
"""What a label may be: it is a part of names in files, drawings and trackers."""

_ABLATION = re.compile(r"(.+?)@([A-Za-z_][\w.]*)=(.*)", re.DOTALL)

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class Learner:
    """A base learner: a backbone, and what differs from the sweep's recipe for it.

    Attributes:
        backbone: The network.
        changes: What differs: keys of the recipe, each with its value. An ablation has one.
        label: What a learner beside its backbone is called; "" for the backbone itself and for
            ablations.
    """

    backbone: str
    changes: tuple[tuple[str, RecipeValue], ...] = ()
    label: str = ""

    @property
    def name(self) -> str:
        """The base learner's name."""
        if self.label:
            return f"{self.backbone}{PLUS}{self.label}"
        if not self.changes:
            return self.backbone
        key, value = self.changes[0]
        written = str(value).lower() if isinstance(value, bool) else value
        return f"{self.backbone}{MARK}{key}={written}"

    def recipe(self, recipe: TrainingRecipe) -> TrainingRecipe:
        """The backbone's recipe with what differs."""
        return with_values(recipe, dict(self.changes)) if self.changes else recipe


def is_ablation(learner: str) -> bool:
    """Whether a base learner's name is an ablation's."""
    return _ABLATION.fullmatch(learner) is not None


def label_of(learner: str) -> str:
    """The label in a base learner's name; "" where it has none.

    Example:
        >>> label_of("resnet18+fine_tuned"), label_of("resnet18")
        ('fine_tuned', '')
    """
    backbone, _, label = learner.rpartition(PLUS)
    is_labelled = backbone and LABEL.fullmatch(label) and not is_ablation(learner)
    return label if is_labelled else ""


def backbone_of(learner: str) -> str:
    """The network of a base learner's name.

    Example:
        >>> backbone_of("resnet18+fine_tuned"), backbone_of("resnet18@optimizer=sgd")
        ('resnet18', 'resnet18')
    """
    label = label_of(learner)
    return learner.removesuffix(f"{PLUS}{label}") if label else read_ablation(learner)[0]


def read_ablation(learner: str) -> tuple[str, str, str]:
    """The backbone, the key and the value, as text, of an ablation's name.

    The key is today's, whatever the name says. Of any other name: the name, "" and "".
    """
    found = _ABLATION.fullmatch(learner)
    return (found[1], current_key(found[2]), found[3]) if found else (learner, "", "")


def ablations_of(
    backbone: str, recipe: TrainingRecipe, ablation: Mapping[str, Sequence[Value]]
) -> list[Learner]:
    """An ablation for each value that a backbone's recipe does not have."""
    found = []
    for key, values in ablation.items():
        own = recipe_value(recipe, key)
        found += [Learner(backbone, ((key, value),)) for value in values if value != own]
    return found


def labelled_of(backbone: str, learners: Mapping[str, Mapping[str, RecipeValue]]) -> list[Learner]:
    """A backbone's labelled learners, in the sweep's order."""
    return [
        Learner(backbone, tuple(changes.items()), label_of(name))
        for name, changes in learners.items()
        if label_of(name) and backbone_of(name) == backbone
    ]


def ablation_problems(
    recipes: Mapping[str, TrainingRecipe], ablation: Mapping[str, Sequence[Value]]
) -> list[tuple[KeyPath, str]]:
    """What is wrong with ``ablation``, each with its key path.

    Args:
        recipes: By backbone.
        ablation: By key of the recipe, its values.
    """
    problems: list[tuple[KeyPath, str]] = []
    known = list(recipe_keys())
    for key, values in ablation.items():
        path = ("ablation", key)
        if key == "recipe":
            message = "an ablation changes one key, and a recipe has many. Take learners: "
            problems.append((path, f"{message}BACKBONE+LABEL: {{recipe: NAME}}."))
            continue
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


def learner_problems(
    recipes: Mapping[str, TrainingRecipe], learners: Mapping[str, Mapping[str, RecipeValue]]
) -> list[tuple[KeyPath, str]]:
    """What is wrong with ``learners``, each with its key path.

    Args:
        recipes: By backbone.
        learners: By name, the keys that differ from the backbone's recipe.
    """
    problems: list[tuple[KeyPath, str]] = []
    for name, changes in learners.items():
        path, backbone = ("learners", name), backbone_of(name)
        if name in recipes:
            problems.append((path, "a backbone of this sweep is called so. Take another label."))
        elif not label_of(name):
            problems.append((path, _unnamed(name, recipes)))
        elif backbone not in recipes:
            hint = did_you_mean(backbone, recipes)
            problems.append((path, f'"{backbone}" is not a backbone of this sweep. {hint}'))
        else:
            problems += change_problems(recipes[backbone], changes, path)
            if not changes:
                message = f"changes nothing of {backbone}. Give the keys of its recipe that differ."
                problems.append((path, message))
    return problems


def _unnamed(name: str, backbones: Mapping[str, object]) -> str:
    example = f"{next(iter(backbones), 'resnet18')}{PLUS}fine_tuned"
    return (
        f'found "{name}". A learner is called BACKBONE{PLUS}LABEL, such as {example}; a label is '
        'at most 40 letters, digits, "_", "-" and ".".'
    )


def change_problems(
    recipe: TrainingRecipe, changes: Mapping[str, RecipeValue], path: KeyPath
) -> list[tuple[KeyPath, str]]:
    """What a recipe does not allow of changes to it, each with its key path.

    Args:
        recipe: What is changed.
        changes: By key of the recipe, dotted where nested.
        path: Where the changes are written.
    """
    known = [*recipe_keys(), *LIST_KEYS]
    problems: list[tuple[KeyPath, str]] = [
        ((*path, name), f"the recipe has no such key. {did_you_mean(name, known)}")
        for name in changes
        if current_key(name) not in known
    ]
    allowed = {name: value for name, value in changes.items() if current_key(name) in known}
    return problems + [((*path, *key), said) for key, said in _refused(recipe, allowed)]


def _refused(
    recipe: TrainingRecipe, changes: Mapping[str, RecipeValue]
) -> Iterator[tuple[KeyPath, str]]:
    """What the recipe does not allow of changes, all together: they may need each other."""
    try:
        with_values(recipe, changes)
    except ValidationError as error:
        for detail in error.errors():
            said = detail["msg"].removeprefix("Value error, ")
            at = ".".join(map(str, detail["loc"]))
            name = next((name for name in changes if f"{at}.".startswith(f"{name}.")), None)
            if name is None:
                yield (), f"{said}."
            else:
                yield (name,), f"found {detail['input']!r}. {said}."
