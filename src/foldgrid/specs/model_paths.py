"""From where pydantic found a mistake to the key that somebody wrote.

In a union that a discriminator decides pydantic names the chosen member in the error's place, as if
it were a key: ``data, synthetic, study, num_subjects``. Nobody wrote ``study`` there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol, get_args, get_origin, runtime_checkable

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

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
