"""What a sweep predicts: the words of a task, read by the model that its name says.

A kind of task is one thing, a `TaskKind`: its words and what they mean. The rooms of
`foldgrid.tasks` add ours, other packages theirs by an entry point; docs/how-to/tasks.md shows how.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import (
    BeforeValidator,
    GetJsonSchemaHandler,
    SerializeAsAny,
    ValidationError,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError

from foldgrid.specs.base import Spec
from foldgrid.specs.errors import did_you_mean
from foldgrid.specs.registry import Registry
from foldgrid.specs.samples import SampleKind


class TaskSpec(Spec):
    """A prediction task as a sweep specifies it: what the words of every task have.

    Attributes:
        sample_kind: What one sample is.
        name: The task's name.
    """

    sample_kind: ClassVar[SampleKind] = "single"
    name: str


@dataclass(frozen=True)
class TaskKind:
    """A kind of prediction task: its specification and its scoring.

    Attributes:
        words: What a sweep says of it; the default of ``name`` is the kind's name.
        scoring: What the words mean: a `foldgrid.tasks.scoring.Scoring`, made from them.

    Example:
        >>> from foldgrid.specs.task import TASKS
        >>> TASKS.named("pasi").words().name
        'pasi'
    """

    words: type[TaskSpec]
    scoring: type[Any]


TASKS: Registry[TaskKind] = Registry("task", TaskKind, home="foldgrid.tasks")
"""Every kind of task by the name that sweeps give it."""

DEFAULT_TASK = "pasi"
"""What a sweep predicts that does not say."""


def default_task() -> TaskSpec:
    """The words of a sweep that has none."""
    return TASKS[DEFAULT_TASK].words()  # type: ignore[call-arg]  # its name has a default


UNKNOWN_TASK = "unknown_task"
"""The type of the validation error that says that a name is no task's."""


def _by_name(value: object) -> object:
    """The task's words, read by the model that its name says."""
    if not isinstance(value, Mapping):
        return value
    spec = _named(value)
    if spec is None:
        name = value["name"]
        facts = {"found": str(name), "hint": did_you_mean(str(name), TASKS)}
        error = PydanticCustomError(UNKNOWN_TASK, 'no task is called "{found}". {hint}', facts)
        place = InitErrorDetails(type=error, loc=("name",), input=name)
        raise ValidationError.from_exception_data("task", [place])
    # Through JSON: strict mode then takes lists for tuples, as it does for the sweep around it.
    return spec.model_validate_json(json.dumps(value))


def _named(value: Mapping[str, object]) -> type[TaskSpec] | None:
    name = value.get("name", DEFAULT_TASK)
    return TASKS[name].words if isinstance(name, str) and name in TASKS else None


class _AnyOfThem:
    """The words of any task: what an editor's schema says of ``task``, and which keys it has."""

    def model_of(self, value: object) -> type[TaskSpec] | None:
        """The words of the task that is named; see ``ChoosesModel``."""
        return _named(value) if isinstance(value, Mapping) else None

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        words = [kind.words.__pydantic_core_schema__ for kind in TASKS.values()]
        return {"anyOf": [handler(each) for each in words], "default": default_task().model_dump()}


AnyTask: TypeAlias = Annotated[SerializeAsAny[TaskSpec], BeforeValidator(_by_name), _AnyOfThem()]
"""A task's words, whichever task it is."""


def deciding_words(words: Mapping[str, Any]) -> dict[str, Any]:
    """A task's words as they count for a fit's identity.

    A dictionary says the same in any order, but a network's outputs are in the order of the
    classes: they count as pairs.
    """
    classes = words.get("classes")
    return {**words, "classes": list(classes.items())} if classes else dict(words)
