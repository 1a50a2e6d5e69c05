"""Keys under their earlier names: read as today's, and named in one line.

A field of a specification that was renamed keeps its earlier name as its pydantic alias; there is
no other list. Here the keys of a document are brought to today's names before it is checked, so
that every message speaks of them, at the line where they were written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from foldgrid.specs.errors import InputError, Problem
from foldgrid.specs.reading import ChoosesModel, Document, KeyPath, Renaming
from foldgrid.specs.recipe_keys import current_key
from foldgrid.specs.sweep import Sweep

RECIPE_KEYED = (
    ("per_backbone", "*"),
    ("learners", "*"),
    ("ablation",),
    ("parameters",),
    ("parameters", "*", "when"),
)
"""The mappings whose keys are keys of the recipe, dotted; ``*`` is any key."""

NAMING = ("ablation", "parameters")
"""Here such a key also names base learners, or what a search draws: it stays as it is written."""

Models = Sequence[type[BaseModel]]


def with_current_names(model: type[BaseModel], document: Document) -> Document:
    """The document by today's names, with what was renamed.

    Args:
        model: What it will be read as.
        document: As it is written.

    Raises:
        InputError: A key is given under both its names.
    """
    walk = _Walk(document, model)
    values = walk.renamed(document.values, [model], (), ())
    if walk.problems:
        raise InputError(document.source, walk.problems)
    lines = {walk.paths.get(path, path): line for path, line in document.lines.items()}
    return replace(document, values=values, lines=lines, renamed=tuple(walk.found))


def current_path(path: tuple[str, ...], beside: Mapping[str, Any]) -> tuple[str, ...]:
    """A sweep's key path by today's names.

    Args:
        path: As ``--set`` has it.
        beside: The sweep's values, which say what kind of task it is.
    """
    values: dict[str, Any] = {}
    for part in reversed(path):
        values = {part: values}
    walk = _Walk(Document("--set", values, {}), Sweep, beside)
    walk.renamed(values, [Sweep], (), ())
    return tuple(str(part) for part in walk.paths[path])


def note_on(documents: Sequence[Document]) -> str:
    """One line on all keys that are under their earlier names; "" where none is."""
    parts = []
    for document in documents:
        found = [f"{one.earlier} is now {one.current} ({one.where})" for one in document.renamed]
        parts += [f"{document.source}: {', '.join(found)}."] if found else []
    return f"Renamed keys, still read. {' '.join(parts)}" if parts else ""


@dataclass
class _Walk:
    """A walk through a document beside the models that read it."""

    document: Document
    root: type[BaseModel]
    beside: Mapping[str, Any] = field(default_factory=dict)
    paths: dict[KeyPath, KeyPath] = field(default_factory=dict)
    found: list[Renaming] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def renamed(self, value: Any, models: Models, written: KeyPath, now: KeyPath) -> Any:
        """``value``, which stands at ``written``, as it stands at ``now``."""
        self.paths[written] = now
        if isinstance(value, list):
            return [
                self.renamed(item, models, (*written, place), (*now, place))
                for place, item in enumerate(value)
            ]
        if not isinstance(value, Mapping):
            return value
        if len(now) == 2 and now[0] == "budgets":
            models = [self.root]
        fields = {name: each for model in models for name, each in model.model_fields.items()}
        earlier = {str(each.alias): name for name, each in fields.items() if each.alias}
        result: dict[str, Any] = {}
        current: str
        for key, inner in value.items():
            current = earlier.get(key) or key
            if self._is_recipe_keyed(now):
                current = current_key(key)
            if current != key:
                self._note(key, current, value, written, now)
            kept = key if self._names_things(now) else current
            here = (
                _models_of(fields[current], inner, self._beside(now, current))
                if current in fields
                else ()
            )
            result[kept] = self.renamed(inner, here, (*written, key), (*now, kept))
        return result

    def _note(
        self, key: str, current: str, value: Mapping[str, Any], written: KeyPath, now: KeyPath
    ) -> None:
        path = (*written, key)
        where, dotted = self.document.where(path) or "file", ".".join(map(str, path))
        if current in value:
            message = f"the earlier name of {current}, which is given too. Remove one of the two."
            self.problems.append(Problem(where, dotted, message))
        self.found.append(Renaming(where, dotted, ".".join(map(str, (*now, current)))))

    def _is_recipe_keyed(self, now: KeyPath) -> bool:
        inside = _inside(now)
        return any(
            len(pattern) == len(inside)
            and all(part in ("*", here) for part, here in zip(pattern, inside, strict=True))
            for pattern in RECIPE_KEYED
        )

    def _names_things(self, now: KeyPath) -> bool:
        return bool(_inside(now)) and _inside(now)[0] in NAMING and self._is_recipe_keyed(now)

    def _beside(self, now: KeyPath, key: str) -> Any:
        """What the sweep says at the same place: a budget need not say again which task it is."""
        found: Any = {**self.document.values, **self.beside}
        for part in (*_inside(now), key):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found


def _inside(path: KeyPath) -> KeyPath:
    return path[2:] if path[:1] == ("budgets",) else path


def _models_of(read: FieldInfo, value: Any, beside: Any) -> Models:
    """The models that may read a field's value."""
    for mark in read.metadata:
        if isinstance(mark, ChoosesModel):
            known = [each for each in (beside, value) if isinstance(each, Mapping)]
            chosen = mark.model_of({name: inner for each in known for name, inner in each.items()})
            return [chosen] if chosen is not None else []
    return list(_models_in(read.annotation))


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
