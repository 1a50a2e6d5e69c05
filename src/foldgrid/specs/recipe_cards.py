"""Recipes by name: the files in ``recipes/``, and what a sweep says by naming one.

The keys of a card count as if they stood where the card is named: in ``training``, where that is
the top of a sweep or of one of its budgets, or below ``per_backbone`` and ``learners``. A key that
is written beside the name goes before the card's. So a fit's id knows the values, and no card.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from foldgrid.specs.base import Spec
from foldgrid.specs.errors import InputError, Problem
from foldgrid.specs.folders import find_named, recipe_folders
from foldgrid.specs.reading import Document, KeyPath, merge, read_document, validate
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import SHARED_KEYS
from foldgrid.specs.renamed import with_current_names

RECIPE = "recipe"
"""The key by which a card is named."""


class RecipeCard(Spec):
    """A recipe under a name, as the files in ``recipes/`` hold it.

    Attributes:
        title: One line for people.
        training: Keys of a sweep's ``training``, as many as the card has a say in.
    """

    title: str
    training: TrainingRecipe


@dataclass
class Cards:
    """The cards that a sweep names, each read once.

    Args:
        beside: Where the sweep's file lies, from which paths are seen.
    """

    beside: Path
    documents: dict[str, Document] = field(default_factory=dict)

    def applied(self, document: Document) -> Document:
        """A sweep's document with the keys of the cards in the place of their names.

        Raises:
            InputError: All names that are none, or all mistakes of a card.
        """
        values, lines = copy.deepcopy(document.values), dict(document.lines)
        problems: list[Problem] = []
        for place, inner in places(values):
            if (named := inner.pop(RECIPE, None)) is None:
                continue
            path = (*place, RECIPE)
            is_by_learner = is_of_learner(place)
            try:
                keys = self._keys_of(named)
                if is_by_learner:
                    keys = _flat(named, keys)
            except ValueError as error:
                what = ".".join(map(str, path))
                problems.append(Problem(document.where(path) or "file", what, str(error)))
                continue
            own = inner if is_by_learner else inner.setdefault("training", {})
            above = place if is_by_learner else (*place, "training")
            if isinstance(own, dict):
                written = dict(own)
                own.clear()
                own.update(merge(keys, written))
            if path in lines:
                where = f"{document.where(path)}, recipe {named}"
                for known in _paths_of(keys, above):
                    lines.setdefault(known, where)
        if problems:
            raise InputError(document.source, problems)
        return replace(document, values=values, lines=lines)

    def _keys_of(self, named: Any) -> dict[str, Any]:
        """What a card says of ``training``, nested as in its file.

        Raises:
            ValueError: There is no such card.
            InputError: It has mistakes.
        """
        if named not in self.documents:
            file = find_named("recipe", named, recipe_folders(), self.beside)
            card = with_current_names(RecipeCard, read_document(file))
            validate(RecipeCard, card)
            self.documents[named] = card
        found: dict[str, Any] = copy.deepcopy(self.documents[named].values["training"])
        return found


def leaves(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The key paths of nested values, each with its value."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from (((key, *path), inner) for path, inner in leaves(value))
        else:
            yield (key,), value


def _flat(named: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """A card's keys as ``per_backbone`` and ``learners`` write them: nested ones dotted.

    Raises:
        ValueError: It says what must be alike in all fits.
    """
    found = {".".join(path): value for path, value in leaves(keys)}
    if shared := [key for key in SHARED_KEYS if key in found]:
        raise ValueError(
            f"{named} says {' and '.join(shared)}, which must be alike in all fits of a sweep. "
            "Take it out of the recipe, and say it in the sweep's training."
        )
    return found


def _paths_of(keys: Mapping[str, Any], above: KeyPath) -> Iterator[KeyPath]:
    """Every key path that a card speaks of, and what is above all of them."""
    for path, _ in leaves(keys):
        yield from ((*above, *path[:length]) for length in range(len(path) + 1))


def places(values: dict[str, Any]) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Where cards may be named: the sweep, its budgets, and each one's learners."""
    budgets = values.get("budgets")
    within: list[tuple[KeyPath, Any]] = [((), values)]
    within += [(("budgets", name), each) for name, each in _items(budgets)]
    for place, inner in within:
        if isinstance(inner, dict):
            yield place, inner
            for key in ("per_backbone", "learners"):
                for name, changes in _items(inner.get(key)):
                    if isinstance(changes, dict):
                        yield (*place, key, name), changes


def is_of_learner(place: KeyPath) -> bool:
    """Whether one of ``places`` is a learner's, whose keys are the recipe's own."""
    return place[-2:-1] in (("per_backbone",), ("learners",))


def _items(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []
