"""YAML files into specifications: lines kept, all mistakes in one message, nothing written.

YAML 1.2 by ruamel.yaml: a key given twice is refused, ``1e-5`` is a number. In a union that a
discriminator decides pydantic names the chosen member in a mistake's place, as if it were a key:
``data, synthetic, study, num_subjects``. Nobody wrote ``study`` there, so it is taken out.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Literal,
    Protocol,
    TypeVar,
    get_args,
    get_origin,
    runtime_checkable,
)

from pydantic import BaseModel, Tag, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from foldgrid.specs.errors import InputError, Problem, did_you_mean

KeyPath = tuple[str | int, ...]
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class Renaming:
    """A key that was written under its earlier name.

    Attributes:
        where: ``line 6``, or ``--set``.
        earlier: As it was written, dotted.
        current: As it is called now, dotted.
    """

    where: str
    earlier: str
    current: str


@dataclass(frozen=True)
class Document:
    """A YAML mapping with the line of every key.

    Attributes:
        source: The file, for messages.
        values: The content as plain dictionaries and lists.
        lines: By key path, where it was written: a 1-based line, or words for what came from
            elsewhere (``--set``); ``("training", "momentum")``, ``("backbones", 3)``.
        renamed: Keys that were written under earlier names; see `foldgrid.specs.renamed`.
    """

    source: str
    values: dict[str, Any]
    lines: Mapping[KeyPath, int | str]
    renamed: tuple[Renaming, ...] = ()

    def where(self, path: KeyPath) -> str:
        """``line 6``, the nearest line known for ``path``; "" where none is."""
        for length in range(len(path), 0, -1):
            found = self.lines.get(path[:length])
            if found is not None:
                return f"line {found}" if isinstance(found, int) else found
        return ""


def document_of(source: Path | Document) -> Document:
    """What a YAML file holds, or a copy of what was never in one; see ``read_document``."""
    if isinstance(source, Path):
        return read_document(source)
    return replace(source, values=copy.deepcopy(source.values))


def merge(values: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes keys in place, deep down, and returns all.

    An empty mapping empties what is there, as an empty list does.
    """
    for key, change in changes.items():
        if change and isinstance(change, dict) and isinstance(values.get(key), dict):
            merge(values[key], change)
        else:
            values[key] = change
    return values


def read_document(path: Path) -> Document:
    """Reads a YAML file that holds one mapping.

    Raises:
        InputError: It is not there, not YAML, gives a key twice, or holds no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(str(path), [Problem("file", "", "not found.")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(path), [Problem("file", "", f"cannot be read: {error}")]) from None
    try:
        loaded = YAML(typ="rt").load(text)
    except DuplicateKeyError as error:
        raise InputError(str(path), [_duplicate(error)]) from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        message = f"not valid YAML: {error.problem}."
        raise InputError(str(path), [Problem(f"line {line}", "", message)]) from None
    except YAMLError as error:
        message = f"not valid YAML: {str(error).splitlines()[0]}."
        raise InputError(str(path), [Problem("file", "", message)]) from None
    if not isinstance(loaded, CommentedMap):
        message = "found no mapping. A file of `key: value` lines is needed."
        raise InputError(str(path), [Problem("line 1", "", message)])
    lines: dict[KeyPath, int | str] = {}
    values = _plain(loaded, (), lines)
    return Document(str(path), values, lines)


def _duplicate(error: DuplicateKeyError) -> Problem:
    line = error.problem_mark.line + 1 if error.problem_mark else 1
    found = (error.problem or "").split('"')
    key = found[1] if len(found) > 1 else ""
    return Problem(f"line {line}", key, "given twice. Keep one of the two lines.")


def _plain(value: Any, path: KeyPath, lines: dict[KeyPath, int | str]) -> Any:
    if isinstance(value, CommentedMap):
        for key in value:
            # What a merge (`<<:`) brings has no line here; its parent's is the nearest.
            if key in (value.lc.data or {}):
                lines[(*path, str(key))] = value.lc.key(key)[0] + 1
        return {str(key): _plain(value[key], (*path, str(key)), lines) for key in value}
    if isinstance(value, CommentedSeq):
        for index in range(len(value)):
            lines[(*path, index)] = value.lc.item(index)[0] + 1
        return [_plain(item, (*path, index), lines) for index, item in enumerate(value)]
    if isinstance(value, bool | ScalarBoolean):
        return bool(value)
    if value is None:
        return None
    for plain in (int, float, str):
        if isinstance(value, plain):
            return plain(value)
    return str(value)


def validate(model: type[ModelT], document: Document) -> ModelT:
    """The specification that ``document`` holds.

    Raises:
        InputError: All of its mistakes, each with its line, and the nearest valid key.
    """
    try:
        # Through JSON, because pydantic's strict mode then takes lists for tuples and text for
        # paths, which Python values may not be.
        return model.model_validate_json(json.dumps(document.values, default=str))
    except ValidationError as error:
        problems: dict[str, Problem] = {}
        for detail in error.errors():
            # A union reports once for each of its members; the first says enough.
            problem = _problem(model, document, detail)
            problems.setdefault(problem.what, problem)
        raise InputError(document.source, list(problems.values())) from None


def _problem(model: type[BaseModel], document: Document, detail: ErrorDetails) -> Problem:
    path = written_path(model, detail["loc"])
    where = document.where(path) or "file"
    if detail["type"] == "missing":
        return Problem(where, _dotted(path), "missing. It has no default.")
    written = next(
        (path[:length] for length in range(len(path), 0, -1) if path[:length] in document.lines),
        path,
    )
    if detail["type"] == "extra_forbidden":
        known = keys_at(model, detail["loc"][:-1], document.values)
        message = f"unknown key. {did_you_mean(str(path[-1]), known)}"
        return Problem(where, _dotted(path), message)
    return Problem(where, _dotted(written), _what_is_wrong(detail))


def _what_is_wrong(detail: ErrorDetails) -> str:
    said = detail["msg"].removeprefix("Value error, ")
    found = detail.get("input")
    shown = json.dumps(found, default=str, ensure_ascii=False)
    message = said if len(shown) > 60 else f"found {shown}. {said}"
    if detail["type"] == "literal_error" and isinstance(found, str):
        choices = re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
        message += f". {did_you_mean(found, choices)}"
    return message.rstrip(".") + ("" if message.endswith("?") else ".")


def _dotted(path: KeyPath) -> str:
    return ".".join(str(part) for part in path)


Place = Sequence[str | int]


@runtime_checkable
class ChoosesModel(Protocol):
    """Among a field's annotations: what tells by the value which model reads it."""

    def model_of(self, value: object) -> type[BaseModel] | None:
        """The model that reads ``value``; nothing where none does."""
        ...


def written_path(model: type[BaseModel], place: Place) -> tuple[str | int, ...]:
    """The keys of an error's place, without the names of unions' members."""
    return _walk(model, place)[0]


def keys_at(model: type[BaseModel], place: Place, values: object = None) -> list[str]:
    """The keys that the model at an error's place knows; none where there is no model.

    In a union they include what the other members demand, for that is what would choose them.

    Args:
        model: What the file is read as.
        place: The error's.
        values: What is written in the file.
    """
    _, current, others = _walk(model, place, values)
    if current is None:
        return []
    demanded = [
        name
        for other in others
        for name, field in other.model_fields.items()
        if field.is_required()
    ]
    return list(dict.fromkeys([*current.model_fields, *demanded]))


def _walk(
    model: type[BaseModel], place: Place, value: object = None
) -> tuple[tuple[str | int, ...], type[BaseModel] | None, list[type[BaseModel]]]:
    """The path written, the model that it leads to, and the members that were not chosen there."""
    path: list[str | int] = []
    current: type[BaseModel] | None = model
    members: dict[str, type[BaseModel]] = {}
    others: list[type[BaseModel]] = []
    entries: type[BaseModel] | None = None
    for part in place:
        if isinstance(part, int):
            path.append(part)
            current = entries
            value = None  # No list so far holds a model that is chosen by its value.
            continue
        if part in members:
            current = members.pop(str(part))
            others = list(members.values())
            members = {}
            continue
        path.append(part)
        field = current.model_fields.get(str(part)) if current is not None else None
        value = value.get(part) if isinstance(value, Mapping) else None
        current = _model_at(field, value) if field is not None else None
        members, others = _members(field) if field is not None else {}, []
        entries = _entries(field) if field is not None else None
    return tuple(path), current, others


def _model_at(field: FieldInfo, value: object) -> type[BaseModel] | None:
    choosers = [mark for mark in field.metadata if isinstance(mark, ChoosesModel)]
    return choosers[0].model_of(value) if choosers else _as_model(field.annotation)


def _as_model(annotation: Any) -> type[BaseModel] | None:
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_model else None


def _entries(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a list's entries."""
    is_list = get_origin(field.annotation) is tuple
    return _as_model(get_args(field.annotation)[0]) if is_list else None


def _members(field: FieldInfo) -> dict[str, type[BaseModel]]:
    """The members of a field's discriminated union by the name that pydantic gives them."""
    found: dict[str, type[BaseModel]] = {}
    for member in get_args(field.annotation):
        inner, *marks = get_args(member) if get_origin(member) is Annotated else (member,)
        model = _as_model(inner)
        if model is None:
            continue
        tags = [mark.tag for mark in marks if isinstance(mark, Tag)]
        if isinstance(field.discriminator, str):
            named = model.model_fields[field.discriminator].annotation
            tags += get_args(named) if get_origin(named) is Literal else ()
        found |= dict.fromkeys(tags, model)
    return found
